// From a name to the file or sibling that is sent (nginx: gzip_static and its like), on a disk that is asked call by call.
import { ownString } from '../http/own-string.js';
import type { BytePath } from '../http/target.js';
import type { DiskSnapshot } from './disk-snapshot.js';
import {
  type FileVersion,
  type Found,
  isSameVersion,
  type Known,
  type StoredFile,
  StoreError,
  type Wanted,
} from './store.js';

/** What is asked of the disk. */
export interface Disk {
  /** @throws {StoreError} */
  open(path: BytePath): StoredFile;
  reopen(snapshot: DiskSnapshot): StoredFile | undefined;
  stat(path: BytePath): FileVersion | undefined;
  snapshot(path: BytePath, version: FileVersion): DiskSnapshot | undefined;
  isCurrent(snapshot: DiskSnapshot): boolean;
}

const NONE: readonly StoreError[] = [];

/** @throws {StoreError} as Store.find does */
export function findOnDisk<Of extends Known>(disk: Disk, wanted: Wanted<Of>): Found<Of> {
  const { path, siblings } = wanted;
  const original = siblings.length === 0 ? undefined : disk.stat(path);
  let unusable = NONE;
  if (original !== undefined) {
    // One at a time: nearly always the first is there and can be opened.
    for (const suffix of siblings) {
      const name = path + suffix;
      if (!isUsable(disk.stat(name), original)) continue;
      const known = wanted.known(suffix);
      if (known !== undefined && isStill(disk, known, original)) {
        return new FoundOnDisk<Of>(disk, name, { suffix, original, known, file: undefined, unusable });
      }
      // The original first: what may not be seen has no siblings that may.
      disk.open(path).close();
      try {
        return new FoundOnDisk<Of>(disk, name, {
          suffix,
          original,
          known: undefined,
          file: disk.open(name),
          unusable,
        });
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        unusable = [...unusable, error];
      }
    }
  }
  return new FoundOnDisk<Of>(disk, path, {
    suffix: '',
    original: undefined,
    ...findItself(disk, wanted),
    unusable,
  });
}

/** Whether a sibling is what was known of it, and its original too. */
function isStill(disk: Disk, { snapshot, original }: Known, now: FileVersion): boolean {
  return original !== undefined && isSameVersion(original, now) && disk.isCurrent(snapshot as DiskSnapshot);
}

/** The file, and no sibling. */
function findItself<Of extends Known>(disk: Disk, wanted: Wanted<Of>): Pick<Found<Of>, 'known' | 'file'> {
  const known = wanted.known('');
  if (known !== undefined) {
    const snapshot = known.snapshot as DiskSnapshot;
    const file = known.isWhole ? undefined : disk.reopen(snapshot);
    if (known.isWhole ? disk.isCurrent(snapshot) : file !== undefined) return { known, file };
  }
  return { known: undefined, file: disk.open(wanted.path) };
}

class FoundOnDisk<Of extends Known> implements Found<Of> {
  readonly suffix: string;
  readonly original: FileVersion | undefined;
  readonly known: Of | undefined;
  readonly file: StoredFile | undefined;
  readonly unusable: readonly StoreError[];
  readonly #disk: Disk;
  readonly #path: BytePath;

  /** @param path of what is sent */
  constructor(disk: Disk, path: BytePath, found: Omit<Found<Of>, 'snapshot'>) {
    this.#disk = disk;
    this.#path = path;
    this.suffix = found.suffix;
    this.original = found.original;
    this.known = found.known;
    this.file = found.file;
    this.unusable = found.unusable;
  }

  snapshot(): DiskSnapshot | undefined {
    if (this.file === undefined) return undefined;
    return this.#disk.snapshot(ownString(this.#path), this.file.version);
  }
}

/** Files that are copied together (cp -r, a volume, an image) get times of their own, in any order; and FAT's are 2 s apart. */
const COPIED_WITHIN = 2000;

/**
 * A sibling that is older than its original by more than that, in milliseconds, was made from another version. One that is not smaller saves nothing; leaving it
 * out also keeps entity tags apart, which are made of time and size.
 */
function isUsable(sibling: FileVersion | undefined, original: FileVersion): boolean {
  return (
    sibling !== undefined &&
    sibling.mtimeMs >= original.mtimeMs - COPIED_WITHIN &&
    sibling.size < original.size
  );
}
