// The threads that ask one root's disk, so that a disk that hangs lets nobody wait but those who want its files (nginx: aio
// threads, thread_pool). They are threads of our own and not libuv's: that has four for all there is, host names,
// compression and signatures among it, and four calls that hang would take them all.
//
// A call that has not returned within the limit hangs: whoever asked is told so, and the thread waits on, since nothing can call
// it back. When all of them hang, requests are refused at once, and now and then one more tries whether the disk is back.
import type { Logger } from 'pino';
import { StoreError } from '../store.js';
import type { DiskPolicy } from './disk-store.js';
import { type DiskAnswer, type DiskResult, type DiskTask, storeErrorOf } from './disk-task.js';
import { DiskThread, type ThreadListener } from './disk-thread.js';
import type { KnownDirectory } from './protected-directories.js';

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

/** So many threads work at once when nothing is slow: more would only be in each other's way. */
const FEW = 2;
/** How many requests may wait for a thread, for each that there may be. */
const WAITING_FOR_EACH = 64;
/** Protected directories of which threads tell each other. */
const MOST_LEARNED = 256;

/** In milliseconds. */
export interface DiskThreadsTimes {
  /** When all that work have been with the same task for so long, and another one waits, one more joins them. */
  readonly patience: number;
  /** How long a thread is kept that has nothing to do; the last one always is. */
  readonly idle: number;
  /** How long threads are waited for at the end: one that does not hang takes a few. */
  readonly end: number;
  /** The longest time between two tries whether a disk is back. */
  readonly trial: number;
}

const TIMES: DiskThreadsTimes = { patience: 5, idle: 10_000, end: 500, trial: 60_000 };

/** A thread as it is seen from here: DiskThread. */
export type AskedThread = Pick<DiskThread, 'window' | 'hasBegun' | 'hasAnswered' | 'ask' | 'end'>;

/** Begins a thread. */
export type BeginThread = (options: DiskThreadsOptions, listener: ThreadListener<AskedThread>) => AskedThread;

const beginThread: BeginThread = ({ root, policy }, listener) => new DiskThread(root, policy, listener);

/** A task on its way. */
interface Job {
  readonly task: DiskTask;
  /** The file's path, for messages. */
  readonly name: string;
  /** Takes the result, and at once what lies in the thread's window: it is used again after that. */
  readonly take: (result: DiskResult, window: Buffer) => void;
  readonly fail: (error: StoreError) => void;
  /** Called once, when nothing works with what the task was given any more: long after the end of the wait, perhaps. */
  readonly over: () => void;
  /** Ends the wait for it. */
  timer: NodeJS.Timeout | undefined;
  /** Undefined while it waits for one. */
  thread: ThreadState | undefined;
}

/** A thread, and what it does. */
interface ThreadState {
  readonly thread: AskedThread;
  job: Job | undefined;
  /** True when its call has taken too long. */
  hangs: boolean;
  /** Of what is protected, as it was told last. */
  generation: number;
  /** When it was done with its last job, in milliseconds. */
  since: number;
}

const nothing = (): void => {};

/** The threads of one root. */
export class DiskThreads {
  readonly #options: DiskThreadsOptions;
  readonly #beginThread: BeginThread;
  readonly #times: DiskThreadsTimes;
  readonly #states = new Map<AskedThread, ThreadState>();
  /** The last one was used last. */
  readonly #idle: ThreadState[] = [];
  readonly #waiting = new Set<Job>();
  /** Files to be closed when a thread is free. */
  readonly #closing: Job[] = [];
  #hanging = 0;
  /** So many threads may work at once, those that hang not counted. */
  #wanted = FEW;
  #calling: NodeJS.Timeout | undefined;
  /** What threads have found out to be protected. */
  readonly #learned = new Map<string, KnownDirectory>();
  #generation = 0;
  #nextTrial = 0;
  #trialDelay: number;
  #sweeping: NodeJS.Timeout | undefined;
  #isEnded = false;
  readonly #listener: ThreadListener<AskedThread> = {
    onAnswer: (thread, answer) => this.#onAnswer(thread, answer),
    onFailure: (thread, error) => this.#onFailure(thread, error),
  };

  /** @param begin begins a thread */
  constructor(options: DiskThreadsOptions, begin = beginThread, times = TIMES) {
    this.#options = options;
    this.#beginThread = begin;
    this.#times = times;
    this.#trialDelay = options.timeout;
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
    over = nothing,
  ): Promise<Value> {
    return new Promise((resolve, reject) => {
      const settle = (result: DiskResult, window: Buffer): void => resolve(take(result, window));
      const job: Job = { task, name, take: settle, fail: reject, over, timer: undefined, thread: undefined };
      const state = this.#isEnded ? undefined : (this.#freeThread() ?? this.#trial());
      if (state !== undefined) this.#start(state, job);
      else if (this.#mayWait()) {
        this.#waiting.add(job);
        this.#callMoreLater();
      } else {
        refuse(job, this.#refusal(name));
        return;
      }
      job.timer = setTimeout(() => this.#onTimeout(job), this.#options.timeout);
    });
  }

  /** Closes a descriptor when a thread is free for it: that may hang, too. */
  close(descriptor: number, name: string): void {
    this.#closeLater(descriptor, name);
    const state = this.#freeThread();
    if (state !== undefined) this.#goOn(state);
  }

  #closeLater(descriptor: number, name: string): void {
    const task = { kind: 'close', descriptor } as const;
    this.#closing.push({
      task,
      name,
      take: nothing,
      fail: nothing,
      over: nothing,
      timer: undefined,
      thread: undefined,
    });
  }

  /** What has been found out to be protected elsewhere. */
  learn(directories: readonly KnownDirectory[]): void {
    for (const directory of directories) {
      const { dev, ino, birthtimeNs } = directory;
      const key = `${dev}:${ino}:${birthtimeNs}`;
      if (this.#learned.has(key)) continue;
      this.#learned.set(key, directory);
      this.#generation += 1;
      const [oldest] = this.#learned.keys();
      if (this.#learned.size > MOST_LEARNED && oldest !== undefined) this.#learned.delete(oldest);
    }
  }

  /** Ends the threads. Resolves when they are gone, but for those that hang: see `isHeldUp`. */
  async end(): Promise<void> {
    this.#isEnded = true;
    clearTimeout(this.#sweeping);
    clearTimeout(this.#calling);
    this.#refuseWaiting();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#times.end);
    });
    const states = [...this.#states.values()];
    await Promise.race([Promise.all(states.map((state) => this.#dismiss(state))), limit]);
    clearTimeout(timer);
    for (const { job, hangs } of this.#states.values()) if (job !== undefined && !hangs) this.#giveUp(job);
  }

  /** Whether a thread waits for a call that may never return: the process could not end in order. */
  get isHeldUp(): boolean {
    return [...this.#states.values()].some(({ job }) => job !== undefined);
  }

  get #areAllHanging(): boolean {
    return this.#hanging > 0 && this.#hanging === this.#states.size;
  }

  #mayWait(): boolean {
    const { threads } = this.#options;
    return !this.#isEnded && !this.#areAllHanging && this.#waiting.size < threads * WAITING_FOR_EACH;
  }

  #freeThread(): ThreadState | undefined {
    const working = this.#states.size - this.#hanging - this.#idle.length;
    if (working >= this.#wanted) return undefined;
    const state = this.#idle.pop();
    if (state !== undefined) return state;
    return this.#states.size < this.#options.threads ? this.#begin() : undefined;
  }

  /** One more thread, when all hang and it is time to try again. */
  #trial(): ThreadState | undefined {
    const now = performance.now();
    // It may hang as all others do: there is an end to that.
    const isLast = this.#states.size >= 2 * this.#options.threads;
    if (!this.#areAllHanging || now < this.#nextTrial || isLast) return undefined;
    this.#nextTrial = now + this.#trialDelay;
    this.#trialDelay = Math.min(2 * this.#trialDelay, this.#times.trial);
    return this.#begin();
  }

  #begin(): ThreadState | undefined {
    if (this.#isEnded) return undefined;
    const thread = this.#beginThread(this.#options, this.#listener);
    const state = { thread, job: undefined, hangs: false, generation: 0, since: 0 };
    this.#states.set(thread, state);
    return state;
  }

  #start(state: ThreadState, job: Job): void {
    job.thread = state;
    state.job = job;
    const learned = state.generation === this.#generation ? [] : [...this.#learned.values()];
    state.generation = this.#generation;
    state.thread.ask({ task: job.task, learned });
  }

  /** One more thread works when what waits has to wait for long. */
  #callMoreLater(): void {
    if (this.#calling !== undefined || this.#wanted >= this.#options.threads) return;
    const before = new Set(this.#jobs());
    this.#calling = setTimeout(() => {
      this.#calling = undefined;
      if (this.#waiting.size === 0) return;
      const jobs = this.#jobs();
      if (jobs.length > 0 && jobs.every((job) => job !== undefined && before.has(job))) {
        this.#wanted += 1;
        const state = this.#freeThread();
        if (state !== undefined) this.#goOn(state);
      }
      this.#callMoreLater();
    }, this.#times.patience);
    this.#calling.unref();
  }

  /**
   * What threads are at; undefined for one that has yet to begin. Those that have answered count no more, also where this
   * thread had no time to read it.
   */
  #jobs(): (Job | undefined)[] {
    return [...this.#states.values()]
      .filter(({ job, hangs, thread }) => job !== undefined && !hangs && !thread.hasAnswered)
      .map(({ job, thread }) => (thread.hasBegun ? job : undefined));
  }

  /** What a thread does that has nothing to do. */
  #goOn(state: ThreadState): void {
    const closing = this.#closing.shift();
    const [waiting] = this.#waiting;
    if (closing !== undefined) {
      closing.timer = setTimeout(() => this.#onTimeout(closing), this.#options.timeout);
      this.#start(state, closing);
    } else if (waiting !== undefined) {
      this.#waiting.delete(waiting);
      this.#start(state, waiting);
    } else {
      state.since = performance.now();
      this.#idle.push(state);
      this.#sweepLater();
    }
  }

  #onAnswer(thread: AskedThread, { result, learned }: DiskAnswer): void {
    const state = this.#states.get(thread);
    const job = state?.job;
    if (state === undefined || job === undefined) return;
    state.job = undefined;
    this.learn(learned);
    if (state.hangs) {
      this.#returned(state);
      dispose(result, (descriptor) => this.#closeLater(descriptor, job.name));
    } else {
      clearTimeout(job.timer);
      settle(job, result, thread.window);
    }
    job.over();
    if (!this.#isEnded) this.#goOn(state);
  }

  /** Whoever waits for it need not wait any more. */
  #onTimeout(job: Job): void {
    const { timeout, root, log } = this.#options;
    const { name, task, thread } = job;
    if (thread === undefined) {
      this.#waiting.delete(job);
      refuse(job, new StoreError('timeout', name, `all threads were busy for ${timeout} ms`));
      return;
    }
    this.#giveUp(job);
    const hanging = this.#hanging;
    log.warn(
      { root, path: name, call: task.kind, timeout, hanging },
      'a disk has not answered within --disk-timeout; the thread that asked it waits on',
    );
    if (!this.#areAllHanging) return;
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
  #giveUp({ name, task, thread, timer, fail }: Job): void {
    clearTimeout(timer);
    if (thread !== undefined) thread.hangs = true;
    this.#hanging += 1;
    fail(new StoreError('timeout', name, `${task.kind}, ${this.#options.timeout} ms`));
  }

  #returned(state: ThreadState): void {
    const { root, log } = this.#options;
    if (this.#hanging >= this.#options.threads) log.info({ root }, 'the disk answers again');
    state.hangs = false;
    this.#hanging -= 1;
    this.#trialDelay = this.#options.timeout;
  }

  #onFailure(thread: AskedThread, error: Error): void {
    const state = this.#states.get(thread);
    if (state === undefined) return;
    const { root, log } = this.#options;
    const code = (error as NodeJS.ErrnoException).code;
    // It takes a few descriptors to begin.
    const isShort = code === 'ERR_WORKER_INIT_FAILED';
    if (!isShort) log.error({ root, err: error }, 'a thread that asks a disk has ended; please report it');
    this.#forget(state);
    const { job } = state;
    clearTimeout(job?.timer);
    if (!state.hangs) job?.fail(new StoreError(isShort ? 'busy' : 'failed', job.name, error.message));
    job?.over();
    const next = this.#waiting.size > 0 ? this.#freeThread() : undefined;
    if (next !== undefined) this.#goOn(next);
  }

  #forget(state: ThreadState): void {
    this.#states.delete(state.thread);
    if (state.hangs) this.#hanging -= 1;
    const index = this.#idle.indexOf(state);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  #refuseWaiting(): void {
    for (const job of this.#waiting) {
      clearTimeout(job.timer);
      refuse(job, this.#refusal(job.name));
    }
    this.#waiting.clear();
  }

  #refusal(name: string): StoreError {
    return new StoreError('hung', name, `${this.#hanging} calls wait for this disk`);
  }

  #sweepLater(): void {
    if (this.#sweeping !== undefined || this.#states.size === 1) return;
    this.#sweeping = setTimeout(() => {
      this.#sweeping = undefined;
      this.#sweep();
    }, this.#times.idle);
    this.#sweeping.unref();
  }

  /** Ends threads that have had nothing to do for long. */
  #sweep(): void {
    const before = performance.now() - this.#times.idle;
    while (this.#states.size > 1 && (this.#idle[0]?.since ?? Number.POSITIVE_INFINITY) <= before) {
      const state = this.#idle.shift();
      if (state !== undefined) void this.#dismiss(state);
      this.#wanted = Math.max(FEW, this.#states.size);
    }
    if (this.#idle.length > 1) this.#sweepLater();
  }

  async #dismiss(state: ThreadState): Promise<void> {
    // What it still waits for, isHeldUp must know.
    if (state.job === undefined) this.#forget(state);
    await state.thread.end();
    this.#forget(state);
  }
}

/** Ends a job that no thread has begun. */
function refuse(job: Job, error: StoreError): void {
  job.fail(error);
  job.over();
}

/** Tells whoever asked. */
function settle(job: Job, result: DiskResult, window: Buffer): void {
  if (result.kind === 'failed') {
    job.fail(storeErrorOf(result.error));
    return;
  }
  try {
    job.take(result, window);
  } catch (error) {
    job.fail(error as StoreError);
  }
}

/** Closes what nobody wants any more. */
function dispose(result: DiskResult, close: (descriptor: number) => void): void {
  if (result.kind === 'found' && result.file?.descriptor !== undefined) close(result.file.descriptor);
}
