// Sends an answer whose content is too large to be read in one go: piece by piece, at the pace of the client. Where the
// system can, bytes go from the file to the socket within the kernel; what the socket has no room for now is read and
// written in the ordinary way, which waits, in little memory for each client.
import type { Socket } from 'node:net';
import { TruncatedError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import type { OpenedFile } from '../stores/store.js';
import { type Answer, pieceLength } from './answer.js';
import { giveBuffer, LARGEST_BUFFER, takeBuffer } from './buffers.js';
import type { Pace } from './limit-rate.js';
import { ReadingTurns } from './reading-turns.js';

const KIB = 1024;

/** How much goes to a socket within the kernel in one go, in bytes (nginx: sendfile_max_chunk, 2 MiB). */
const MOST_PASSED = 1024 * KIB;
/** What is read and written behind that to a socket that is full, to learn when it takes more, in bytes. */
const BEHIND = 32 * KIB;
/** How much is read in one go where all of it must be, in bytes: with Node's 64 KiB a piece, pieces come too often. */
const PIECE = LARGEST_BUFFER;
/** With more answers than these under way their pieces are smaller: small requests, and memory, wait for all of them. */
const FEW = 8;
const SMALLER_PIECE = 128 * KIB;

/** How a location sends. */
export interface SendingRules {
  /** Longest time a client may take nothing, in milliseconds. */
  readonly silence: number;
  /** False where nothing is to be sent within the kernel. */
  readonly sendfile: boolean;
  readonly pace: Pace | undefined;
}

/** All locations share them, as they share the thread. */
const turns = new ReadingTurns();
let underWay = 0;

/** Resolves when all of it is with the socket, or the client is gone. Rejects as `sendAnswer` does. */
export async function stream(
  exchange: Exchange,
  answer: Answer,
  file: OpenedFile,
  rules: SendingRules,
): Promise<void> {
  const flow = new Flow(exchange, answer, rules);
  underWay += 1;
  try {
    for (const piece of answer.pieces) {
      if (Buffer.isBuffer(piece)) flow.hold(piece);
      else await sendRange(flow, file, piece.first, piece.first + pieceLength(piece));
    }
  } finally {
    underWay -= 1;
  }
  if (!flow.isGone) flow.end();
}

/** Sends the file's bytes from `first` on, up to and without `end`. */
async function sendRange(flow: Flow, file: OpenedFile, first: number, end: number): Promise<void> {
  let position = first;
  while (position < end && !flow.isGone) {
    await turns.take();
    const isSlow = turns.isDiskSlow;
    // What is done on this thread is done before the next one's turn comes.
    if (!isSlow) turns.leave();
    const canPass = !isSlow && flow.canPass(file);
    if (canPass && !flow.hasBegun) look(file, position);
    const passed = canPass ? flow.passOn(file, position, Math.min(end - position, MOST_PASSED)) : 0;
    position += passed;
    if (position === end || passed === MOST_PASSED) continue;
    const most = Math.min(end - position, canPass ? BEHIND : pieceSize());
    position += await copy(flow, file, position, most, isSlow);
  }
}

const BYTE = Buffer.alloc(1);

/** Reads a byte before the head goes out: a disk that fails, or a file that was cut, gets an answer of its own. */
function look(file: OpenedFile, position: number): void {
  if (turns.watch(() => file.readSync(BYTE, position)) === 0) throw new TruncatedError();
}

/** Reads and writes up to `most` bytes. Resolves with their number when the socket has taken them. */
async function copy(
  flow: Flow,
  file: OpenedFile,
  position: number,
  most: number,
  isElsewhere: boolean,
): Promise<number> {
  const wanted = Math.min(most, flow.step);
  // Not before: whoever waits holds no memory, and a client that keeps up leaves it for the next one, still warm.
  const buffer = takeBuffer(wanted);
  try {
    const room = buffer.subarray(0, wanted);
    const bytes = isElsewhere
      ? await readElsewhere(file, room, position)
      : turns.watch(() => file.readSync(room, position));
    if (bytes === 0) throw new TruncatedError();
    await flow.write(buffer.subarray(0, bytes));
    return bytes;
  } finally {
    giveBuffer(buffer);
  }
}

function pieceSize(): number {
  return underWay <= FEW ? PIECE : SMALLER_PIECE;
}

/** Reads on another thread, and leaves the turn. */
async function readElsewhere(file: OpenedFile, buffer: Buffer, position: number): Promise<number> {
  try {
    return await file.read(buffer, position);
  } finally {
    turns.leave();
  }
}

/** The way of bytes to the client, at its pace and at the location's. The head goes out with the first of them. */
class Flow {
  readonly #exchange: Exchange;
  readonly #answer: Answer;
  readonly #rules: SendingRules;
  readonly #startedAt = performance.now();
  #held: Buffer[] = [];

  constructor(exchange: Exchange, answer: Answer, rules: SendingRules) {
    const { silence, pace } = rules;
    this.#exchange = exchange;
    this.#answer = answer;
    this.#rules = rules;
    // Waiting for the pace is no silence of the client's.
    exchange.response.socket?.setTimeout(silence + (pace === undefined ? 0 : 1000));
  }

  /** Most bytes that may be written in one go now. */
  get step(): number {
    return this.#rules.pace?.step(this.#exchange.bytes) ?? Number.POSITIVE_INFINITY;
  }

  /** True when the client has left, or was cut off. */
  get isGone(): boolean {
    const { response } = this.#exchange;
    // A socket says that it is closed later than it is.
    return response.destroyed || response.socket?.destroyed === true;
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
  canPass(file: OpenedFile): boolean {
    const { sendfile, pace } = this.#rules;
    const { response } = this.#exchange;
    return sendfile && pace === undefined && response.passContent !== undefined && file.sendTo !== undefined;
  }

  /** Gives bytes to the socket within the kernel: the number that it took. */
  passOn(file: OpenedFile, position: number, count: number): number {
    const { response } = this.#exchange;
    const sendTo = file.sendTo;
    if (sendTo === undefined || response.passContent === undefined) return 0;
    this.#writeHeld();
    const send = (socket: Socket): number => turns.watch(() => sendTo(socket, position, count));
    const bytes = response.passContent(send);
    this.#exchange.bytes += bytes;
    // Node does not see that the client takes something.
    if (bytes > 0) response.socket?.setTimeout(this.#rules.silence);
    return bytes;
  }

  /** Resolves when the socket has taken the bytes, or is gone: their buffer may then be used again. */
  async write(bytes: Buffer): Promise<void> {
    const { response } = this.#exchange;
    if (this.isGone) return;
    const { socket } = response;
    socket?.cork();
    this.#writeHeld();
    const taken = new Promise<void>((resolve) => {
      response.write(bytes, () => resolve());
    });
    socket?.uncork();
    await taken;
    // Then they were not taken.
    if (this.isGone) return;
    this.#exchange.bytes += bytes.length;
    const delay = this.#rules.pace?.delay(this.#exchange.bytes, performance.now() - this.#startedAt) ?? 0;
    if (delay > 0) await this.#wait(delay);
  }

  end(): void {
    const { response } = this.#exchange;
    this.#writeHeld();
    response.socket?.setTimeout(0);
    response.end();
  }

  #writeHeld(): void {
    const { response } = this.#exchange;
    const { status, fields } = this.#answer;
    if (!this.hasBegun) response.writeHead(status, fields as string[]);
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
