// One connection to the app, and HTTP/1.1 on it (RFC 9112): one request at a time, written in as few pieces as may be,
// and its response, told to whoever sent the request. Which connection a request travels on is decided by the pool.
import type { NetConnectOpts } from 'node:net';
import { Readable } from 'node:stream';
import type { Address } from '../config/address.js';
import { acquireBuffer, releaseBuffer } from '../http/buffer-pool.js';
import type { TunnelEnd } from '../http/exchange.js';
import { BodySender, type BodySending, type SendReport } from './body-sender.js';
import type { ClientWire, ConnectOptions } from './client-wire.js';
import { ConnectionClosed, ConnectTimeout, ReadTimeout } from './errors.js';
import { type BodyParts, PartSender } from './part-sender.js';
import { type ResponseEvents, ResponseParser, type ResponseStart } from './response-parser.js';
import { TlsWire } from './tls-wire.js';
import { type TurnEnd, writeAtEndOfTurn } from './turn.js';
import { Wire } from './wire.js';
import { WireEnd } from './wire-end.js';
import type { WireOwner } from './wire-owner.js';

/** What holds for connections to the app. Times are in milliseconds; 0 is none. */
export interface ConnectionLimits {
  readonly connectTimeout: number;
  /** Longest silence of the app, before its answer and within it. */
  readonly readTimeout: number;
  /** Largest head of a response, in bytes (nginx: proxy_buffer_size). */
  readonly maxResponseHead: number;
}

/** A request's body, ready to be sent. */
export interface OutgoingBody {
  /** In bytes; undefined when it goes out in chunks. */
  readonly size: number | undefined;
  /** The bytes, from the first one, for one attempt. */
  open(): Buffer | BodyParts | Readable;
}

/** A request, ready to be sent. */
export interface AppRequest {
  readonly method: string;
  /** Request line and fields with the empty line behind them, one character for each byte. */
  readonly head: string;
  readonly body: OutgoingBody | undefined;
  /** True when it asks for another protocol. */
  readonly upgrades: boolean;
  /** True when it has told the app that no other request follows on the connection. */
  readonly isLast: boolean;
}

/**
 * Whoever sent a request hears of it here: that it is sent, then of the response in its order. `onEnd`, `onUpgrade` or
 * `onFailure` is the last call, and the connection is no longer this request's when it comes.
 */
export interface ResponseReceiver {
  /** There is a connection, and the request goes out now: from here on the app may have seen it. */
  onSending(): void;
  /** A part of a body that does not lie in memory was handed to the socket. */
  onSentSome(): void;
  /** The whole request was handed to the socket. */
  onSent(): void;
  /** An informational response (RFC 9110 §15.2); others follow. */
  onInformational(start: ResponseStart): void;
  onHead(start: ResponseStart): void;
  /**
   * A part of the body. The bytes are overwritten when this returns: what is to be kept must be copied, or, when they
   * lie in memory of the connection's own, that must be kept.
   */
  onData(bytes: Buffer, memory: OwnMemory | undefined): void;
  /** The response is complete. Trailers are names and values in turn. */
  onEnd(trailers: readonly string[]): void;
  /** The app has switched protocols; what is left belongs to the receiver, and gives all that comes behind the head. */
  onUpgrade(start: ResponseStart, end: TunnelEnd): void;
  /** The connection failed, or was aborted with this error, before the response was complete. */
  onFailure(error: Error): void;
}

/** Where a connection comes from. */
export interface ConnectionOwner {
  /** Its request has ended well, and it can carry another. */
  idle(connection: ClientConnection): void;
  /** It is closed, or no HTTP connection any more. Told once. */
  gone(connection: ClientConnection): void;
}

/** Memory of one connection's own, that what it has read lies in. */
export interface OwnMemory {
  /** Keeps the memory as it is, until what is returned is called. */
  keep(): () => void;
}

/** With this much to come of a body, it is read into memory of the connection's own, in bytes. */
const LARGE = 64 * 1024;
/** How much is read at once there, in bytes: no read of a plain connection brings more. */
export const LARGE_READ = 128 * 1024;
/** Up to here a body in memory is copied behind its head, which costs less than a piece of its own, in bytes. */
const SMALL = 4096;
/** Longest wait for an answer on a connection that takes no more of the request, in milliseconds. */
const LAST_WORDS = 5000;

/** A connection, from the moment it is wanted until it is closed. */
export class ClientConnection implements WireOwner, ResponseEvents, SendReport, OwnMemory, TurnEnd {
  readonly #owner: ConnectionOwner;
  readonly #wire: ClientWire;
  readonly #parser: ResponseParser;
  #receiver: ResponseReceiver | undefined;
  /** What is under way, or waits for the connection. */
  #request: AppRequest | undefined;
  #sender: BodySending | undefined;
  /** Goes out at the end of this turn of the event loop. */
  #waiting = '';
  #silence: number;
  #isConnected = false;
  #isGone = false;
  #isPaused = false;
  /** Read into while much is to come. */
  #memory: Buffer | undefined;
  /** True while whoever gets the response cannot use memory of the connection's own. */
  prefersShared = false;
  /** True once it has carried a request. */
  wasUsed = false;
  /** True once something of an answer to its last request has come. */
  hasHeard = false;
  /** When its last request ended, on the monotonic clock, in milliseconds. */
  idleSince = 0;
  /** How long it had been idle when it was last taken, in milliseconds. */
  rested = 0;

  constructor(
    address: Address,
    limits: ConnectionLimits,
    owner: ConnectionOwner,
    options: ConnectOptions = PLAINLY,
  ) {
    this.#owner = owner;
    this.#silence = limits.readTimeout;
    this.#parser = new ResponseParser(this, limits.maxResponseHead);
    if (options.tls === undefined) {
      const wire = new Wire(this);
      this.#wire = wire;
      wire.once('connect', this.#onConnected);
      wire.setNoDelay(true);
      wire.connect(connectOptions(address, options));
    } else {
      this.#wire = new TlsWire(this, address, options.tls, options, this.#onConnected);
    }
    // Refreshed by Node whenever something is read or written: it costs a request nothing.
    this.#wire.setTimeout(limits.connectTimeout);
  }

  /** Sends a request as soon as there is a connection; on an idle connection only. */
  send(request: AppRequest, receiver: ResponseReceiver): void {
    this.#receiver = receiver;
    this.#request = request;
    // The client of its last one may have been slow; this one's is another.
    this.prefersShared = false;
    if (this.#isConnected) this.#write(request, receiver);
  }

  /** Writes what was put off. */
  endTurn(): void {
    const waiting = this.#waiting;
    this.#waiting = '';
    if (!this.#isGone) this.#wire.write(waiting, 'latin1');
  }

  /** Stops reading the response for a while: the app must wait. */
  pause(): void {
    this.#isPaused = true;
    this.#wire.pause();
  }

  /** Reads on. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#wire.resume();
    // The app could not break a silence that was ours.
    this.#wire.setTimeout(this.#silence);
  }

  /** Closes the connection. A request under way fails with this error, before this returns. */
  abort(error: Error): void {
    const receiver = this.#receiver;
    this.#close();
    receiver?.onFailure(error);
  }

  // What the response consists of.

  /** Whether all that was written is known to have gone out. */
  get #isTaken(): boolean {
    return this.#wire.writableLength === 0 || (this.#wire.tellsLate && this.#request?.body === undefined);
  }

  informational(start: ResponseStart): void {
    this.#receiver?.onInformational(start);
  }

  head(start: ResponseStart): void {
    this.#receiver?.onHead(start);
  }

  data(bytes: Buffer): void {
    this.#receiver?.onData(bytes, this.#memory === undefined ? undefined : this);
  }

  keep(): () => void {
    const memory = this.#memory;
    this.#memory = undefined;
    return () => {
      if (memory !== undefined) releaseBuffer(memory);
    };
  }

  end(trailers: readonly string[]): void {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    // An app that answers without having read the body may close, or take the rest of it for another request.
    const isSent = this.#sender === undefined && this.#isTaken && !this.#wire.hasFailed;
    if (isSent && this.#parser.isPersistent && this.#request?.isLast === false) this.#release();
    else this.#close();
    receiver.onEnd(trailers);
  }

  switched(start: ResponseStart, rest: Buffer): void {
    const receiver = this.#receiver;
    if (!(this.#wire instanceof Wire)) {
      // Nobody asks for it over TLS yet.
      this.abort(new ConnectionClosed());
      return;
    }
    const end = new WireEnd(this.#wire, rest);
    this.#leave();
    if (receiver === undefined) end.destroy();
    else receiver.onUpgrade(start, end);
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

  #write(request: AppRequest, receiver: ResponseReceiver): void {
    this.wasUsed = true;
    this.hasHeard = false;
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
      this.#wire.write(head, 'latin1');
      this.#sender = this.#senderOf(bytes, body?.size);
      this.#sender.start();
      return;
    } else if (bytes.length <= SMALL) {
      this.#waiting = head + bytes.toString('latin1');
      writeAtEndOfTurn(this, this.#waiting.length);
    } else {
      this.#wire.cork();
      this.#wire.write(head, 'latin1');
      this.#wire.write(bytes);
      this.#wire.uncork();
    }
    receiver.onSent();
  }

  #senderOf(body: BodyParts | Readable, size: number | undefined): BodySending {
    if (body instanceof Readable) return new BodySender(this.#wire, body, size, this);
    return new PartSender(this.#wire, body, size ?? 0, this);
  }

  readInto(): Buffer {
    if (this.prefersShared || this.#receiver === undefined || this.#parser.left < LARGE) {
      if (this.#memory !== undefined) releaseBuffer(this.#memory);
      this.#memory = undefined;
      return this.#wire.shared;
    }
    this.#memory ??= acquireBuffer(LARGE_READ);
    return this.#memory;
  }

  onRead(bytes: Buffer, length: number): void {
    // What nobody asked for would answer the next request (response queue poisoning).
    if (this.#receiver === undefined) {
      this.#close();
      return;
    }
    // So would what is here before the request has gone out.
    if (this.#waiting !== '') {
      this.abort(new ConnectionClosed());
      return;
    }
    this.hasHeard = true;
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
    this.#wire.destroy();
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

  readonly #onConnected = (): void => {
    this.#isConnected = true;
    this.#wire.setTimeout(this.#silence);
    if (this.#request !== undefined && this.#receiver !== undefined) {
      this.#write(this.#request, this.#receiver);
    }
  };

  onDrain(): void {
    this.#sender?.drained();
  }

  /** The app sends nothing any more. */
  onEnd(): void {
    // What ends with the connection must have ended with it, not with its break.
    const isBroken = this.#parser.isUntilClose && this.#wire.wasReset;
    if (this.#receiver !== undefined && !isBroken && this.#parser.finish()) return;
    this.abort(new ConnectionClosed());
  }

  onWriteFailed(): void {
    this.#sender?.stop();
    this.#silence = this.#silence === 0 ? LAST_WORDS : Math.min(this.#silence, LAST_WORDS);
    this.#wire.setTimeout(this.#silence);
  }

  onTimeout(): void {
    if (!this.#isConnected) {
      this.abort(new ConnectTimeout());
      return;
    }
    if (this.#receiver === undefined || this.#isPaused) return;
    // While the body is on its way it is not the app that has to say something.
    if (this.#sender !== undefined && !this.#wire.hasFailed) return;
    this.abort(new ReadTimeout());
  }

  onClose(error: Error | undefined): void {
    if (this.#memory !== undefined) releaseBuffer(this.#memory);
    this.#memory = undefined;
    if (!this.#isGone) this.abort(error ?? new ConnectionClosed());
  }
}

const PLAINLY: ConnectOptions = {};

function connectOptions(address: Address, { lookup }: ConnectOptions): NetConnectOpts {
  if (address.kind === 'unix') return { path: address.path };
  return { port: address.port, host: address.host ?? '127.0.0.1', ...(lookup && { lookup }) };
}
