// Sends an answer: head, then the file's bytes with constant memory, at the pace of the client.
import { TruncatedError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import { type ByteRange, rangeLength } from '../http/ranges.js';
import type { OpenedFile } from '../stores/store.js';
import type { Answer } from './answer.js';
import { BUFFER_SIZE, giveBuffer, takeBuffer } from './buffers.js';

/** Up to this size a body is read in one go, on this thread: a trip to another costs more than the read. */
const READ_AT_ONCE = 64 * 1024;

/**
 * Sends the answer; who opened its file closes it.
 * @param silence longest time a client may take nothing, in milliseconds
 * @throws {TruncatedError} when the file has become shorter; the connection must then be closed
 */
export async function sendAnswer(exchange: Exchange, answer: Answer, silence: number): Promise<void> {
  const { response } = exchange;
  const length = answer.parts.reduce((sum, part) => sum + rangeLength(part), 0);
  const body = length <= READ_AT_ONCE ? readWhole(answer, length) : undefined;
  response.writeHead(answer.status, answer.headers as string[]);
  if (body !== undefined) {
    exchange.bytes = body.length;
    response.end(body);
    return;
  }
  response.socket?.setTimeout(silence);
  for (const part of answer.parts) await sendPart(exchange, answer.file, part);
  response.socket?.setTimeout(0);
  response.end();
}

function readWhole({ file, parts }: Answer, length: number): Buffer {
  const body = Buffer.allocUnsafe(length);
  let filled = 0;
  for (const part of parts) {
    const end = filled + rangeLength(part);
    let position = part.first;
    while (filled < end) {
      const bytes = file.readSync(body.subarray(filled, end), position);
      if (bytes === 0) throw new TruncatedError();
      filled += bytes;
      position += bytes;
    }
  }
  return body;
}

async function sendPart(exchange: Exchange, file: OpenedFile, part: ByteRange): Promise<void> {
  const { response } = exchange;
  const buffer = takeBuffer();
  try {
    let position = part.first;
    while (position <= part.last && !response.destroyed) {
      const wanted = Math.min(BUFFER_SIZE, part.last - position + 1);
      const bytes = await file.read(buffer.subarray(0, wanted), position);
      if (bytes === 0) throw new TruncatedError();
      position += bytes;
      exchange.bytes += bytes;
      await write(exchange, buffer.subarray(0, bytes));
    }
  } finally {
    giveBuffer(buffer);
  }
}

/** Resolves when the socket has taken the bytes, or is gone: the buffer may then be used again. */
async function write({ response }: Exchange, bytes: Buffer): Promise<void> {
  if (response.destroyed) return;
  await new Promise<void>((resolve) => {
    response.write(bytes, () => resolve());
  });
}
