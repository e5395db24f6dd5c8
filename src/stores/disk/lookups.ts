// What names mean on disk. A lookup (about 4 µs on a local disk, in this thread) is shared by the requests that are
// answered in one batch: a file that is asked for by many at once, and the directories above it, are looked up once.
import type { StatSyncFn, Stats } from 'node:fs';
import { currentBatch } from '../../http/batch.js';
import type { BytePath } from '../../http/target.js';
import { toSystemPath } from './names.js';

const QUIETLY = { throwIfNoEntry: false } as const;

/** Lookups of one kind. What a batch has found is kept until a look in a later one. */
export class Lookups {
  readonly #lookUp: StatSyncFn;
  readonly #found = new Map<BytePath, Stats | undefined>();
  #batch = 0;

  /** @param lookUp `lstatSync` for the names themselves, `statSync` for what they lead to */
  constructor(lookUp: StatSyncFn) {
    this.#lookUp = lookUp;
  }

  /**
   * What the name means; undefined when there is nothing. Outside of a batch, what it means at this moment.
   * @throws the system's error when it cannot be told
   */
  of(name: BytePath): Stats | undefined {
    const batch = currentBatch();
    if (batch === undefined) return this.#lookUp(toSystemPath(name), QUIETLY);
    if (batch !== this.#batch) {
      this.#batch = batch;
      this.#found.clear();
    }
    let found = this.#found.get(name);
    if (found === undefined && !this.#found.has(name)) {
      found = this.#lookUp(toSystemPath(name), QUIETLY);
      this.#found.set(name, found);
    }
    return found;
  }
}
