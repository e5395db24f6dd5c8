// Buffers for reading files, used again instead of allocated for each read.

/** Buffers of one size, in bytes. */
class Pool {
  readonly size: number;
  readonly #mostKept: number;
  readonly #free: Buffer[] = [];

  constructor(size: number, mostKept: number) {
    this.size = size;
    this.#mostKept = mostKept;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size);
  }

  give(buffer: Buffer): void {
    if (this.#free.length < this.#mostKept) this.#free.push(buffer);
  }
}

/** The largest answer that is read in one go, with its head, in bytes. */
export const LARGEST_AT_ONCE = 136 * 1024;
/** Most answers that are read in one go. */
const SMALL = new Pool(32 * 1024, 128);
/**
 * The largest of these, and the pieces of large files: with Node's default for streams, 64 KiB, a trip to another
 * thread comes too often; each slow reader holds one buffer, so that it cannot be much more.
 */
const MEDIUM = new Pool(LARGEST_AT_ONCE, 64);
/** What the first few readers of large files get, who may well be the only ones. */
const MOST_LARGE = 8;
const LARGE = new Pool(512 * 1024, MOST_LARGE);
let largeLent = 0;

function poolOf(bytes: number): Pool {
  if (bytes <= SMALL.size) return SMALL;
  return bytes <= MEDIUM.size ? MEDIUM : LARGE;
}

/**
 * Takes a buffer; its content is whatever was there before. It has room for all of `wanted`, in bytes, up to
 * LARGEST_AT_ONCE, and beyond that for as much at a time as is good.
 */
export function takeBuffer(wanted: number): Buffer {
  const pool = poolOf(wanted);
  if (pool !== LARGE) return pool.take();
  if (largeLent === MOST_LARGE) return MEDIUM.take();
  largeLent += 1;
  return LARGE.take();
}

/** Gives a buffer back, once nothing reads from it any more. One that is not given back is no loss but that. */
export function giveBuffer(buffer: Buffer): void {
  const pool = poolOf(buffer.length);
  if (pool === LARGE) largeLent -= 1;
  pool.give(buffer);
}
