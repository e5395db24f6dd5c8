// One connection to the app, and HTTP/1.1 on it (RFC 9112): one request at a time, written in as few pieces as may be,
// and its response, told to whoever sent the request. Which connection a request travels on is decided by the pool.
import type { Socket, SocketConstructorOpts, TcpSocketConnectOpts } from 'node:net';
import { Readable } from 'node:stream';
import type { Address } from '../config/address.js';
import { type TurnEnd, writeAtEndOfTurn } from '../http/turn.js';
import type { BodyParts } from './body-parts.js';
import { BodySender, type BodySending, type SendReport } from './body-sender.js';
import { ConnectionClosed, ConnectTimeout, ReadTimeout } from './failure.js';
import { PartSender } from './part-sender.js';
import { PatientSocket } from './patient-socket.js';
import type { RequestBody } from './request-body.js';
import { type ResponseEvents, ResponseParser, type ResponseStart } from './response-parser.js';

/** Time limits, in milliseconds; 0 is none. */
export interface ConnectionLimits {
  readonly connectTimeout: number;
  /** Longest silence of the app, before its answer and within it. */
  readonly readTimeout: number;
}

/** A request, ready to be sent. */
export interface AppRequest {
  readonly method: string;
  /** Request line and fields with the empty line behind them, one character for each byte. */
  readonly head: string;
  readonly body: RequestBody | undefined;
  /** True when it asks for another protocol. */
  readonly upgrades: boolean;
  /** True when it has told the app that no other request follows on the connection. */
  readonly isLast: boolean;
}

/**
 * Whoever sent a request hears of it here: that it is sent, then of the response in its order. `onEnd`, `onUpgrade` or
 * `onFailure` is the last call, and the connection is no longer this request's when it comes.
 */
export interface Receiver {
  /** There is a connection, and the request goes out now: from here on the app may have seen it. */
  onSending(): void;
  /** A part of a body that does not lie in memory was handed to the socket. */
  onSentSome(): void;
  /** The whole request was handed to the socket. */
  onSent(): void;
  /** An informational response (RFC 9110 §15.2); others follow. */
  onInformational(start: ResponseStart): void;
  onHead(start: ResponseStart): void;
  /** A part of the body. The bytes are overwritten when this returns: what is to be kept must be copied. */
  onData(bytes: Buffer): void;
  /** The response is complete. Trailers are names and values in turn. */
  onEnd(trailers: readonly string[]): void;
  /** The app has switched protocols; the socket belongs to the receiver now, and gives all that comes behind the head. */
  onUpgrade(start: ResponseStart, socket: Socket): void;
  /** The connection failed, or was aborted with this error, before the response was complete. */
  onFailure(error: Error): void;
}

/** Where a connection comes from. */
export interface ConnectionOwner {
  /** Its request has ended well, and it can carry another. */
  idle(connection: Connection): void;
  /** It is closed, or no HTTP connection any more. Told once. */
  gone(connection: Connection): void;
}

/** How a connection's socket gives the bytes that come. */
export type Reading =
  /** Into memory that all connections share: for everything that stays HTTP, since it costs no allocation. */
  | 'shared'
  /** As a stream, which can be handed over to another protocol. */
  | 'stream';

/** How much is read at once, in bytes. */
const READ_SIZE = 64 * 1024;
/** Read into by all connections: libuv reads and tells in one go, and nobody keeps what lies here. */
const shared = Buffer.allocUnsafeSlow(READ_SIZE);
/** Up to here a body in memory is copied behind its head, which costs less than a piece of its own, in bytes. */
const SMALL = 4096;
/** Longest wait for an answer on a connection that takes no more of the request, in milliseconds. */
const LAST_WORDS = 5000;

/** A connection, from the moment it is wanted until it is closed. */
export class Connection implements ResponseEvents, SendReport, TurnEnd {
  readonly #owner: ConnectionOwner;
  readonly #socket: PatientSocket;
  readonly #parser = new ResponseParser(this);
  #receiver: Receiver | undefined;
  /** What is under way, or waits for the connection. */
  #request: AppRequest | undefined;
  #sender: BodySending | undefined;
  /** Goes out at the end of this turn of the event loop. */
  #waiting = '';
  #silence: number;
  #isConnected = false;
  #isGone = false;
  #isPaused = false;
  /** True once it has carried a request. */
  wasUsed = false;
  /** When its last request ended, on the monotonic clock, in milliseconds. */
  idleSince = 0;

  constructor(address: Address, limits: ConnectionLimits, owner: ConnectionOwner, reading: Reading) {
    this.#owner = owner;
    this.#silence = limits.readTimeout;
    const options = reading === 'stream' ? {} : this.#readShared();
    this.#socket = new PatientSocket(options, this.#onEnded, this.#onWriteFailed);
    if (reading === 'stream') this.#socket.on('data', this.#onData);
    this.#socket.on('connect', this.#onConnected).on('timeout', this.#onSilence);
    this.#socket.on('error', this.#onError).on('close', this.#onClosed);
    // Refreshed by Node whenever something is read or written: it costs a request nothing.
    this.#socket.setTimeout(limits.connectTimeout);
    this.#socket.setNoDelay(true);
    this.#socket.connect(connectOptions(address));
  }

  /** Sends a request as soon as there is a connection; on an idle connection only. */
  send(request: AppRequest, receiver: Receiver): void {
    this.#receiver = receiver;
    this.#request = request;
    if (this.#isConnected) this.#write(request, receiver);
  }

  /** Writes what was put off. */
  endTurn(): void {
    const waiting = this.#waiting;
    this.#waiting = '';
    if (!this.#isGone) this.#socket.write(waiting, 'latin1');
  }

  /** Stops reading the response for a while: the app must wait. */
  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  /** Reads on. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
    // The app could not break a silence that was ours.
    this.#socket.setTimeout(this.#silence);
  }

  /** Closes the connection. A request under way fails with this error, before this returns. */
  abort(error: Error): void {
    const receiver = this.#receiver;
    this.#close();
    receiver?.onFailure(error);
  }

  // What the response consists of.

  informational(start: ResponseStart): void {
    this.#receiver?.onInformational(start);
  }

  head(start: ResponseStart): void {
    this.#receiver?.onHead(start);
  }

  data(bytes: Buffer): void {
    this.#receiver?.onData(bytes);
  }

  end(trailers: readonly string[]): void {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    // An app that answers without having read the body may close, or take the rest of it for another request.
    const isSent = this.#sender === undefined && this.#socket.writableLength === 0 && !this.#socket.hasFailed;
    if (isSent && this.#parser.isPersistent && this.#request?.isLast === false) this.#release();
    else this.#close();
    receiver.onEnd(trailers);
  }

  switched(start: ResponseStart, rest: Buffer): void {
    const receiver = this.#receiver;
    const socket = this.#socket;
    socket.off('data', this.#onData).off('connect', this.#onConnected).off('timeout', this.#onSilence);
    socket.off('error', this.#onError).off('close', this.#onClosed);
    socket.setTimeout(0);
    socket.becomePlain();
    socket.pause();
    if (rest.length > 0) socket.unshift(rest);
    this.#leave();
    receiver?.onUpgrade(start, socket);
  }

  // What becomes of a body that is sent piece by piece.

  bodyMoved(): void {
    this.#receiver?.onSentSome();
  }

  bodySent(): void {
    this.#sender = undefined;
    this.#receiver?.onSent();
  }

  bodyFailed(error: Error): void {
    this.abort(error);
  }

  #write(request: AppRequest, receiver: Receiver): void {
    this.wasUsed = true;
    this.#parser.begin(request.method === 'HEAD', request.upgrades);
    receiver.onSending();
    // It may have been aborted just now.
    if (this.#receiver !== receiver) return;
    const { head, body } = request;
    const bytes = body?.open();
    if (bytes === undefined) {
      this.#waiting = head;
      writeAtEndOfTurn(this, head.length);
    } else if (!Buffer.isBuffer(bytes)) {
      this.#socket.write(head, 'latin1');
      this.#sender = this.#senderOf(bytes, body?.size);
      this.#sender.start();
      return;
    } else if (bytes.length <= SMALL) {
      this.#waiting = head + bytes.toString('latin1');
      writeAtEndOfTurn(this, this.#waiting.length);
    } else {
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      this.#socket.write(bytes);
      this.#socket.uncork();
    }
    receiver.onSent();
  }

  #senderOf(body: BodyParts | Readable, size: number | undefined): BodySending {
    if (body instanceof Readable) return new BodySender(this.#socket, body, size, this);
    return new PartSender(this.#socket, body, size ?? 0, this);
  }

  /** How the socket reads without allocating anything. */
  #readShared(): SocketConstructorOpts & Pick<TcpSocketConnectOpts, 'onread'> {
    // On Windows a read is begun long before its bytes come, so that memory cannot be shared there.
    const buffer = process.platform === 'win32' ? Buffer.allocUnsafeSlow(READ_SIZE) : shared;
    const callback = (length: number): boolean => {
      this.#read(buffer, length);
      return true;
    };
    return { onread: { buffer, callback } };
  }

  #read(bytes: Buffer, length: number): void {
    // What nobody asked for would answer the next request (response queue poisoning).
    if (this.#receiver === undefined) {
      this.#close();
      return;
    }
    try {
      this.#parser.push(bytes, length);
    } catch (error) {
      // Whatever it is, a defect of ours too: it is this request's, and no reason to end all others with the process.
      this.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** The request has ended well. */
  #release(): void {
    this.#receiver = undefined;
    this.#request = undefined;
    // Its end, if the app closes it, must be seen.
    this.resume();
    this.#owner.idle(this);
  }

  #close(): void {
    this.#leave();
    this.#socket.destroy();
  }

  #leave(): void {
    this.#receiver = undefined;
    this.#request = undefined;
    this.#sender?.stop();
    this.#sender = undefined;
    if (this.#isGone) return;
    this.#isGone = true;
    this.#owner.gone(this);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#read(chunk, chunk.length);
  };

  readonly #onConnected = (): void => {
    this.#isConnected = true;
    this.#socket.setTimeout(this.#silence);
    if (this.#request !== undefined && this.#receiver !== undefined) {
      this.#write(this.#request, this.#receiver);
    }
  };

  /** The app sends nothing any more. */
  readonly #onEnded = (): void => {
    if (this.#receiver !== undefined && this.#parser.finish()) return;
    this.abort(new ConnectionClosed());
  };

  /**
   * An app may answer without having read the request, and close: then writing fails while its answer is still to be
   * read. Reading goes on, and its end is the end of the connection.
   */
  readonly #onWriteFailed = (): void => {
    this.#sender?.stop();
    this.#silence = this.#silence === 0 ? LAST_WORDS : Math.min(this.#silence, LAST_WORDS);
    this.#socket.setTimeout(this.#silence);
  };

  readonly #onSilence = (): void => {
    if (!this.#isConnected) {
      this.abort(new ConnectTimeout());
      return;
    }
    if (this.#receiver === undefined || this.#isPaused) return;
    // While the body is on its way it is not the app that has to say something.
    if (this.#sender !== undefined && !this.#socket.hasFailed) return;
    this.abort(new ReadTimeout());
  };

  readonly #onError = (error: Error): void => this.abort(error);

  readonly #onClosed = (): void => {
    if (!this.#isGone) this.abort(new ConnectionClosed());
  };
}

function connectOptions(address: Address): { path: string } | { port: number; host: string } {
  return address.kind === 'unix'
    ? { path: address.path }
    : { port: address.port, host: address.host ?? '127.0.0.1' };
}
