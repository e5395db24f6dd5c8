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
import type { Relocate } from './own-location.js';
import { fieldLine, isOfBody, requestFields, requestLine } from './request-headers.js';
import { readResponseHead } from './response-headers.js';
import { type FailedAttempt, isFailure, retryAfter } from './retry.js';

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
  const { servers, location } = shared;
  if (endIfClientLeft(exchange.response, location)) return undefined;
  const tried: Peer[] = [];
  let times = 0;
  let failure: Error | undefined;
  let peer = await servers.find(tried, true);
  for (;;) {
    if (peer === undefined) {
      throw failure ?? upstreamFailure(servers.failure(), servers.name, shared.hasAnswered);
    }
    // It may have left while a name was looked up, or a server asked.
    if (endIfClientLeft(exchange.response, location)) return undefined;
    const question = new Question(exchange, location, peer, shared.relay.relocate);
    const result = await question.ask(times === 0, request);
    if (!(result instanceof Error)) {
      if (result === undefined) return undefined;
      shared.hasAnswered = true;
      servers.peers.succeeded(peer);
      return result;
    }
    failure = upstreamFailure(result, peer.name, shared.hasAnswered);
    if (isOutOfDescriptors(result)) throw failure;
    const attempt = question.failed(result);
    if (attempt.sent) times += 1;
    const retry = retryAfter(attempt, true, times);
    if (isFailure(attempt)) servers.peers.failed(peer, result);
    if (retry === 'again') {
      peer = await servers.confirm(peer, tried);
      continue;
    }
    tried.push(peer);
    if (attempt.sent) tried.push(...servers.peers.twinsOf(peer));
    peer = retry === 'next' ? await servers.find(tried, times === 0) : undefined;
  }
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
  readonly #peer: Peer;
  readonly #relocate: Relocate | undefined;
  readonly #stopListening: () => void;
  readonly #chunks: Buffer[] = [];
  #settle: ((result: AppAnswer | Error | undefined) => void) | undefined;
  #connection: ClientConnection | undefined;
  /** True until the connection is free again, or gone. */
  #isUnderWay = false;
  #kept = false;
  #sent = false;
  #status = 0;
  #headers: readonly string[] = [];
  #bytes = 0;

  constructor(
    { response }: Exchange,
    location: UpstreamLocation,
    peer: Peer,
    relocate: Relocate | undefined,
  ) {
    this.#peer = peer;
    this.#relocate = relocate;
    this.#stopListening = onClientLeft(response, location, this.#clientLeft);
  }

  /** Resolves with the answer, or why there is none; with undefined when the client has left. */
  ask(mayUseKept: boolean, request: AppRequest): Promise<AppAnswer | Error | undefined> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      const { connections } = this.#peer;
      const connection = mayUseKept ? connections.takeIdle() : connections.connect();
      this.#kept = connection.wasUsed;
      this.#connection = connection;
      this.#isUnderWay = true;
      this.#peer.active += 1;
      connection.send(request, this);
    });
  }

  /** What is known of the attempt, when it has failed. */
  failed(error: Error): FailedAttempt {
    return {
      error,
      kept: this.#kept,
      rested: this.#connection?.rested ?? 0,
      sent: this.#sent,
      heard: this.#connection?.hasHeard === true,
      answered: this.#status > 0,
    };
  }

  readonly #clientLeft = (): void => {
    this.#finish(undefined);
    this.#abort(new Error('the client left'));
  };

  onSending(): void {
    this.#sent = true;
  }

  onSentSome(): void {}

  onSent(): void {}

  onInformational(): void {}

  onHead(start: ResponseStart): void {
    this.#status = start.status;
    this.#headers = readResponseHead(start, this.#relocate).fields;
  }

  onData(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#bytes <= MAX_BYTES) {
      this.#chunks.push(Buffer.from(bytes));
      return;
    }
    this.#finish({ status: this.#status, headers: this.#headers, body: undefined });
    this.#abort(new Error('the answer is longer than what is kept of it'));
  }

  onEnd(): void {
    this.#leave();
    this.#finish({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#chunks) });
  }

  /** A question asks for no other protocol. */
  onUpgrade(_start: ResponseStart, end: TunnelEnd): void {
    end.destroy();
    this.onFailure(new ConnectionClosed());
  }

  onFailure(error: Error): void {
    this.#leave();
    this.#finish(error);
  }

  /** The connection may be another request's by now. */
  #abort(error: Error): void {
    if (this.#isUnderWay) this.#connection?.abort(error);
  }

  #leave(): void {
    if (this.#isUnderWay) this.#peer.active -= 1;
    this.#isUnderWay = false;
  }

  /** The first call tells what becomes of the question. */
  #finish(result: AppAnswer | Error | undefined): void {
    this.#stopListening();
    this.#settle?.(result);
    this.#settle = undefined;
  }
}
