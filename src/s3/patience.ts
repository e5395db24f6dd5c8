// How long a request is waited for: until its time is up, whoever wants it says that they do not any more, or the client is
// closed. One thing is waited for at a time.

/** What stops that which is waited for. */
type Stop = (error: Error) => void;

/** The patience of one request. `end` frees its timer. */
export class Patience {
  readonly #signal: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  #stop: Stop | undefined;
  #over: Error | undefined;
  /** On the monotonic clock, in milliseconds. */
  readonly #until: number;

  /**
   * @param milliseconds for all of it
   * @param late makes the error of a time that is up
   */
  constructor(milliseconds: number, signal: AbortSignal | undefined, late: () => Error) {
    this.#until = performance.now() + milliseconds;
    this.#timer = setTimeout(() => this.lose(late()), milliseconds);
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

  /**
   * Waits for something.
   * @param begin starts it; it is handed what is to be called with that which stops it, when it can be stopped
   * @throws what `lose` was called with, when that comes before
   */
  wait<T>(begin: (stopped: (stop: Stop) => void) => Promise<T>): Promise<T> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    return new Promise<T>((resolve, reject) => {
      let stopIt: Stop | undefined;
      this.#stop = (error) => {
        reject(error);
        stopIt?.(error);
      };
      const done = (): void => {
        this.#stop = undefined;
      };
      begin((stop) => {
        stopIt = stop;
      }).then(
        (value) => {
          done();
          resolve(value);
        },
        (error: unknown) => {
          done();
          reject(error);
        },
      );
    });
  }

  /** Waits for a while. */
  sleep(milliseconds: number): Promise<void> {
    return this.wait(
      (stopped) =>
        new Promise((resolve) => {
          const timer = setTimeout(resolve, milliseconds);
          stopped(() => clearTimeout(timer));
        }),
    );
  }

  /** What is waited for is waited for no more. */
  lose(error: Error): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    const stop = this.#stop;
    this.#stop = undefined;
    stop?.(error);
  }

  /** Nothing is waited for any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    if (this.#signal !== undefined) this.lose(reasonOf(this.#signal));
  };
}

function reasonOf(signal: AbortSignal): Error {
  const { reason } = signal as { reason: unknown };
  return reason instanceof Error ? reason : new Error('the request is not wanted any more');
}
