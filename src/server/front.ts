// The way of a request: target → location → file or app → response.
import type { Logger } from 'pino';
import {
  ClientGoneError,
  causeOf,
  isHttpError,
  isOfShortage,
  METHODS,
  NotFoundError,
  TunnelRefusedError,
  UnexpectedError,
} from '../http/errors.js';
import { type ClientRequest, Exchange, type Origin } from '../http/exchange.js';
import { originOf } from '../http/forwarded.js';
import { hostFault } from '../http/framing.js';
import type { LogThrottles } from '../http/log-throttles.js';
import { parseOptionsTarget, parseTarget, type Target, THE_SERVER } from '../http/target.js';
import type { Answer } from '../http1/server-options.js';
import { logWhenClosed } from './access-log.js';
import { type ErrorPages, sendErrorPage } from './error-page.js';
import type { Log } from './log.js';
import { givenRequestId, nextRequestId } from './request-id.js';
import type { RouteTable } from './routes.js';

/** What the log says of a request that failed. */
export interface FailedRequest {
  readonly requestId: string;
  readonly target: string;
  readonly code: string;
  readonly message: string;
}

/** What the front needs besides the locations. */
export interface FrontOptions {
  readonly log: Log;
  /** Is told of requests that failed for what is short, or hangs, instead of a line for each. */
  readonly busy: LogThrottles<FailedRequest>;
  readonly pages: ErrorPages;
  /** Whether what a proxy at this address says of its client is believed; undefined is a unix socket. */
  readonly isTrusted: (address: string | undefined) => boolean;
  /** Is told of peers whose X-Forwarded-Proto was dropped, as they are not trusted. */
  readonly tellDistrusted: (address: string | undefined) => void;
}

/**
 * The way of every request, whichever version of HTTP it came by.
 * @param table the locations
 */
export function createFront(
  table: RouteTable,
  { log: { events: log, writeLine }, busy, pages, isTrusted, tellDistrusted }: FrontOptions,
): Answer {
  const handle = (exchange: Exchange, refusal: Error | undefined): Promise<void> | undefined => {
    if (refusal !== undefined) throw refusal;
    const route = table.find(exchange.target.path);
    if (route === undefined) {
      if (exchange.target.path !== THE_SERVER) throw new NotFoundError();
      answerForServer(exchange);
      return undefined;
    }
    exchange.location = route.location.prefix;
    // Only the app leads there (nginx: internal); to everyone else it does not exist.
    if (route.location.kind === 'internal') throw new NotFoundError();
    return route.handle(exchange);
  };

  return (request, response, startedAt) => {
    const { target, refusal } = readTarget(request);
    if (refusal !== undefined) response.shouldKeepAlive = false;
    let origin: Origin;
    let defect: unknown;
    try {
      origin = originOf(request, target.authority, isTrusted);
      if (!origin.isFromProxy && request.headers['x-forwarded-proto'] !== undefined)
        tellDistrusted(request.remoteAddress);
    } catch (error) {
      // It is to be answered as any defect, on its own connection.
      defect = error;
      origin = originOf(request, target.authority, trustsNobody);
    }
    const id = (origin.isFromProxy ? givenRequestId(request.headers) : undefined) ?? nextRequestId();
    const exchange = new Exchange(request, response, target, id, origin);
    if (writeLine !== undefined) logWhenClosed(exchange, startedAt, writeLine);
    try {
      if (defect !== undefined) throw defect;
      handle(exchange, refusal)?.catch((error: unknown) => fail(exchange, error, log, busy, pages));
    } catch (error) {
      fail(exchange, error, log, busy, pages);
    }
  };
}

const trustsNobody = (): boolean => false;

/** What a request asks for, or why it is refused. */
function readTarget(request: ClientRequest): { target: Target; refusal?: Error } {
  const unread: Target = { raw: request.target, path: '/', authority: undefined };
  if (request.fault !== undefined) return { target: unread, refusal: request.fault };
  if (request.method === 'CONNECT') return { target: unread, refusal: new TunnelRefusedError() };
  try {
    const read = request.method === 'OPTIONS' ? parseOptionsTarget : parseTarget;
    const target = read(request.target);
    const refusal = hostFault(request);
    return refusal === undefined ? { target } : { target, refusal };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { target: unread, refusal: error };
  }
}

/**
 * `OPTIONS *` asks what the server is able to do, and no resource: a ping (RFC 9110 §9.3.7). The app, which may be several,
 * is not asked.
 */
function answerForServer({ request, response }: Exchange): void {
  // What else comes of a body is not read.
  if (!request.complete) response.shouldKeepAlive = false;
  response.writeHead(204, ['Allow', METHODS]);
  response.end();
}

function fail(
  exchange: Exchange,
  error: unknown,
  log: Logger,
  busy: LogThrottles<FailedRequest>,
  pages: ErrorPages,
): void {
  const { response, id, target } = exchange;
  const known = isHttpError(error) ? error : new UnexpectedError();
  if (known !== error)
    log.error({ requestId: id, target: target.raw, err: error }, 'a defect; please report it');
  else if (isOfShortage(known)) {
    busy.tell(causeOf(known, exchange.location), {
      requestId: id,
      target: target.raw,
      code: known.code,
      message: known.message,
    });
  } else if (known.statusCode >= 500) {
    log.error({ requestId: id, target: target.raw, code: known.code }, known.message);
  }
  if (known instanceof ClientGoneError) response.destroy();
  if (response.destroyed) return;
  // A response that has begun cannot become another; the client must see that it is not whole.
  if (response.headersSent) response.destroy();
  else sendErrorPage(exchange, known, pages);
}
