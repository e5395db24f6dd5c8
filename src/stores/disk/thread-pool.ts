// The threads that ask one root's disk, and what each of them is at (nginx: thread_pool): they begin when what waits has to wait
// for long, end when they have had nothing to do for long, and tell each other what they have found out.
//
// Whether a call has taken too long, its owner knows (disk-threads.ts): it gives the thread up, which then counts as one that
// hangs until it answers after all.

import type { DiskAnswer, DiskResult, DiskTask } from './disk-task.js';
import type { AskedThread, ThreadListener } from './disk-thread.js';
import { type KnownDirectory, textOf } from './protected-directories.js';

/** So many threads work at once when nothing is slow: more would only be in each other's way. */
const FEW = 2;
/** Protected directories of which threads tell each other. */
const MOST_LEARNED = 256;

/** In milliseconds. */
export interface PoolTimes {
  /** When all that work have been with the same task for so long, and another one waits, one more joins them. */
  readonly patience: number;
  /** How long a thread is kept that has nothing to do; the last one always is. */
  readonly idle: number;
  /** How long threads are waited for at the end: one that does not hang takes a few. */
  readonly end: number;
}

/** What a thread is given to do. */
export interface PoolJob {
  readonly task: DiskTask;
}

/** A thread, and what it does. Only the pool changes it. */
export interface PoolThread<Job extends PoolJob> {
  readonly thread: AskedThread;
  job: Job | undefined;
  /** True when its call has taken too long. */
  hangs: boolean;
  /** Of what is protected, as it was told last. */
  generation: number;
  /** When it was done with its last job, in milliseconds. */
  since: number;
}

/** The owner of the jobs. A thread that it is told of is its own until it gives it a job, or back (`rest`). */
export interface PoolOwner<Job extends PoolJob> {
  /** Whether a job waits for a thread. */
  hasWaiting(): boolean;
  /** One more thread may work. */
  onFree(thread: PoolThread<Job>): void;
  /** A thread has done its job. One that was given up hangs until it is told to have returned. */
  onAnswer(thread: PoolThread<Job>, job: Job, result: DiskResult): void;
  /** A thread has ended by a defect, or could not begin, and is gone with what it was at. */
  onFailure(thread: PoolThread<Job>, error: Error): void;
}

/** The threads of one root. */
export class ThreadPool<Job extends PoolJob> {
  /** Most threads that begin as they are needed, those that hang among them. */
  readonly #most: number;
  readonly #beginThread: (listener: ThreadListener<AskedThread>) => AskedThread;
  readonly #times: PoolTimes;
  readonly #owner: PoolOwner<Job>;
  readonly #threads = new Map<AskedThread, PoolThread<Job>>();
  /** The last one was used last. */
  readonly #idle: PoolThread<Job>[] = [];
  #hanging = 0;
  /** So many threads may work at once, those that hang not counted. */
  #wanted = FEW;
  #growing: NodeJS.Timeout | undefined;
  #sweeping: NodeJS.Timeout | undefined;
  /** What threads have found out to be protected. */
  readonly #learned = new Map<string, KnownDirectory>();
  #generation = 0;
  #isStopped = false;
  readonly #listener: ThreadListener<AskedThread> = {
    onAnswer: (thread, answer) => this.#onAnswer(thread, answer),
    onFailure: (thread, error) => this.#onFailure(thread, error),
  };

  /** @param most how many threads begin as they are needed */
  constructor(
    most: number,
    beginThread: (listener: ThreadListener<AskedThread>) => AskedThread,
    times: PoolTimes,
    owner: PoolOwner<Job>,
  ) {
    this.#most = most;
    this.#beginThread = beginThread;
    this.#times = times;
    this.#owner = owner;
  }

  /** How many threads there are. */
  get size(): number {
    return this.#threads.size;
  }

  /** How many of them hang. */
  get hanging(): number {
    return this.#hanging;
  }

  get areAllHanging(): boolean {
    return this.#hanging > 0 && this.#hanging === this.#threads.size;
  }

  /** Whether one of them has not returned from what it was given, be it given up or not. */
  get isAtWork(): boolean {
    return [...this.#threads.values()].some(({ job }) => job !== undefined);
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** A thread that has nothing to do, or a new one; undefined when as many work as may. */
  free(): PoolThread<Job> | undefined {
    const working = this.#threads.size - this.#hanging - this.#idle.length;
    if (working >= this.#wanted) return undefined;
    return this.#idle.pop() ?? (this.#threads.size < this.#most ? this.begin() : undefined);
  }

  /** A new thread, however many there are; undefined when the pool is stopped. */
  begin(): PoolThread<Job> | undefined {
    if (this.#isStopped) return undefined;
    const thread = this.#beginThread(this.#listener);
    const begun = { thread, job: undefined, hangs: false, generation: 0, since: 0 };
    this.#threads.set(thread, begun);
    return begun;
  }

  /** Has a thread do something. */
  start(thread: PoolThread<Job>, job: Job): void {
    thread.job = job;
    const learned = thread.generation === this.#generation ? [] : [...this.#learned.values()];
    thread.generation = this.#generation;
    thread.thread.ask({ task: job.task, learned });
  }

  /** Takes back a thread for which there is nothing to do. */
  rest(thread: PoolThread<Job>): void {
    thread.since = performance.now();
    this.#idle.push(thread);
    this.#sweepLater();
  }

  /** Lets a thread wait on for its call, which has taken too long. */
  giveUp(thread: PoolThread<Job>): void {
    thread.hangs = true;
    this.#hanging += 1;
  }

  /** Counts one that was given up among the others again. */
  takeBack(thread: PoolThread<Job>): void {
    thread.hangs = false;
    this.#hanging -= 1;
  }

  /** What has been found out to be protected; each thread is told with its next job. */
  learn(directories: readonly KnownDirectory[]): void {
    for (const directory of directories) {
      const key = textOf(directory);
      if (this.#learned.has(key)) continue;
      this.#learned.set(key, directory);
      this.#generation += 1;
      const [oldest] = this.#learned.keys();
      if (this.#learned.size > MOST_LEARNED && oldest !== undefined) this.#learned.delete(oldest);
    }
  }

  /** One more thread works when what waits has to wait for long. */
  growLater(): void {
    if (this.#growing !== undefined || this.#wanted >= this.#most) return;
    const before = new Set(this.#jobs());
    this.#growing = setTimeout(() => {
      this.#growing = undefined;
      if (!this.#owner.hasWaiting()) return;
      const jobs = this.#jobs();
      if (jobs.length > 0 && jobs.every((job) => job !== undefined && before.has(job))) {
        this.#wanted += 1;
        const thread = this.free();
        if (thread !== undefined) this.#owner.onFree(thread);
      }
      this.growLater();
    }, this.#times.patience);
    this.#growing.unref();
  }

  /** Begins no more threads. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#sweeping);
    clearTimeout(this.#growing);
  }

  /** Ends the threads. Resolves when they are gone, or have had time to: with those that are left. */
  async end(): Promise<readonly PoolThread<Job>[]> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#times.end);
    });
    const threads = [...this.#threads.values()];
    await Promise.race([Promise.all(threads.map((thread) => this.#dismiss(thread))), limit]);
    clearTimeout(timer);
    return [...this.#threads.values()];
  }

  /**
   * What threads are at; undefined for one that has yet to begin. Those that have answered count no more, also where this
   * thread had no time to read it.
   */
  #jobs(): (Job | undefined)[] {
    return [...this.#threads.values()]
      .filter(({ job, hangs, thread }) => job !== undefined && !hangs && !thread.hasAnswered)
      .map(({ job, thread }) => (thread.hasBegun ? job : undefined));
  }

  #onAnswer(asked: AskedThread, { result, learned }: DiskAnswer): void {
    const thread = this.#threads.get(asked);
    const job = thread?.job;
    if (thread === undefined || job === undefined) return;
    thread.job = undefined;
    this.learn(learned);
    this.#owner.onAnswer(thread, job, result);
  }

  #onFailure(asked: AskedThread, error: Error): void {
    const thread = this.#threads.get(asked);
    if (thread === undefined) return;
    this.#forget(thread);
    this.#owner.onFailure(thread, error);
  }

  #forget(thread: PoolThread<Job>): void {
    this.#threads.delete(thread.thread);
    if (thread.hangs) this.#hanging -= 1;
    const index = this.#idle.indexOf(thread);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  #sweepLater(): void {
    if (this.#sweeping !== undefined || this.#threads.size === 1) return;
    this.#sweeping = setTimeout(() => {
      this.#sweeping = undefined;
      this.#sweep();
    }, this.#times.idle);
    this.#sweeping.unref();
  }

  /** Ends threads that have had nothing to do for long. */
  #sweep(): void {
    const before = performance.now() - this.#times.idle;
    while (this.#threads.size > 1 && (this.#idle[0]?.since ?? Number.POSITIVE_INFINITY) <= before) {
      const thread = this.#idle.shift();
      if (thread !== undefined) void this.#dismiss(thread);
      this.#wanted = Math.max(FEW, this.#threads.size);
    }
    if (this.#idle.length > 1) this.#sweepLater();
  }

  async #dismiss(thread: PoolThread<Job>): Promise<void> {
    // What it still waits for, isAtWork must know.
    if (thread.job === undefined) this.#forget(thread);
    await thread.thread.end();
    this.#forget(thread);
  }
}
