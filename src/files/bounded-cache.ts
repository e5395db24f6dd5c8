// What is kept in memory up to a number of bytes.

const CONSIDERED = 8;

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
   * @param limit in bytes; 0 keeps nothing
   * @param cost of one value, in bytes; always the same for the same value
   */
  constructor(limit: number, cost: (value: T) => number) {
    this.#limit = limit;
    this.#cost = cost;
  }

  /** Bytes kept now. */
  get bytes(): number {
    return this.#bytes;
  }

  find(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.used = true;
    return entry.value;
  }

  /** @param value for which there is room */
  keep(key: string, value: T): void {
    this.forget(key);
    this.#entries.set(key, { value, used: false });
    this.#bytes += this.#cost(value);
  }

  forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= this.#cost(entry.value);
  }

  /** Second chance: entries go until there is room, or until one is met that was used since it was put in line. */
  hasRoomFor(bytes: number): boolean {
    if (bytes > this.#limit) return false;
    if (this.#bytes + bytes > this.#limit && ++this.#turnedAway % CONSIDERED !== 0) return false;
    for (const [key, entry] of this.#entries) {
      if (this.#bytes + bytes <= this.#limit) return true;
      if (entry.used) {
        entry.used = false;
        this.#entries.delete(key);
        this.#entries.set(key, entry);
        return false;
      }
      this.forget(key);
    }
    return true;
  }
}
