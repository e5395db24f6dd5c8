// Questions of this server to the app (nginx: the subrequest of auth_request): a GET with the client's fields, whose
// answer is kept instead of being sent.
import type { UpstreamLocation } from '../config/location.js';
import type { Exchange, TunnelEnd } from '../http/exchange.js';
import type { AppAnswer, Subrequest } from '../http/order.js';
import type { AppRequest, ClientConnection, ResponseReceiver } from '../http1/client-connection.js';
import { ConnectionClosed } from '../http1/errors.js';
import type { ResponseStart } from '../http1/response-parser.js';
import type { UpstreamContext } from './attempts.js';
import type { Peer } from './balance.js';
import { endIfClientLeft, onClientLeft } from './client-left.js';
import { isOutOfDescriptors, upstreamFailure } from './failure.js';
import { fieldLine, isOfBody, requestFields, requestLine } from './request-headers.js';
import { readResponseHead } from './response-headers.js';
import { isClosed } from './retry.js';

/** Most of an answer's body that is kept, in bytes: a page that refuses, not a download. */
const MAX_BYTES = 256 * 1024;

/** Conditions and ranges are about the file, not about the answer to the question; the app must not answer 304. */
const ABOUT_FILE = /^(?:if-.*|range)$/;

/** The way to ask the app of a location. A question does no harm twice, so that it is tried again like any GET. */
export function createSubrequest(shared: UpstreamContext): Subrequest {
  return async (exchange, target, fields) => {
    const fault = shared.loop.faultOf(exchange.request);
    if (fault !== undefined) throw fault;
    const startedAt = performance.now();
    const request: AppRequest = {
      method: 'GET',
      head: `${requestLine('GET', target)}${askFields(exchange, fields)}${shared.loop.line}\r\n`,
      body: undefined,
      upgrades: false,
      isLast: false,
    };
    try {
      return await askPeers(shared, exchange, request);
    } finally {
      exchange.upstreamTime = performance.now() - startedAt;
    }
  };
}

async function askPeers(
  shared: UpstreamContext,
  exchange: Exchange,
  request: AppRequest,
): Promise<AppAnswer | undefined> {
  const { peers, location } = shared;
  const tried: Peer[] = [];
  let failure: Error | undefined;
  for (let peer = peers.choose(tried); peer !== undefined; peer = peers.choose(tried)) {
    try {
      const answer = await askPeer(peer, location, exchange, request);
      // The client has left, whatever the app would have said.
      if (answer === undefined) return undefined;
      shared.hasAnswered = true;
      peers.succeeded(peer);
      return answer;
    } catch (error) {
      if (isOutOfDescriptors(error as Error))
        throw upstreamFailure(error as Error, peer.name, shared.hasAnswered);
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
  location: UpstreamLocation,
  exchange: Exchange,
  request: AppRequest,
): Promise<AppAnswer | undefined> {
  try {
    return await askOnce(peer, location, exchange, request, 'takeIdle');
  } catch (error) {
    if (!isClosed(error as Error)) throw error;
    return await askOnce(peer, location, exchange, request, 'connect');
  }
}

async function askOnce(
  peer: Peer,
  location: UpstreamLocation,
  exchange: Exchange,
  request: AppRequest,
  take: 'takeIdle' | 'connect',
): Promise<AppAnswer | undefined> {
  if (endIfClientLeft(exchange.response, location)) return undefined;
  return await new Promise((resolve, reject) => {
    const released = (): void => {
      peer.active -= 1;
    };
    peer.active += 1;
    new Question(exchange, location, resolve, reject, released).send(peer.connections[take](), request);
  });
}

/** The client's fields, but for those that are replaced and those that are about its request. */
function askFields(exchange: Exchange, fields: readonly string[]): string {
  const replaced = new Set(fields.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  let lines = requestFields(
    exchange,
    (name) => replaced.has(name) || ABOUT_FILE.test(name) || isOfBody(name),
  );
  for (let index = 0; index < fields.length; index += 2) {
    lines += fieldLine(fields[index] ?? '', fields[index + 1] ?? '');
  }
  return lines;
}

/** One question under way. */
class Question implements ResponseReceiver {
  readonly #stopListening: () => void;
  readonly #resolve: (answer: AppAnswer | undefined) => void;
  readonly #reject: (error: Error) => void;
  readonly #released: () => void;
  readonly #chunks: Buffer[] = [];
  #connection: ClientConnection | undefined;
  #status = 0;
  #headers: readonly string[] = [];
  #bytes = 0;
  #over = false;

  /** @param released called when the connection is free again, or gone */
  constructor(
    { response }: Exchange,
    location: UpstreamLocation,
    resolve: (answer: AppAnswer | undefined) => void,
    reject: (error: Error) => void,
    released: () => void,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#released = released;
    this.#stopListening = onClientLeft(response, location, this.#clientLeft);
  }

  send(connection: ClientConnection, request: AppRequest): void {
    this.#connection = connection;
    connection.send(request, this);
  }

  readonly #clientLeft = (): void => {
    this.#answer(undefined);
    this.#connection?.abort(new Error('the client left'));
  };

  onSending(): void {}

  onSentSome(): void {}

  onSent(): void {}

  onInformational(): void {}

  onHead(start: ResponseStart): void {
    this.#status = start.status;
    this.#headers = readResponseHead(start).fields;
  }

  onData(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#bytes <= MAX_BYTES) {
      this.#chunks.push(Buffer.from(bytes));
      return;
    }
    this.#answer({ status: this.#status, headers: this.#headers, body: undefined });
    this.#connection?.abort(new Error('the answer is longer than what is kept of it'));
  }

  onEnd(): void {
    this.#leave();
    this.#answer({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#chunks) });
  }

  /** A question asks for no other protocol. */
  onUpgrade(_start: ResponseStart, end: TunnelEnd): void {
    end.destroy();
    this.onFailure(new ConnectionClosed());
  }

  onFailure(error: Error): void {
    this.#leave();
    if (this.#over) return;
    this.#finish();
    this.#reject(error);
  }

  #leave(): void {
    this.#connection = undefined;
    this.#released();
  }

  #answer(answer: AppAnswer | undefined): void {
    if (this.#over) return;
    this.#finish();
    this.#resolve(answer);
  }

  #finish(): void {
    this.#over = true;
    this.#stopListening();
  }
}
