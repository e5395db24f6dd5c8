// What names mean on disk. A lookup (about 4 µs on a local disk, in this thread) is shared by the requests that are
// answered in one round: a file that is asked for by many at once, and the directories above it, are looked up once.
import type { StatSyncFn, Stats } from 'node:fs';
import type { BytePath } from '../http/target.js';
import { currentRound } from '../http/turn.js';
import { toSystemPath } from './names.js';

const QUIETLY = { throwIfNoEntry: false } as const;

/** Lookups of one kind. What a round has found is kept until a look in a later one. */
export class Lookups {
  readonly #lookUp: StatSyncFn;
  readonly #found = new Map<BytePath, Stats | undefined>();
  #round = 0;

  /** @param lookUp `lstatSync` for the names themselves, `statSync` for what they lead to */
  constructor(lookUp: StatSyncFn) {
    this.#lookUp = lookUp;
  }

  /**
   * What the name means; undefined when there is nothing. Outside of a round, what it means at this moment.
   * @throws the system's error when it cannot be told
   */
  of(name: BytePath): Stats | undefined {
    const round = currentRound();
    if (round === undefined) return this.#lookUp(toSystemPath(name), QUIETLY);
    if (round !== this.#round) {
      this.#round = round;
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
