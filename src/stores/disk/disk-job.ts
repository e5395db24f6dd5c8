// A task on its way to a thread that asks a disk, and who waits for it.
import type { StoreError } from '../store.js';
import { type DiskResult, type DiskTask, storeErrorOf } from './disk-task.js';
import type { PoolThread } from './thread-pool.js';

const nothing = (): void => {};

/** A task on its way. */
export class DiskJob {
  readonly task: DiskTask;
  /** The file's path, for messages. */
  readonly name: string;
  /** Called once, when nothing works with what the task was given any more: long after the end of the wait, perhaps. */
  readonly over: () => void;
  /** Undefined while it waits for one. */
  thread: PoolThread<DiskJob> | undefined;
  readonly #take: (result: DiskResult, window: Buffer) => void;
  readonly #tellError: (error: StoreError) => void;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param name the file's path, for messages
   * @param take takes the result, and at once what lies in the thread's window: it is used again after that
   * @param tellError tells whoever waits why nothing comes
   * @param over called once, when nothing works with what the task was given any more
   */
  constructor(
    task: DiskTask,
    name: string,
    take: (result: DiskResult, window: Buffer) => void = nothing,
    tellError: (error: StoreError) => void = nothing,
    over = nothing,
  ) {
    this.task = task;
    this.name = name;
    this.over = over;
    this.#take = take;
    this.#tellError = tellError;
  }

  /** @param milliseconds how long it is waited for */
  limit(milliseconds: number, onTimeout: () => void): void {
    this.#timer = setTimeout(onTimeout, milliseconds);
  }

  /** Ends the wait: it is done. */
  settle(result: DiskResult, window: Buffer): void {
    if (result.kind === 'failed') {
      this.fail(storeErrorOf(result.error));
      return;
    }
    clearTimeout(this.#timer);
    try {
      this.#take(result, window);
    } catch (error) {
      this.#tellError(error as StoreError);
    }
  }

  /** Ends the wait without a result. */
  fail(error: StoreError): void {
    clearTimeout(this.#timer);
    this.#tellError(error);
  }

  /** Ends one that no thread has begun. */
  refuse(error: StoreError): void {
    this.fail(error);
    this.over();
  }
}
