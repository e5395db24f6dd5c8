// The response to a plain request (RFC 9112 §4, §6, §7.1): the members that handlers use of Node's ServerResponse,
// written straight to the socket. Its connection (plain-connection.ts) learns when it is over.
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { currentDate } from '../http/clock.js';
import type { ClientResponse } from '../http/exchange.js';
import { renderHead } from '../http/head.js';
import { type TurnEnd, writeAtEndOfTurn } from '../http/turn.js';

/** See ClientResponse. */
export class PlainResponse extends EventEmitter implements ClientResponse, TurnEnd {
  statusCode = 200;
  shouldKeepAlive: boolean;
  headersSent = false;
  destroyed = false;
  writableFinished = false;
  readonly socket: Socket;
  /** False in answers to HEAD. */
  readonly #mayHaveContent: boolean;
  readonly #whenOver: () => void;
  /** Rendered and not yet written: it goes out with the first bytes of content. */
  #head: string | undefined;
  #hasContent = false;
  #chunked = false;
  #trailers = '';
  #ended = false;
  /** What `writeAtOnce` was given. */
  #whole: Buffer | string = '';
  #silence = 0;
  #taken: (() => void) | undefined;

  /** @param whenOver called once: the response is complete, and the socket has taken all of it */
  constructor(socket: Socket, isHead: boolean, keepAlive: boolean, whenOver: () => void) {
    super();
    this.socket = socket;
    this.#mayHaveContent = !isHead;
    this.shouldKeepAlive = keepAlive;
    this.#whenOver = whenOver;
  }

  get writableNeedDrain(): boolean {
    return this.socket.writableNeedDrain;
  }

  writeHead(status: number, ...rest: [string, string[]] | [string[]]): void {
    const [reason, fields] = rest.length === 2 ? rest : [undefined, rest[0]];
    this.statusCode = status;
    this.headersSent = true;
    this.#hasContent = this.#mayHaveContent && status !== 304 && status !== 204;
    let hasLength = false;
    let hasDate = false;
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index] ?? '';
      // Most fields are neither, and their length tells.
      if (name.length === 14 && name.toLowerCase() === 'content-length') hasLength = true;
      else if (name.length === 4 && name.toLowerCase() === 'date') hasDate = true;
    }
    const own = hasDate ? [] : ['Date', currentDate()];
    own.push('Connection', this.shouldKeepAlive ? 'keep-alive' : 'close');
    this.#chunked = this.#hasContent && !hasLength;
    if (this.#chunked) own.push('Transfer-Encoding', 'chunked');
    this.#head = renderHead(status, [...fields, ...own], reason);
  }

  flushHeaders(): void {
    if (!this.headersSent) this.writeHead(this.statusCode, []);
    if (this.#head === undefined || this.destroyed) return;
    this.socket.write(this.#head, 'latin1');
    this.#head = undefined;
  }

  write(bytes: Buffer, callback?: () => void): boolean {
    if (!this.headersSent) this.writeHead(this.statusCode, []);
    if (this.destroyed || this.#ended || !this.#hasContent || bytes.length === 0) {
      if (callback !== undefined) process.nextTick(callback);
      return !this.socket.writableNeedDrain;
    }
    return this.#send(bytes, callback);
  }

  passContent(send: (socket: Socket) => number): number {
    if (!this.headersSent || this.destroyed || this.#ended || !this.#hasContent || this.#chunked) return 0;
    this.flushHeaders();
    return send(this.socket);
  }

  end(content?: Buffer | string, encoding?: 'latin1'): void {
    // Of a socket that is destroyed nothing waits, as if it had taken all. It will say that it is closed.
    if (this.destroyed || this.#ended || this.socket.destroyed) return;
    if (!this.headersSent) this.writeHead(this.statusCode, []);
    const bytes = typeof content === 'string' ? Buffer.from(content, encoding) : content;
    this.socket.cork();
    if (bytes !== undefined && bytes.length > 0 && this.#hasContent) this.#send(bytes);
    else this.flushHeaders();
    if (this.#chunked) this.socket.write(`0\r\n${this.#trailers}\r\n`, 'latin1');
    this.socket.uncork();
    this.#ended = true;
    // Later in any case, as with Node's: who ends a response is not yet done with it.
    if (this.socket.writableLength === 0) process.nextTick(finish, this);
    else this.#finishLater();
  }

  writeAtOnce(status: number, bytes: Buffer | string, silence: number, taken?: () => void): void {
    this.statusCode = status;
    this.headersSent = true;
    this.#ended = true;
    this.#whole = bytes;
    this.#silence = silence;
    this.#taken = taken;
    writeAtEndOfTurn(this, bytes.length);
  }

  endTurn(): void {
    const { socket } = this;
    const whole = this.#whole;
    this.#whole = '';
    // See `end`.
    if (this.destroyed || socket.destroyed) return;
    if (typeof whole === 'string') socket.write(whole, 'latin1');
    else socket.write(whole);
    if (socket.writableLength === 0) this.finish();
    else {
      socket.setTimeout(this.#silence);
      this.#finishLater();
    }
  }

  addTrailers(trailers: [string, string][]): void {
    for (const [name, value] of trailers) this.#trailers += `${name}: ${value}\r\n`;
  }

  writeContinue(): void {
    this.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** The connection is closed: nothing more will be taken. */
  abandon(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }

  #send(bytes: Buffer, callback?: () => void): boolean {
    const { socket } = this;
    const head = this.#head;
    if (head === undefined && !this.#chunked) return socket.write(bytes, callback);
    this.#head = undefined;
    socket.cork();
    const before = `${head ?? ''}${this.#chunked ? `${bytes.length.toString(16)}\r\n` : ''}`;
    socket.write(before, 'latin1');
    let goOn = socket.write(bytes, callback);
    if (this.#chunked) goOn = socket.write('\r\n', 'latin1');
    socket.uncork();
    return goOn && !socket.writableNeedDrain;
  }

  /**
   * Finished before the socket has taken everything, the connection would look idle, and be closed with what waits in
   * it.
   */
  #finishLater(): void {
    this.socket.write('', (error) => {
      // The client is gone, or has been cut off: the answer is not whole, and must not be logged as if it were.
      if (!error) this.finish();
    });
  }

  /** Everything has been taken. */
  finish(): void {
    if (this.destroyed) return;
    this.#taken?.();
    this.writableFinished = true;
    this.destroyed = true;
    this.emit('close');
    this.#whenOver();
  }
}

function finish(response: PlainResponse): void {
  response.finish();
}
