// What is asked of one root's disk, so that a disk that hangs lets nobody wait but those who want its files (nginx: aio
// threads, thread_pool). Threads of our own ask it (thread-pool.ts) and not libuv's: that has four for all there is, host names,
// compression and signatures among it, and four calls that hang would take them all.
//
// A call that has not returned within the limit hangs: whoever asked is told so, and the thread waits on, since nothing can call
// it back. When all of them hang, requests are refused at once, and now and then one more tries whether the disk is back.
import type { Logger } from 'pino';
import { StoreError } from '../store.js';
import { DiskJob } from './disk-job.js';
import type { DiskPolicy } from './disk-store.js';
import type { DiskResult, DiskTask } from './disk-task.js';
import { type AskedThread, DiskThread, type ThreadListener } from './disk-thread.js';
import type { KnownDirectory } from './protected-directories.js';
import { type PoolThread, type PoolTimes, ThreadPool } from './thread-pool.js';

/** What a disk's threads work with. */
export interface DiskThreadsOptions {
  /** Absolute path. */
  readonly root: string;
  readonly policy: DiskPolicy;
  /** Most threads, and so most calls under way at once. */
  readonly threads: number;
  /** How long a call may take, waiting for a thread included, in milliseconds. */
  readonly timeout: number;
  readonly log: Logger;
}

/** How many requests may wait for a thread, for each that there may be. */
const WAITING_FOR_EACH = 64;

/** In milliseconds. */
export interface DiskThreadsTimes extends PoolTimes {
  /** The longest time between two tries whether a disk is back. */
  readonly trial: number;
}

const TIMES: DiskThreadsTimes = { patience: 5, idle: 10_000, end: 500, trial: 60_000 };

/** Begins a thread. */
export type BeginThread = (options: DiskThreadsOptions, listener: ThreadListener<AskedThread>) => AskedThread;

const beginThread: BeginThread = ({ root, policy }, listener) => new DiskThread(root, policy, listener);

/** What is asked of one root's disk: what waits, how long each call is waited for, and what is refused since the disk hangs. */
export class DiskThreads {
  readonly #options: DiskThreadsOptions;
  readonly #times: DiskThreadsTimes;
  readonly #pool: ThreadPool<DiskJob>;
  readonly #waiting = new Set<DiskJob>();
  /** Files to be closed when a thread is free. */
  readonly #closing: DiskJob[] = [];
  #nextTrial = 0;
  #trialDelay: number;

  /** @param begin begins a thread */
  constructor(options: DiskThreadsOptions, begin = beginThread, times = TIMES) {
    this.#options = options;
    this.#times = times;
    this.#trialDelay = options.timeout;
    this.#pool = new ThreadPool<DiskJob>(options.threads, (listener) => begin(options, listener), times, {
      hasWaiting: () => this.#waiting.size > 0,
      onFree: (thread) => this.#goOn(thread),
      onAnswer: (thread, job, result) => this.#onAnswer(thread, job, result),
      onFailure: (thread, error) => this.#onFailure(thread, error),
    });
  }

  /**
   * Has a thread do something; resolves with what `take` makes of it.
   * @param name the file's path, for messages
   * @param take is called in the moment when it is done: what lies in the window then is gone later
   * @param over called once, when nothing works with what the task was given any more, be it done, refused, or given up and
   *   returned after all
   * @throws {StoreError} in what is promised: `timeout`, `hung`, or what `take` throws
   */
  ask<Value>(
    task: DiskTask,
    name: string,
    take: (result: DiskResult, window: Buffer) => Value,
    over?: () => void,
  ): Promise<Value> {
    return new Promise((resolve, reject) => {
      const settle = (result: DiskResult, window: Buffer): void => resolve(take(result, window));
      const job = new DiskJob(task, name, settle, reject, over);
      const thread = this.#pool.isStopped ? undefined : (this.#pool.free() ?? this.#trial());
      if (thread !== undefined) this.#start(thread, job);
      else if (this.#mayWait()) {
        this.#waiting.add(job);
        this.#pool.growLater();
      } else {
        job.refuse(this.#refusal(name));
        return;
      }
      this.#limit(job);
    });
  }

  /** Closes a descriptor when a thread is free for it: that may hang, too. */
  close(descriptor: number, name: string): void {
    this.#closeLater(descriptor, name);
    const thread = this.#pool.free();
    if (thread !== undefined) this.#goOn(thread);
  }

  #closeLater(descriptor: number, name: string): void {
    this.#closing.push(new DiskJob({ kind: 'close', descriptor }, name));
  }

  /** What has been found out to be protected elsewhere. */
  learn(directories: readonly KnownDirectory[]): void {
    this.#pool.learn(directories);
  }

  /** Ends the threads. Resolves when they are gone, but for those that hang: see `isHeldUp`. */
  async end(): Promise<void> {
    this.#pool.stop();
    this.#refuseWaiting();
    const left = await this.#pool.end();
    for (const { job, hangs } of left) if (job !== undefined && !hangs) this.#giveUp(job);
  }

  /** Whether a thread waits for a call that may never return: the process could not end in order. */
  get isHeldUp(): boolean {
    return this.#pool.isAtWork;
  }

  #mayWait(): boolean {
    const { isStopped, areAllHanging } = this.#pool;
    return !isStopped && !areAllHanging && this.#waiting.size < this.#options.threads * WAITING_FOR_EACH;
  }

  /** One more thread, when all hang and it is time to try again. */
  #trial(): PoolThread<DiskJob> | undefined {
    const now = performance.now();
    // It may hang as all others do: there is an end to that.
    const isLast = this.#pool.size >= 2 * this.#options.threads;
    if (!this.#pool.areAllHanging || now < this.#nextTrial || isLast) return undefined;
    this.#nextTrial = now + this.#trialDelay;
    this.#trialDelay = Math.min(2 * this.#trialDelay, this.#times.trial);
    return this.#pool.begin();
  }

  #limit(job: DiskJob): void {
    job.limit(this.#options.timeout, () => this.#onTimeout(job));
  }

  #start(thread: PoolThread<DiskJob>, job: DiskJob): void {
    job.thread = thread;
    this.#pool.start(thread, job);
  }

  /** What a thread does that has nothing to do. */
  #goOn(thread: PoolThread<DiskJob>): void {
    const closing = this.#closing.shift();
    const [waiting] = this.#waiting;
    if (closing !== undefined) {
      this.#limit(closing);
      this.#start(thread, closing);
    } else if (waiting !== undefined) {
      this.#waiting.delete(waiting);
      this.#start(thread, waiting);
    } else {
      this.#pool.rest(thread);
    }
  }

  #onAnswer(thread: PoolThread<DiskJob>, job: DiskJob, result: DiskResult): void {
    if (thread.hangs) {
      this.#onReturn(thread);
      dispose(result, (descriptor) => this.#closeLater(descriptor, job.name));
    } else {
      job.settle(result, thread.thread.window);
    }
    job.over();
    if (!this.#pool.isStopped) this.#goOn(thread);
  }

  /** Whoever waits for it need not wait any more. */
  #onTimeout(job: DiskJob): void {
    const { timeout, root, log } = this.#options;
    const { name, task, thread } = job;
    if (thread === undefined) {
      this.#waiting.delete(job);
      job.refuse(new StoreError('timeout', name, `all threads were busy for ${timeout} ms`));
      return;
    }
    this.#giveUp(job);
    const { hanging, areAllHanging } = this.#pool;
    log.warn(
      { root, path: name, call: task.kind, timeout, hanging },
      'a disk has not answered within --disk-timeout; the thread that asked it waits on',
    );
    if (!areAllHanging) return;
    if (hanging === this.#options.threads) {
      this.#nextTrial = performance.now() + this.#trialDelay;
      log.error(
        { root, hanging },
        'all threads of this root wait for its disk: its files are 503 at once from now on, and now and then one request tries whether it is back',
      );
    }
    this.#refuseWaiting();
  }

  /** Lets its thread wait on, and whoever asked no longer. */
  #giveUp(job: DiskJob): void {
    if (job.thread !== undefined) this.#pool.giveUp(job.thread);
    job.fail(new StoreError('timeout', job.name, `${job.task.kind}, ${this.#options.timeout} ms`));
  }

  /** A thread that was given up has answered after all. */
  #onReturn(thread: PoolThread<DiskJob>): void {
    const { root, log, threads, timeout } = this.#options;
    if (this.#pool.hanging >= threads) log.info({ root }, 'the disk answers again');
    this.#pool.takeBack(thread);
    this.#trialDelay = timeout;
  }

  #onFailure({ job, hangs }: PoolThread<DiskJob>, error: Error): void {
    const { root, log } = this.#options;
    const code = (error as NodeJS.ErrnoException).code;
    // It takes a few descriptors to begin.
    const isShort = code === 'ERR_WORKER_INIT_FAILED';
    if (!isShort) log.error({ root, err: error }, 'a thread that asks a disk has ended; please report it');
    if (!hangs) job?.fail(new StoreError(isShort ? 'busy' : 'failed', job.name, error.message));
    job?.over();
    const next = this.#waiting.size > 0 ? this.#pool.free() : undefined;
    if (next !== undefined) this.#goOn(next);
  }

  #refuseWaiting(): void {
    for (const job of this.#waiting) job.refuse(this.#refusal(job.name));
    this.#waiting.clear();
  }

  #refusal(name: string): StoreError {
    return new StoreError('hung', name, `${this.#pool.hanging} calls wait for this disk`);
  }
}

/** Closes what nobody wants any more. */
function dispose(result: DiskResult, close: (descriptor: number) => void): void {
  if (result.kind === 'found' && result.file?.descriptor !== undefined) close(result.file.descriptor);
}
