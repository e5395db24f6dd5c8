// One request on its way through the rooms. Each room adds what the access log will tell.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Target } from './target.js';

/** How the client reached the outermost server: this one, or a trusted proxy in front of it. */
export interface Forwarded {
  readonly proto: 'http' | 'https';
  /** Absent when it is the request's own Host. */
  readonly host?: string;
  /** Absent when no trusted proxy told. */
  readonly port?: string;
}

/** A client's request: Node's own, or a plain one that was read without Node (see http/plain-request). */
export interface ClientRequest {
  readonly method?: string | undefined;
  /** By lower-case name. */
  readonly headers: IncomingMessage['headers'];
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[];
  /** `1.1` or `1.0`. */
  readonly httpVersion: string;
  /** True once the whole body is here. */
  readonly complete: boolean;
  /** True once nothing more of it will come. */
  readonly destroyed: boolean;
  readonly socket: Socket;
  /** The bytes behind the head. Emits `timeout`, too, when the socket's time runs out before they are all here. */
  readonly body: Readable;
}

/**
 * `close`: it is complete, or the connection is. `drain`: the socket takes more. `left`: the client has said its last
 * byte, and is most likely gone; when somebody listens the connection is cut, as nginx does in front of an app, and
 * else the answer is sent.
 */
export type ResponseEvent = 'close' | 'drain' | 'left';

/** The response to a client: Node's own, or a plain one. The members mean what they mean in `http.ServerResponse`. */
export interface ClientResponse {
  statusCode: number;
  /** Set to false, it makes this answer the last on its connection. */
  shouldKeepAlive: boolean;
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  readonly writableFinished: boolean;
  readonly writableNeedDrain: boolean;
  readonly socket: Socket | null;
  /** @param fields names and values in turn */
  writeHead(status: number, reason: string, fields: string[]): unknown;
  writeHead(status: number, fields: string[]): unknown;
  flushHeaders(): void;
  /** @param callback called when the socket has taken the bytes, or never will */
  write(bytes: Buffer, callback?: () => void): boolean;
  end(bytes?: Buffer): unknown;
  end(text: string, encoding: 'latin1'): unknown;
  addTrailers(trailers: [string, string][]): void;
  writeContinue(): void;
  /** Breaks the connection. */
  destroy(): unknown;
  on(event: 'close', listener: () => void): unknown;
  once(event: ResponseEvent, listener: () => void): unknown;
  off(event: ResponseEvent, listener: () => void): unknown;
  /**
   * Writes head and content in one piece, at the end of this turn of the event loop, which ends the response; absent
   * on Node's own responses, where it cannot be had.
   * @param bytes text is latin1
   * @param silence longest time that the client may take nothing, in milliseconds; then it is cut off
   * @param taken called when the socket has taken all of it; until then a buffer must stay as it is
   */
  writeAtOnce?(status: number, bytes: Buffer | string, silence: number, taken?: () => void): void;
  /**
   * Lets content go to the socket by another way than through `write`, behind what has been written; absent on Node's
   * own responses, which count what they write.
   * @param send gives bytes to the socket, and returns their number
   * @returns that number; 0 when there is to be no content, or it does not go out as it is
   */
  passContent?(send: (socket: Socket) => number): number;
}

/** A response that can be written at once. */
export type OneWriteResponse = ClientResponse & Required<Pick<ClientResponse, 'writeAtOnce'>>;

/** One request and its response. */
export interface Exchange {
  readonly request: ClientRequest;
  readonly response: ClientResponse;
  readonly target: Target;
  /** Set by this server; also sent to the app as X-Request-ID. */
  readonly id: string;
  /** The client's address, without a port; empty on a unix socket. */
  readonly client: string;
  /** How the client reached the outermost server. */
  readonly forwarded: Forwarded;
  /** True when the request asks for another protocol that is passed on. */
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
