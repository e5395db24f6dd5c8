// Files below a directory. A file is opened first and everything is asked of the open descriptor, so that nothing
// swapped in between can change the answer; then the descriptor's real path must lie below the root's real path.
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  read as readDescriptor,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { sep } from 'node:path';
import type { BytePath } from '../http/target.js';
import { type OpenedFile, type Store, StoreError, type StoreFailure } from './store.js';

// Opening a FIFO without O_NONBLOCK waits until somebody writes to it. The flag means nothing to regular files.
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

const FAILURES: Readonly<Record<string, StoreFailure>> = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  ENAMETOOLONG: 'not-found',
  ELOOP: 'not-found',
  EINVAL: 'not-found',
  // A socket in the file system.
  ENXIO: 'not-found',
  EACCES: 'forbidden',
  EPERM: 'forbidden',
  EMFILE: 'busy',
  ENFILE: 'busy',
};

/** A directory on disk. */
export class DiskStore implements Store {
  readonly #root: string;
  #realRoot: string;

  /**
   * @param root absolute path; it must exist
   * @throws the system's error when it does not
   */
  constructor(root: string) {
    const bytes = Buffer.from(root).toString('latin1');
    this.#root = bytes.endsWith(sep) ? bytes : bytes + sep;
    this.#realRoot = this.#resolveRoot();
  }

  open(path: BytePath): OpenedFile {
    const name = this.#root + path;
    const descriptor = this.#openDescriptor(name);
    try {
      const stats = fstatSync(descriptor);
      if (!stats.isFile()) throw new StoreError('not-found', name, 'not a regular file');
      if (!this.#isInside(descriptor, name)) throw new StoreError('not-found', name, 'leads out of the root');
      return new DiskFile(descriptor, stats.size, stats.mtimeMs);
    } catch (error) {
      closeSync(descriptor);
      throw error instanceof StoreError ? error : asStoreError(error, name);
    }
  }

  #openDescriptor(name: string): number {
    try {
      return openSync(toSystemPath(name), FLAGS);
    } catch (error) {
      // A file handle of a network file system goes stale when the file is replaced on its server; its name is fresh.
      if ((error as NodeJS.ErrnoException).code !== 'ESTALE') throw asStoreError(error, name);
    }
    try {
      return openSync(toSystemPath(name), FLAGS);
    } catch (error) {
      throw asStoreError(error, name);
    }
  }

  #isInside(descriptor: number, name: string): boolean {
    const real = realPathOf(descriptor, name);
    if (real === undefined) return false;
    if (real.startsWith(this.#realRoot)) return true;
    // The root may be a link that a deployment has pointed elsewhere since.
    this.#realRoot = this.#resolveRoot();
    return real.startsWith(this.#realRoot);
  }

  #resolveRoot(): string {
    const real = realpathSync.native(toSystemPath(this.#root), 'latin1');
    return real.endsWith(sep) ? real : real + sep;
  }
}

/** The real path of an open descriptor, as bytes; undefined when it cannot be told. */
function realPathOf(descriptor: number, name: string): string | undefined {
  if (process.platform === 'linux') return readlinkSync(`/proc/self/fd/${descriptor}`, 'latin1');
  // Elsewhere the name is resolved, and must still mean the file that is open.
  const real = realpathSync.native(toSystemPath(name), 'latin1');
  const named = statSync(Buffer.from(real, 'latin1'), { bigint: true });
  const opened = fstatSync(descriptor, { bigint: true });
  return named.ino === opened.ino && named.dev === opened.dev ? real : undefined;
}

class DiskFile implements OpenedFile {
  readonly size: number;
  readonly modified: number;
  #descriptor: number;
  #reading = false;
  #closed = false;

  constructor(descriptor: number, size: number, modified: number) {
    this.#descriptor = descriptor;
    this.size = size;
    this.modified = modified;
  }

  read(buffer: Buffer, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#reading = true;
      readDescriptor(this.#descriptor, buffer, 0, buffer.length, position, (error, bytes) => {
        this.#reading = false;
        if (this.#closed) this.#release();
        if (error) reject(error);
        else resolve(bytes);
      });
    });
  }

  readSync(buffer: Buffer, position: number): number {
    return readSync(this.#descriptor, buffer, 0, buffer.length, position);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A read under way in another thread must not find its descriptor's number given to another file.
    if (!this.#reading) this.#release();
  }

  #release(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = -1;
    closeSync(descriptor);
  }
}

/** The name as the system takes it: a string of ASCII, or the bytes themselves. */
function toSystemPath(name: string): string | Buffer {
  for (let index = 0; index < name.length; index++) {
    if (name.charCodeAt(index) > 0x7f) return Buffer.from(name, 'latin1');
  }
  return name;
}

function asStoreError(error: unknown, name: string): StoreError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return new StoreError(FAILURES[code] ?? 'failed', Buffer.from(name, 'latin1').toString(), code);
}
