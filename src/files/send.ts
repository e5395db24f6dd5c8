// Sends an answer: head, then the pieces of its content with constant memory, at the pace of the client.
import { currentDate } from '../http/clock.js';
import { TruncatedError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import { canWriteAtOnce, renderHead } from '../http/head.js';
import type { OpenedFile } from '../stores/store.js';
import { type Answer, type Piece, pieceLength } from './answer.js';
import { giveBuffer, LARGEST_AT_ONCE, takeBuffer } from './buffers.js';
import type { Pace } from './limit-rate.js';
import { PieceReader } from './piece-reader.js';

/** Up to this size content is read in one go, on this thread: a trip to another costs more than the read. */
export const READ_AT_ONCE = 128 * 1024;

/** All locations share it, as they share the thread. */
const pieces = new PieceReader();

/** How a location sends. */
export interface SendingRules {
  /** Longest time a client may take nothing, in milliseconds. */
  readonly silence: number;
  readonly pace: Pace | undefined;
}

/**
 * Sends the answer; who opened the file closes it, when this has returned undefined or the promise is settled.
 * @throws {TruncatedError} when the file has become shorter; the connection must then be closed
 */
export function sendAnswer(
  exchange: Exchange,
  answer: Answer,
  file: OpenedFile,
  rules: SendingRules,
): Promise<void> | undefined {
  const isHead = exchange.request.method === 'HEAD';
  if (!isHead && (answer.length > READ_AT_ONCE || rules.pace !== undefined)) {
    return stream(exchange, answer, file, rules);
  }
  sendSmall(exchange, isHead ? { ...answer, pieces: [], length: 0 } : answer, file, rules.silence);
  return undefined;
}

async function stream(
  exchange: Exchange,
  answer: Answer,
  file: OpenedFile,
  { silence, pace }: SendingRules,
): Promise<void> {
  const { response } = exchange;
  response.writeHead(answer.status, answer.fields as string[]);
  const flow = new Flow(exchange, silence, pace);
  for (const piece of answer.pieces) await sendPiece(flow, piece, file);
  flow.end();
}

/** As Node says it; HTTP/1.1 would not need it (RFC 9112 §9.3). */
const KEPT_OPEN = ['Connection', 'keep-alive'];

/** Sends an answer whose content is read in one go. A file that cannot be read still gets a status of its own. */
function sendSmall(exchange: Exchange, answer: Answer, file: OpenedFile, silence: number): void {
  const { response } = exchange;
  const { status, length } = answer;
  const fields = answer.fields as string[];
  const head = renderHead(status, ['Date', currentDate(), ...fields, ...KEPT_OPEN]);
  const size = head.length + length;
  if (!canWriteAtOnce(response) || size > LARGEST_AT_ONCE) {
    const content = Buffer.allocUnsafe(length);
    readPieces(answer, file, content);
    response.writeHead(status, fields);
    exchange.bytes = length;
    response.end(content);
    return;
  }
  const buffer = takeBuffer(size);
  readPieces(answer, file, buffer.subarray(head.length, size));
  buffer.write(head, 'latin1');
  exchange.bytes = length;
  response.writeAtOnce(status, buffer.subarray(0, size), silence, () => giveBuffer(buffer));
}

/** Reads the pieces into the buffer, one after the other. */
function readPieces({ pieces }: Answer, file: OpenedFile, content: Buffer): void {
  let filled = 0;
  for (const piece of pieces) {
    if (Buffer.isBuffer(piece)) filled += piece.copy(content, filled);
    else {
      const end = filled + pieceLength(piece);
      fillFrom(file, content.subarray(filled, end), piece.first);
      filled = end;
    }
  }
}

/**
 * Fills the buffer with the file's bytes from this position on.
 * @throws {TruncatedError} when the file ends before the buffer is full
 */
export function fillFrom(file: OpenedFile, buffer: Buffer, position: number): void {
  let filled = 0;
  while (filled < buffer.length) {
    const bytes = file.readSync(buffer.subarray(filled), position + filled);
    if (bytes === 0) throw new TruncatedError();
    filled += bytes;
  }
}

async function sendPiece(flow: Flow, piece: Piece, file: OpenedFile): Promise<void> {
  if (Buffer.isBuffer(piece)) {
    await flow.write(piece);
    return;
  }
  let position = piece.first;
  while (position <= piece.last && !flow.isGone) {
    const wanted = Math.min(piece.last - position + 1, flow.step);
    await pieces.turn();
    // Not before: whoever waits holds no memory, and a client that keeps up leaves it for the next one, still warm.
    const buffer = takeBuffer(wanted);
    try {
      const bytes = await pieces.read(file, buffer.subarray(0, wanted), position);
      if (bytes === 0) throw new TruncatedError();
      position += bytes;
      await flow.write(buffer.subarray(0, bytes));
    } finally {
      giveBuffer(buffer);
    }
  }
}

/** The way of bytes to the client, at its pace and at the location's. */
class Flow {
  readonly step: number;
  readonly #exchange: Exchange;
  readonly #pace: Pace | undefined;
  readonly #startedAt = performance.now();

  constructor(exchange: Exchange, silence: number, pace: Pace | undefined) {
    this.#exchange = exchange;
    this.#pace = pace;
    this.step = pace?.step ?? Number.POSITIVE_INFINITY;
    // Waiting for the pace is no silence of the client's.
    exchange.response.socket?.setTimeout(silence + (pace === undefined ? 0 : 1000));
  }

  get isGone(): boolean {
    return this.#exchange.response.destroyed;
  }

  /** Resolves when the socket has taken the bytes, or is gone: their buffer may then be used again. */
  async write(bytes: Buffer): Promise<void> {
    const { response } = this.#exchange;
    if (this.isGone) return;
    this.#exchange.bytes += bytes.length;
    await new Promise<void>((resolve) => {
      response.write(bytes, () => resolve());
    });
    const delay = this.#pace?.delay(this.#exchange.bytes, performance.now() - this.#startedAt) ?? 0;
    if (delay > 0) await this.#wait(delay);
  }

  end(): void {
    const { response } = this.#exchange;
    response.socket?.setTimeout(0);
    response.end();
  }

  /** Resolves after this many milliseconds, or when the client leaves. */
  #wait(delay: number): Promise<void> {
    const { response } = this.#exchange;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        response.off('close', done);
        resolve();
      };
      const timer = setTimeout(done, delay);
      response.once('close', done);
    });
  }
}
