// Sends an answer whose content is too large to be read in one go: piece by piece, at the pace of the client. Where the
// system can, bytes go from the file to the socket within the kernel; what the socket has no room for now is read and
// written in the ordinary way, which waits, in little memory for each client.
import type { Socket } from 'node:net';
import { TruncatedError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import type { OpenedFile } from '../stores/store.js';
import { type Answer, type Piece, pieceLength } from './answer.js';
import { giveBuffer, LARGEST_BUFFER, takeBuffer } from './buffers.js';
import type { Pace } from './limit-rate.js';
import { ReadingTurns } from './reading-turns.js';

const KIB = 1024;

/** How much goes to a socket within the kernel in one go, in bytes (nginx: sendfile_max_chunk, 2 MiB). */
const MOST_PASSED = 1024 * KIB;
/** What is written behind that to a socket that is full, to learn when it takes more, in bytes. */
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
  const { response } = exchange;
  response.writeHead(answer.status, answer.fields as string[]);
  const flow = new Flow(exchange, rules);
  underWay += 1;
  try {
    for (const piece of answer.pieces) await sendPiece(flow, piece, file);
  } finally {
    underWay -= 1;
  }
  flow.end();
}

async function sendPiece(flow: Flow, piece: Piece, file: OpenedFile): Promise<void> {
  if (Buffer.isBuffer(piece)) {
    await flow.write(piece);
    return;
  }
  const end = piece.first + pieceLength(piece);
  let position = piece.first;
  while (position < end && !flow.isGone) {
    await turns.take();
    const isSlow = turns.isDiskSlow;
    // What is done on this thread is done before the next one's turn comes.
    if (!isSlow) turns.leave();
    const passed = isSlow ? undefined : flow.passOn(file, position, Math.min(end - position, MOST_PASSED));
    position += passed ?? 0;
    if (position === end || passed === MOST_PASSED) continue;
    const most = passed === undefined ? pieceSize() : BEHIND;
    const wanted = Math.min(end - position, most, flow.step);
    // Not before: whoever waits holds no memory, and a client that keeps up leaves it for the next one, still warm.
    const buffer = takeBuffer(wanted);
    try {
      const room = buffer.subarray(0, wanted);
      const bytes = isSlow
        ? await readElsewhere(file, room, position)
        : turns.watch(() => file.readSync(room, position));
      if (bytes === 0) throw new TruncatedError();
      position += bytes;
      await flow.write(buffer.subarray(0, bytes));
    } finally {
      giveBuffer(buffer);
    }
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

/** The way of bytes to the client, at its pace and at the location's. */
class Flow {
  readonly step: number;
  readonly #exchange: Exchange;
  readonly #rules: SendingRules;
  readonly #startedAt = performance.now();

  constructor(exchange: Exchange, rules: SendingRules) {
    const { silence, pace } = rules;
    this.#exchange = exchange;
    this.#rules = rules;
    this.step = pace?.step ?? Number.POSITIVE_INFINITY;
    // Waiting for the pace is no silence of the client's.
    exchange.response.socket?.setTimeout(silence + (pace === undefined ? 0 : 1000));
  }

  get isGone(): boolean {
    return this.#exchange.response.destroyed;
  }

  /** Gives bytes to the socket within the kernel: the number that it took. Undefined where that cannot be done. */
  passOn(file: OpenedFile, position: number, count: number): number | undefined {
    const { response } = this.#exchange;
    const { sendfile, pace, silence } = this.#rules;
    if (!sendfile || pace !== undefined) return undefined;
    const sendTo = file.sendTo;
    if (sendTo === undefined || response.passContent === undefined) return undefined;
    const send = (socket: Socket): number => turns.watch(() => sendTo(socket, position, count));
    const bytes = response.passContent(send);
    this.#exchange.bytes += bytes;
    // Node does not see that the client takes something.
    if (bytes > 0) response.socket?.setTimeout(silence);
    return bytes;
  }

  /** Resolves when the socket has taken the bytes, or is gone: their buffer may then be used again. */
  async write(bytes: Buffer): Promise<void> {
    const { response } = this.#exchange;
    if (this.isGone) return;
    this.#exchange.bytes += bytes.length;
    await new Promise<void>((resolve) => {
      response.write(bytes, () => resolve());
    });
    const delay = this.#rules.pace?.delay(this.#exchange.bytes, performance.now() - this.#startedAt) ?? 0;
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
