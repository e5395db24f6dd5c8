// Signatures that are still good: a store takes one for a quarter of an hour, so that what is asked for again within a minute is
// not signed again. Signing costs as much as all else that is done here for a small object.

import type { MayWait } from '../http/may-wait.js';
import { ownString } from '../http/own-string.js';
import type { Credentials } from './credentials.js';
import { type SigningScope, signedFields } from './signing.js';

/** How long one is used, in milliseconds: little beside the quarter of an hour, of which a clock that is wrong takes some. */
const USED_FOR = 60_000;
/** Characters of all that are kept; some 8,000 signatures. */
const MOST_KEPT = 4 * 1024 * 1024;

/** The signatures of one bucket's requests, in memory only. */
export class Signatures {
  readonly #scope: SigningScope;
  /** A new one for each beginning. */
  #kept = new Map<string, string>();
  #credentials: Credentials | undefined;
  /** By the store's clock, in milliseconds since the epoch: what is kept is not older. */
  #since = 0;
  #characters = 0;

  constructor(scope: SigningScope) {
    this.#scope = scope;
  }

  /**
   * The lines that make a request without a body a signed one, Range among them.
   * @param path as it is sent
   * @param range the value of the field
   * @param at milliseconds since the epoch, as the store counts them
   */
  linesFor(
    credentials: Credentials,
    method: 'GET' | 'HEAD',
    path: string,
    range: string | undefined,
    at: number,
  ): MayWait<string> {
    const age = at - this.#since;
    if (credentials !== this.#credentials || age < 0 || age >= USED_FOR) this.#beginAnew(credentials, at);
    const key = range === undefined ? `${method} ${path}` : `${method} ${path} ${range}`;
    return this.#kept.get(key) ?? this.#sign(credentials, method, path, range, at, key);
  }

  async #sign(
    credentials: Credentials,
    method: 'GET' | 'HEAD',
    path: string,
    range: string | undefined,
    at: number,
    key: string,
  ): Promise<string> {
    const kept = this.#kept;
    const fields: Record<string, string> = range === undefined ? {} : { range };
    const lines = ownString(await signedFields(this.#scope, credentials, method, path, fields, at));
    const characters = key.length + lines.length;
    // What is kept by now is another's, or of another time.
    if (kept !== this.#kept) return lines;
    if (this.#characters + characters > MOST_KEPT) this.#beginAnew(credentials, at);
    this.#kept.set(ownString(key), lines);
    this.#characters += characters;
    return lines;
  }

  #beginAnew(credentials: Credentials, at: number): void {
    this.#kept = new Map();
    this.#characters = 0;
    this.#credentials = credentials;
    this.#since = at;
  }
}
