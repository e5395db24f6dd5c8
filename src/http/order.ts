// What an app can order instead of answering itself (nginx: X-Accel-Redirect, X-Accel-Limit-Rate; Apache: X-Sendfile).
// These types are what the rooms hand each other; server/redirect.ts carries an order out.
import type { Exchange } from './exchange.js';
import type { Target } from './target.js';

/** The app's instructions, as they stand in its response. */
export interface AppOrder {
  /** `redirect`: a path as in a request. `sendfile`: a path on disk. */
  readonly kind: 'redirect' | 'sendfile';
  /** As received, one character for each byte. */
  readonly value: string;
  /** Fields of the app's response that belong to the file it orders, names and values in turn. */
  readonly fields: readonly string[];
  /** Bytes a second, for a file; 0 when not limited. */
  readonly limitRate: number;
}

/** An order on its way to the location that carries it out. */
export interface Order {
  /** What is to be sent; inside the location. */
  readonly target: Target;
  /** See AppOrder; they replace the location's own. */
  readonly fields: readonly string[];
  /** See AppOrder. */
  readonly limitRate: number;
}

/** Carries an order out: the request is answered by the location that the order leads to. */
export type Redirector = (exchange: Exchange, order: AppOrder) => Promise<void>;

/** The app's answer to a question of this server. */
export interface AppAnswer {
  readonly status: number;
  /** Names and values in turn, without those that are not for the client. */
  readonly headers: readonly string[];
  /** Undefined when there was more of it than is kept. */
  readonly body: Buffer | undefined;
}

/**
 * Asks the app at a path of its own, with GET and with the fields of the client's request.
 * Resolves with undefined when the client has left; rejects with an HttpError when the app does not answer.
 * @param target path and query
 * @param fields names and values in turn; they replace the client's
 */
export type Subrequest = (
  exchange: Exchange,
  target: string,
  fields: readonly string[],
) => Promise<AppAnswer | undefined>;
