// Where bytes live, behind one small interface: the disk today.
import type { Socket } from 'node:net';
import type { BytePath } from '../http/target.js';

/**
 * A tree of files. All but `read` is synchronous, as it is in nginx's worker: a few system calls on names that the
 * kernel has cached, which cost less than a trip to another thread. On a network file system whose server is slow,
 * every request waits for it, as it does in an nginx worker.
 */
export interface Store {
  /**
   * Opens a regular file for reading.
   * @param path relative to the store, without a leading slash, normalized
   * @throws {StoreError}
   */
  open(path: BytePath): StoredFile;
  /**
   * Opens a file again, without the checks that were made before the snapshot was taken. Undefined when the name does
   * not mean that version any more, or cannot be opened; why, `open` will say.
   */
  reopen(path: BytePath, snapshot: PathSnapshot): OpenedFile | undefined;
  /**
   * What the file is, without opening it, now or since the request was received; undefined when there is no such
   * regular file.
   */
  stat(path: BytePath): FileVersion | undefined;
  /**
   * Remembers what a name means, so that it can be asked cheaply whether it still means the same.
   * Undefined when the name does not mean this version, or leads there in a way that cannot be watched.
   */
  snapshot(path: BytePath, version: FileVersion): PathSnapshot | undefined;
}

/** A name and what it meant when the snapshot was taken; what a cached file is revalidated with. */
export interface PathSnapshot {
  /**
   * True while the name leads, by the same way, to the same version of the same file: now, or at a moment since the
   * request was received.
   */
  isValid(): boolean;
  /** True when this is that version, opened by that name, and the way there is the same. Looks at the way. */
  isValidFor(opened: FileVersion): boolean;
}

/**
 * Tells one version of a file from any other: a file replaced, written in place, truncated, or given other
 * permissions differs in one of these, even when its size and modification time were put back, because nobody can
 * put back the time of the last status change.
 */
export interface FileVersion {
  /** Device and inode number. */
  readonly dev: number;
  readonly ino: number;
  /** In bytes. */
  readonly size: number;
  /** Time of modification, in milliseconds since the epoch. */
  readonly mtimeMs: number;
  /** Time of the last status change, in milliseconds since the epoch. */
  readonly ctimeMs: number;
}

/** True when both are the same version of the same file. */
export function isSameVersion(a: FileVersion, b: FileVersion): boolean {
  return (
    a.ctimeMs === b.ctimeMs &&
    a.size === b.size &&
    a.mtimeMs === b.mtimeMs &&
    a.ino === b.ino &&
    a.dev === b.dev
  );
}

/** An open file: everything said about it comes from its descriptor. The one who opened it closes it. */
export interface OpenedFile {
  /** At the time of opening. */
  readonly version: FileVersion;
  /**
   * Reads up to `buffer.length` bytes at `position`; resolves with their number, 0 at the end of the file. They are the
   * file's, also when it is cut meanwhile. Rejects with a StoreError when the disk fails.
   */
  read(buffer: Buffer, position: number): Promise<number>;
  /** Like `read`, but waits for the disk; for files so small that a trip to another thread would cost more. */
  readSync(buffer: Buffer, position: number): number;
  /**
   * Gives up to `count` bytes from `position` on to the socket, behind what has been written to it, without reading
   * them here. Waits for the disk. Returns how many the socket took: 0 when it takes none now, when the file has not so
   * many, or when either fails, which reading and writing will tell. When all of them were taken they are the file's,
   * also when it is cut in that very moment. Absent where it cannot be done.
   * @throws {StoreError} when the disk fails
   */
  readonly sendTo?: ((socket: Socket, position: number, count: number) => number) | undefined;
  /** Releases the descriptor; further calls do nothing. */
  close(): void;
}

/** A file that has just been opened. */
export interface StoredFile extends OpenedFile {
  /** Time of modification in milliseconds since the epoch, never rounded up to the next second, as `mtimeMs` may be. */
  readonly modified: number;
}

/** Why a file could not be opened. */
export type StoreFailure = 'not-found' | 'directory' | 'forbidden' | 'busy' | 'failed';

/** Opening failed. `message` is for the log and names the path on disk. */
export class StoreError extends Error {
  readonly failure: StoreFailure;
  /** The path on disk. */
  readonly path: string;
  /** The system's error code, or what else is wrong. */
  readonly reason: string;

  constructor(failure: StoreFailure, path: string, reason: string) {
    super(`${path}: ${reason}`);
    this.failure = failure;
    this.path = path;
    this.reason = reason;
  }
}
