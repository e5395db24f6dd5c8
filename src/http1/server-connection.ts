// A client's connection, from accept to close (RFC 9112 §9): one request at a time is read, answered together with those
// of other connections at the end of the turn, and only then the next one is looked at. What the connection has got, its
// timers and its wire among it, is given back in `onClose`, which comes once, whichever way it ends.
//
//   introduction → head → request under way (its body comes, its answer goes) → head → …
//                                  │                                  └→ lingering → closed
//                                  └→ another protocol: the wire is the tunnel's
import type { Socket } from 'node:net';
import { canonicalAddress } from '../http/address.js';
import { HeadGivenUpError, HeadTimeoutError } from '../http/errors.js';
import type { TunnelEnd } from '../http/exchange.js';
import { CR, LF } from './characters.js';
import type { ConnectionLimit, Placed } from './connection-limit.js';
import { MalformedMessage } from './errors.js';
import { GrowingBuffer } from './growing-buffer.js';
import { faultOf } from './request-fault.js';
import { isHopeless, type RequestHead, readRequestHead, remnantOf, tooLargeHead } from './request-head.js';
import { Section } from './section.js';
import type { ServerOptions } from './server-options.js';
import { type RequestSource, ServerRequest } from './server-request.js';
import { type ResponseOwner, ServerResponse } from './server-response.js';
import { joinEnds } from './tunnel.js';
import { answerAtEndOfTurn, type TurnEnd } from './turn.js';
import { Wire } from './wire.js';
import { WireEnd } from './wire-end.js';
import type { WireOwner } from './wire-owner.js';

/** So much of a head has its method and its target, if that is not very long, in bytes. */
const TOLD = 2200;

/** What a connection needs of its server. */
export interface ConnectionHome {
  readonly options: ServerOptions;
  /** Is told what is under way on the connection. */
  readonly limit: ConnectionLimit;
  /** True once no further request is taken. */
  readonly isStopping: boolean;
  /** It is closed. Told once. */
  gone(connection: ServerConnection): void;
}

/** See above. */
export class ServerConnection implements WireOwner, RequestSource, ResponseOwner, TurnEnd, Placed {
  remoteAddress: string | undefined;
  readonly #home: ConnectionHome;
  readonly #wire: Wire;
  readonly #head: Section;
  /** What is here of the introduction, until it has been read. */
  #introduction: GrowingBuffer | undefined;
  /** Read, and not yet used. */
  #held: Buffer | undefined;
  /** Under way: its answer, or what is left of its body. */
  #request: ServerRequest | undefined;
  #response: ServerResponse | undefined;
  /** True while the request has not been answered. */
  #isUnanswered = false;
  #startedAt = 0;
  /** Runs while something must be complete in time: the introduction, a head, a body that nobody wants, the end. */
  #deadline: NodeJS.Timeout | undefined;
  /** Runs when that is over, and what has come meanwhile is read first. */
  #late: NodeJS.Immediate | undefined;
  /** True once the client has said its last byte. */
  hasEnded = false;
  /** True once the client has sent something before it had its answer: more may be on its way (nginx: c->pipeline). */
  #isPipelining = false;
  /** True once nothing more is answered. */
  #isLingering = false;
  /** The other end of the tunnel, after a switch of protocols. */
  #joined: TunnelEnd | undefined;

  constructor(socket: Socket, home: ConnectionHome) {
    const { options } = home;
    this.#home = home;
    this.#head = new Section(options.maxHead);
    this.#wire = new Wire(this, socket);
    // Asked for now, so that Node remembers it: a connection that is reset has no address any more.
    const { remoteAddress } = this.#wire;
    this.remoteAddress = remoteAddress === undefined ? undefined : canonicalAddress(remoteAddress);
    // For its first request, as nginx waits (client_header_timeout).
    this.#wire.setTimeout(options.headTimeout);
    home.limit.idle(this);
    const { introduction } = options;
    if (introduction === undefined) return;
    this.#introduction = new GrowingBuffer();
    this.#within(introduction.timeout, () => {
      introduction.timedOut(this.remoteAddress);
      this.#wire.destroy();
    });
  }

  /** Clients that wait for a place get it after this answer; and connections may be for one request each. */
  get isStopping(): boolean {
    const { isStopping, limit, options } = this.#home;
    return isStopping || limit.waiting > 0 || options.keepAliveTimeout === 0;
  }

  /** True when no request is under way, nor has begun to come. */
  get isIdle(): boolean {
    const isUnread =
      this.#held !== undefined || this.#head.length > 0 || (this.#introduction?.length ?? 0) > 0;
    return this.#request === undefined && !isUnread && !this.#isLingering;
  }

  /** Breaks the connection, and with it the one that it was joined with. */
  destroy(): void {
    this.#wire.destroy();
    this.#joined?.destroy();
  }

  giveUpHead(): void {
    // What is no head yet gets no answer of HTTP.
    if (this.#introduction !== undefined) this.#wire.destroy();
    // As it is for the memory, no more of it is decoded than what the log tells.
    else this.#refuse(new HeadGivenUpError(), this.#head.slice(0, TOLD));
  }

  // What comes.

  onRead(bytes: Buffer, length: number): void {
    if (this.#isLingering) return;
    if (this.#introduction !== undefined) this.#readIntroduction(this.#introduction, bytes, length);
    else if (this.#request === undefined) this.#readHead(bytes, 0, length);
    else this.#readBody(this.#request, bytes, length);
  }

  readInto(): Buffer {
    return this.#request?.readInto() ?? this.#wire.shared;
  }

  /** More of the body is wanted. */
  readOn(): void {
    if (this.#wire.isPaused()) this.#wire.resume();
  }

  /** The client has nothing more to say. It may still read, as `nc` does with its input at an end. */
  onEnd(): void {
    this.hasEnded = true;
    if (this.#isLingering) {
      this.#wire.destroySoon();
      return;
    }
    this.endTurn();
    if (this.#request?.complete === false) {
      this.#request.abandon();
      this.#wire.destroySoon();
    } else if (this.#response !== undefined) {
      this.#response.emit('left');
    } else if (this.#head.length > 0) {
      // Half a head never becomes a whole one.
      this.#wire.destroy();
    } else {
      this.#wire.destroySoon();
    }
  }

  onDrain(): void {
    this.#response?.emit('drain');
  }

  onTimeout(): void {
    if (this.#isLingering) {
      this.#wire.destroy();
      return;
    }
    if (this.#request?.timedOut()) return;
    const { writableLength, timeout = 0 } = this.#wire;
    // A head that has begun has a time of its own, and an answer when that is over.
    if (this.#request === undefined && this.#deadline !== undefined) {
      this.#wire.setTimeout(timeout);
      return;
    }
    const isSilent = writableLength > 0 || (this.#request?.complete === false && this.#request.wantsMore);
    // While the app thinks, or a rate is kept, it is not the client that is silent.
    if (this.#response !== undefined && !isSilent) this.#wire.setTimeout(timeout);
    else this.#wire.destroy();
  }

  onClose(): void {
    // Each of them whatever the others do: nobody comes back to this connection.
    try {
      this.endTurn();
    } finally {
      this.#clearDeadline();
      this.#held = undefined;
      this.#home.gone(this);
      try {
        this.#request?.abandon();
      } finally {
        this.#response?.abandon();
      }
    }
  }

  // What goes.

  /** Has the request answered, if it has not been yet: at the end of the turn, or when something ends before. */
  endTurn(): void {
    const request = this.#request;
    const response = this.#response;
    if (!this.#isUnanswered || request === undefined || response === undefined) return;
    this.#isUnanswered = false;
    this.#home.options.answer(request, response, this.#startedAt);
  }

  finished(): void {
    const isLast = this.#response?.shouldKeepAlive === false;
    this.#response = undefined;
    // RFC 9112 §9.6: what stands behind the answer that ends a connection is not processed.
    if (isLast) this.#close();
    else this.#goOn();
  }

  brokenOff(isFramed: boolean, sendTimeout: number): void {
    this.#wire.setTimeout(sendTimeout);
    if (isFramed) {
      this.#linger();
      return;
    }
    // Its end would look like the end of the answer. A reset throws away what the client has not read yet.
    this.#wire.write('', (error) => {
      if (!error) this.#within(this.#home.options.resetDelay, () => this.#wire.resetAndDestroy());
    });
  }

  async leaveHttp(
    head: string,
    other: TunnelEnd,
    sendTimeout: number,
    count: (bytes: number) => void,
  ): Promise<void> {
    this.#clearDeadline();
    const end = new WireEnd(this.#wire, this.#held);
    this.#held = undefined;
    this.#joined = other;
    this.#wire.write(head, 'latin1');
    await joinEnds(end, other, sendTimeout, count);
    this.#home.gone(this);
  }

  // How it is read.

  #readIntroduction(held: GrowingBuffer, bytes: Buffer, length: number): void {
    held.append(bytes, 0, length);
    const all = held.bytes;
    const found = this.#home.options.introduction?.read(all, this.remoteAddress);
    if (found === undefined) {
      this.#home.limit.holdsHead(this, held.capacity);
      return;
    }
    if (found === 'refused') {
      this.#wire.destroy();
      return;
    }
    this.#clearDeadline();
    this.#introduction = undefined;
    this.remoteAddress = found.address;
    if (found.length < all.length) this.#held = all.subarray(found.length);
    this.#next();
  }

  /** Reads the next request's head, or what there is of it. */
  #readHead(bytes: Buffer, from: number, length: number): void {
    const section = this.#head;
    const before = section.length;
    const at = before > 0 ? from : skipEmptyLines(bytes, from, length);
    if (at === length) {
      this.#stayIdle();
      return;
    }
    const end = section.take(bytes, at, length);
    if (end < 0) {
      if (section.isFull) this.#refuse(tooLargeHead(section.text), section.text);
      else if (isHopeless(section, before)) {
        this.#refuse(new MalformedMessage('is no HTTP/1.1'), section.text);
      } else {
        if (before === 0) this.#awaitHead();
        this.#home.limit.holdsHead(this, section.memory);
      }
      return;
    }
    const { text } = section;
    section.begin();
    this.#clearDeadline();
    let head: RequestHead;
    try {
      head = readRequestHead(text);
    } catch (error) {
      this.#refuse(error, text);
      return;
    }
    this.#begin(head, text.length);
    const request = this.#request;
    if (end < length && request !== undefined) this.#takeBody(request, bytes, end, length);
  }

  #begin(head: RequestHead, size: number, fault?: Error): void {
    const request = new ServerRequest(head, this, fault);
    this.#request = request;
    this.#home.limit.busy(this);
    this.#response = new ServerResponse(
      this.#wire,
      request,
      head.keepAlive && head.upgrade === undefined,
      this,
    );
    this.#isUnanswered = true;
    this.#startedAt = performance.now();
    answerAtEndOfTurn(this, size);
  }

  #readBody(request: ServerRequest, bytes: Buffer, length: number): void {
    this.#takeBody(request, bytes, 0, length);
    if (request === this.#request && request.complete && this.#response === undefined) this.#goOn();
  }

  /** Gives the request what belongs to it; what comes behind it must wait for its answer. */
  #takeBody(request: ServerRequest, bytes: Buffer, from: number, length: number): void {
    let at: number;
    try {
      at = request.take(bytes, from, length, bytes !== this.#wire.shared);
    } catch (error) {
      this.#breakBody(request, error);
      return;
    }
    if (at < length) this.#hold(bytes, at, length);
    else if (!request.complete && !request.wantsMore) this.#wire.pause();
  }

  /**
   * The next request, or some of it, is here already: no more is read, so that a client that sends requests without end
   * fills no memory, and that it has said its last byte is heard only behind them.
   */
  #hold(bytes: Buffer, at: number, length: number): void {
    const rest = bytes.subarray(at, length);
    this.#held = bytes === this.#wire.shared ? Buffer.from(rest) : rest;
    this.#isPipelining = true;
    this.#wire.pause();
  }

  /** What should be a body is none: the answer to the request is the last, and nothing is read any more. */
  #breakBody(request: ServerRequest, error: unknown): void {
    this.#wire.pause();
    request.abandon(faultOf(error));
    if (this.#response === undefined) this.#close();
    else this.#response.shouldKeepAlive = false;
  }

  /** Answers what is no request. What can be told of it is in the log. */
  #refuse(error: unknown, text: string): void {
    this.#clearDeadline();
    this.#head.begin();
    this.#wire.pause();
    this.#begin(remnantOf(text), text.length, faultOf(error));
  }

  /** Goes on to the next request, when this one is here to its end. */
  #goOn(): void {
    const { keepAliveTimeout } = this.#home.options;
    if (this.#request?.complete === false) {
      // A body that nobody wanted.
      this.#request.drop();
      this.#readOnForAWhile();
      return;
    }
    this.#clearDeadline();
    this.#request = undefined;
    if (this.#wire.timeout !== keepAliveTimeout) this.#wire.setTimeout(keepAliveTimeout);
    this.#next();
  }

  /** Begins with the request whose head is held, if it is all here. */
  #next(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#readHead(held, 0, held.length);
    if (this.#isLingering) return;
    const request = this.#request;
    // Its body is still to come, or that its client leaves is to be heard.
    if (request !== undefined) {
      if (this.#held === undefined && !request.destroyed && request.fault === undefined && request.wantsMore)
        this.readOn();
    } else if (this.hasEnded) this.onEnd();
    else if (this.#home.isStopping && this.isIdle) this.#wire.destroySoon();
    else {
      if (this.isIdle) this.#home.limit.idle(this);
      this.readOn();
    }
  }

  /** Empty lines are no request, and who sends nothing else is idle. They must not keep the connection for ever. */
  #stayIdle(): void {
    if (this.#deadline !== undefined) return;
    this.#within(this.#home.options.keepAliveTimeout, () => this.#wire.destroySoon());
  }

  /** A head has begun. */
  #awaitHead(): void {
    const { headTimeout } = this.#home.options;
    this.#within(headTimeout, () => {
      this.#refuse(new HeadTimeoutError(headTimeout / 1000), this.#head.text);
    });
  }

  // How it ends.

  /** Everything that was written has been taken. */
  #close(): void {
    const isUnread = this.#request?.complete === false || this.#held !== undefined || this.#wire.isPaused();
    if ((isUnread || this.#isPipelining) && !this.hasEnded) this.#linger();
    else this.#wire.destroySoon();
  }

  /**
   * Closing at once would make the client's system throw the answer away unread, if there is something that was not read
   * here; so that is read and dropped for a while (nginx: lingering_close). Not before everything has been taken: what
   * is read renews the wire's time limit, and a client that reads nothing would never meet it.
   */
  #linger(): void {
    const wire = this.#wire;
    this.#isLingering = true;
    this.#held = undefined;
    this.#request?.drop();
    this.#clearDeadline();
    if (this.hasEnded) {
      wire.destroySoon();
      return;
    }
    wire.pause();
    wire.end(() => {
      if (!wire.destroyed) this.#readOnForAWhile();
    });
  }

  /** Reads what nobody wants, until the client stops sending it or has had its time. */
  #readOnForAWhile(): void {
    const { lingeringTimeout, lingeringTime } = this.#home.options;
    this.#wire.setTimeout(lingeringTimeout);
    // Its answer is delivered, as far as it can be told.
    if (this.#isLingering) this.#home.limit.idle(this);
    this.#within(lingeringTime, () => this.#wire.destroy());
    this.readOn();
  }

  /** One at a time: what is awaited changes with the state. */
  #within(milliseconds: number, late: () => void): void {
    this.#clearDeadline();
    this.#deadline = setTimeout(() => {
      // The process itself may have been held up.
      this.#late = setImmediate(() => {
        this.#clearDeadline();
        this.#wire.attempt(late);
      });
    }, milliseconds);
  }

  #clearDeadline(): void {
    if (this.#deadline === undefined) return;
    clearTimeout(this.#deadline);
    clearImmediate(this.#late);
    this.#deadline = undefined;
    this.#late = undefined;
  }
}

/** RFC 9112 §2.2: empty lines before a request are ignored; some clients write one behind a body. */
function skipEmptyLines(bytes: Buffer, from: number, length: number): number {
  let at = from;
  while (at < length && (bytes[at] === CR || bytes[at] === LF)) at += 1;
  return at;
}
