// Where bytes live, behind one small interface: the disk today.
import type { BytePath } from '../http/target.js';

/**
 * A tree of files. Opening is synchronous, as it is in nginx's worker: it is three system calls on names that the
 * kernel has cached, which cost less than a trip to another thread. A store on a slow network file system makes
 * every request wait for it.
 */
export interface Store {
  /**
   * Opens a regular file for reading.
   * @param path relative to the store, without a leading slash, normalized
   * @throws {StoreError}
   */
  open(path: BytePath): OpenedFile;
}

/** An open file: everything said about it comes from its descriptor. The one who opened it closes it. */
export interface OpenedFile {
  /** In bytes, at the time of opening. */
  readonly size: number;
  /** Modification time in milliseconds since the epoch. */
  readonly modified: number;
  /** Reads up to `buffer.length` bytes at `position`; resolves with their number, 0 at the end of the file. */
  read(buffer: Buffer, position: number): Promise<number>;
  /** Like `read`, but waits for the disk; for files so small that a trip to another thread would cost more. */
  readSync(buffer: Buffer, position: number): number;
  /** Releases the descriptor; further calls do nothing. */
  close(): void;
}

/** Why a file could not be opened. */
export type StoreFailure = 'not-found' | 'forbidden' | 'busy' | 'failed';

/** Opening failed. `message` is for the log and names the path on disk. */
export class StoreError extends Error {
  readonly failure: StoreFailure;
  /** The path on disk. */
  readonly path: string;
  /** The system's error code, when the system refused. */
  readonly reason: string;

  constructor(failure: StoreFailure, path: string, reason: string) {
    super(`${path}: ${reason}`);
    this.failure = failure;
    this.path = path;
    this.reason = reason;
  }
}
