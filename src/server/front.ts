// The way of a request: target → location → file or app → response.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { BadTargetError, isHttpError, NotFoundError, UnexpectedError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import { parseTarget, type Target } from '../http/target.js';
import { logWhenClosed } from './access-log.js';
import { sendErrorPage } from './error-page.js';
import type { Log } from './log.js';
import type { RouteTable } from './routes.js';

/** The way of every request. */
export interface Front {
  /** Answers one request; never throws. */
  answer(request: IncomingMessage, response: ServerResponse, received: string): void;
  /** The response that is under way on a connection. */
  currentResponse(socket: Duplex): ServerResponse | undefined;
}

/** @param table the locations */
export function createFront(table: RouteTable, { events: log, writeLine }: Log): Front {
  const handle = (exchange: Exchange, refusal: Error | undefined): Promise<void> | undefined => {
    if (refusal !== undefined) throw refusal;
    const route = table.find(exchange.target.path);
    if (route === undefined) throw new NotFoundError();
    exchange.location = route.location.prefix;
    // Only the app leads there (nginx: internal); to everyone else it does not exist.
    if (route.location.kind === 'internal') throw new NotFoundError();
    return route.handle(exchange);
  };

  const current = new WeakMap<Duplex, ServerResponse>();
  const answer = (request: IncomingMessage, response: ServerResponse, received: string): void => {
    const { target, refusal } = readTarget(request, received);
    const exchange: Exchange = {
      request,
      response,
      target,
      id: randomUUID(),
      client: request.socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '') ?? '',
      location: undefined,
      upstreamTime: undefined,
      orders: 0,
      bytes: 0,
      upgraded: false,
    };
    whenItsTurn(response, () => {
      current.set(request.socket, response);
      if (writeLine !== undefined) logWhenClosed(exchange, received, writeLine);
      try {
        handle(exchange, refusal)?.catch((error: unknown) => fail(exchange, error, log));
      } catch (error) {
        fail(exchange, error, log);
      }
    });
  };
  const currentResponse = (socket: Duplex): ServerResponse | undefined => {
    const response = current.get(socket);
    return response?.writableFinished === false ? response : undefined;
  };
  return { answer, currentResponse };
}

/** Runs the task when the responses before this one on the connection are complete: a pipelined request waits. */
function whenItsTurn(response: ServerResponse, task: () => void): void {
  if (response.socket === null) response.once('socket', task);
  else task();
}

function readTarget(request: IncomingMessage, received: string): { target: Target; refusal?: Error } {
  try {
    const target = parseTarget(received);
    if (countFields(request, 'host') > 1)
      return { target, refusal: new BadTargetError('comes with several Host fields') };
    return { target };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { target: { raw: received, path: '/', authority: undefined }, refusal: error };
  }
}

/** Two Host fields are two opinions about where a request goes (RFC 9112 §3.2). */
function countFields({ rawHeaders }: IncomingMessage, name: string): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === name) count += 1;
  }
  return count;
}

function fail(exchange: Exchange, error: unknown, log: Logger): void {
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
  else sendErrorPage(exchange, known);
}
