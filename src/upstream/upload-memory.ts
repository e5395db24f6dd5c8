// Memory that all request bodies share. What fits is never written to a disk and read back, which costs more than all
// else that is done to an upload; what does not, waits in a file, so that no crowd of uploads can fill the memory.

/** A number of bytes that are lent and given back. */
export class UploadMemory {
  #free: number;

  /** @param size in bytes; 0 lends nothing */
  constructor(size: number) {
    this.#free = size;
  }

  /** Bytes that nobody has now. */
  get free(): number {
    return this.#free;
  }

  /** Lends all of the bytes, or none of them. */
  lend(bytes: number): boolean {
    if (bytes > this.#free) return false;
    this.#free -= bytes;
    return true;
  }

  /** Takes back what was lent. */
  takeBack(bytes: number): void {
    this.#free += bytes;
  }
}
