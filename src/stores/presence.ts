// Whether somebody still waits for what is asked of a store far away. It is an AbortSignal's part of that, for every request there is:
// one of Node's costs more than the whole of a small answer's head.
import type { LeaveSignal } from '../s3/patience.js';
import type { Waiting } from './store.js';

/** A client, until it leaves or is released. */
export class Presence implements LeaveSignal {
  readonly #client: Waiting | undefined;
  readonly #reason: () => Error;
  readonly #listeners: (() => void)[] = [];
  #left: Error | undefined;

  /** @param reason what a request comes to that nobody waits for any more */
  constructor(client: Waiting | undefined, reason: () => Error) {
    this.#client = client;
    this.#reason = reason;
    if (client?.destroyed === true) this.#leave();
    else client?.once('close', this.#leave);
  }

  /** True when nobody waits any more. */
  get aborted(): boolean {
    return this.#left !== undefined;
  }

  /** Undefined as long as somebody waits. */
  get reason(): Error | undefined {
    return this.#left;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const index = this.#listeners.indexOf(listener);
    if (index >= 0) this.#listeners.splice(index, 1);
  }

  /** It is watched no more. */
  release(): void {
    this.#client?.off('close', this.#leave);
    this.#listeners.length = 0;
  }

  readonly #leave = (): void => {
    if (this.#left !== undefined) return;
    this.#left = this.#reason();
    for (const listener of this.#listeners.splice(0)) listener();
  };
}
