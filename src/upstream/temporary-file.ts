// A temporary file without a name: it is removed as soon as it is open, so that nothing is left after a crash
// (nginx: client_body_temp_path, proxy_temp_path).
import { randomBytes } from 'node:crypto';
import { close, openSync, read, unlinkSync, write, writev } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { UpstreamLocation } from '../config/location.js';

const readAsync = promisify(read);
const writeAsync = promisify(write);
const writevAsync = promisify(writev);

/** How much of an answer is read at once, in bytes. */
const READ_SIZE = 128 * 1024;

/** Where a location's temporary files are made. */
export function spoolDirectoryOf({ spoolDir }: Pick<UpstreamLocation, 'spoolDir'>): string {
  return spoolDir ?? tmpdir();
}

/** Bytes on disk that only this object can reach; who made it closes it, once. */
export class TemporaryFile {
  readonly #fd: number;
  #underWay = 0;
  #closing = false;

  /** @throws the system's error when the directory takes no file */
  constructor(directory: string) {
    const path = join(directory, `media-serve-${randomBytes(12).toString('hex')}`);
    this.#fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
  }

  /** Writes all chunks from this position on. Rejects with the system's error. */
  async write(chunks: readonly Buffer[], position: number): Promise<void> {
    await this.#during(async () => {
      const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      const { bytesWritten } = await writevAsync(this.#fd, chunks, position);
      // A short write tells of a disk that is nearly full; the next one says so.
      let rest = bytesWritten < size ? Buffer.concat(chunks).subarray(bytesWritten) : EMPTY;
      while (rest.length > 0) {
        const done = await writeAsync(this.#fd, rest, 0, rest.length, position + size - rest.length);
        if (done.bytesWritten === 0)
          throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' });
        rest = rest.subarray(done.bytesWritten);
      }
    });
  }

  /** Reads up to `READ_SIZE` bytes between two positions; an empty buffer when there is nothing. */
  async read(position: number, end: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, end - position));
    return buffer.subarray(0, await this.readInto(buffer, position));
  }

  /** Reads up to `buffer.length` bytes at this position; resolves with their number, 0 at the end. */
  async readInto(buffer: Buffer, position: number): Promise<number> {
    return await this.#during(async () => {
      const { bytesRead } = await readAsync(this.#fd, buffer, 0, buffer.length, position);
      return bytesRead;
    });
  }

  /** Frees the descriptor once what is under way has ended. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#underWay === 0) this.#closeNow();
  }

  async #during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing) throw new Error('the temporary file is closed');
    this.#underWay += 1;
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
      if (this.#closing && this.#underWay === 0) this.#closeNow();
    }
  }

  #closeNow(): void {
    close(this.#fd, () => {});
  }
}

const EMPTY = Buffer.alloc(0);
