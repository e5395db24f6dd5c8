// The proxy_pass role (nginx: ngx_http_proxy_module): request body → request head → app → response.
import type { Logger } from 'pino';
import type { UpstreamLocation } from '../config/location.js';
import { BadRequestError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import { LogThrottle } from '../http/log-throttle.js';
import type { Order, Redirector, Subrequest } from '../http/order.js';
import { passToApp, type UpstreamContext } from './attempts.js';
import type { LoopGuard } from './loop.js';
import { relocationFor } from './own-location.js';
import type { RelayOptions } from './relay.js';
import { takeRequestBody } from './request-body.js';
import type { LookUp, LookupTimes } from './resolver.js';
import { Servers } from './servers.js';
import { createSubrequest } from './subrequest.js';
import { spoolDirectoryOf, TemporaryFile } from './temporary-file.js';
import type { UploadMemory } from './upload-memory.js';

/** Answers requests with what the app says to them. */
export interface Proxy {
  /** Resolves when the response is complete or the client gone; rejects with an HttpError before anything is sent. */
  handle(exchange: Exchange, order?: Order): Promise<void>;
  /** Resolves when the app's host names have been looked up, or when that takes too long to be waited for. */
  begin(): Promise<void>;
  /** Asks the app something itself. */
  readonly subrequest: Subrequest;
  /** Closes the connections to the app. */
  close(): Promise<void>;
}

/** What all locations of apps share. */
export interface ProxyTools {
  /** Carries out what the app orders instead of answering. */
  readonly redirect: Redirector;
  readonly loop: LoopGuard;
  readonly memory: UploadMemory;
  readonly times: AppTimes;
  readonly lookUp: LookUp;
  readonly log: Logger;
}

/** How long things may take that are no options, in milliseconds. */
export interface AppTimes extends LookupTimes {
  /** How long an idle connection to the app is kept. */
  readonly idleTimeout: number;
  /** Longest time the app may take to end an answer that is replaced. */
  readonly discardTimeout: number;
}

/** Prepares the app's location. The app need not be there yet. */
export function createProxy(
  location: UpstreamLocation,
  { redirect, loop, memory, times, lookUp, log }: ProxyTools,
): Proxy {
  const servers = new Servers(location, times, lookUp, log);
  const fileFailures = new LogThrottle<NodeJS.ErrnoException>(({ code, message }, failures) =>
    log.error(
      { path: spoolDirectoryOf(location), reason: code ?? message, times: failures },
      'an answer cannot be written to a temporary file, so the app waits for its client; make room there, or name another directory with --spool-dir',
    ),
  );
  const shared: UpstreamContext = {
    location,
    servers,
    log,
    redirect,
    loop,
    relay: relayOptions(location, times, fileFailures),
    hasAnswered: false,
  };
  const handleWithBody = async (exchange: Exchange): Promise<void> => {
    // What follows the head belongs to the other protocol, or is a body: it cannot be both.
    if (exchange.request.upgrade !== undefined)
      throw new BadRequestError('asks for another protocol and has a body');
    const body = await takeRequestBody(exchange, location, memory, log);
    // Its client left before it was complete: the app hears nothing of it.
    if (body === undefined) return;
    await passToApp(shared, exchange, body);
  };
  return {
    handle(exchange, order) {
      // Before its body is taken: each round would keep it.
      const fault = loop.faultOf(exchange.request);
      if (fault !== undefined) return Promise.reject(fault);
      return order === undefined && exchange.request.bodyLength !== 0
        ? handleWithBody(exchange)
        : passToApp(shared, exchange, undefined, order);
    },
    begin: () => servers.begin(),
    subrequest: createSubrequest(shared),
    async close() {
      servers.close();
      fileFailures.flush();
    },
  };
}

function relayOptions(
  location: UpstreamLocation,
  { discardTimeout }: AppTimes,
  fileFailures: LogThrottle<NodeJS.ErrnoException>,
): RelayOptions {
  const { bufferMemory, bufferFileLimit, responseBuffering, sendTimeout } = location;
  const directory = spoolDirectoryOf(location);
  const responseBuffer = {
    memory: bufferMemory,
    file: bufferFileLimit,
    createFile: () => new TemporaryFile(directory),
    onFileFailed: (error: NodeJS.ErrnoException) => fileFailures.tell(error),
  };
  return {
    responseBuffer: responseBuffering ? responseBuffer : undefined,
    sendTimeout,
    discardTimeout,
    relocate: relocationFor(location),
  };
}
