// The seam between a version of HTTP and what requests mean: what the one must supply, and what the rooms behind it hand
// on to each other. A request on its way gathers here what the access log will tell.
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { PreparedResponse } from './prepared.js';
import type { Target } from './target.js';

/**
 * Who the client is, and how it came: to this server, or to the outermost of the trusted proxies in front of it. It is
 * found out once for each request (http/forwarded), and what the app is told, the log has, links are signed for and
 * permissions are kept by is this.
 */
export interface Origin {
  /** The client's address, without a port, as http/address says it; empty when it is not known, as on a unix socket. */
  readonly address: string;
  readonly scheme: 'http' | 'https';
  /** The host that it asked, perhaps with a port; undefined when a client of HTTP/1.0 has named none. */
  readonly host: string | undefined;
  /** The port that it came to; undefined when no trusted proxy has told. */
  readonly port: string | undefined;
  /** True when the request came from a trusted proxy, which may tell the app more about the client (http/proxy-fields). */
  readonly isFromProxy: boolean;
}

/** A client's request. */
export interface ClientRequest {
  readonly method: string;
  /** The request target as received, one character for each byte. */
  readonly target: string;
  /** By lower-case name; of several fields of a name, the list of their values, or the first. */
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[];
  /** `1.1` or `1.0`. */
  readonly httpVersion: string;
  /** The address at the other end of the connection, as http/address says it; undefined on a unix socket. */
  readonly remoteAddress: string | undefined;
  /** What cannot be read of it in exactly one way; such a request is refused with this. */
  readonly fault: Error | undefined;
  /** Bytes of body; 0 is none, and undefined is told by its end only. */
  readonly bodyLength: number | undefined;
  /** True when the client waits with its body until `writeContinue` (RFC 9110 §10.1.1). */
  readonly expectsContinue: boolean;
  /** The protocol that it offers to go on with, when it is one that is passed on. */
  readonly upgrade: 'websocket' | undefined;
  /** True once the whole body is here. */
  readonly complete: boolean;
  /** True once nothing more of it will come. */
  readonly destroyed: boolean;
  /**
   * The bytes behind the head. Emits `timeout`, too, when the client has sent none for so long as the time limit is, though more are wanted, and `error`
   * with an HttpError when what comes is no body.
   */
  readonly body: Readable;
}

/**
 * `close`: it is complete, or the connection is. `drain`: the connection takes more. `left`: `hasLeft` has become true
 * while this answer is under way; whoever then works for nobody breaks the connection.
 */
export type ResponseEvent = 'close' | 'drain' | 'left';

/** The response to a client. Members that `http.ServerResponse` has, too, mean the same. */
export interface ClientResponse {
  readonly statusCode: number;
  /** Set to false before the head is written, it makes this answer the last on its connection. */
  shouldKeepAlive: boolean;
  readonly headersSent: boolean;
  /** True once nothing more is taken. */
  readonly destroyed: boolean;
  /** True once the client has said its last byte: it may still read (a half-closed connection), or be gone. */
  readonly hasLeft: boolean;
  readonly writableFinished: boolean;
  readonly writableNeedDrain: boolean;
  /** Longest time that the client may neither take nor send anything, in milliseconds; 0 is for ever. */
  setTimeout(milliseconds: number): void;
  /** Collects what is written until `uncork`. */
  cork(): void;
  uncork(): void;
  /** Tells a client that waits with its body that it is wanted. */
  writeContinue(): void;
  /**
   * Sends an informational response (RFC 9110 §15.2), if the client knows them and takes what was written before.
   * @param fields names and values in turn, here and below
   */
  writeInformational(status: number, fields: readonly string[], reason?: string): void;
  writeHead(status: number, fields: readonly string[], reason?: string): void;
  flushHeaders(): void;
  /**
   * @param taken called when the connection has taken the bytes, or never will
   * @returns false when the connection has enough, until `drain`
   */
  write(bytes: Buffer, taken?: () => void): boolean;
  /**
   * Writes bytes whose memory is used again when this returns.
   * @param keep is called when they have not been taken by then: the memory must stay as it is, until what it returns is
   *   called
   */
  writeTransient(bytes: Buffer, keep: () => () => void): boolean;
  addTrailers(fields: readonly string[]): void;
  end(bytes?: Buffer): void;
  /**
   * Sends head and content at once, at the end of this turn of the event loop.
   * @param fields with Content-Length, where there is content
   * @param content one character for each byte; left out for HEAD
   * @param sendTimeout longest time that the client may take nothing, in milliseconds; then it is cut off
   */
  sendText(
    status: number,
    fields: readonly string[],
    content: string,
    sendTimeout: number,
    reason?: string,
  ): void;
  /**
   * The same, with content that is written into memory of the connection's.
   * @param fill must write all of it; when it throws, nothing is sent
   */
  sendFilled(
    status: number,
    fields: readonly string[],
    length: number,
    fill: (content: Buffer) => void,
    sendTimeout: number,
  ): void;
  /** The same, with a response that is sent often. Returns the bytes of content. */
  sendPrepared(prepared: PreparedResponse, sendTimeout: number): number;
  /**
   * Lets content go to the socket by another way than through `write`, behind what has been written. Absent where content
   * does not go out as it is, as under TLS.
   * @param send gives bytes to the socket, and returns their number
   * @returns that number; 0 when there is to be no content, or it does not go out as it is
   */
  passContent?(send: (socket: Socket) => number): number;
  /**
   * Answers 101, and joins the connection with another one until both have ended.
   * @param sendTimeout longest time that either side may take nothing, in milliseconds
   * @param count is told how many bytes go to the client
   * @returns when both are closed
   */
  switchProtocols(
    fields: readonly string[],
    other: TunnelEnd,
    sendTimeout: number,
    count: (bytes: number) => void,
  ): Promise<void>;
  /**
   * What has been written is delivered, and then the connection ends in a way that tells that it is not whole.
   * @param sendTimeout longest time that the client may take nothing of it, in milliseconds
   */
  breakOff(sendTimeout: number): void;
  /** Breaks the connection. */
  destroy(): void;
  on(event: 'close', listener: () => void): unknown;
  once(event: ResponseEvent, listener: () => void): unknown;
  off(event: ResponseEvent, listener: () => void): unknown;
}

/** A connection on which no HTTP is spoken any more: one end of a tunnel. */
export interface TunnelEnd {
  /** False once nothing goes out any more. */
  readonly writable: boolean;
  /** Reads from here on, and tells this listener everything; called once. */
  listen(listener: TunnelListener): void;
  /** While it is writable. Returns false when the connection has enough, until `onDrain`. */
  write(bytes: Buffer): boolean;
  /** What was written was all. */
  end(): void;
  pause(): void;
  resume(): void;
  destroy(): void;
}

/** What an end of a tunnel tells. */
export interface TunnelListener {
  onData(bytes: Buffer): void;
  /** The other side has said its last byte. */
  onEnd(): void;
  /** What was written has been taken, or nothing is taken any more. */
  onDrain(): void;
  /** Everything up to `end` has been taken. */
  onFinish(): void;
  /** It is closed: the last call. */
  onClose(): void;
}

/**
 * One request and its response.
 *
 * A class, and no literal: when one of its numbers turns out to be no small integer, V8 gives all objects of this shape
 * another one. Compiled code that makes literals goes on making the old one, and each is converted when it is first used
 * (a microsecond for each request); code that calls a constructor is compiled again.
 */
export class Exchange {
  readonly request: ClientRequest;
  readonly response: ClientResponse;
  readonly target: Target;
  /** Given by this server, or by a trusted proxy; also sent to the app as X-Request-ID. */
  readonly id: string;
  readonly origin: Origin;
  /** Prefix of the location that answered. */
  location: string | undefined = undefined;
  /** Fields of the CORS protocol that whatever this location answers carries, errors too; undefined where there are none. */
  corsFields: readonly string[] | undefined = undefined;
  /** Milliseconds until the app's response head arrived. */
  upstreamTime: number | undefined = undefined;
  /** How often the app has ordered something else instead of answering. */
  orders = 0;
  /** Bytes of body handed to the connection. */
  bytes = 0;
  /** True once the connection speaks another protocol. */
  upgraded = false;

  constructor(request: ClientRequest, response: ClientResponse, target: Target, id: string, origin: Origin) {
    this.request = request;
    this.response = response;
    this.target = target;
    this.id = id;
    this.origin = origin;
  }
}
