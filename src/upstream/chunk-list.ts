// Bytes that wait, in order. Small chunks are put together as they come: each by itself takes a hundred bytes of memory
// besides its own, and would cost its reader a write.

/** Smaller chunks are put together, in bytes. */
const SMALL = 4096;
/** Up to so many bytes. */
const TOGETHER = 16 * 1024;

/** See above. */
export class ChunkList {
  #chunks: Buffer[] = [];
  /** The last one, while small chunks are put into it. */
  #open: Buffer | undefined;
  #filled = 0;

  get isEmpty(): boolean {
    return this.#chunks.length === 0 && this.#filled === 0;
  }

  /** @param chunk is kept, unless it is small: then its bytes are copied */
  push(chunk: Buffer): void {
    if (chunk.length >= SMALL) {
      this.#close();
      this.#chunks.push(chunk);
      return;
    }
    if (this.#filled + chunk.length > TOGETHER) this.#close();
    this.#open ??= Buffer.allocUnsafeSlow(TOGETHER);
    this.#filled += chunk.copy(this.#open, this.#filled);
  }

  /** Takes the first of them. */
  shift(): Buffer | undefined {
    if (this.#chunks.length === 0) this.#close();
    return this.#chunks.shift();
  }

  /** Takes as many of them as are no more than these bytes, and of the next one what remains. */
  takeUpTo(most: number): Buffer[] {
    const taken: Buffer[] = [];
    let room = most;
    while (room > 0) {
      const chunk = this.shift();
      if (chunk === undefined) break;
      taken.push(chunk.subarray(0, room));
      if (chunk.length > room) this.unshift([chunk.subarray(room)]);
      room -= chunk.length;
    }
    return taken;
  }

  /** Takes all of them. */
  takeAll(): Buffer[] {
    this.#close();
    const all = this.#chunks;
    this.#chunks = [];
    return all;
  }

  /** Puts back what was taken. */
  unshift(chunks: readonly Buffer[]): void {
    this.#chunks.unshift(...chunks);
  }

  /** What is put together is complete. */
  #close(): void {
    const open = this.#open;
    if (open === undefined || this.#filled === 0) return;
    const bytes = open.subarray(0, this.#filled);
    this.#filled = 0;
    if (bytes.length < TOGETHER / 2) {
      // It would keep much more memory than it has bytes; so that stays for the next ones.
      this.#chunks.push(Buffer.from(bytes));
      return;
    }
    this.#open = undefined;
    this.#chunks.push(bytes);
  }
}
