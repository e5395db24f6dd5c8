// From a name to the file or sibling that is sent (nginx: gzip_static and its like), on a disk that is asked call by call.
import { ownString } from '../../http/own-string.js';
import type { BytePath } from '../../http/target.js';
import { type Found, type Known, StoreError, type Wanted } from '../store.js';
import type { DiskFile } from './disk-file.js';
import type { DiskSnapshot } from './disk-snapshot.js';
import { type DiskVersion, isSameVersion } from './disk-version.js';

/** What is asked of the disk. */
export interface Disk {
  /** @throws {StoreError} */
  open(path: BytePath): DiskFile;
  reopen(snapshot: DiskSnapshot): DiskFile | undefined;
  stat(path: BytePath): DiskVersion | undefined;
  snapshot(path: BytePath, version: DiskVersion): DiskSnapshot | undefined;
  isCurrent(snapshot: DiskSnapshot): boolean;
}

const NONE: readonly StoreError[] = [];

/** What has been found on a disk. */
export interface DiskFound<Of extends Known> extends Found<Of> {
  readonly original: DiskVersion | undefined;
  readonly file: DiskFile | undefined;
  snapshot(): DiskSnapshot | undefined;
}

/** @throws {StoreError} as Store.find does */
export function findOnDisk<Of extends Known>(disk: Disk, wanted: Wanted<Of>): DiskFound<Of> {
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
        return new FoundOnDisk<Of>(disk, name, suffix, original, known, undefined, unusable);
      }
      // The original first: what may not be seen has no siblings that may.
      disk.open(path).close();
      try {
        const file = disk.open(name);
        return new FoundOnDisk<Of>(disk, name, suffix, original, undefined, file, unusable);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        unusable = [...unusable, error];
      }
    }
  }
  return findItself(disk, wanted, unusable);
}

/** The file, and no sibling. */
function findItself<Of extends Known>(
  disk: Disk,
  { path, known }: Wanted<Of>,
  unusable: readonly StoreError[],
): DiskFound<Of> {
  let held = known('');
  let file: DiskFile | undefined;
  if (held !== undefined) {
    const snapshot = held.snapshot as DiskSnapshot;
    if (!held.isWhole) file = disk.reopen(snapshot);
    if (held.isWhole ? !disk.isCurrent(snapshot) : file === undefined) held = undefined;
  }
  if (held === undefined) file = disk.open(path);
  return new FoundOnDisk(disk, path, '', undefined, held, file, unusable);
}

/** Whether a sibling is what was known of it, and its original too. */
function isStill(disk: Disk, { snapshot, original }: Known, now: DiskVersion): boolean {
  return (
    original !== undefined &&
    isSameVersion(original as DiskVersion, now) &&
    disk.isCurrent(snapshot as DiskSnapshot)
  );
}

class FoundOnDisk<Of extends Known> implements DiskFound<Of> {
  readonly suffix: string;
  readonly original: DiskVersion | undefined;
  readonly known: Of | undefined;
  readonly file: DiskFile | undefined;
  readonly unusable: readonly StoreError[];
  readonly #disk: Disk;
  readonly #path: BytePath;

  /** @param path of what is sent */
  constructor(
    disk: Disk,
    path: BytePath,
    suffix: string,
    original: DiskVersion | undefined,
    known: Of | undefined,
    file: DiskFile | undefined,
    unusable: readonly StoreError[],
  ) {
    this.#disk = disk;
    this.#path = path;
    this.suffix = suffix;
    this.original = original;
    this.known = known;
    this.file = file;
    this.unusable = unusable;
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
function isUsable(sibling: DiskVersion | undefined, original: DiskVersion): boolean {
  return (
    sibling !== undefined &&
    sibling.mtimeMs >= original.mtimeMs - COPIED_WITHIN &&
    sibling.size < original.size
  );
}
