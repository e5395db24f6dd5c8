// A small file that has been read: an open one, for responses that need a part of it.
import type { Piece } from '../http/piece.js';
import type { DirectFile, FileVersion, OpenedFile } from './store.js';

/** A file in memory. */
export class MemoryFile implements OpenedFile, DirectFile {
  readonly version: FileVersion;
  readonly #content: Buffer;

  constructor(version: FileVersion, content: Buffer) {
    this.version = version;
    this.#content = content;
  }

  get direct(): DirectFile {
    return this;
  }

  async read(position: number, most: number): Promise<Piece> {
    return { bytes: this.#content.subarray(position, position + most), release: () => {} };
  }

  readSync(buffer: Buffer, position: number): number {
    return this.#content.copy(buffer, 0, position);
  }

  close(): void {}
}
