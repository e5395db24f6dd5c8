// The bytes of an object, between the store that sends them and whoever takes them: a little is held, what is being sent among
// it, and then the store must wait. What is read into memory of the connection's own is handed on as it lies; what is not is
// copied, in pieces that are worth a write.
import { acquireBuffer, LARGEST_AT_ONCE, releaseBuffer } from '../http/buffer-pool.js';
import type { Piece } from '../http/piece.js';
import type { OwnMemory } from '../http1/client-connection.js';

/** The bytes of an answer, in their order. */
export interface S3Body {
  /**
   * The next bytes, at least one, or undefined at the end. One call at a time. Rejects with an S3Error when they do not come
   * or are fewer than were promised.
   */
  read(): Promise<Piece | undefined>;
  /** Takes no more of them; what is on its way is cut off. Further calls do nothing. */
  close(): void;
}

/** Where the bytes come from. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** Nothing of it is wanted any more. */
  cut(): void;
}

/** Where there is no body. */
export const NO_BODY: S3Body = { read: async () => undefined, close: () => {} };

/** With less than this in it, of 128 KiB, memory of a connection's own is better read into again, in bytes. */
const WORTH_KEEPING = 96 * 1024;
/** Up to here what is to come of a body is copied into a small piece, in bytes. */
const SMALL = 32 * 1024;

/** After so many a client that takes at once has taken. */
const ROUNDS = 2;

/** A piece that is being filled, and then handed out. */
interface Filling extends Piece {
  bytes: Buffer;
  /** What may still be filled; undefined when the memory is not this one's. */
  readonly memory: Buffer | undefined;
}

interface Reader {
  resolve(piece: Piece | undefined): void;
  reject(error: Error): void;
}

/** One body. The source calls `push`, `end` and `fail`. */
export class ObjectBody implements S3Body {
  readonly #source: BodySource;
  /** With more than this held the source must wait, in bytes. */
  readonly #mark: number;
  /** Bytes that are still to come; undefined when that is not known. */
  #left: number | undefined;
  readonly #pieces: Filling[] = [];
  /** Bytes that are here: those that were taken, too, until they are released. */
  #held = 0;
  /** Since when the source is paused, on the monotonic clock, in milliseconds; undefined when it is not. */
  pausedSince: number | undefined;
  #isOver = false;
  #error: Error | undefined;
  #reader: Reader | undefined;

  /**
   * @param most bytes that are held: one that is not longer is, whoever takes it
   * @param atOnce bytes that one read may bring
   * @param length of all of it, in bytes; undefined when that is not known
   */
  constructor(source: BodySource, most: number, atOnce: number, length: number | undefined) {
    this.#source = source;
    this.#mark = length !== undefined && length <= most ? most : Math.max(0, most - atOnce);
    this.#left = length;
  }

  read(): Promise<Piece | undefined> {
    const piece = this.#pieces.shift();
    if (piece !== undefined) return Promise.resolve(piece);
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#isOver) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  /** True when all of it has come. */
  get isComplete(): boolean {
    return this.#isOver && this.#error === undefined;
  }

  close(): void {
    const isUnderWay = !this.#isOver;
    this.#isOver = true;
    for (const piece of this.#pieces.splice(0)) piece.release();
    this.#take()?.resolve(undefined);
    if (isUnderWay) this.#source.cut();
  }

  /** @param memory where the bytes lie, when that is not used by others */
  push(bytes: Buffer, memory: OwnMemory | undefined): void {
    if (this.#isOver || bytes.length === 0) return;
    if (memory !== undefined && bytes.length >= WORTH_KEEPING) {
      const free = memory.keep();
      this.#add({ bytes, memory: undefined, release: once(() => this.#free(bytes.length, free)) });
    } else {
      this.#copy(bytes);
    }
    if (this.#left !== undefined) this.#left -= bytes.length;
    if (this.#isFull) this.#pauseSoon(ROUNDS);
  }

  get #isFull(): boolean {
    return this.#held > this.#mark && this.pausedSince === undefined && !this.#isOver;
  }

  /**
   * Pauses the source before its next read, unless there is room by then: a client that takes what it is given at once has done
   * so two rounds of promises and ticks later, and a pause and its end cost it half of its speed.
   */
  #pauseSoon(rounds: number): void {
    queueMicrotask(() =>
      process.nextTick(() => {
        if (!this.#isFull) return;
        if (rounds > 1) this.#pauseSoon(rounds - 1);
        else this.#pause();
      }),
    );
  }

  #pause(): void {
    this.pausedSince = performance.now();
    this.#source.pause();
  }

  /** All of it has come. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#take()?.resolve(undefined);
  }

  /** No more of it comes. What is held is still to be had. */
  fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#take()?.reject(error);
  }

  #copy(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const last = this.#pieces.at(-1);
      const room = last?.memory === undefined ? 0 : last.memory.length - last.bytes.length;
      if (last?.memory !== undefined && room > 0) {
        const count = Math.min(room, bytes.length - at);
        bytes.copy(last.memory, last.bytes.length, at, at + count);
        last.bytes = last.memory.subarray(0, last.bytes.length + count);
        this.#held += count;
        at += count;
        continue;
      }
      const isSmall = this.#left !== undefined && this.#left - at <= SMALL;
      const memory = acquireBuffer(isSmall ? SMALL : LARGEST_AT_ONCE);
      const count = Math.min(memory.length, bytes.length - at);
      bytes.copy(memory, 0, at, at + count);
      const piece: Filling = {
        bytes: memory.subarray(0, count),
        memory,
        release: once(() => this.#free(piece.bytes.length, () => releaseBuffer(memory))),
      };
      this.#add(piece);
      at += count;
    }
  }

  #add(piece: Filling): void {
    this.#held += piece.bytes.length;
    const reader = this.#take();
    if (reader === undefined) this.#pieces.push(piece);
    else reader.resolve(piece);
  }

  /** A piece is used no more. */
  #free(bytes: number, free: () => void): void {
    free();
    this.#held -= bytes;
    if (this.#isOver || this.pausedSince === undefined || this.#held > this.#mark / 2) return;
    this.pausedSince = undefined;
    this.#source.resume();
  }

  #take(): Reader | undefined {
    const reader = this.#reader;
    this.#reader = undefined;
    return reader;
  }
}

/** Released twice, memory would be two requests' at once. */
function once(release: () => void): () => void {
  let isReleased = false;
  return () => {
    if (isReleased) return;
    isReleased = true;
    release();
  };
}
