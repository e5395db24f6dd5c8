// The access log: one line for each request, when its response is complete or its client gone (nginx: log_format).
import type { Logger } from 'pino';
import type { Exchange } from '../http/exchange.js';

/** Fields of a line; `ms` and `upstreamMs` are milliseconds, `bytes` counts the body. */
export interface AccessLine {
  readonly method: string | undefined;
  /** As received. */
  readonly target: string | undefined;
  readonly status: number;
  readonly bytes: number;
  readonly ms: number;
  readonly client: string;
  readonly requestId: string;
  /** Prefix of the location; absent when none was chosen. */
  readonly location?: string;
  readonly upstreamMs?: number;
  /** Present when the client left, or was cut off, before the response was complete. */
  readonly aborted?: true;
}

/** Writes the line once the response is closed. */
export function logWhenClosed(exchange: Exchange, received: string | undefined, log: Logger): void {
  const startedAt = performance.now();
  const { request, response } = exchange;
  response.once('close', () => {
    const line: AccessLine = {
      method: request.method,
      target: received,
      status: response.headersSent || exchange.upgraded ? response.statusCode : 499,
      bytes: exchange.bytes,
      ms: round(performance.now() - startedAt),
      client: exchange.client,
      requestId: exchange.id,
      ...(exchange.location === undefined ? {} : { location: exchange.location }),
      ...(exchange.upstreamTime === undefined ? {} : { upstreamMs: round(exchange.upstreamTime) }),
      ...(response.writableFinished || exchange.upgraded ? {} : { aborted: true }),
    };
    log.info(line, 'request');
  });
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
