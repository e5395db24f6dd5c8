// What the operator is told once and not again, where others may make up any number of such things: names that are asked for,
// codes of a store. Beside log-throttles.ts, which is for what happens and passes: this is for what stays as it is until
// somebody has mended it, and has been told by then.
import { ownString } from './own-string.js';

/** Remembers what has been told, up to a bound; with so many, the mistake is known, and there is no more news. */
export class ToldOnce {
  readonly #most: number;
  readonly #told = new Set<string>();

  /** @param most things that are told, each once */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether it is to be told. */
  isNews(thing: string): boolean {
    return this.#told.size < this.#most && !this.#told.has(thing);
  }

  /**
   * It is told now.
   * @returns false when there is no need to
   */
  remember(thing: string): boolean {
    const isNews = this.isNews(thing);
    if (isNews) this.#told.add(ownString(thing));
    return isNews;
  }
}
