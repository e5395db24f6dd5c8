// The store of a root: a disk that is asked directly, as long as it is this machine's own, and by threads where it may hang.
import type { Logger } from 'pino';
import type { MayWait } from '../../http/may-wait.js';
import { type BytePath, type Target, toText } from '../../http/target.js';
import type { FileVersion, Found, Known, Store, Wanted } from '../store.js';
import { type DiskPolicy, DiskStore } from './disk-store.js';
import { DiskThreads } from './disk-threads.js';
import { LookEvery } from './look-every.js';
import type { Mount } from './mounts.js';
import type { KnownDirectory } from './protected-directories.js';
import { mayHang, remoteMountFor } from './remote-mounts.js';
import { type InternalRoot, locateSendfile } from './sendfile.js';
import { ThreadedStore } from './threaded-store.js';

/** Who asks a disk. */
export interface DiskIo {
  /** `auto`: directly where it is this machine's own, and by threads where it is not. */
  readonly mode: 'auto' | 'direct' | 'threads';
  /** Most threads for a root. */
  readonly threads: number;
  /** How long a call by threads may take, in milliseconds. */
  readonly timeout: number;
}

/** How long the table of mounts counts, in milliseconds: volumes are mounted while the server runs. */
const LOOK_EVERY = 1000;

/** Whether a root is asked by threads, as things are now. */
export function isAskedByThreads(root: string, mode: DiskIo['mode']): boolean {
  return mode === 'auto' ? mayHang(root) : mode === 'threads';
}

/** The store of one root, and the owner of its threads. */
export class RootStore implements Store {
  readonly #root: string;
  readonly #policy: DiskPolicy;
  readonly #io: DiskIo;
  readonly #log: Logger;
  #direct: DiskStore | undefined;
  /** What directories are that nobody looks at here, as it was told last. */
  readonly #told = new Map<string, KnownDirectory>();
  #threads: DiskThreads | undefined;
  #threaded: ThreadedStore | undefined;
  readonly #rhythm = new LookEvery(LOOK_EVERY);

  /** @param root absolute path; while it leads nowhere, nothing is found */
  constructor(root: string, policy: DiskPolicy, io: DiskIo, log: Logger) {
    this.#root = root;
    this.#policy = policy;
    this.#io = io;
    this.#log = log;
    if (io.mode === 'threads') this.#useThreads();
    else this.#lookAtMounts();
  }

  find<Of extends Known>(wanted: Wanted<Of>): MayWait<Found<Of>> {
    return this.#store.find(wanted);
  }

  stat(path: BytePath): MayWait<FileVersion | undefined> {
    return this.#store.stat(path);
  }

  /** What X-Sendfile names, as `locateSendfile` finds it. */
  locate(value: string, internal: readonly InternalRoot[]): MayWait<Target | string> {
    const threaded = this.#threaded;
    return threaded === undefined ? locateSendfile(value, internal) : threaded.locate(value, internal);
  }

  /**
   * What the root is, asked by a thread; undefined also where this one looks, and so does whoever wants to know.
   * @param over called when no thread waits for that any more
   */
  async identify(over: () => void): Promise<KnownDirectory | undefined> {
    if (this.#threaded !== undefined) return this.#threaded.identify(over);
    over();
    return undefined;
  }

  /** What a directory is that its files must be kept out of, and that nobody looks at here. */
  tell(directory: string, known: KnownDirectory): void {
    if (!this.#policy.excluded?.includes(directory)) return;
    this.#threads?.learn([known]);
    this.#direct?.excluded.tell(directory, known);
    this.#told.set(directory, known);
  }

  /** True when threads ask: no call that touches the root may then be made on this one. */
  get mayHang(): boolean {
    this.#lookAtMounts();
    return this.#threads !== undefined;
  }

  /** Whether a thread waits for a call that may never return. */
  get isHeldUp(): boolean {
    return this.#threads?.isHeldUp ?? false;
  }

  /** Ends its threads, but for those that hang. */
  async end(): Promise<void> {
    await this.#threads?.end();
  }

  /** From when a file of the root may lie on what is not this machine's own, threads ask it. */
  #lookAtMounts(): void {
    if (this.#threads !== undefined || this.#io.mode !== 'auto' || !this.#rhythm.isDue()) return;
    const mount = this.#findRemote();
    if (mount === undefined) return;
    this.#log.info(
      { root: this.#root, mount: toText(mount.point), type: mount.type, threads: this.#io.threads },
      'this root lies on a file system that may let calls wait, has one in it, or shares one with a protected location: threads of its own ask it from now on (--disk-io)',
    );
    this.#useThreads();
  }

  #findRemote(): Mount | undefined {
    try {
      return remoteMountFor(this.#root, this.#policy.excluded ?? []);
    } catch {
      // Where the system does not tell, it is asked directly, as nginx does.
      return undefined;
    }
  }

  get #store(): Store {
    this.#lookAtMounts();
    if (this.#threaded !== undefined) return this.#threaded;
    if (this.#direct === undefined) {
      this.#direct = new DiskStore(this.#root, this.#policy);
      for (const [directory, known] of this.#told) this.#direct.excluded.tell(directory, known);
    }
    return this.#direct;
  }

  #useThreads(): void {
    const { threads, timeout } = this.#io;
    const pool = new DiskThreads({
      root: this.#root,
      policy: this.#policy,
      threads,
      timeout,
      log: this.#log,
    });
    pool.learn([...(this.#direct?.excluded.known ?? []), ...this.#told.values()]);
    this.#threads = pool;
    this.#threaded = new ThreadedStore(this.#root, pool);
  }
}
