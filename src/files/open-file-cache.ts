// Small files cached in memory (nginx: open_file_cache, which holds descriptors; here the bytes are held, never stale).
//
// Before a cached file is used, its name is looked up again (one lstat for it and for each directory below the root,
// about 4 µs each on a local disk, in this thread; requests that are answered together share it, see stores/disk/lookups): the
// directories must be the same, and of the file device, inode, size, modification and status-change time must be what
// they were. Nobody can set the last of these, so that a file which was replaced, truncated, deleted, made unreadable, or
// rewritten with its size and time put back is noticed by the very next request. Two changes within one tick of the file
// system's clock would look alike: a file is cached only when its last change is older than any clock's tick. What
// cannot be noticed: bytes written through a shared memory mapping, whose times the kernel updates when it writes them back.
// On a network file system the stat is answered from the client's attribute cache: a change made on another host is
// seen when that cache expires (NFS: acregmin, 3 s by default), unless the volume is mounted with `noac`.
import type { MemoryFile } from '../stores/memory-file.js';
import { type Known, SMALL_FILE, type VersionMark } from '../stores/store.js';
import { BoundedCache } from './bounded-cache.js';
import type { ReadyResponse } from './ready-response.js';
import type { Representation, RepresentedFile } from './representation.js';

/** FAT's clock ticks every 2 s, ext4's every 4 ms, NFS's as its server's; the rest is for clocks that differ. */
const SETTLED_AFTER = 3000;

/** A file in memory. */
export interface CachedFile extends Known {
  readonly isWhole: true;
  readonly representation: Representation;
  readonly ready: ReadyResponse;
  readonly file: MemoryFile;
}

/** Of a file that is not in memory: all of its response but the content. */
export interface CachedMetadata extends Known {
  readonly isWhole: false;
  readonly representation: Representation;
}

/** What the cache looks at. */
type Versioned = Pick<RepresentedFile, 'version' | 'mark'>;

/**
 * Small files as far as memory goes, and the metadata of others, for which an eighth of it is set aside. Those are
 * opened and read anew for each request; while one is still the same version it need not be looked at more closely.
 */
export class OpenFileCache {
  readonly #files: BoundedCache<CachedFile>;
  readonly #metadata: BoundedCache<CachedMetadata>;

  /** @param limit in bytes; 0 caches nothing */
  constructor(limit: number) {
    const forMetadata = Math.floor(limit / 8);
    this.#files = new BoundedCache(limit - forMetadata, ({ representation }) =>
      cost(representation.version.size),
    );
    this.#metadata = new BoundedCache(forMetadata, () => METADATA);
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#files.bytes + this.#metadata.bytes;
  }

  get(key: string): CachedFile | undefined {
    return this.#files.get(key);
  }

  /** Whether this version of a file may be cached; if so, there is room for it. */
  admits({ version, mark }: Versioned): boolean {
    return isSettled(mark) && version.size <= SMALL_FILE && this.#files.makeRoomFor(cost(version.size));
  }

  /** @param file admitted */
  set(key: string, file: CachedFile): void {
    this.#metadata.delete(key);
    this.#files.set(key, file);
  }

  delete(key: string): void {
    this.#files.delete(key);
  }

  getMetadata(key: string): CachedMetadata | undefined {
    return this.#metadata.get(key);
  }

  /** Whether the metadata of this version of a file may be cached; if so, there is room for it. */
  admitsMetadata({ mark }: Versioned): boolean {
    return isSettled(mark) && this.#metadata.makeRoomFor(METADATA);
  }

  /** @param file admitted */
  setMetadata(key: string, file: CachedMetadata): void {
    this.#metadata.set(key, file);
  }

  deleteMetadata(key: string): void {
    this.#metadata.delete(key);
  }
}

function isSettled({ changed }: VersionMark): boolean {
  return Date.now() - changed > SETTLED_AFTER;
}

/** What a file takes beside its content, in bytes: two heads, names and objects. As measured, and a little more. */
const OVERHEAD = 5632;
/** What one takes of which only the metadata is here. */
const METADATA = 2560;

function cost(size: number): number {
  return size + OVERHEAD;
}
