// A request's body that is held here, to be given to the app part by part, as often as it is needed.
import type { BodyParts } from '../http1/part-sender.js';
import type { TemporaryFile } from './temporary-file.js';

/** How much is given in one go, in bytes: what a socket takes at once, more or less. */
const PART = 256 * 1024;

/** Of a body in memory, in pieces. */
export class MemoryParts implements BodyParts {
  readonly #pieces: readonly Buffer[];
  #at = 0;

  constructor(pieces: readonly Buffer[]) {
    this.#pieces = pieces;
  }

  async next(): Promise<readonly Buffer[]> {
    const first = this.#at;
    for (let bytes = 0; bytes < PART && this.#at < this.#pieces.length; this.#at += 1) {
      bytes += this.#pieces[this.#at]?.length ?? 0;
    }
    return this.#pieces.slice(first, this.#at);
  }
}

/** Of a body in a temporary file. */
export class FileParts implements BodyParts {
  readonly #file: TemporaryFile;
  readonly #size: number;
  readonly #buffer: Buffer;
  #at = 0;

  /** @param size of the body, in bytes */
  constructor(file: TemporaryFile, size: number) {
    this.#file = file;
    this.#size = size;
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(PART, size));
  }

  async next(): Promise<readonly Buffer[]> {
    const part = this.#buffer.subarray(0, this.#size - this.#at);
    const bytes = await this.#file.readInto(part, this.#at);
    if (bytes === 0) throw new Error('the temporary file became shorter');
    this.#at += bytes;
    return [part.subarray(0, bytes)];
  }
}
