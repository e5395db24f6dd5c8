// One attempt at the app: what its answer means for the client, and what becomes of the attempt.
import type { Exchange, TunnelEnd } from '../http/exchange.js';
import { withoutFields } from '../http/fields.js';
import type { AppOrder } from '../http/order.js';
import type {
  AppRequest,
  ClientConnection,
  OwnMemory,
  ResponseReceiver,
} from '../http1/client-connection.js';
import type { ResponseStart } from '../http1/response-parser.js';
import { Delivery, type Supply } from './delivery.js';
import { Discard } from './discard.js';
import { readOrder } from './order.js';
import type { Relocate } from './own-location.js';
import type { ResponseBufferLimits } from './response-buffer.js';
import { readResponseHead } from './response-headers.js';

/** What becomes of an attempt. Exactly one of these is called, once; `done` may come before the app has ended. */
export interface Outcome {
  /** The response is with the client, or all that there is of it. */
  done(): void;
  /** The app failed, and nothing of its response has been sent. */
  failed(error: Error): void;
  /** The app ordered something else to be sent; nothing has been sent yet. */
  ordered(order: AppOrder): void;
  /** The app switched protocols. */
  upgraded(start: ResponseStart, end: TunnelEnd): void;
}

/** What an attempt reports while it is under way. */
export interface Watch {
  /** The request goes out now: from here on the app may have seen it. */
  sending(): void;
  /** A part of the body was handed to the socket. */
  sentSome(): void;
  /** The whole request was handed to the socket. */
  sent(): void;
  /** True when the client may hear the attempt's informational responses. */
  mayInform(): boolean;
  /** The app answers. */
  answered(): void;
  /** The app broke off within its response; `done` follows when what came of it is with the client. */
  broken(error: Error): void;
  /** The connection to the app is free again, or gone. */
  released(): void;
}

/** The head of a response, as the client will get it. */
interface Head {
  readonly status: number;
  readonly reason: string;
  /** Names and values in turn. */
  readonly fields: string[];
}

/** How the response is held back for a slow client. */
export interface RelayOptions {
  /** Absent when the location has buffering off. */
  readonly responseBuffer: ResponseBufferLimits | undefined;
  /** Longest time a client may take nothing, in milliseconds. */
  readonly sendTimeout: number;
  /** Longest time the app may take to end an answer that is replaced, in milliseconds. */
  readonly discardTimeout: number;
  /** What is done with references to the app's own address. */
  readonly relocate: Relocate | undefined;
}

/** Up to here a body is copied behind its head, which costs less than a piece of its own, in bytes. */
const SMALL = 4096;
const CONTINUE = 100;

/** Hands the app's response to the client. */
export class Relay implements ResponseReceiver, Supply {
  readonly #exchange: Exchange;
  readonly #outcome: Outcome;
  readonly #watch: Watch;
  readonly #options: RelayOptions;
  readonly #kept: readonly string[];
  readonly #startedAt = performance.now();
  /** While the request is under way on it. */
  #connection: ClientConnection | undefined;
  /** Waits for the first byte behind it, so that an app that breaks off before is no answer at all. */
  #held: Head | undefined;
  #length: number | undefined;
  #received = 0;
  #isBuffered = false;
  #delivery: Delivery | undefined;
  #discard: Discard | undefined;
  #over = false;

  /** @param kept fields of an earlier answer, which ordered this one; names and values in turn */
  constructor(
    exchange: Exchange,
    outcome: Outcome,
    watch: Watch,
    options: RelayOptions,
    kept: readonly string[],
  ) {
    this.#kept = kept;
    this.#exchange = exchange;
    this.#outcome = outcome;
    this.#watch = watch;
    this.#options = options;
  }

  /** Begins the attempt. */
  send(connection: ClientConnection, request: AppRequest): void {
    this.#connection = connection;
    connection.send(request, this);
  }

  /** Ends the attempt; the outcome is `failed`, or `done` when some of the response has been sent. */
  cancel(reason: Error): void {
    this.#connection?.abort(reason);
  }

  /** The client is gone: nothing is sent to it any more, and the app's answer is dropped. */
  abandon(): void {
    this.#over = true;
    this.#delivery?.abandon();
  }

  // How the app's bytes come.

  pause(): void {
    // Behind the last byte nothing is to be held back.
    if (this.#received !== this.#length) this.#connection?.pause();
  }

  resume(): void {
    this.#connection?.resume();
  }

  preferShared(isPreferred: boolean): void {
    if (this.#connection !== undefined) this.#connection.prefersShared = isPreferred;
  }

  // What the connection tells.

  onSending(): void {
    this.#watch.sending();
  }

  onSentSome(): void {
    this.#watch.sentSome();
  }

  onSent(): void {
    this.#watch.sent();
  }

  onUpgrade(start: ResponseStart, end: TunnelEnd): void {
    this.#leave();
    if (this.#over) {
      end.destroy();
      return;
    }
    this.#over = true;
    this.#exchange.upstreamTime = performance.now() - this.#startedAt;
    this.#outcome.upgraded(start, end);
  }

  /** 103 Early Hints and their like (RFC 9110 §15.2): passed on to clients that know them. */
  onInformational(start: ResponseStart): void {
    const { status, reason } = start;
    if (this.#over || status === CONTINUE || !this.#watch.mayInform()) return;
    this.#exchange.response.writeInformational(status, readResponseHead(start).fields, reason);
  }

  onHead(start: ResponseStart): void {
    if (this.#over) return;
    this.#exchange.upstreamTime = performance.now() - this.#startedAt;
    this.#watch.answered();
    const head = readResponseHead(start, this.#options.relocate);
    if (head.instructions?.has('x-accel-redirect') || head.instructions?.has('x-sendfile')) {
      const order = readOrder(start.fields);
      if (order !== undefined) {
        this.#over = true;
        this.#discard = new Discard(this.#options.discardTimeout, (reason) => this.cancel(reason));
        this.#outcome.ordered({ ...order, fields: withKept([...order.fields], this.#kept) });
        return;
      }
    }
    const { status, reason, length } = start;
    this.#length = length;
    this.#isBuffered = head.buffering && this.#options.responseBuffer !== undefined;
    // Trailers stand behind chunks, which there are none of for this client; to announce them would be a lie.
    const mayHaveTrailers = length === undefined && this.#exchange.request.httpVersion === '1.1';
    const fields =
      head.announcesTrailers && !mayHaveTrailers
        ? [...withoutFields(head.fields, ['Trailer', ''])]
        : head.fields;
    this.#held = { status, reason, fields: withKept(fields, this.#kept) };
    // Without a length the app writes as things happen (streaming, server-sent events), and where nothing is held back
    // neither is a head: it does not wait for more than what comes with it. That the app breaks off does, too, and is seen
    // when the socket is read once more.
    if (length === undefined || (length > 0 && !this.#isBuffered)) setImmediate(flushHeadNext, this);
  }

  onData(bytes: Buffer, memory: OwnMemory | undefined): void {
    this.#received += bytes.length;
    if (this.#over) {
      this.#discard?.data(bytes);
      return;
    }
    this.#exchange.bytes += bytes.length;
    // The last bytes and the end in one: most answers are one write.
    if (this.#received === this.#length) this.#end(bytes);
    else this.#deliver().write(bytes, memory);
  }

  onEnd(trailers: readonly string[]): void {
    this.#leave();
    if (this.#over) return;
    if (trailers.length > 0) this.#addTrailers(trailers);
    this.#end();
  }

  onFailure(error: Error): void {
    this.#leave();
    if (this.#over) return;
    this.#over = true;
    if (this.#delivery === undefined) {
      this.#outcome.failed(error);
      return;
    }
    this.#watch.broken(error);
    this.#delivery.breakOff();
  }

  /** Of an answer that is on its way, what is here of its head. */
  flushHead(): void {
    if (this.#held === undefined || this.#over) return;
    this.#deliver();
    this.#exchange.response.flushHeaders();
  }

  /** The connection is another request's now, or gone. */
  #leave(): void {
    this.#connection = undefined;
    this.#discard?.end();
    this.#watch.released();
  }

  /** Begins with the answer, if it has not begun: from here on it cannot become another. */
  #deliver(): Delivery {
    const { response } = this.#exchange;
    if (this.#held !== undefined) response.writeHead(this.#held.status, this.#held.fields, this.#held.reason);
    this.#held = undefined;
    const { responseBuffer, sendTimeout } = this.#options;
    this.#delivery ??= new Delivery(
      response,
      this,
      this.#isBuffered ? responseBuffer : undefined,
      sendTimeout,
      () => this.#outcome.done(),
    );
    return this.#delivery;
  }

  /** Ends the response, with its last bytes. */
  #end(bytes?: Buffer): void {
    this.#over = true;
    const held = this.#held;
    if (held === undefined || this.#length === undefined || this.#length > SMALL) {
      this.#deliver().end(bytes);
      return;
    }
    const { status, fields, reason } = held;
    const content = bytes?.toString('latin1') ?? '';
    this.#held = undefined;
    this.#exchange.response.sendText(status, fields, content, this.#options.sendTimeout, reason);
    this.#outcome.done();
  }

  #addTrailers(trailers: readonly string[]): void {
    const { fields } = readResponseHead({ status: 200, fields: trailers, connection: undefined });
    this.#exchange.response.addTrailers(
      fields.filter((_, index) => !NOT_IN_TRAILERS.test(fields[index - (index % 2)] ?? '')),
    );
  }
}

function flushHeadNext(relay: Relay): void {
  setImmediate(flushHead, relay);
}

function flushHead(relay: Relay): void {
  relay.flushHead();
}

/** The answer's fields, with what they lack from the earlier answer; cookies of both count. */
function withKept(headers: string[], kept: readonly string[]): string[] {
  if (kept.length === 0) return headers;
  const own = new Set(headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  own.delete('set-cookie');
  return [...headers, ...kept.filter((_, index) => !own.has(kept[index - (index % 2)]?.toLowerCase() ?? ''))];
}

/** Fields that frame or route a message, which a trailer cannot do (RFC 9110 §6.5.1). */
const NOT_IN_TRAILERS =
  /^(?:content-.*|host|cache-control|expires|set-cookie|authorization|trailer|age|date|location|vary|retry-after|pragma|range)$/i;
