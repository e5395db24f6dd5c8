// Sends an answer whose content is too large to be read in one go: piece by piece, at the pace of the client. Where the
// system can, bytes go from the file to the socket within the kernel; what the socket has no room for now is read and
// written in the ordinary way, which waits, in little memory for each client.
import type { Socket } from 'node:net';
import { acquireBuffer, LARGEST_BUFFER, releaseBuffer } from '../http/buffer-pool.js';
import { TruncatedError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import type { MayWait } from '../http/may-wait.js';
import type { Piece } from '../http/piece.js';
import { type DirectFile, type OpenedFile, SMALL_FILE } from '../stores/store.js';
import { type Answer, pieceLength } from './answer.js';
import type { RateLimiter } from './limit-rate.js';
import { ReadScheduler } from './read-scheduler.js';

const KIB = 1024;

/** How much goes to a socket within the kernel in one go, in bytes (nginx: sendfile_max_chunk, 2 MiB). */
const SENDFILE_MAX_CHUNK = 1024 * KIB;
/** What is read and written behind that to a socket that is full, to learn when it takes more, in bytes. */
const BEHIND = 32 * KIB;
/** How much is read in one go where all of it must be, in bytes: with Node's 64 KiB a piece, pieces come too often. */
const PIECE = LARGEST_BUFFER;
/** With more answers than these under way their pieces are smaller: small requests, and memory, wait for all of them. */
const FEW = 8;
const SMALLER_PIECE = 128 * KIB;

/** How a location sends. */
export interface SendOptions {
  /** Longest time a client may take nothing, in milliseconds. */
  readonly sendTimeout: number;
  /** False where nothing is to be sent within the kernel. */
  readonly sendfile: boolean;
  readonly limiter: RateLimiter | undefined;
}

/** All locations share them, as they share the thread. */
const scheduler = new ReadScheduler();
let underWay = 0;

/** Resolves when all of it is with the socket, or the client is gone. Rejects as `sendAnswer` does. */
export async function stream(
  exchange: Exchange,
  answer: Answer,
  file: OpenedFile,
  options: SendOptions,
): Promise<void> {
  const writer = new ResponseWriter(exchange, answer, options);
  underWay += 1;
  try {
    for (const piece of answer.pieces) {
      if (Buffer.isBuffer(piece)) writer.hold(piece);
      else await sendRange(writer, file, piece.first, piece.first + pieceLength(piece));
    }
  } finally {
    underWay -= 1;
  }
  if (!writer.isGone) writer.end();
}

/** Sends the file's bytes from `first` on, up to and without `end`. */
async function sendRange(
  writer: ResponseWriter,
  file: OpenedFile,
  first: number,
  end: number,
): Promise<void> {
  const { direct } = file;
  let position = first;
  while (position < end && !writer.isGone) {
    position +=
      direct === undefined
        ? await copy(writer, (most) => file.read(position, most, end), Math.min(end - position, pieceSize()))
        : await sendPart(writer, file, direct, position, end);
  }
}

/** Sends some of a file to which the way is direct, when its turn comes. Resolves with the number of bytes. */
async function sendPart(
  writer: ResponseWriter,
  file: OpenedFile,
  direct: DirectFile,
  position: number,
  end: number,
): Promise<number> {
  await scheduler.acquire();
  const isSlow = scheduler.isDiskSlow;
  // What is done on this thread is done before the next one's turn comes.
  if (!isSlow) scheduler.release();
  const canSendfile = !isSlow && writer.canSendfile(direct);
  if (canSendfile && !writer.hasBegun) probe(direct, position);
  const sent = canSendfile
    ? writer.sendfile(direct, position, Math.min(end - position, SENDFILE_MAX_CHUNK))
    : 0;
  if (position + sent === end || sent === SENDFILE_MAX_CHUNK) return sent;
  const from = position + sent;
  const most = Math.min(end - from, canSendfile ? BEHIND : pieceSize());
  const read = (most: number): MayWait<Piece> =>
    isSlow ? readElsewhere(file, from, most, end) : readHere(direct, from, most);
  return sent + (await copy(writer, read, most));
}

const BYTE = Buffer.alloc(1);

/** Reads a byte before the head goes out: a disk that fails, or a file that was cut, gets an answer of its own. */
function probe(file: DirectFile, position: number): void {
  if (scheduler.time(() => file.readSync(BYTE, position)) === 0) throw new TruncatedError();
}

/** Reads and writes up to `most` bytes. Resolves with their number when the socket has taken them. */
async function copy(
  writer: ResponseWriter,
  read: (most: number) => MayWait<Piece>,
  most: number,
): Promise<number> {
  const { bytes, release } = await read(Math.min(most, writer.step));
  try {
    if (bytes.length === 0) throw new TruncatedError();
    await writer.write(bytes);
    return bytes.length;
  } finally {
    release();
  }
}

/** Reads on this thread. */
function readHere(file: DirectFile, position: number, most: number): Piece {
  // Not before: whoever waits holds no memory, and a client that keeps up leaves it for the next one, still warm.
  const buffer = acquireBuffer(most);
  const release = (): void => releaseBuffer(buffer);
  try {
    const room = buffer.subarray(0, most);
    const length = scheduler.time(() => file.readSync(room, position));
    return { bytes: buffer.subarray(0, length), release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Reads on another thread, and leaves the turn. */
async function readElsewhere(file: OpenedFile, position: number, most: number, end: number): Promise<Piece> {
  try {
    return await file.read(position, most, end);
  } finally {
    scheduler.release();
  }
}

function pieceSize(): number {
  return underWay <= FEW ? PIECE : SMALLER_PIECE;
}

/** The way of bytes to the client, at its pace and at the location's. The head goes out with the first of them. */
class ResponseWriter {
  readonly #exchange: Exchange;
  readonly #answer: Answer;
  readonly #options: SendOptions;
  readonly #startedAt = performance.now();
  #held: Buffer[] = [];
  /** True when all of it went out in one go. */
  #isWhole = false;

  constructor(exchange: Exchange, answer: Answer, options: SendOptions) {
    const { sendTimeout, limiter } = options;
    this.#exchange = exchange;
    this.#answer = answer;
    this.#options = options;
    // Waiting for the rate limit is no silence of the client's.
    exchange.response.setTimeout(sendTimeout + (limiter === undefined ? 0 : 1000));
  }

  /** Most bytes that may be written in one go now. */
  get step(): number {
    return this.#options.limiter?.step(this.#exchange.bytes) ?? Number.POSITIVE_INFINITY;
  }

  /** True when the client has left, or was cut off. */
  get isGone(): boolean {
    return this.#exchange.response.destroyed;
  }

  /** True when the head is out, or on its way. */
  get hasBegun(): boolean {
    return this.#exchange.response.headersSent;
  }

  /** Takes text that stands before what is written next, or at the end. */
  hold(text: Buffer): void {
    this.#held.push(text);
  }

  /** True where content can go to the socket within the kernel. */
  canSendfile(file: DirectFile): boolean {
    const { sendfile, limiter } = this.#options;
    const { response } = this.#exchange;
    return (
      sendfile && limiter === undefined && response.passContent !== undefined && file.sendTo !== undefined
    );
  }

  /** Gives bytes to the socket within the kernel: the number that it took. */
  sendfile(file: DirectFile, position: number, count: number): number {
    const { response } = this.#exchange;
    const sendTo = file.sendTo;
    if (sendTo === undefined || response.passContent === undefined) return 0;
    this.#writeHeld();
    const send = (socket: Socket): number => scheduler.time(() => sendTo(socket, position, count));
    const bytes = response.passContent(send);
    this.#exchange.bytes += bytes;
    // Node does not see that the client takes something.
    if (bytes > 0) response.setTimeout(this.#options.sendTimeout);
    return bytes;
  }

  /** Resolves when the socket has taken the bytes, or is gone: their buffer may then be used again. */
  async write(bytes: Buffer): Promise<void> {
    const { response } = this.#exchange;
    if (this.isGone) return;
    if (this.#isAll(bytes)) {
      this.#writeWhole(bytes);
      return;
    }
    response.cork();
    this.#writeHeld();
    const taken = new Promise<void>((resolve) => {
      response.write(bytes, () => resolve());
    });
    response.uncork();
    await taken;
    // Then they were not taken.
    if (this.isGone) return;
    this.#exchange.bytes += bytes.length;
    const delay =
      this.#options.limiter?.delay(this.#exchange.bytes, performance.now() - this.#startedAt) ?? 0;
    if (delay > 0) await this.#wait(delay);
  }

  end(): void {
    if (this.#isWhole) return;
    const { response } = this.#exchange;
    this.#writeHeld();
    response.end();
  }

  #isAll({ length }: Buffer): boolean {
    const isSmall = length === this.#answer.length && length <= SMALL_FILE;
    return isSmall && !this.hasBegun && this.#options.limiter === undefined;
  }

  /** What is here at once goes out at once, behind its head: in two pieces it costs the system more than to copy it. */
  #writeWhole(bytes: Buffer): void {
    const { status, fields, length } = this.#answer;
    const fill = (content: Buffer): void => {
      bytes.copy(content);
    };
    this.#isWhole = true;
    this.#exchange.response.sendFilled(status, fields, length, fill, this.#options.sendTimeout);
    this.#exchange.bytes = length;
  }

  #writeHeld(): void {
    const { response } = this.#exchange;
    const { status, fields } = this.#answer;
    if (!this.hasBegun) response.writeHead(status, fields);
    for (const text of this.#held) {
      this.#exchange.bytes += text.length;
      response.write(text);
    }
    this.#held = [];
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
