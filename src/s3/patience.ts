// How long a request is waited for: until its time is up, whoever wants it says that they do not any more, or the client is
// closed. One thing is waited for at a time.

/** Something under way that can be stopped. Stopped when it is over already, it does nothing. */
export interface Stoppable {
  abort(error: Error): void;
}

/** What tells that something is not wanted any more: an AbortSignal does. */
export interface LeaveSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** The patience of one request. `end` frees what it holds. */
export class Patience {
  readonly #signal: LeaveSignal | undefined;
  readonly #late: () => Error;
  readonly #waiting: Set<Patience>;
  /** On the monotonic clock, in milliseconds. */
  readonly #until: number;
  #timer: NodeJS.Timeout | undefined;
  #underWay: Stoppable | undefined;
  #over: Error | undefined;

  /**
   * @param milliseconds for all of it
   * @param late makes the error of a time that is up
   * @param waiting where it is found while it waits for what cannot be stopped. It is not there all the time: a table that each
   * request comes to and leaves outlives them, and what it once held with it.
   */
  constructor(
    milliseconds: number,
    signal: LeaveSignal | undefined,
    late: () => Error,
    waiting: Set<Patience>,
  ) {
    this.#waiting = waiting;
    this.#until = performance.now() + milliseconds;
    this.#late = late;
    this.#signal = signal;
    if (signal?.aborted === true) this.#over = reasonOf(signal);
    else signal?.addEventListener('abort', this.#onAbort);
  }

  /** True when nothing is to be waited for any more. */
  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** Time that is left, in milliseconds. */
  get left(): number {
    return this.#until - performance.now();
  }

  /** @throws what `lose` was called with */
  check(): void {
    if (this.#over !== undefined) throw this.#over;
  }

  /**
   * From here on it is this that is waited for, until `done` is called.
   * @param within longest time for it by itself, in milliseconds
   * @param late makes the error that it is then stopped with
   * @throws what `lose` was called with, when that was before
   */
  begin(underWay: Stoppable, within = Number.POSITIVE_INFINITY, late = this.#late): void {
    this.check();
    this.#underWay = underWay;
    const { left } = this;
    const stop = within < left ? () => underWay.abort(late()) : () => this.lose(this.#late());
    this.#timer = setTimeout(stop, Math.min(within, left));
  }

  /** It is waited for no more. */
  done(): void {
    this.#underWay = undefined;
    clearTimeout(this.#timer);
    if (this.#waiting.size > 0) this.#waiting.delete(this);
  }

  /**
   * Waits for something that cannot be stopped.
   * @throws what `lose` was called with, when that comes before
   */
  wait<T>(wanted: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      wanted.then(
        (value) => {
          this.done();
          resolve(value);
        },
        (error: unknown) => {
          this.done();
          reject(error);
        },
      );
      this.begin({ abort: reject });
      this.#waiting.add(this);
    });
  }

  /** Waits for a while. */
  sleep(milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const slept = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
    });
    return this.wait(slept).finally(() => clearTimeout(timer));
  }

  /** What is waited for is waited for no more. */
  lose(error: Error): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    const underWay = this.#underWay;
    this.done();
    underWay?.abort(error);
  }

  /** Nothing is waited for any more. */
  end(): void {
    this.done();
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    if (this.#signal !== undefined) this.lose(reasonOf(this.#signal));
  };
}

function reasonOf({ reason }: LeaveSignal): Error {
  return reason instanceof Error ? reason : new Error('the request is not wanted any more');
}
