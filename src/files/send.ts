// Sends an answer: head, then the pieces of its content with constant memory, at the pace of the client.
import type { Exchange } from '../http/exchange.js';
import { fillFrom } from '../stores/fill-from.js';
import { type DirectFile, type OpenedFile, SMALL_FILE } from '../stores/store.js';
import { type Answer, pieceLength } from './answer.js';
import { type SendOptions, stream } from './stream.js';

/**
 * Sends the answer; who opened the file closes it, when this has returned undefined or the promise is settled.
 * @throws {TruncatedError} when the file has become shorter; the connection must then be closed
 */
export function sendAnswer(
  exchange: Exchange,
  answer: Answer,
  file: OpenedFile,
  options: SendOptions,
): Promise<void> | undefined {
  const isHead = exchange.request.method === 'HEAD';
  const { direct } = file;
  const sent = isHead ? { ...answer, pieces: [], length: 0 } : answer;
  const isSmall = sent.length <= SMALL_FILE && options.limiter === undefined;
  if (sent.length > 0 && !(isSmall && direct !== undefined)) return stream(exchange, answer, file, options);
  sendSmall(exchange, sent, direct, options.sendTimeout);
  return undefined;
}

/** Sends an answer whose content is read in one go. A file that cannot be read still gets a status of its own. */
function sendSmall(
  exchange: Exchange,
  answer: Answer,
  file: DirectFile | undefined,
  sendTimeout: number,
): void {
  const { status, fields, length } = answer;
  const fill = (content: Buffer): void => readPieces(answer, file, content);
  exchange.response.sendFilled(status, fields, length, fill, sendTimeout);
  exchange.bytes = length;
}

/** Reads the pieces into the buffer, one after the other. */
function readPieces({ pieces }: Answer, file: DirectFile | undefined, content: Buffer): void {
  let filled = 0;
  for (const piece of pieces) {
    if (Buffer.isBuffer(piece)) filled += piece.copy(content, filled);
    else if (file !== undefined) {
      const end = filled + pieceLength(piece);
      fillFrom(file, content.subarray(filled, end), piece.first);
      filled = end;
    }
  }
}
