// What a thread is asked to do with a disk, and what it answers. All of it is plain data, for it goes from one thread to
// another; the bytes of files go through memory that both see.
import { inBatch } from '../../http/batch.js';
import type { BytePath, Target } from '../../http/target.js';
import { type Known, type PathSnapshot, SMALL_FILE, StoreError, type StoreFailure } from '../store.js';
import { closeRead } from './close.js';
import { DiskFile } from './disk-file.js';
import type { DiskStore } from './disk-store.js';
import type { DiskVersion } from './disk-version.js';
import type { DiskFound } from './find-on-disk.js';
import type { KnownDirectory } from './protected-directories.js';
import { type InternalRoot, locateSendfile } from './sendfile.js';

export type DiskTask =
  | {
      readonly kind: 'find';
      readonly path: BytePath;
      readonly siblings: readonly string[];
      /** By suffix. */
      readonly known: ReadonlyMap<string, Known>;
    }
  | { readonly kind: 'stat'; readonly path: BytePath }
  | {
      readonly kind: 'read';
      readonly descriptor: number;
      /** For messages. */
      readonly name: BytePath;
      readonly position: number;
      readonly most: number;
    }
  | { readonly kind: 'close'; readonly descriptor: number }
  /** What the root is. */
  | { readonly kind: 'identify' }
  /** What X-Sendfile names. */
  | { readonly kind: 'locate'; readonly value: string; readonly internal: readonly InternalRoot[] };

/** What came of a task. */
export type DiskResult =
  | {
      readonly kind: 'found';
      readonly suffix: string;
      readonly original: DiskVersion | undefined;
      /** True when what was known of it still holds. */
      readonly isKnown: boolean;
      readonly file: FoundFile | undefined;
      readonly unusable: readonly PlainStoreError[];
      readonly snapshot: PathSnapshot | undefined;
    }
  | { readonly kind: 'stat'; readonly version: DiskVersion | undefined }
  /** So many bytes lie in the window. */
  | { readonly kind: 'bytes'; readonly length: number }
  | { readonly kind: 'closed' }
  | { readonly kind: 'identified'; readonly directory: KnownDirectory | undefined }
  | { readonly kind: 'located'; readonly target: Target | string }
  | { readonly kind: 'failed'; readonly error: PlainStoreError };

/** An open file. */
export interface FoundFile {
  readonly version: DiskVersion;
  /** As `DiskFile.modified`. */
  readonly modified: number;
  /** Undefined when all of it has been read, and it is closed again. */
  readonly descriptor: number | undefined;
  /** How many bytes of it lie in the window. */
  readonly length: number;
}

/** A StoreError between threads. */
export interface PlainStoreError {
  readonly failure: StoreFailure;
  readonly path: string;
  readonly reason: string;
  readonly advice: string | undefined;
}

/** A task with what its thread has to know besides. */
export interface DiskRequest {
  readonly task: DiskTask;
  /** What other threads have found out to be protected since this one was asked last. */
  readonly learned: readonly KnownDirectory[];
}

export interface DiskAnswer {
  readonly result: DiskResult;
  /** What has been found out to be protected since the last answer. */
  readonly learned: readonly KnownDirectory[];
}

/** Does what a thread is asked to do. */
export class DiskWorker {
  readonly #store: DiskStore;
  readonly #window: Buffer;
  #told = 0;

  /** @param window where bytes of files are put; whoever asks takes them from there before it asks again */
  constructor(store: DiskStore, window: Buffer) {
    this.#store = store;
    this.#window = window;
  }

  perform({ task, learned }: DiskRequest): DiskAnswer {
    const { excluded } = this.#store;
    excluded.learn(learned);
    let result: DiskResult | undefined;
    // As requests that are answered together do, the steps of a task share what one of them has found out.
    inBatch(() => {
      result = this.#try(task);
    });
    if (result === undefined) throw new Error('a batch runs at once');
    const isNews = excluded.generation !== this.#told;
    this.#told = excluded.generation;
    return { result, learned: isNews ? excluded.known : [] };
  }

  #try(task: DiskTask): DiskResult {
    try {
      return this.#perform(task);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return { kind: 'failed', error: plain(error) };
    }
  }

  #perform(task: DiskTask): DiskResult {
    switch (task.kind) {
      case 'find':
        return this.#find(this.#store.find({ ...task, known: (suffix) => task.known.get(suffix) }));
      case 'stat':
        return { kind: 'stat', version: this.#stat(task.path) };
      case 'read': {
        const { descriptor, name, position, most } = task;
        const file = new DiskFile(descriptor, NO_VERSION, name);
        return { kind: 'bytes', length: file.readSync(this.#window.subarray(0, most), position) };
      }
      case 'close':
        closeRead(task.descriptor);
        return { kind: 'closed' };
      case 'identify':
        return { kind: 'identified', directory: this.#store.identify() };
      case 'locate':
        return { kind: 'located', target: locateSendfile(task.value, task.internal) };
    }
  }

  #find(found: DiskFound<Known>): DiskResult {
    const { suffix, original, known, file, unusable } = found;
    const isKnown = known !== undefined;
    try {
      const snapshot = isKnown ? undefined : found.snapshot();
      return {
        kind: 'found',
        suffix,
        original: original && plainVersion(original),
        isKnown,
        unusable: unusable.map(plain),
        snapshot: snapshot && { ...snapshot, version: plainVersion(snapshot.version) },
        file: file && this.#take(file),
      };
    } catch (error) {
      file?.close();
      throw error;
    }
  }

  #stat(path: BytePath): DiskVersion | undefined {
    const version = this.#store.stat(path);
    return version && plainVersion(version);
  }

  /** Reads a small file, and closes it; leaves a large one open. */
  #take(file: DiskFile): FoundFile {
    const { modified } = file;
    const version = plainVersion(file.version);
    if (version.size > SMALL_FILE) return { version, modified, descriptor: file.detach(), length: 0 };
    let length = 0;
    while (length < version.size) {
      const bytes = file.readSync(this.#window.subarray(length, version.size), length);
      // It was cut meanwhile, which whoever sends it will see.
      if (bytes === 0) break;
      length += bytes;
    }
    file.close();
    return { version, modified, descriptor: undefined, length };
  }
}

const NO_VERSION: DiskVersion = { dev: 0, ino: 0, size: 0, mtimeMs: 0, ctimeMs: 0 };

/** What the system gives has more in it than has to go to another thread. */
function plainVersion({ dev, ino, size, mtimeMs, ctimeMs }: DiskVersion): DiskVersion {
  return { dev, ino, size, mtimeMs, ctimeMs };
}

function plain({ failure, path, reason, advice }: StoreError): PlainStoreError {
  return { failure, path, reason, advice };
}

/** The same as it was. */
export function storeErrorOf({ failure, path, reason, advice }: PlainStoreError): StoreError {
  return new StoreError(failure, path, reason, advice);
}
