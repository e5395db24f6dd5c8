// Questions of this server to the app (nginx: the subrequest of auth_request): a GET with the client's fields, whose
// answer is kept instead of being sent.
import type { Dispatcher } from 'undici';
import type { Exchange } from '../http/exchange.js';
import type { AppAnswer, Ask } from '../http/order.js';
import type { Peer } from './balance.js';
import { upstreamFailure } from './failure.js';
import type { Passages } from './passage.js';
import { requestHeaders, withoutBody } from './request-headers.js';
import { readResponseHead } from './response-headers.js';
import { isClosed } from './retry.js';

/** Most of an answer's body that is kept, in bytes: a page that refuses, not a download. */
const MOST = 256 * 1024;

/** Conditions and ranges are about the file, not about the answer to the question; the app must not answer 304. */
const ABOUT_FILE = /^(?:if-.*|range)$/;

/** The way to ask the app of a location. A question does no harm twice, so that it is tried again like any GET. */
export function createAsk(shared: Passages): Ask {
  return async (exchange, target, fields) => {
    const startedAt = performance.now();
    const options = {
      method: 'GET',
      path: target,
      headers: askHeaders(exchange, fields),
      body: null,
    } satisfies Dispatcher.DispatchOptions;
    try {
      return await askPeers(shared, exchange, options);
    } finally {
      exchange.upstreamTime = performance.now() - startedAt;
    }
  };
}

async function askPeers(
  shared: Passages,
  exchange: Exchange,
  options: Dispatcher.DispatchOptions,
): Promise<AppAnswer | undefined> {
  const { peers } = shared;
  const tried: Peer[] = [];
  let failure: Error | undefined;
  for (let peer = peers.choose(tried); peer !== undefined; peer = peers.choose(tried)) {
    try {
      const answer = await askPeer(peer, exchange, options);
      shared.hasAnswered = true;
      peers.succeeded(peer);
      return answer;
    } catch (error) {
      peers.failed(peer);
      failure = upstreamFailure(error as Error, peer.name, shared.hasAnswered);
      tried.push(peer);
    }
  }
  throw failure ?? new Error('no server of the app was asked');
}

/** Asks on a kept connection, and once more on a fresh one when the app closed that. */
async function askPeer(
  peer: Peer,
  exchange: Exchange,
  options: Dispatcher.DispatchOptions,
): Promise<AppAnswer | undefined> {
  try {
    return await askOnce(peer, exchange, options, 'takeKept');
  } catch (error) {
    if (!isClosed(error as Error)) throw error;
    return await askOnce(peer, exchange, options, 'takeFresh');
  }
}

function askOnce(
  peer: Peer,
  exchange: Exchange,
  options: Dispatcher.DispatchOptions,
  take: 'takeKept' | 'takeFresh',
): Promise<AppAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const line = peer.connections[take]();
    const released = (): void => {
      peer.active -= 1;
      peer.connections.give(line);
    };
    peer.active += 1;
    line.client.dispatch(options, new Question(exchange, resolve, reject, released));
  });
}

function askHeaders(exchange: Exchange, fields: readonly string[]): string[] {
  const replaced = new Set(fields.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  const own = withoutBody(requestHeaders(exchange, undefined)).filter((_, index, all) => {
    const name = all[index - (index % 2)]?.toLowerCase() ?? '';
    return !replaced.has(name) && !ABOUT_FILE.test(name);
  });
  return [...own, ...fields];
}

/** One question under way; see Relay for the hooks. */
class Question implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #resolve: (answer: AppAnswer | undefined) => void;
  readonly #reject: (error: Error) => void;
  readonly #released: () => void;
  readonly #chunks: Buffer[] = [];
  #abort: ((reason: Error) => void) | undefined;
  #status = 0;
  #headers: readonly string[] = [];
  #bytes = 0;
  #over = false;

  /** @param released called when the connection is free again, or gone */
  constructor(
    exchange: Exchange,
    resolve: (answer: AppAnswer | undefined) => void,
    reject: (error: Error) => void,
    released: () => void,
  ) {
    this.#exchange = exchange;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#released = released;
    exchange.response.once('close', this.#clientLeft);
  }

  readonly #clientLeft = (): void => {
    this.#answer(undefined);
    this.#abort?.(new Error('the client left'));
  };

  onConnect(abort: (reason?: Error) => void): void {
    this.#abort = abort;
    if (this.#over) abort(new Error('the client left'));
  }

  onHeaders(status: number, raw: Buffer[]): boolean {
    if (status < 200) return true;
    this.#status = status;
    this.#headers = readResponseHead(status, raw).fields;
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes <= MOST) {
      this.#chunks.push(chunk);
      return true;
    }
    this.#answer({ status: this.#status, headers: this.#headers, body: undefined });
    this.#abort?.(new Error('the answer is longer than what is kept of it'));
    return true;
  }

  onComplete(): void {
    this.#released();
    this.#answer({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#chunks) });
  }

  onError(error: Error): void {
    this.#released();
    if (this.#over) return;
    this.#finish();
    this.#reject(error);
  }

  #answer(answer: AppAnswer | undefined): void {
    if (this.#over) return;
    this.#finish();
    this.#resolve(answer);
  }

  #finish(): void {
    this.#over = true;
    this.#exchange.response.off('close', this.#clientLeft);
  }
}
