// A directory on a disk that may let its calls wait: all of them are made by threads of its own.
import { acquireBuffer, LARGEST_BUFFER, releaseBuffer } from '../../http/buffer-pool.js';
import type { Piece } from '../../http/piece.js';
import { type BytePath, type Target, toBytePath, toText } from '../../http/target.js';
import { MemoryFile } from '../memory-file.js';
import {
  type FileVersion,
  type Found,
  type Known,
  type Store,
  type StoredFile,
  StoreError,
  type VersionMark,
  type Wanted,
} from '../store.js';
import { type DiskResult, type FoundFile, storeErrorOf } from './disk-task.js';
import type { DiskThreads } from './disk-threads.js';
import type { DiskVersion } from './disk-version.js';
import { withSeparator } from './names.js';
import type { KnownDirectory } from './protected-directories.js';
import type { InternalRoot } from './sendfile.js';
import { versionMarkOf } from './version-mark.js';

/** A directory that threads ask. */
export class ThreadedStore implements Store {
  readonly #root: BytePath;
  readonly #threads: DiskThreads;

  /** @param root absolute path */
  constructor(root: string, threads: DiskThreads) {
    this.#root = withSeparator(toBytePath(root));
    this.#threads = threads;
  }

  find<Of extends Known>({ path, siblings, known }: Wanted<Of>): Promise<Found<Of>> {
    const knownNow = new Map<string, Of>();
    for (const suffix of [...siblings, '']) {
      const it = known(suffix);
      if (it !== undefined) knownNow.set(suffix, it);
    }
    const plain = new Map<string, Known>();
    for (const [suffix, { snapshot, original, isWhole }] of knownNow) {
      plain.set(suffix, { snapshot, original, isWhole });
    }
    const name = this.#root + path;
    return this.#threads.ask(
      { kind: 'find', path, siblings, known: plain },
      toText(name),
      (result, window) => {
        if (result.kind !== 'found') throw unexpected(result);
        const { suffix, original, isKnown, file, unusable, snapshot } = result;
        return {
          suffix,
          original,
          known: isKnown ? knownNow.get(suffix) : undefined,
          file: file && this.#open(name + suffix, file, window),
          unusable: unusable.map(storeErrorOf),
          snapshot: () => snapshot,
        };
      },
    );
  }

  stat(path: BytePath): Promise<FileVersion | undefined> {
    return this.#threads.ask({ kind: 'stat', path }, toText(this.#root + path), (result) => {
      if (result.kind !== 'stat') throw unexpected(result);
      return result.version;
    });
  }

  /**
   * What the root is, as `DiskStore.identify` finds it.
   * @param over called when no thread waits for that any more: long after it was given up, perhaps
   */
  identify(over: () => void): Promise<KnownDirectory | undefined> {
    return this.#threads.ask(
      { kind: 'identify' },
      toText(this.#root),
      (result) => {
        if (result.kind !== 'identified') throw unexpected(result);
        return result.directory;
      },
      over,
    );
  }

  /** What X-Sendfile names, as `locateSendfile` finds it. */
  locate(value: string, internal: readonly InternalRoot[]): Promise<Target | string> {
    return this.#threads.ask({ kind: 'locate', value, internal }, toText(value), (result) => {
      if (result.kind !== 'located') throw unexpected(result);
      return result.target;
    });
  }

  #open(name: BytePath, file: FoundFile, window: Buffer): StoredFile {
    return file.descriptor === undefined
      ? new ReadFile(file, Buffer.from(window.subarray(0, file.length)))
      : new ThreadedFile(file, file.descriptor, name, this.#threads);
  }
}

/** A small file that has been read when it was found. */
class ReadFile extends MemoryFile implements StoredFile {
  readonly #found: FoundFile;

  constructor(found: FoundFile, content: Buffer) {
    super(found.version, content);
    this.#found = found;
  }

  mark(now: number): VersionMark {
    return versionMarkOf(this.#found, this, now);
  }
}

/** A large file, which is open. */
class ThreadedFile implements StoredFile {
  readonly version: DiskVersion;
  readonly modified: number;
  readonly direct = undefined;
  readonly #name: BytePath;
  readonly #threads: DiskThreads;
  #descriptor: number | undefined;
  /** Reads that have not returned: they must not find the descriptor's number given to another file. */
  #reading = 0;
  #closed = false;

  constructor({ version, modified }: FoundFile, descriptor: number, name: BytePath, threads: DiskThreads) {
    this.version = version;
    this.modified = modified;
    this.#descriptor = descriptor;
    this.#name = name;
    this.#threads = threads;
  }

  mark(now: number): VersionMark {
    return versionMarkOf(this, undefined, now);
  }

  async read(position: number, most: number): Promise<Piece> {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) throw new StoreError('failed', toText(this.#name), 'it is closed');
    this.#reading += 1;
    const task = {
      kind: 'read',
      descriptor,
      name: this.#name,
      position,
      most: Math.min(most, LARGEST_BUFFER),
    } as const;
    return this.#threads.ask(
      task,
      toText(this.#name),
      (result, window) => {
        if (result.kind !== 'bytes') throw unexpected(result);
        return pieceOf(window.subarray(0, result.length));
      },
      () => {
        this.#reading -= 1;
        this.#closeIfUnused();
      },
    );
  }

  close(): void {
    this.#closed = true;
    this.#closeIfUnused();
  }

  #closeIfUnused(): void {
    if (!this.#closed || this.#reading > 0 || this.#descriptor === undefined) return;
    this.#threads.close(this.#descriptor, toText(this.#name));
    this.#descriptor = undefined;
  }
}

function pieceOf(bytes: Buffer): Piece {
  const buffer = acquireBuffer(bytes.length);
  bytes.copy(buffer);
  return { bytes: buffer.subarray(0, bytes.length), release: () => releaseBuffer(buffer) };
}

function unexpected({ kind }: DiskResult): Error {
  return new Error(`a thread answered what was not asked: ${kind}`);
}
