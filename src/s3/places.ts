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

/** A number of places. Those who go on with what they have begun, and those who begin, wait for their turn in two lines. */
export class Places {
  readonly #most: number;
  readonly #mostBeginning: number;
  /** What tells those who wait that it is their turn, in the order in which they came. */
  readonly #beginning = new Set<() => void>();
  readonly #goingOn = new Set<() => void>();
  /** Whose turn is next, where somebody waits in both lines: one of each, so that neither keeps the other waiting for ever. */
  #isForGoingOn = true;
  #taken = 0;

  /** @param mostBeginning most who wait to begin; whoever has begun is not turned away */
  constructor(most: number, mostBeginning: number) {
    this.#most = most;
    this.#mostBeginning = mostBeginning;
  }

  /** How many are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** How many wait for one. */
  get waiting(): number {
    return this.#beginning.size + this.#goingOn.size;
  }

  /**
   * Takes a place, or waits for one.
   * @param isGoingOn for what has been begun: a client has half of it
   * @throws {S3Error} `busy`, when too many wait to begin
   */
  take(isGoingOn = false): Place {
    if (this.#taken < this.#most) {
      this.#taken += 1;
      return { taken: undefined, leave: this.#leaving() };
    }
    if (!isGoingOn && this.#beginning.size >= this.#mostBeginning) {
      throw new S3Error(
        'busy',
        `${this.#most} requests are with the store, and ${this.#beginning.size} wait for their turn: no more are taken on`,
      );
    }
    const line = isGoingOn ? this.#goingOn : this.#beginning;
    let isTurn = (): void => {};
    const taken = new Promise<void>((resolve) => {
      isTurn = resolve;
    });
    line.add(isTurn);
    return { taken, leave: this.#leaving(() => line.delete(isTurn)) };
  }

  /** @param giveUp stops waiting; false when it was its turn already */
  #leaving(giveUp?: () => boolean): () => void {
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      // Whoever waits no more has a place.
      if (giveUp?.() !== true) this.#passOn();
    };
  }

  /** A place is free: it is the one's who has waited longest in the line whose turn it is. */
  #passOn(): void {
    const lines = this.#isForGoingOn ? [this.#goingOn, this.#beginning] : [this.#beginning, this.#goingOn];
    for (const line of lines) {
      const [next] = line;
      if (next === undefined) continue;
      line.delete(next);
      this.#isForGoingOn = line === this.#beginning;
      next();
      return;
    }
    this.#taken -= 1;
  }
}
