// The way of one request through the app's servers: choose one, try, and try again where that is safe.
import type { Logger } from 'pino';
import type { UpstreamLocation } from '../config/location.js';
import { isHttpError } from '../http/errors.js';
import type { Exchange, TunnelEnd } from '../http/exchange.js';
import { fieldValue } from '../http/fields.js';
import type { AppOrder, Order, Redirector } from '../http/order.js';
import type { AppRequest, ClientConnection } from '../http1/client-connection.js';
import { MalformedMessage } from '../http1/errors.js';
import type { ResponseStart } from '../http1/response-parser.js';
import type { Peer } from './balance.js';
import { endIfClientLeft, onClientLeft } from './client-left.js';
import { explain, isOutOfDescriptors, SendTimeout, TotalTimeout, upstreamFailure } from './failure.js';
import type { LoopGuard } from './loop.js';
import { type Outcome, Relay, type RelayOptions, type Watch } from './relay.js';
import { IN_ONE_GO, type RequestBody } from './request-body.js';
import { framingLine, isOfBody, requestFields, requestLine } from './request-headers.js';
import { readResponseHead } from './response-headers.js';
import { codeOf, isFailure, isRepeatable, type Retry, retryAfter } from './retry.js';
import type { Servers } from './servers.js';

/** What all requests of a location share. */
export interface UpstreamContext {
  readonly location: UpstreamLocation;
  readonly servers: Servers;
  readonly relay: RelayOptions;
  /** Carries out what the app orders instead of answering. */
  readonly redirect: Redirector;
  /** Marks what is passed on. */
  readonly loop: LoopGuard;
  readonly log: Logger;
  /** True once the app has answered a request, whatever it said. */
  hasAnswered: boolean;
}

/**
 * Sends one request to the app; settles as `Proxy.handle` promises.
 * @param order what an earlier answer ordered is asked for without the client's body, which that answer was for
 */
export function passToApp(
  shared: UpstreamContext,
  exchange: Exchange,
  body: RequestBody | undefined,
  order?: Order,
): Promise<void> {
  return new Promise((resolve, reject) =>
    new Attempts(shared, exchange, body, order, resolve, reject).start(),
  );
}

class Attempts implements Outcome, Watch {
  readonly #shared: UpstreamContext;
  readonly #exchange: Exchange;
  readonly #body: RequestBody | undefined;
  readonly #order: Order | undefined;
  readonly #method: string;
  readonly #resolve: (end: void | Promise<void>) => void;
  readonly #reject: (error: Error) => void;
  readonly #upgrade: 'websocket' | undefined;
  readonly #repeatable: boolean;
  readonly #tried: Peer[] = [];
  #request: AppRequest | undefined;
  #peer: Peer | undefined;
  /** True while an attempt has a connection. */
  #isConnected = false;
  #relay: Relay | undefined;
  /** The attempt whose informational responses the client hears: those of others would tell it the same again. */
  #informant: Relay | undefined;
  /** What the attempt travels on; kept when it has carried a request before. */
  #connection: ClientConnection | undefined;
  #kept = false;
  #sent = false;
  #answered = false;
  /** True while a name is looked up for the next attempt. */
  #isLookingUp = false;
  /** Of the last attempt, while there may be another. */
  #failure: Error | undefined;
  /** How often the request has been sent. */
  #times = 0;
  #settled = false;
  #sendTimer: NodeJS.Timeout | undefined;
  #totalTimer: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;

  constructor(
    shared: UpstreamContext,
    exchange: Exchange,
    body: RequestBody | undefined,
    order: Order | undefined,
    resolve: (end: void | Promise<void>) => void,
    reject: (error: Error) => void,
  ) {
    this.#shared = shared;
    this.#exchange = exchange;
    this.#body = body;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#order = order;
    const { method, upgrade } = exchange.request;
    // As in nginx.
    this.#method = order === undefined || method === 'HEAD' ? method : 'GET';
    this.#upgrade = order === undefined ? upgrade : undefined;
    this.#repeatable = this.#upgrade === undefined && isRepeatable(this.#method, body);
  }

  start(): void {
    const { location } = this.#shared;
    const { response } = this.#exchange;
    if (endIfClientLeft(response, location)) {
      this.done();
      return;
    }
    const { totalTimeout } = location;
    if (totalTimeout !== undefined && totalTimeout > 0) {
      this.#totalTimer = setTimeout(() => this.#tookTooLong(), totalTimeout);
    }
    this.#stopListening = onClientLeft(response, location, this.#clientLeft);
    this.#attemptAt(this.#shared.servers.find(this.#tried, this.#mayUseKept));
  }

  /** What must not be sent once more never travels on a kept connection, which the app may be closing right now. */
  get #mayUseKept(): boolean {
    return this.#repeatable && this.#times === 0;
  }

  #attemptAt(found: Peer | undefined | Promise<Peer | undefined>): void {
    if (!(found instanceof Promise)) {
      this.#attempt(found);
      return;
    }
    this.#isLookingUp = true;
    found
      .then((peer) => {
        this.#isLookingUp = false;
        if (!this.#settled) this.#attempt(peer);
      })
      .catch((error: Error) => {
        this.#settle();
        this.#reject(error);
      });
  }

  #attempt(peer: Peer | undefined): void {
    const failure = this.#failure;
    if (peer === undefined) {
      this.#fail(failure ?? this.#shared.servers.failure());
      return;
    }
    if (failure !== undefined) {
      const fields = { requestId: this.#exchange.id, reason: codeOf(failure), upstream: peer.name };
      const isSame = peer === this.#peer;
      this.#shared.log.debug(
        fields,
        isSame ? 'the request is tried again' : 'the request goes to another server',
      );
    }
    try {
      this.#request ??= this.#render();
    } catch (error) {
      // The client's request is at fault, not the server that was chosen for it.
      this.#settle();
      this.#reject(error as Error);
      return;
    }
    const { connections } = peer;
    const connection = this.#mayUseKept ? connections.takeIdle() : connections.connect();
    const relay = new Relay(this.#exchange, this, this, this.#shared.relay, this.#order?.fields ?? NONE);
    this.#peer = peer;
    this.#relay = relay;
    this.#connection = connection;
    this.#kept = connection.wasUsed;
    this.#sent = false;
    this.#answered = false;
    this.#isConnected = true;
    peer.active += 1;
    relay.send(connection, this.#request);
  }

  #render(): AppRequest {
    const exchange = this.#exchange;
    const body = this.#body;
    const isOrdered = this.#order !== undefined;
    let head = requestLine(this.#method, (this.#order ?? exchange).target.raw);
    head += requestFields(exchange, isOrdered ? isOfBody : undefined);
    head += this.#shared.loop.line;
    if (this.#upgrade !== undefined) head += `Connection: Upgrade\r\nUpgrade: ${this.#upgrade}\r\n`;
    else if (!this.#repeatable) head += 'Connection: close\r\n';
    if (!isOrdered) head += framingLine(exchange, body);
    return {
      method: this.#method,
      head: `${head}\r\n`,
      body,
      upgrades: this.#upgrade !== undefined,
      isLast: !this.#repeatable,
    };
  }

  // What the attempt reports.

  sending(): void {
    this.#sent = true;
    this.#times += 1;
    if (this.#body === undefined || (this.#body.size !== undefined && this.#body.size <= IN_ONE_GO)) return;
    const limit = this.#shared.location.upstreamSendTimeout;
    if (limit > 0) this.#sendTimer = setTimeout(this.#sendTimedOut, limit);
  }

  sentSome(): void {
    this.#sendTimer?.refresh();
  }

  sent(): void {
    clearTimeout(this.#sendTimer);
  }

  readonly #sendTimedOut = (): void => {
    // A body that is passed on as it comes may be waiting for its client; that is no fault of the app.
    const client = this.#exchange.request;
    const waitingForClient = this.#body?.replayable === false && !client.complete && !client.body.isPaused();
    if (waitingForClient) this.#sendTimer?.refresh();
    else this.#relay?.cancel(new SendTimeout());
  };

  mayInform(): boolean {
    this.#informant ??= this.#relay;
    return this.#informant === this.#relay;
  }

  answered(): void {
    this.#answered = true;
    this.#shared.hasAnswered = true;
    if (this.#peer !== undefined) this.#shared.servers.peers.succeeded(this.#peer);
  }

  released(): void {
    clearTimeout(this.#sendTimer);
    if (!this.#isConnected) return;
    this.#isConnected = false;
    if (this.#peer !== undefined) this.#peer.active -= 1;
    if (this.#settled) this.#body?.close();
  }

  // What becomes of it.

  done(): void {
    this.#settle();
    this.#resolve();
  }

  ordered(order: AppOrder): void {
    this.#settle();
    this.#resolve(this.#shared.redirect(this.#exchange, order));
  }

  upgraded(start: ResponseStart, end: TunnelEnd): void {
    const exchange = this.#exchange;
    // RFC 9110 §15.2.2: the app says which protocol, and we do not say it in its place.
    if (fieldValue(start.fields, 'upgrade')?.toLowerCase() !== this.#upgrade) {
      end.destroy();
      this.failed(new MalformedMessage('switches to another protocol than it was asked for'));
      return;
    }
    this.#settle();
    exchange.upgraded = true;
    const fields = ['Connection', 'Upgrade', 'Upgrade', 'websocket', ...readResponseHead(start).fields];
    const count = (bytes: number): void => {
      exchange.bytes += bytes;
    };
    const over = exchange.response.switchProtocols(fields, end, this.#shared.location.sendTimeout, count);
    const peer = this.#peer;
    if (peer === undefined) {
      this.#resolve(over);
      return;
    }
    // The server has it as long as it lasts.
    peer.active += 1;
    const ended = (): void => {
      peer.active -= 1;
    };
    this.#resolve(over.finally(ended));
  }

  broken(error: Error): void {
    this.#shared.log.error(
      { requestId: this.#exchange.id, upstream: this.#peer?.name, reason: explain(error) },
      'the app broke off within its answer; the client got what came of it, and was cut off',
    );
  }

  failed(error: Error): void {
    const { request, response } = this.#exchange;
    // The client broke off while its body was passed on: the app is not to blame, and nobody is there to be told.
    const hasLeft = request.destroyed && !request.complete && request.fault === undefined;
    if (response.destroyed || hasLeft) {
      this.done();
      return;
    }
    const peer = this.#peer;
    const retry = peer === undefined ? undefined : this.#retryAfter(error, peer);
    if (peer === undefined || retry === undefined) {
      this.#fail(error);
      return;
    }
    this.#failure = error;
    const { servers } = this.#shared;
    this.#attemptAt(
      retry === 'again' ? servers.confirm(peer, this.#tried) : servers.find(this.#tried, this.#mayUseKept),
    );
  }

  #retryAfter(error: Error, peer: Peer): Retry | undefined {
    if (isHttpError(error) || error instanceof TotalTimeout) return undefined;
    // No other server would be reached either, and this one has done nothing.
    if (isOutOfDescriptors(error)) return undefined;
    const attempt = {
      error,
      kept: this.#kept,
      rested: this.#connection?.rested ?? 0,
      sent: this.#sent,
      heard: this.#connection?.hasHeard === true,
      answered: this.#answered,
    };
    const retry = retryAfter(attempt, this.#repeatable, this.#times);
    const { peers } = this.#shared.servers;
    if (isFailure(attempt)) peers.failed(peer, error);
    if (retry === 'again') return retry;
    this.#tried.push(peer);
    if (attempt.sent) this.#tried.push(...peers.twinsOf(peer));
    return retry;
  }

  /** No server is asked any more. */
  #fail(error: Error): void {
    const { servers, hasAnswered } = this.#shared;
    this.#settle();
    this.#reject(upstreamFailure(error, this.#peer?.name ?? servers.name, hasAnswered));
  }

  #tookTooLong(): void {
    const error = new TotalTimeout();
    if (this.#isLookingUp) this.#fail(error);
    else this.#relay?.cancel(error);
  }

  readonly #clientLeft = (): void => {
    if (this.#settled) return;
    this.#relay?.abandon();
    if (this.#shared.location.abortOnClientClose) this.#relay?.cancel(new Error('the client left'));
    this.done();
  };

  #settle(): void {
    this.#settled = true;
    clearTimeout(this.#totalTimer);
    this.#stopListening?.();
    if (!this.#isConnected) this.#body?.close();
  }
}

const NONE: readonly string[] = [];
