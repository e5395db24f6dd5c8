// Small files kept in memory (nginx keeps descriptors: open_file_cache; here the bytes are kept, and never stale).
//
// Before a kept file is used, its name is looked up again (one lstat for it and for each directory below the root, about
// 4 µs each on a local disk, in this thread; requests that are answered together share it, see stores/lookups): the
// directories must be the same, and of the file device, inode, size, modification and status-change time must be what
// they were. Nobody can set the last of these, so that a file which was replaced, truncated, deleted, made unreadable, or
// rewritten with its size and time put back is noticed by the very next request. Two changes within one tick of the file
// system's clock would look alike: a file is kept only when its last change is older than any clock's tick. What cannot
// be noticed: bytes written through a shared memory mapping, whose times the kernel updates when it writes them back.
// On a network file system the stat is answered from the client's attribute cache: a change made on another host is
// seen when that cache expires (NFS: acregmin, 3 s by default), unless the volume is mounted with `noac`.
import type { FileVersion, OpenedFile, Pin } from '../stores/store.js';
import { BoundedCache } from './bounded-cache.js';
import type { ReadyResponse } from './ready-response.js';
import type { Representation } from './representation.js';

/** A larger file would push out many small ones and gain little: its cost is in sending. */
export const LARGEST_KEPT = 128 * 1024;
/** FAT's clock ticks every 2 s, ext4's every 4 ms, NFS's as its server's; the rest is for clocks that differ. */
const SETTLED_AFTER = 3000;

/** A file in memory. */
export interface KeptFile {
  readonly representation: Representation;
  readonly ready: ReadyResponse;
  /** Where it came from. */
  readonly pin: Pin;
  /** The version of the original that a precompressed sibling stands for. */
  readonly original: FileVersion | undefined;
}

/** What is known of a file that is not in memory: all of its response but the content. */
export type KnownFile = Pick<KeptFile, 'representation' | 'pin'>;

/**
 * Small files as far as memory goes, and of others what was found out about them, for which an eighth of it is set
 * aside. A known file is opened and read anew for each request; only when it is still the same version it need not be
 * looked at more closely.
 */
export class OpenFileCache {
  readonly #files: BoundedCache<KeptFile>;
  readonly #known: BoundedCache<KnownFile>;

  /** @param limit in bytes; 0 keeps nothing */
  constructor(limit: number) {
    const forKnown = Math.floor(limit / 8);
    this.#files = new BoundedCache(limit - forKnown, ({ representation }) =>
      cost(representation.version.size),
    );
    this.#known = new BoundedCache(forKnown, () => OVERHEAD);
  }

  /** Bytes kept now. */
  get bytes(): number {
    return this.#files.bytes + this.#known.bytes;
  }

  find(key: string): KeptFile | undefined {
    return this.#files.find(key);
  }

  /** Whether a file of this version may be kept; if so, there is room for it. */
  admits(version: FileVersion): boolean {
    return isSettled(version) && version.size <= LARGEST_KEPT && this.#files.hasRoomFor(cost(version.size));
  }

  /** @param file admitted */
  keep(key: string, file: KeptFile): void {
    this.#known.forget(key);
    this.#files.keep(key, file);
  }

  forget(key: string): void {
    this.#files.forget(key);
  }

  findKnown(key: string): KnownFile | undefined {
    return this.#known.find(key);
  }

  /** Whether a file of this version may become known; if so, there is room for it. */
  admitsKnown(version: FileVersion): boolean {
    return isSettled(version) && this.#known.hasRoomFor(OVERHEAD);
  }

  /** @param file admitted */
  know(key: string, file: KnownFile): void {
    this.#known.keep(key, file);
  }

  forgetKnown(key: string): void {
    this.#known.forget(key);
  }
}

function isSettled(version: FileVersion): boolean {
  return Date.now() - Math.max(version.ctimeMs, version.mtimeMs) > SETTLED_AFTER;
}

/** What an entry takes beside its content, in bytes: heads, names and objects. */
const OVERHEAD = 2048;

function cost(size: number): number {
  return size + OVERHEAD;
}

/** A kept file as an open one, for responses that need a part of it. */
export class MemoryFile implements OpenedFile {
  readonly version: FileVersion;
  readonly #content: Buffer;

  constructor({ representation, ready }: KeptFile) {
    this.version = representation.version;
    this.#content = ready.content;
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    return this.readSync(buffer, position);
  }

  readSync(buffer: Buffer, position: number): number {
    return this.#content.copy(buffer, 0, position);
  }

  close(): void {}
}
