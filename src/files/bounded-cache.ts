// A cache bounded by bytes: second chance (CLOCK), which lets only some of what is new come in at all.

import { ownString } from '../http/own-string.js';

const CONSIDERED_EVERY = 8;

/**
 * When it is full, only every eighth new one is considered. Then the one that came first goes, unless it was asked for
 * since it was last spared: it is spared once more, and the new one turned away. So what is asked for again and again
 * comes in, while a walk through all files neither empties the cache nor pays for filling it; where all are asked for
 * alike, exchanging one for another gains nothing and costs more than the read.
 */
export class BoundedCache<T> {
  readonly #limit: number;
  readonly #cost: (value: T) => number;
  readonly #entries = new Map<string, { readonly value: T; used: boolean }>();
  #bytes = 0;
  #turnedAway = 0;

  /**
   * @param limit in bytes; 0 caches nothing
   * @param cost of one value, in bytes; always the same for the same value
   */
  constructor(limit: number, cost: (value: T) => number) {
    this.#limit = limit;
    this.#cost = cost;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.used = true;
    return entry.value;
  }

  /** @param value for which there is room */
  set(key: string, value: T): void {
    this.delete(key);
    this.#entries.set(ownString(key), { value, used: false });
    this.#bytes += this.#cost(value);
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= this.#cost(entry.value);
  }

  /**
   * Whether there is room for so many bytes, which is made by second chance: entries go until there is, or until one is
   * met that was used since it was put in line.
   */
  makeRoomFor(bytes: number): boolean {
    if (bytes > this.#limit) return false;
    if (this.#bytes + bytes > this.#limit && ++this.#turnedAway % CONSIDERED_EVERY !== 0) return false;
    for (const [key, entry] of this.#entries) {
      if (this.#bytes + bytes <= this.#limit) return true;
      if (entry.used) {
        entry.used = false;
        this.#entries.delete(key);
        this.#entries.set(key, entry);
        return false;
      }
      this.delete(key);
    }
    return true;
  }
}
