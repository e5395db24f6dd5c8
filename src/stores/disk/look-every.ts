// For what need not be looked at more often than every now and then: a clock that costs a batch of requests one look.
import { currentBatch } from '../../http/batch.js';

/** Says when it is time. */
export class LookEvery {
  readonly #interval: number;
  #batch: number | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param interval in milliseconds */
  constructor(interval: number) {
    this.#interval = interval;
  }

  /** True when it was not true for so long, and then not again; at most once in a batch. */
  isDue(): boolean {
    const batch = currentBatch();
    if (batch !== undefined && batch === this.#batch) return false;
    this.#batch = batch;
    const now = performance.now();
    if (now - this.#lookedAt < this.#interval) return false;
    this.#lookedAt = now;
    return true;
  }
}
