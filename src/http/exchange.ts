// One request and its response, as it goes through the rooms. Each room adds what the access log will tell.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Target } from './target.js';

/** How the client reached the outermost server: this one, or a trusted proxy in front of it. */
export interface Forwarded {
  readonly proto: 'http' | 'https';
  /** Absent when it is the request's own Host. */
  readonly host?: string;
  /** Absent when no trusted proxy told. */
  readonly port?: string;
}

/** One request and its response. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  /** Set by this server; also sent to the app as X-Request-ID. */
  readonly id: string;
  /** The client's address, without a port; empty on a unix socket. */
  readonly client: string;
  /** How the client reached the outermost server. */
  readonly forwarded: Forwarded;
  /** True when the request came with an Upgrade field. */
  readonly upgradeRequested: boolean;
  /** Prefix of the location that answered. */
  location: string | undefined;
  /** Milliseconds until the app's response head arrived. */
  upstreamTime: number | undefined;
  /** How often the app has ordered something else instead of answering. */
  orders: number;
  /** Bytes of body handed to the socket. */
  bytes: number;
  /** True once the connection speaks another protocol. */
  upgraded: boolean;
}
