// Small files kept in memory (nginx keeps descriptors: open_file_cache; here the bytes are kept, and never stale).
//
// Before a kept file is used, its name is looked up again (one lstat for it and for each directory below the root,
// about 2 µs each on a local disk, in this thread): the directories must be the same, and of the file device, inode,
// size, modification and status-change time must be what they were. Nobody can set the last of these,
// so that a file which was replaced, truncated, deleted, made unreadable, or rewritten with its size and time put
// back is noticed by the very next request. Two changes within one tick of the file system's clock would look alike:
// a file is kept only when its last change is older than any clock's tick. What cannot be noticed: bytes written
// through a shared memory mapping, whose times the kernel updates when it writes them back.
// On a network file system the stat is answered from the client's attribute cache: a change made on another host is
// seen when that cache expires (NFS: acregmin, 3 s by default), unless the volume is mounted with `noac`.
import type { FileVersion, OpenedFile, Pin } from '../stores/store.js';
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

/**
 * Keeps files up to a number of bytes. When it is full, the one that came first goes, unless it was asked for since it
 * was last spared; then it is spared once more, and the new one turned away. So a file that is asked for again and
 * again comes in, while a walk through all uploads neither empties the cache nor pays for filling it.
 */
export class OpenFileCache {
  readonly #limit: number;
  readonly #files = new Map<string, { readonly file: KeptFile; used: boolean }>();
  #bytes = 0;

  /** @param limit in bytes; 0 keeps nothing */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes kept now. */
  get bytes(): number {
    return this.#bytes;
  }

  find(key: string): KeptFile | undefined {
    const entry = this.#files.get(key);
    if (entry === undefined) return undefined;
    entry.used = true;
    return entry.file;
  }

  /** Whether a file of this version may be kept; if so, there is room for it. */
  admits(version: FileVersion): boolean {
    const isSettled = Date.now() - Math.max(version.ctimeMs, version.mtimeMs) > SETTLED_AFTER;
    return isSettled && version.size <= LARGEST_KEPT && this.#hasRoomFor(cost(version.size));
  }

  /** @param file admitted */
  keep(key: string, file: KeptFile): void {
    this.forget(key);
    this.#files.set(key, { file, used: false });
    this.#bytes += cost(file.representation.version.size);
  }

  forget(key: string): void {
    const entry = this.#files.get(key);
    if (entry === undefined) return;
    this.#files.delete(key);
    this.#bytes -= cost(entry.file.representation.version.size);
  }

  /** Second chance: entries go until there is room, or until one is met that was used since it was put in line. */
  #hasRoomFor(bytes: number): boolean {
    if (bytes > this.#limit) return false;
    for (const [key, entry] of this.#files) {
      if (this.#bytes + bytes <= this.#limit) return true;
      if (entry.used) {
        entry.used = false;
        this.#files.delete(key);
        this.#files.set(key, entry);
        return false;
      }
      this.forget(key);
    }
    return true;
  }
}

/** What an entry takes, in bytes: content, heads, names and objects. */
function cost(size: number): number {
  return size + 2048;
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
