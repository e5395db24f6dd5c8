// The proxy_pass role (nginx: ngx_http_proxy_module): request head → body → dispatch → response.
import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { Dispatcher } from 'undici';
import { formatAddress } from '../config/address.js';
import type { UpstreamLocation } from '../config/location.js';
import type { Exchange } from '../http/exchange.js';
import type { Ask, Order, Redirector } from '../http/order.js';
import { createAsk } from './ask.js';
import { upstreamFailure } from './failure.js';
import { createPool } from './pool.js';
import { Relay } from './relay.js';
import { requestHeaders, withoutBody } from './request-headers.js';
import { joinSockets, wantedProtocol } from './upgrade.js';

/** Answers requests with what the app says to them. */
export interface Proxy {
  /** Resolves when the response is complete or the client gone; rejects with an HttpError before anything is sent. */
  handle(exchange: Exchange, order?: Order): Promise<void>;
  /** Asks the app something itself. */
  readonly ask: Ask;
  /** Closes the connections to the app. */
  close(): Promise<void>;
}

/**
 * Prepares the app's location. The app need not be there yet.
 * @param redirect carries out what the app orders instead of answering
 */
export function createProxy(location: UpstreamLocation, redirect: Redirector, log: Logger): Proxy {
  const pool = createPool(location);
  const handle = (exchange: Exchange, order?: Order): Promise<void> =>
    new Promise((resolve, reject) => {
      const relay = new Relay(
        exchange,
        {
          done: resolve,
          failed: (error) => reject(upstreamFailure(error, location.upstream)),
          broken(error) {
            // The client must not take half an answer for a whole one.
            exchange.response.destroy();
            const fields = {
              requestId: exchange.id,
              upstream: formatAddress(location.upstream),
              reason: error.message,
            };
            log.error(fields, 'the app broke off within its answer; the client was cut off too');
            resolve();
          },
          ordered: (appOrder) => resolve(redirect(exchange, appOrder)),
          upgraded: (rawHeaders, socket) => resolve(joinSockets(exchange, rawHeaders, socket)),
        },
        location.sendTimeout,
        order?.fields,
      );
      if (order === undefined) limitSilence(exchange.request, location.sendTimeout);
      pool.dispatch(order === undefined ? dispatchOptions(exchange) : orderedOptions(exchange, order), relay);
    });
  return { handle, ask: createAsk(pool, location), close: () => pool.destroy() };
}

function dispatchOptions(exchange: Exchange): Dispatcher.DispatchOptions {
  const { request, target } = exchange;
  const upgrade = wantedProtocol(request);
  return {
    // undici's type lists the common methods only.
    method: request.method as Dispatcher.HttpMethod,
    path: target.raw,
    headers: requestHeaders(exchange),
    body: upgrade === undefined && hasBody(request) ? request : null,
    ...(upgrade === undefined ? {} : { upgrade }),
  };
}

/** What an earlier answer ordered is asked for without the client's body, which that answer was for (as in nginx: GET). */
function orderedOptions(exchange: Exchange, { target }: Order): Dispatcher.DispatchOptions {
  return {
    method: exchange.request.method === 'HEAD' ? 'HEAD' : 'GET',
    path: target.raw,
    headers: withoutBody(requestHeaders(exchange)),
    body: null,
  };
}

/** A client that stops sending its body is cut off (nginx: client_body_timeout). */
function limitSilence(request: IncomingMessage, silence: number): void {
  if (!hasBody(request)) return;
  request.socket.setTimeout(silence);
  request.once('end', () => request.socket.setTimeout(0));
}

/** RFC 9112 §6: a request has a body when one of these fields says so. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
