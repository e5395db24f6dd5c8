// The way of one request through the app's servers: choose one, try, and try again where that is safe.
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { UpstreamLocation } from '../config/location.js';
import { isHttpError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import type { AppOrder, Order, Redirector } from '../http/order.js';
import type { Peer, Peers } from './balance.js';
import type { AppRequest } from './connection.js';
import { SendTimeout, TotalTimeout, upstreamFailure } from './failure.js';
import { type Outcome, Relay, type RelayOptions, type Watch } from './relay.js';
import { IN_ONE_GO, type RequestBody } from './request-body.js';
import { framingLine, isOfBody, requestFields, requestLine } from './request-headers.js';
import type { ResponseStart } from './response-parser.js';
import { codeOf, isClosed, isRepeatable, mayTryAgain, mayTryNext } from './retry.js';
import { joinSockets, wantedProtocol } from './upgrade.js';

/** What all requests of a location share. */
export interface Passages {
  readonly location: UpstreamLocation;
  readonly peers: Peers;
  readonly relay: RelayOptions;
  /** Carries out what the app orders instead of answering. */
  readonly redirect: Redirector;
  readonly log: Logger;
  /** True once the app has answered a request, whatever it said. */
  hasAnswered: boolean;
}

/**
 * Sends one request to the app; settles as `Proxy.handle` promises.
 * @param order what an earlier answer ordered is asked for without the client's body, which that answer was for
 */
export function passToApp(
  shared: Passages,
  exchange: Exchange,
  body: RequestBody | undefined,
  order?: Order,
): Promise<void> {
  return new Promise((resolve, reject) =>
    new Passage(shared, exchange, body, order, resolve, reject).start(),
  );
}

class Passage implements Outcome, Watch {
  readonly #shared: Passages;
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
  /** True when the attempt's connection has carried a request before. */
  #kept = false;
  #sent = false;
  #triedAgain = false;
  #settled = false;
  #sendTimer: NodeJS.Timeout | undefined;
  #totalTimer: NodeJS.Timeout | undefined;

  constructor(
    shared: Passages,
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
    const { method = '' } = exchange.request;
    // As in nginx.
    this.#method = order === undefined || method === 'HEAD' ? method : 'GET';
    this.#upgrade = order === undefined ? wantedProtocol(exchange.request) : undefined;
    this.#repeatable = this.#upgrade === undefined && isRepeatable(this.#method, body);
  }

  start(): void {
    const { totalTimeout } = this.#shared.location;
    if (totalTimeout !== undefined && totalTimeout > 0) {
      this.#totalTimer = setTimeout(() => this.#relay?.cancel(new TotalTimeout()), totalTimeout);
    }
    this.#exchange.response.once('close', this.#clientLeft);
    this.#exchange.response.once('left', this.#clientLeft);
    const peer = this.#shared.peers.choose(this.#tried);
    if (peer !== undefined) this.#attempt(peer, false);
  }

  #attempt(peer: Peer, again: boolean): void {
    try {
      this.#request ??= this.#render();
    } catch (error) {
      // The client's request is at fault, not the server that was chosen for it.
      this.#settle();
      this.#reject(error as Error);
      return;
    }
    const { connections } = peer;
    // What must not be carried out twice never travels on a kept connection, which the app may be closing right now.
    const connection =
      this.#repeatable && !again
        ? connections.takeKept()
        : connections.takeFresh(this.#upgrade === undefined ? 'shared' : 'stream');
    const relay = new Relay(this.#exchange, this, this, this.#shared.relay, this.#order?.fields ?? NONE);
    this.#peer = peer;
    this.#relay = relay;
    this.#kept = connection.wasUsed;
    this.#sent = false;
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

  answered(): void {
    this.#shared.hasAnswered = true;
    if (this.#peer !== undefined) this.#shared.peers.succeeded(this.#peer);
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

  upgraded(start: ResponseStart, socket: Socket): void {
    this.#settle();
    this.#resolve(joinSockets(this.#exchange, start, socket));
  }

  broken(error: Error): void {
    const { exchange, name } = { exchange: this.#exchange, name: this.#peer?.name };
    // The client must not take half an answer for a whole one, not even where the end of the connection is its end.
    exchange.response.socket?.resetAndDestroy();
    exchange.response.destroy();
    this.#shared.log.error(
      { requestId: exchange.id, upstream: name, reason: error.message },
      'the app broke off within its answer; the client was cut off too',
    );
    this.done();
  }

  failed(error: Error): void {
    const { request, response } = this.#exchange;
    // The client broke off while its body was passed on: the app is not to blame, and nobody is there to be told.
    if (response.destroyed || (request.destroyed && !request.complete)) {
      this.done();
      return;
    }
    const next = this.#next(error);
    if (next === undefined) {
      this.#settle();
      const { name } = this.#peer ?? { name: '' };
      this.#reject(upstreamFailure(error, name, this.#shared.hasAnswered));
      return;
    }
    const { peer, again } = next;
    const fields = { requestId: this.#exchange.id, reason: codeOf(error), upstream: peer.name };
    this.#shared.log.debug(
      fields,
      again ? 'the request is tried again' : 'the request goes to another server',
    );
    this.#attempt(peer, again);
  }

  #next(error: Error): { peer: Peer; again: boolean } | undefined {
    const peer = this.#peer;
    if (peer === undefined || isHttpError(error) || error instanceof TotalTimeout) return undefined;
    const attempt = { error, sent: this.#sent };
    const { peers, log, location } = this.#shared;
    const alone = peers.all.length === 1;
    if (!this.#triedAgain && (this.#kept || alone) && mayTryAgain(attempt, this.#repeatable)) {
      this.#triedAgain = true;
      return { peer, again: true };
    }
    if (!(this.#kept && isClosed(error)) && peers.failed(peer)) {
      const fields = { upstream: peer.name, reason: codeOf(error), failTimeout: location.failTimeout };
      log.warn(fields, 'this server of the app is left out for --fail-timeout');
    }
    this.#tried.push(peer);
    if (!mayTryNext(attempt, this.#repeatable)) return undefined;
    const other = peers.choose(this.#tried);
    return other === undefined ? undefined : { peer: other, again: false };
  }

  readonly #clientLeft = (): void => {
    if (this.#settled) return;
    this.#relay?.forsake();
    if (this.#shared.location.abortOnClientClose) this.#relay?.cancel(new Error('the client left'));
    this.done();
  };

  #settle(): void {
    this.#settled = true;
    clearTimeout(this.#totalTimer);
    this.#exchange.response.off('close', this.#clientLeft);
    this.#exchange.response.off('left', this.#clientLeft);
    if (!this.#isConnected) this.#body?.close();
  }
}

const NONE: readonly string[] = [];
