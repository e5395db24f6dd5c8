// Pools of buffers for reading files: used again instead of allocated for each read.

/** Buffers of one size, in bytes. */
class Pool {
  readonly size: number;
  readonly #maxFree: number;
  readonly #free: Buffer[] = [];

  constructor(size: number, maxFree: number) {
    this.size = size;
    this.#maxFree = maxFree;
  }

  acquire(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size);
  }

  release(buffer: Buffer): void {
    if (this.#free.length < this.#maxFree) this.#free.push(buffer);
  }
}

/** The largest answer that is read in one go, with its head, in bytes. */
export const LARGEST_AT_ONCE = 136 * 1024;
/** Most answers that are read in one go. */
const SMALL = new Pool(32 * 1024, 128);
/** The largest of these, and the pieces of large files while many are sent. */
const MEDIUM = new Pool(LARGEST_AT_ONCE, 64);
/** The largest there are, in bytes. */
export const LARGEST_BUFFER = 512 * 1024;
/** The pieces of large files while few are sent. */
const LARGE = new Pool(LARGEST_BUFFER, 8);

function poolOf(bytes: number): Pool {
  if (bytes <= SMALL.size) return SMALL;
  return bytes <= MEDIUM.size ? MEDIUM : LARGE;
}

/**
 * Acquires a buffer; its content is whatever was there before.
 * @param wanted how much it must have room for, in bytes; LARGEST_BUFFER at most
 */
export function acquireBuffer(wanted: number): Buffer {
  return poolOf(wanted).acquire();
}

/** Releases a buffer, once nothing reads from it any more. One that is not released is no loss but that. */
export function releaseBuffer(buffer: Buffer): void {
  poolOf(buffer.length).release(buffer);
}
