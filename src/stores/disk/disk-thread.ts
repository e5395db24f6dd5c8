// A thread of our own that asks a disk, seen from the thread that asks it.
import { Worker } from 'node:worker_threads';
import { LARGEST_BUFFER } from '../../http/buffer-pool.js';
import type { DiskPolicy } from './disk-store.js';
import type { DiskAnswer, DiskRequest } from './disk-task.js';

/** What a thread works with. */
export interface DiskWork {
  readonly root: string;
  readonly policy: DiskPolicy;
  /** Where it puts bytes of files. */
  readonly window: SharedArrayBuffer;
  /** Two numbers of 32 bits: whether it has begun, and how many requests it has answered. */
  readonly progress: SharedArrayBuffer;
}

/** Where in the progress these stand. They are seen before a message is read. */
export const BEGUN = 0;
export const ANSWERED = 1;

/** What a thread tells. */
export interface ThreadListener<Thread = DiskThread> {
  /** It has done what it was asked. */
  onAnswer(thread: Thread, answer: DiskAnswer): void;
  /** It has ended by a defect, or could not begin: the last call. */
  onFailure(thread: Thread, error: Error): void;
}

/** Its memory, in MiB: it reads into a window that is not counted, and keeps next to nothing. */
const LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 };

/** Takes one request at a time. */
export class DiskThread {
  /** Where bytes are found that it has read, until it is asked again. */
  readonly window: Buffer;
  readonly #worker: Worker;
  readonly #progress = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  #asked = 0;

  constructor(root: string, policy: DiskPolicy, listener: ThreadListener) {
    const window = new SharedArrayBuffer(LARGEST_BUFFER);
    this.window = Buffer.from(window);
    const work: DiskWork = { root, policy, window, progress: this.#progress.buffer };
    this.#worker = new Worker(new URL('./disk-worker.js', import.meta.url), {
      workerData: work,
      resourceLimits: LIMITS,
      // Descriptors go from here to there and back: whoever has one closes it.
      trackUnmanagedFds: false,
    });
    // A process that has nothing else to do need not wait for it.
    this.#worker.unref();
    this.#worker.on('message', (answer: DiskAnswer) => listener.onAnswer(this, answer));
    this.#worker.on('error', (error) => listener.onFailure(this, error));
  }

  /** False while it gets ready. */
  get hasBegun(): boolean {
    return Atomics.load(this.#progress, BEGUN) === 1;
  }

  /** True when the last answer is here, or on its way. */
  get hasAnswered(): boolean {
    return Atomics.load(this.#progress, ANSWERED) === this.#asked;
  }

  ask(request: DiskRequest): void {
    this.#asked = (this.#asked + 1) | 0;
    this.#worker.postMessage(request);
  }

  /** Ends the thread. Resolves when it is gone: never, while it waits for a disk that hangs. */
  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** A thread as its pool sees it. */
export type AskedThread = Pick<DiskThread, 'window' | 'hasBegun' | 'hasAnswered' | 'ask' | 'end'>;
