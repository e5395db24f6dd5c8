// The response to a client (RFC 9112 §4, §6, §7.1), written to the connection, which learns when it is over.
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { acquireBuffer, LARGEST_AT_ONCE, releaseBuffer } from '../http/buffer-pool.js';
import { currentDate } from '../http/clock.js';
import type { ClientResponse, TunnelEnd } from '../http/exchange.js';
import type { PreparedResponse } from '../http/prepared.js';
import { chunkStart, lastChunk } from './chunks.js';
import { renderPrepared } from './prepared-response.js';
import { connectionLine, fieldLines, statusLine } from './response-head.js';
import type { ServerRequest } from './server-request.js';
import { type TurnEnd, writeAtEndOfTurn } from './turn.js';
import type { Wire } from './wire.js';

/** The connection of a response. */
export interface ResponseOwner {
  /** True once no further request is taken: this answer is the last. */
  readonly isStopping: boolean;
  /** True once the client has said its last byte. */
  readonly hasEnded: boolean;
  /** The response is complete, and the socket has taken all of it. */
  finished(): void;
  /**
   * It will never be complete.
   * @param isFramed true when its head, or its last chunk, would have told its end
   * @param sendTimeout see ClientResponse
   */
  brokenOff(isFramed: boolean, sendTimeout: number): void;
  /** Hands the connection over to another protocol. */
  leaveHttp(
    head: string,
    other: TunnelEnd,
    sendTimeout: number,
    count: (bytes: number) => void,
  ): Promise<void>;
}

/** How the end of the content is told (RFC 9112 §6.3). */
type Framing = 'length' | 'chunks' | 'close';

/** Bytes that may wait to be taken before whoever writes them must wait; from here on Node will tell of it. */
const MAX_WAITING = 64 * 1024;
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/** See ClientResponse. */
export class ServerResponse extends EventEmitter implements ClientResponse, TurnEnd {
  statusCode = 200;
  shouldKeepAlive: boolean;
  headersSent = false;
  writableFinished = false;
  readonly #wire: Wire;
  readonly #request: ServerRequest;
  readonly #owner: ResponseOwner;
  readonly #isOld: boolean;
  /** Rendered and not yet written: it goes out with the first bytes of content. */
  #head: string | undefined;
  #hasContent = false;
  #framing: Framing = 'length';
  #trailers = '';
  #ended = false;
  #hasContinued = false;
  /** What goes out at the end of the turn. */
  #whole: Buffer | string = '';
  #sendTimeout = 0;
  #pooled: Buffer | undefined;
  /** True once it has been told that nothing more is taken. */
  #isOver = false;

  constructor(wire: Wire, request: ServerRequest, keepAlive: boolean, owner: ResponseOwner) {
    super();
    this.#wire = wire;
    this.#request = request;
    this.#owner = owner;
    this.#isOld = request.httpVersion === '1.0';
    this.shouldKeepAlive = keepAlive;
  }

  /** A socket says that it is closed later than it is. */
  get destroyed(): boolean {
    return this.#isOver || this.#wire.destroyed;
  }

  get hasLeft(): boolean {
    return this.#owner.hasEnded;
  }

  /** Node's own mark is so low that every write would be over it, also one that the system has taken at once. */
  get writableNeedDrain(): boolean {
    return this.#wire.writableLength >= MAX_WAITING;
  }

  setTimeout(milliseconds: number): void {
    this.#wire.setTimeout(milliseconds);
  }

  cork(): void {
    this.#wire.cork();
  }

  uncork(): void {
    this.#wire.uncork();
  }

  writeContinue(): void {
    if (this.#hasContinued || this.headersSent || !this.#request.expectsContinue) return;
    this.#hasContinued = true;
    this.#wire.write(CONTINUE, 'latin1');
  }

  writeInformational(status: number, fields: readonly string[], reason?: string): void {
    // An app may send them without end; nobody misses one.
    if (this.#isOld || this.headersSent || this.#wire.writableLength > 0) return;
    this.#wire.write(`${statusLine(status, reason)}${fieldLines(fields)}\r\n`, 'latin1');
  }

  writeHead(status: number, fields: readonly string[], reason?: string): void {
    this.#head = this.#render(status, fields, reason);
  }

  flushHeaders(): void {
    if (!this.headersSent) this.writeHead(this.statusCode, []);
    if (this.#head === undefined || this.destroyed) return;
    this.#wire.write(this.#head, 'latin1');
    this.#head = undefined;
  }

  write(bytes: Buffer, taken?: () => void): boolean {
    if (!this.headersSent) this.writeHead(this.statusCode, []);
    if (this.destroyed || this.#ended || !this.#hasContent || bytes.length === 0) {
      if (taken !== undefined) process.nextTick(taken);
      return !this.writableNeedDrain;
    }
    this.#send(bytes, taken);
    return !this.writableNeedDrain;
  }

  writeTransient(bytes: Buffer, keep: () => () => void): boolean {
    let release: (() => void) | undefined;
    const goesOn = this.write(bytes, () => release?.());
    if (this.#wire.writableLength > 0) release = keep();
    return goesOn;
  }

  passContent(send: (socket: Socket) => number): number {
    if (!this.headersSent || this.destroyed || this.#ended || !this.#hasContent) return 0;
    if (this.#framing === 'chunks') return 0;
    this.flushHeaders();
    return send(this.#wire);
  }

  addTrailers(fields: readonly string[]): void {
    this.#trailers += fieldLines(fields);
  }

  end(content?: Buffer): void {
    const wire = this.#wire;
    // Of a socket that is destroyed nothing waits, as if it had taken all. It will say that it is closed.
    if (this.destroyed || this.#ended) return;
    if (!this.headersSent) this.writeHead(this.statusCode, []);
    wire.cork();
    if (content !== undefined && content.length > 0 && this.#hasContent) this.#send(content);
    else this.flushHeaders();
    if (this.#framing === 'chunks') wire.write(lastChunk(this.#trailers), 'latin1');
    wire.uncork();
    this.#ended = true;
    // Later in any case: who ends a response is not yet done with it.
    if (wire.writableLength === 0) process.nextTick(finish, this);
    else this.#finishLater();
  }

  sendText(
    status: number,
    fields: readonly string[],
    content: string,
    sendTimeout: number,
    reason?: string,
  ): void {
    const head = this.#render(status, fields, reason);
    this.#sendWhole(this.#hasContent ? head + content : head, sendTimeout);
  }

  sendFilled(
    status: number,
    fields: readonly string[],
    length: number,
    fill: (content: Buffer) => void,
    sendTimeout: number,
  ): void {
    const keepAlive = this.shouldKeepAlive;
    const head = this.#render(status, fields, undefined);
    const size = head.length + length;
    const buffer = size <= LARGEST_AT_ONCE ? acquireBuffer(size) : Buffer.allocUnsafeSlow(size);
    try {
      fill(buffer.subarray(head.length, size));
    } catch (error) {
      if (size <= LARGEST_AT_ONCE) releaseBuffer(buffer);
      // Another answer takes its place.
      this.headersSent = false;
      this.shouldKeepAlive = keepAlive;
      throw error;
    }
    buffer.write(head, 'latin1');
    if (size <= LARGEST_AT_ONCE) this.#pooled = buffer;
    this.#sendWhole(buffer.subarray(0, this.#hasContent ? size : head.length), sendTimeout);
  }

  sendPrepared(prepared: PreparedResponse, sendTimeout: number): number {
    const { status, fields, content } = prepared;
    this.#judgeConnection();
    if (this.shouldKeepAlive) {
      this.#hasContent = this.#mayHaveContent(status);
      this.headersSent = true;
      this.statusCode = status;
      this.#sendWhole(renderPrepared(prepared, this.#hasContent), sendTimeout);
    } else {
      // A prepared head says that the connection is kept.
      this.writeHead(status, fields);
      this.setTimeout(sendTimeout);
      this.end(content);
    }
    return this.#hasContent ? content.length : 0;
  }

  async switchProtocols(
    fields: readonly string[],
    other: TunnelEnd,
    sendTimeout: number,
    count: (bytes: number) => void,
  ): Promise<void> {
    this.statusCode = 101;
    this.headersSent = true;
    this.#ended = true;
    const head = `${statusLine(101)}${fieldLines(fields)}\r\n`;
    await this.#owner.leaveHttp(head, other, sendTimeout, count);
    this.finish();
  }

  breakOff(sendTimeout: number): void {
    if (this.destroyed) return;
    this.#ended = true;
    this.#owner.brokenOff(this.#framing !== 'close', sendTimeout);
  }

  destroy(): void {
    this.#wire.destroy();
  }

  /** Of the end of the turn: writes what was put off to it. */
  endTurn(): void {
    const wire = this.#wire;
    const whole = this.#whole;
    this.#whole = '';
    // See `end`.
    if (this.destroyed) return;
    if (typeof whole === 'string') wire.write(whole, 'latin1');
    else wire.write(whole);
    if (wire.writableLength === 0) this.finish();
    else {
      wire.setTimeout(this.#sendTimeout);
      this.#finishLater();
    }
  }

  /** Of the connection: it is closed, and nothing more will be taken. */
  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#tellClosed();
  }

  /** Everything has been taken. */
  finish(): void {
    if (this.#isOver) return;
    if (this.#pooled !== undefined) releaseBuffer(this.#pooled);
    this.#pooled = undefined;
    this.writableFinished = true;
    this.#isOver = true;
    this.#tellClosed();
    this.#owner.finished();
  }

  /** Each listener whatever the others do: they give back what the request had. */
  #tellClosed(): void {
    const listeners = this.rawListeners('close');
    const last = listeners.length;
    let next = 0;
    const tellRest = (): void => {
      while (next < last) listeners[next++]?.call(this);
    };
    while (next < last) this.#wire.attempt(tellRest);
  }

  #mayHaveContent(status: number): boolean {
    return this.#request.method !== 'HEAD' && status !== 304 && status !== 204;
  }

  /** A client that still waits with its body may send it, or not: what comes behind this answer could be either. */
  #judgeConnection(): void {
    const { expectsContinue, complete } = this.#request;
    const isUnclear = expectsContinue && !this.#hasContinued && !complete;
    if (isUnclear || this.#owner.isStopping) this.shouldKeepAlive = false;
  }

  /** The head, with the fields that belong to the connection. */
  #render(status: number, fields: readonly string[], reason: string | undefined): string {
    this.statusCode = status;
    this.headersSent = true;
    this.#hasContent = this.#mayHaveContent(status);
    this.#judgeConnection();
    let lines = statusLine(status, reason);
    let hasLength = false;
    let hasDate = false;
    let hasUpgrade = false;
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index] ?? '';
      // Most fields are none of these, and their length tells.
      if (name.length === 14 && name.toLowerCase() === 'content-length') hasLength = true;
      else if (name.length === 4 && name.toLowerCase() === 'date') hasDate = true;
      else if (name.length === 7 && name.toLowerCase() === 'upgrade') hasUpgrade = true;
      lines += `${name}: ${fields[index + 1]}\r\n`;
    }
    if (!hasDate) lines += `Date: ${currentDate()}\r\n`;
    this.#framing = hasLength || !this.#hasContent ? 'length' : this.#isOld ? 'close' : 'chunks';
    if (this.#framing === 'close') this.shouldKeepAlive = false;
    lines += connectionLine(this.shouldKeepAlive, hasUpgrade);
    if (this.#framing === 'chunks') lines += 'Transfer-Encoding: chunked\r\n';
    return `${lines}\r\n`;
  }

  #sendWhole(whole: Buffer | string, sendTimeout: number): void {
    this.#ended = true;
    this.#whole = whole;
    this.#sendTimeout = sendTimeout;
    writeAtEndOfTurn(this, whole.length);
  }

  #send(bytes: Buffer, taken?: () => void): void {
    const wire = this.#wire;
    const head = this.#head;
    const isChunked = this.#framing === 'chunks';
    if (head === undefined && !isChunked) {
      wire.write(bytes, taken);
      return;
    }
    this.#head = undefined;
    wire.cork();
    wire.write(`${head ?? ''}${isChunked ? chunkStart(bytes.length) : ''}`, 'latin1');
    wire.write(bytes, taken);
    if (isChunked) wire.write('\r\n', 'latin1');
    wire.uncork();
  }

  /**
   * Finished before the socket has taken everything, the connection would look idle, and be closed with what waits in
   * it.
   */
  #finishLater(): void {
    this.#wire.write('', (error) => {
      // The client is gone, or has been cut off: the answer is not whole, and must not be logged as if it were.
      if (!error) this.finish();
    });
  }
}

function finish(response: ServerResponse): void {
  response.finish();
}
