// The way of a request: target → location → file or app → response.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { isHttpError, NotFoundError, UnexpectedError } from '../http/errors.js';
import type { ClientRequest, Exchange } from '../http/exchange.js';
import { originOf, plainAddress } from '../http/forwarded.js';
import { framingFault } from '../http/framing.js';
import { parseTarget, type Target } from '../http/target.js';
import { wantedProtocol } from '../upstream/upgrade.js';
import { logWhenClosed } from './access-log.js';
import { type ErrorPages, sendErrorPage } from './error-page.js';
import type { Log } from './log.js';
import type { Answer } from './plain-connection.js';
import { nextRequestId } from './request-id.js';
import type { RouteTable } from './routes.js';

/** The way of every request. */
export interface Front {
  /** Answers one request, whose turn it is; never throws. */
  readonly answer: Answer;
  /** Answers a request that Node has read, perhaps while those before it on the connection are not answered yet. */
  answerInTurn(request: IncomingMessage, response: ServerResponse, received: string): void;
  /** The last of Node's responses on a connection so far: under way, waiting for its turn, or complete. */
  lastResponse(socket: Duplex): ServerResponse | undefined;
}

/** What the front needs besides the locations. */
export interface FrontOptions {
  readonly log: Log;
  readonly pages: ErrorPages;
  /** Whether what a proxy at this address says of its client is believed; undefined is a unix socket. */
  readonly isTrusted: (address: string | undefined) => boolean;
}

/** @param table the locations */
export function createFront(
  table: RouteTable,
  { log: { events: log, writeLine }, pages, isTrusted }: FrontOptions,
): Front {
  const handle = (exchange: Exchange, refusal: Error | undefined): Promise<void> | undefined => {
    if (refusal !== undefined) throw refusal;
    const route = table.find(exchange.target.path);
    if (route === undefined) throw new NotFoundError();
    exchange.location = route.location.prefix;
    // Only the app leads there (nginx: internal); to everyone else it does not exist.
    if (route.location.kind === 'internal') throw new NotFoundError();
    return route.handle(exchange);
  };

  const answer: Answer = (request, response, received, startedAt) => {
    const { target, refusal } = readTarget(request, received);
    if (refusal !== undefined) response.shouldKeepAlive = false;
    const { remoteAddress } = request.socket;
    const peer = remoteAddress === undefined ? undefined : plainAddress(remoteAddress);
    const { client, forwarded } = originOf(request.headers, peer, isTrusted);
    const exchange: Exchange = {
      request,
      response,
      target,
      id: nextRequestId(),
      client,
      forwarded,
      upgradeRequested: wantedProtocol(request) !== undefined,
      location: undefined,
      upstreamTime: undefined,
      orders: 0,
      bytes: 0,
      upgraded: false,
    };
    if (writeLine !== undefined) logWhenClosed(exchange, received, startedAt, writeLine);
    try {
      handle(exchange, refusal)?.catch((error: unknown) => fail(exchange, error, log, pages));
    } catch (error) {
      fail(exchange, error, log, pages);
    }
  };

  const last = new WeakMap<Duplex, ServerResponse>();
  const answerInTurn = (request: IncomingMessage, response: ServerResponse, received: string): void => {
    // RFC 9112 §9.6: what stands behind the answer that ends a connection is not processed.
    if (last.get(request.socket)?.shouldKeepAlive === false) return;
    last.set(request.socket, response);
    // To Node the request is its own body.
    const whole = Object.assign(request, { body: request });
    // Decided now: what is pipelined behind it comes here before its turn.
    if (readTarget(whole, received).refusal !== undefined) response.shouldKeepAlive = false;
    whenItsTurn(response, () => {
      tellWhenLeft(request.socket, response);
      answer(whole, response, received, performance.now());
    });
  };
  return { answer, answerInTurn, lastResponse: (socket) => last.get(socket) };
}

/**
 * Runs the task when the responses before this one on the connection are complete: a pipelined request waits.
 * While it does, it counts as outgoing data, on which Node stops reading the connection; or a client that sends
 * requests without end and reads slowly would fill the memory with them.
 */
function whenItsTurn(response: ServerResponse & PendingData, task: () => void): void {
  if (response.socket !== null) {
    task();
    return;
  }
  response._onPendingData?.(WAITING);
  response.once('socket', () => {
    response._onPendingData?.(-WAITING);
    task();
  });
}

/** Tells the response when the client has said its last byte, and cuts the connection if somebody listens. */
function tellWhenLeft(socket: Socket, response: ServerResponse): void {
  const left = (): void => {
    if (response.emit('left')) socket.destroy();
  };
  socket.once('end', left);
  response.once('close', () => socket.off('end', left));
}

/** Node's account of what a connection has still to send. No public interface: where it is missing, nothing is counted. */
interface PendingData {
  _onPendingData?(bytes: number): void;
}

/** More than a socket takes before it asks to wait, in bytes. */
const WAITING = 1024 * 1024;

function readTarget(request: ClientRequest, received: string): { target: Target; refusal?: Error } {
  try {
    const target = parseTarget(received);
    const refusal = framingFault(request);
    return refusal === undefined ? { target } : { target, refusal };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { target: { raw: received, path: '/', authority: undefined }, refusal: error };
  }
}

function fail(exchange: Exchange, error: unknown, log: Logger, pages: ErrorPages): void {
  const { response, id, target } = exchange;
  const known = isHttpError(error) ? error : new UnexpectedError();
  if (known !== error)
    log.error({ requestId: id, target: target.raw, err: error }, 'a defect; please report it');
  else if (known.statusCode >= 500) {
    log.error({ requestId: id, target: target.raw, code: known.code }, known.message);
  }
  if (response.destroyed) return;
  // A response that has begun cannot become another; the client must see that it is not whole.
  if (response.headersSent) response.destroy();
  else sendErrorPage(exchange, known, pages);
}
