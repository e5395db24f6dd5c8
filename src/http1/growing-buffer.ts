// Bytes put together from the pieces they come in. Its memory doubles when it is full, so that the work stays linear
// however small the pieces are (Go: bytes.Buffer).

/** The least memory that is taken, in bytes. */
const LEAST = 256;
const NO_MEMORY = Buffer.alloc(0);

/** See above. */
export class GrowingBuffer {
  #memory: Buffer = NO_MEMORY;
  #length = 0;

  /** In bytes. */
  get length(): number {
    return this.#length;
  }

  /** The memory that it takes, in bytes. */
  get capacity(): number {
    return this.#memory.length;
  }

  /** What is here, up to the next call. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  append(bytes: Buffer, from: number, to: number): void {
    const length = this.#length + to - from;
    if (length > this.#memory.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(LEAST, length, 2 * this.#memory.length));
      this.#memory.copy(larger, 0, 0, this.#length);
      this.#memory = larger;
    }
    bytes.copy(this.#memory, this.#length, from, to);
    this.#length = length;
  }

  /** Gives back what is here, and its memory. */
  clear(): void {
    this.#memory = NO_MEMORY;
    this.#length = 0;
  }
}
