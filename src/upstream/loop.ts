// Requests that come back (RFC 8586, CDN-Loop): an app's address that leads to this server, or to another that sends them
// here, would have one request go round until no descriptor is left. What is passed on carries a mark; what carries too
// many marks is refused. It is not Via: on account of that, servers stop compressing (RFC 8586 §1.1).
import { randomBytes } from 'node:crypto';
import { LoopDetectedError } from '../http/errors.js';
import type { ClientRequest } from '../http/exchange.js';

/** The pseudonym of every media-serve (RFC 8586 §2, cdn-id). */
const NAME = 'media-serve';
/** One of them in the list, and its parameters. */
const MARK = /(?:^|,)[\t ]*media-serve[\t ]*(?=[;,]|$)([^,]*)/g;

/**
 * How often a request may have passed this very server before. Once does no harm: a cache or a converter behind it may
 * have its own origin here, under another prefix.
 */
const MAX_OWN = 1;

/**
 * How many of this kind it may have passed, whoever they are: several processes behind a balancer know each other by
 * their name only. Nobody has so many in a row.
 */
const MAX_ALL = 8;

/**
 * Marks requests and knows its mark. Clients can forge marks, and the only request that is refused for them is their own:
 * nothing is remembered, and the refusal is not stored.
 */
export class LoopGuard {
  /** The field for the app, as a line. Behind those that came (RFC 8586 §2) it continues their list (RFC 9110 §5.3). */
  readonly line: string;
  readonly #id = `id=${randomBytes(8).toString('hex')}`;

  constructor() {
    this.line = `CDN-Loop: ${NAME};${this.#id}\r\n`;
  }

  /** Why the request must not go on, if it must not. */
  faultOf({ headers }: Pick<ClientRequest, 'headers'>): Error | undefined {
    const list = headers['cdn-loop'];
    return list === undefined ? undefined : this.#judge(String(list));
  }

  #judge(list: string): Error | undefined {
    let all = 0;
    let own = 0;
    for (const [, parameters = ''] of list.matchAll(MARK)) {
      all += 1;
      if (parameters.includes(this.#id)) own += 1;
      if (own > MAX_OWN) return new LoopDetectedError(`this server has passed it on ${own} times`);
      if (all > MAX_ALL) return new LoopDetectedError(`${all} servers of this kind have passed it on`);
    }
    return undefined;
  }
}
