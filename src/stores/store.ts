// Where bytes live, behind one small interface: a disk, or a bucket of an object store.
//
// A name goes in; what comes out is an open file, or that what is known of it still holds. Where that takes more than a few system
// calls, it is promised.
import type { Socket } from 'node:net';
import type { Selecting } from '../http/conditional.js';
import type { MayWait } from '../http/may-wait.js';
import type { Piece } from '../http/piece.js';
import type { BytePath } from '../http/target.js';
import type { Validators } from '../http/validators.js';

/**
 * Up to this size, in bytes, a file is read in one go, where it is found and on this thread: a trip to another costs more than the
 * read. A larger one in a cache would push out many small ones and gain little, since its cost is in sending.
 */
export const SMALL_FILE = 128 * 1024;

/**
 * A tree of files. What is found out of one is found out in one call: a store that is far away is asked once.
 *
 * Paths are relative to the store, without a leading slash, and normalized.
 */
export interface Store {
  /**
   * Finds the file that a name means now, or the sibling that is sent in its place, and opens it, unless enough is known of
   * it already. The one who asked closes what is found.
   * @throws {StoreError} here and in what is promised, when there is nothing to send
   */
  find<Of extends Known>(wanted: Wanted<Of>): MayWait<Found<Of>>;
  /**
   * What the file is, without opening it, now or since the request was received; undefined when there is no such
   * regular file.
   */
  stat(path: BytePath): MayWait<FileVersion | undefined>;
}

/** What is wanted of a store. */
export interface Wanted<Of extends Known> {
  readonly path: BytePath;
  /** Suffixes of what may be sent in place of the file: its precompressed siblings, the best first. */
  readonly siblings: readonly string[];
  /** What the request asks for: a store that is far away is asked for no more. Whether it is right is decided elsewhere. */
  readonly request?: Selecting | undefined;
  /** The one who waits for it: a store that is far away stops asking when it is gone. */
  readonly client?: Waiting | undefined;
  /** What is known, since it was found before, of the sibling with this suffix, or with an empty one of the file itself. */
  known(suffix: string): Of | undefined;
}

/** Whoever waits for an answer. */
export interface Waiting {
  /** True once it is gone. */
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
}

/** What is known of a file that was found before, as long as its name means the same. */
export interface Known {
  readonly snapshot: PathSnapshot;
  /** Of the file that this sibling stands for; undefined for the file itself. */
  readonly original: FileVersion | undefined;
  /** True when the content is known, too: there is no need to open it. */
  readonly isWhole: boolean;
}

/** What has been found. */
export interface Found<Of extends Known> {
  /** Of the sibling; empty for the file itself. */
  readonly suffix: string;
  /** Of the file that this sibling stands for; undefined for the file itself. */
  readonly original: FileVersion | undefined;
  /** What was known of it, if that still holds. */
  readonly known: Of | undefined;
  /** Undefined only when the content was known, too. */
  readonly file: StoredFile | undefined;
  /** Siblings that look right and cannot be opened, if there are any: another one was taken, or the file itself. */
  readonly unusable: readonly StoreError[];
  /**
   * Remembers what the name means, for `known`. Undefined when it does not mean this version any more, or leads there in a
   * way that cannot be watched.
   */
  snapshot(): PathSnapshot | undefined;
}

/** A name and what it meant when it was found: what that is, only its store knows. */
export interface PathSnapshot {
  readonly version: FileVersion;
}

/** One version of a file. Whether it is the same as another only its store tells, which is given what is known (see `Wanted`). */
export interface FileVersion {
  /** In bytes. */
  readonly size: number;
}

/** What tells a version from others, for clients and caches. */
export interface VersionMark {
  /** Time of the last change of any kind, in milliseconds since the epoch: one that soon follows it may not be seen. */
  readonly changed: number;
  /**
   * What is said of it at a time.
   * @param now in milliseconds since the epoch
   * @param suffix of a tag that is made here, for one of several codings of a file
   */
  validators(now: number, suffix?: string): Validators;
}

/** An open file: everything said about it comes from what is open. The one who opened it closes it. */
export interface OpenedFile {
  /** At the time of opening. */
  readonly version: FileVersion;
  /**
   * Reads up to `most` bytes at `position`; resolves with none at the end of the file. They are the file's, also when it is
   * cut meanwhile. Rejects with a StoreError when the store fails.
   * @param until whoever reads will read on up to here, without it: a store that is far away is asked for all of it
   */
  read(position: number, most: number, until: number): Promise<Piece>;
  /** The ways on which nothing waits for more than this machine's own disk. Absent where there are none. */
  readonly direct?: DirectFile | undefined;
  /** Releases what is open; further calls do nothing. */
  close(): void;
}

/** A file in this machine's memory or on its disk. */
export interface DirectFile {
  /**
   * Reads up to `buffer.length` bytes at `position`, as `read` does, and waits for the disk: for what is so small that a trip
   * to another thread would cost more.
   * @throws {StoreError} when the disk fails
   */
  readSync(buffer: Buffer, position: number): number;
  /**
   * Gives up to `count` bytes from `position` on to the socket, behind what has been written to it, without reading
   * them here. Waits for the disk. Returns how many the socket took: 0 when it takes none now, when the file has not so
   * many, or when either fails, which reading and writing will tell. When all of them were taken they are the file's,
   * also when it is cut in that very moment. Absent where it cannot be done.
   * @throws {StoreError} when the disk fails
   */
  readonly sendTo?: ((socket: Socket, position: number, count: number) => number) | undefined;
}

/** A file that has just been opened. */
export interface StoredFile extends OpenedFile {
  /**
   * What tells its version from others. The file may have to be read for that.
   * @param now in milliseconds since the epoch
   */
  mark(now: number): VersionMark;
  /** What the store says of it, where it says more than a disk does. */
  readonly said?: ObjectDescription | undefined;
}

/** What an object store says of an object. Whoever may write there has chosen it. */
export interface ObjectDescription {
  /** False where it says nothing of what follows, since whoever asked has it already (304). */
  readonly isWhole: boolean;
  readonly contentType: string | undefined;
  readonly contentDisposition: string | undefined;
  readonly contentLanguage: string | undefined;
  readonly contentEncoding: string | undefined;
  /** Empty where it is not known what is stored: a client goes by what it was told before. */
  readonly cacheControl: string | undefined;
}

/** Why a file could not be opened. */
export type StoreFailure =
  | 'not-found'
  | 'directory'
  | 'forbidden'
  | 'busy'
  | 'failed'
  /** It has not answered in time. */
  | 'timeout'
  /** So many calls wait for it that no more are made. */
  | 'hung'
  /** Nobody waits for it any more, or this server is stopping. */
  | 'gone'
  /** It is another version than was opened, of which the bytes that are wanted cannot be had any more. */
  | 'changed'
  /** An object store has too much to do, does not answer in time, or cannot be asked; `reason` is a sentence. */
  | 'store-busy'
  | 'store-timeout'
  | 'store-failed';

/** Opening failed. `message` is for the log and names the path on disk. */
export class StoreError extends Error {
  readonly failure: StoreFailure;
  /** The path on disk. */
  readonly path: string;
  /** The system's error code, or what else is wrong. */
  readonly reason: string;
  /** For the operator: what refuses, and what to do about it, where that is known. */
  readonly advice: string | undefined;

  constructor(failure: StoreFailure, path: string, reason: string, advice?: string) {
    super(`${path}: ${reason}`);
    this.failure = failure;
    this.path = path;
    this.reason = reason;
    this.advice = advice;
  }
}
