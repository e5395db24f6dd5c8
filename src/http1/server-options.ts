// What a server is told: who answers, and how long and how large things may be.
import type { ClientRequest, ClientResponse } from '../http/exchange.js';
import type { ConnectionLimit } from './connection-limit.js';

/**
 * Answers one request; never throws.
 * @param startedAt when the request was here, in milliseconds of `performance.now()`
 */
export type Answer = (request: ClientRequest, response: ClientResponse, startedAt: number) => void;

/** What a connection begins with before HTTP, as the PROXY protocol has it. */
export interface Introduction {
  /**
   * Reads it from the connection's first bytes.
   * @param address at the other end of the connection
   * @returns where HTTP begins, and whose request it is; undefined while it is not complete, `refused` when it is none
   */
  read(
    bytes: Buffer,
    address: string | undefined,
  ): { readonly length: number; readonly address: string | undefined } | 'refused' | undefined;
  /** How long it may take, in milliseconds. */
  readonly timeout: number;
  /** It did not come in time. @param address as above */
  timedOut(address: string | undefined): void;
}

/** How connections are treated. */
export interface ServerOptions {
  readonly answer: Answer;
  /** How long an idle connection is kept, in milliseconds (nginx: keepalive_timeout). */
  readonly keepAliveTimeout: number;
  /** How long a request's head may take, in milliseconds (nginx: client_header_timeout). */
  readonly headTimeout: number;
  /** Longest silence of a client that is read on only so that it gets its answer, in milliseconds (nginx: lingering_timeout). */
  readonly lingeringTimeout: number;
  /** How long such a client is read on altogether, in milliseconds (nginx: lingering_time). */
  readonly lingeringTime: number;
  /**
   * How long a client has for what was sent before its connection is reset, which throws away what it has not read, in
   * milliseconds.
   */
  readonly resetDelay: number;
  /** Largest head of a request, in bytes (nginx: large_client_header_buffers). */
  readonly maxHead: number;
  readonly introduction: Introduction | undefined;
  /** How many connections there may be (nginx: worker_connections); all listeners that are given one share it. */
  readonly limit?: ConnectionLimit;
}
