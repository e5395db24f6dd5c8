// What would be said for every request or connection as long as a shortage lasts is said at once, and then at most once a
// minute, with how often it was: a log that grows with an attack fills the disk, and hides everything else.

/** How long lies between two lines, in milliseconds. */
const INTERVAL = 60_000;

/** One thing that may happen any number of times. `T` is what is known of it. */
export class LogThrottle<T> {
  readonly #write: (latest: T, times: number) => void;
  readonly #interval: number;
  #latest: T | undefined;
  /** Since the last line. */
  #times = 0;
  /** Runs while no line may be written. */
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param write writes a line: what happened last, and how often since the last line
   * @param interval in milliseconds
   */
  constructor(write: (latest: T, times: number) => void, interval = INTERVAL) {
    this.#write = write;
    this.#interval = interval;
  }

  /** It happened. */
  tell(latest: T): void {
    this.#latest = latest;
    this.#times += 1;
    if (this.#timer === undefined) this.#begin();
  }

  /** True when it has not happened for so long that it would be told at once. */
  get isIdle(): boolean {
    return this.#timer === undefined;
  }

  /** Writes what has not been told yet; for the end. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const latest = this.#latest;
    const times = this.#times;
    this.#latest = undefined;
    this.#times = 0;
    if (times > 0) this.#write(latest as T, times);
  }

  #begin(): void {
    this.flush();
    this.#timer = setTimeout(() => {
      if (this.#times > 0) this.#begin();
      else this.#timer = undefined;
    }, this.#interval);
    // It keeps no process alive that has nothing else to do.
    this.#timer.unref();
  }
}
