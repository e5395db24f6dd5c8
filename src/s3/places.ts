// How many requests are with the store at once: more would be more sockets there and here, and no more bytes a second. Whoever
// finds no place waits for one; when too many wait, there is no use in another.
import { S3Error } from './errors.js';

/** A place, or a turn to get one. It is left once, in whichever state it is. */
export interface Place {
  /** Resolves when the place is taken; undefined when it is so at once. Never rejects. */
  readonly taken: Promise<void> | undefined;
  /** Gives it back, or gives up waiting. Further calls do nothing. */
  leave(): void;
}

/** A number of places. */
export class Places {
  readonly #most: number;
  readonly #mostWaiting: number;
  /** What tells those who wait that it is their turn, in the order in which they came. */
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
  }

  /** How many are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** How many wait for one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Takes a place, or waits for one.
   * @throws {S3Error} `busy`, when too many wait
   */
  take(): Place {
    if (this.#taken < this.#most) {
      this.#taken += 1;
      return { taken: undefined, leave: this.#leaving() };
    }
    if (this.#waiting.size >= this.#mostWaiting) {
      throw new S3Error(
        'busy',
        `${this.#most} requests are with the store, and ${this.#waiting.size} wait for their turn: no more are taken on`,
      );
    }
    let isTurn = (): void => {};
    const taken = new Promise<void>((resolve) => {
      isTurn = resolve;
    });
    this.#waiting.add(isTurn);
    return { taken, leave: this.#leaving(isTurn) };
  }

  #leaving(isTurn?: () => void): () => void {
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      // Whoever waits no more has a place.
      if (isTurn === undefined || !this.#waiting.delete(isTurn)) this.#passOn();
    };
  }

  /** A place is free: it is the one's who has waited longest. */
  #passOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#taken -= 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
