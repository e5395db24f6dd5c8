// Things that happen any number of times for one cause or another: each cause is told by itself, since one that goes on for an
// hour would hide all others.
import { LogThrottle } from './log-throttle.js';

/** How many causes are told apart at once. */
const MOST = 32;

/** Throttles by cause, a bounded number of them. `T` is what is known of what happened. */
export class LogThrottles<T> {
  readonly #write: (latest: T, times: number) => void;
  readonly #most: number;
  readonly #throttles = new Map<string, LogThrottle<T>>();
  /** Of all causes beyond those. */
  readonly #others: LogThrottle<T>;

  /**
   * @param write writes a line: what happened last, and how often since the last line of the same cause
   * @param most causes that are told apart; the rest share their lines
   */
  constructor(write: (latest: T, times: number) => void, most = MOST) {
    this.#write = write;
    this.#most = most;
    this.#others = new LogThrottle(write);
  }

  /** It happened, for this cause. */
  tell(cause: string, latest: T): void {
    this.#throttleOf(cause).tell(latest);
  }

  /** Writes what has not been told yet; for the end. */
  flush(): void {
    for (const throttle of this.#throttles.values()) throttle.flush();
    this.#others.flush();
  }

  #throttleOf(cause: string): LogThrottle<T> {
    const known = this.#throttles.get(cause);
    if (known !== undefined) return known;
    if (this.#throttles.size >= this.#most) this.#forgetIdle();
    if (this.#throttles.size >= this.#most) return this.#others;
    const throttle = new LogThrottle(this.#write);
    this.#throttles.set(cause, throttle);
    return throttle;
  }

  #forgetIdle(): void {
    for (const [cause, throttle] of this.#throttles) if (throttle.isIdle) this.#throttles.delete(cause);
  }
}
