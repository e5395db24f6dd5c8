/** Numbers that look random and are the same for the same seed (sfc32). */

export class Random {
  #a: number;
  #b: number;
  #c = 0x9e3779b9;
  #count = 1;

  /** @param parts integers; each combination gives another sequence */
  constructor(...parts: readonly number[]) {
    this.#a = parts[0] ?? 0;
    this.#b = parts[1] ?? 0;
    // The first results still resemble the seed.
    for (let round = 0; round < 12; round += 1) this.#next();
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** An integer from 0 up to, and without, `limit`. */
  below(limit: number): number {
    return Math.floor((this.#next() / 0x1_0000_0000) * limit);
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True this often in a hundred. */
  percent(share: number): boolean {
    return this.#next() / 0x1_0000_0000 < share / 100;
  }

  pick<T>(list: readonly T[]): T {
    const chosen = list[this.below(list.length)];
    if (chosen === undefined) throw new Error('there is nothing to pick from');
    return chosen;
  }
}
