// One attempt at the app: its response goes to the client, at the app's pace as far as the backlog reaches
// (nginx: proxy_buffering), else at the client's.
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import { currentDate } from '../http/clock.js';
import type { Exchange } from '../http/exchange.js';
import { canWriteAtOnce, renderHead } from '../http/head.js';
import type { AppOrder } from '../http/order.js';
import type { Attempt } from './connections.js';
import { Discard } from './discard.js';
import { readOrder } from './order.js';
import { type BacklogLimits, ResponseBacklog } from './response-backlog.js';
import { readResponseHead, responseHeaders, text } from './response-headers.js';

/** What becomes of an attempt. Exactly one of these is called, once; `done` may come before the app has ended. */
export interface Outcome {
  /** The response is with the client. */
  done(): void;
  /** The app failed before its response head arrived. */
  failed(error: Error): void;
  /** The app failed within its response; the client's connection must be cut. */
  broken(error: Error): void;
  /** The app ordered something else to be sent; nothing has been sent yet. */
  ordered(order: AppOrder): void;
  /** The app switched protocols. */
  upgraded(rawHeaders: readonly (Buffer | string)[], socket: Duplex): void;
}

/** What an attempt reports while it is under way. */
export interface Watch {
  /** The request goes out now: from here on the app may have seen it. */
  sending(): void;
  /** A part of the body was handed to the socket. */
  sentSome(): void;
  /** The whole request was handed to the socket. */
  sent(): void;
  /** The app answers. */
  answered(): void;
  /** The connection to the app is free again, or gone. */
  released(): void;
  /** The connection to the app cannot be used again. */
  lost(): void;
}

/** The head of a response, as the client will get it. */
interface Head {
  readonly status: number;
  readonly reason: string;
  /** Names and values in turn. */
  readonly fields: string[];
  readonly dated: boolean;
}

/** How the response is held back for a slow client. */
export interface RelayOptions {
  /** Absent when the location has buffering off. */
  readonly backlog: BacklogLimits | undefined;
  /** Longest time a client may take nothing, in milliseconds. */
  readonly silence: number;
}

const UNSENDABLE = /[^\t\x20-\x7e\x80-\xff]/;
/** Up to here a body is copied behind its head, which costs less than a piece of its own, in bytes. */
const SMALL = 4096;
const CONTINUE = 100;
const SWITCHING_PROTOCOLS = 101;

/**
 * Hands the app's response to the client. These are undici's own hooks (`onConnect`, `onHeaders` …): those that it
 * documents since version 7 wrap them, and parse each head into an object that nobody here would read.
 */
export class Relay implements Dispatcher.DispatchHandler, Attempt {
  readonly #exchange: Exchange;
  readonly #outcome: Outcome;
  readonly #watch: Watch;
  readonly #options: RelayOptions;
  readonly #kept: readonly string[];
  readonly #startedAt = performance.now();
  #abort: ((reason?: Error) => void) | undefined;
  #abortReason: Error | undefined;
  #resumeParser: (() => void) | undefined;
  #paused = false;
  /** Waits for its small body, or for the end, to be written with it at once. */
  #held: Head | undefined;
  #length: number | undefined;
  #received = 0;
  #buffering = false;
  #chunked = false;
  #backlog: ResponseBacklog | undefined;
  #discard: Discard | undefined;
  /** True while bytes go through the backlog. */
  #behind = false;
  #appEnded = false;
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

  /** Ends the attempt; the outcome is `failed` or `broken`. */
  cancel(reason: Error): void {
    if (this.#abort !== undefined) {
      this.#abort(reason);
      return;
    }
    // Before it is connected there is nothing to abort: onConnect sees the reason.
    this.#abortReason = reason;
    if (this.#over) return;
    this.#over = true;
    this.#outcome.failed(reason);
  }

  /** The client is gone: nothing is sent to it any more, and the app's answer is dropped. */
  forsake(): void {
    this.#over = true;
    this.#backlog?.close();
    this.#behind = false;
    // An app that may finish (abortOnClientClose off) must be read to the end.
    this.#resumeApp();
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#abort = abort;
    if (this.#abortReason !== undefined) abort(this.#abortReason);
    else this.#watch.sending();
  }

  onBodySent(): void {
    this.#watch.sentSome();
  }

  onRequestSent(): void {
    this.#watch.sent();
  }

  onUpgrade(_status: number, rawHeaders: Buffer[] | string[] | null, socket: Duplex): void {
    this.#watch.released();
    if (this.#over) {
      socket.destroy();
      return;
    }
    this.#over = true;
    this.#exchange.upstreamTime = performance.now() - this.#startedAt;
    this.#outcome.upgraded(rawHeaders ?? [], socket);
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, reason: string): boolean {
    this.#resumeParser = resume;
    if (this.#over) return true;
    if (status < 200) {
      this.#informational(status, raw, reason);
      return true;
    }
    const { response } = this.#exchange;
    this.#exchange.upstreamTime = performance.now() - this.#startedAt;
    const head = readResponseHead(status, raw);
    if (head.fault !== undefined) {
      this.#abort?.(new Error(head.fault));
      return true;
    }
    this.#watch.answered();
    if (head.instructions?.has('x-accel-redirect') || head.instructions?.has('x-sendfile')) {
      const order = readOrder(raw.map(text));
      if (order !== undefined) {
        this.#over = true;
        this.#discard = new Discard((reason) => this.#abort?.(reason));
        this.#outcome.ordered({ ...order, fields: withKept([...order.fields], this.#kept) });
        return true;
      }
    }
    this.#length = head.length;
    this.#chunked = head.chunked;
    this.#buffering = head.buffering && this.#options.backlog !== undefined;
    // A phrase that cannot be sent on is left out: nobody reads it but people (RFC 9112 §4).
    const phrase = UNSENDABLE.test(reason) ? '' : reason;
    this.#held = { status, reason: phrase, fields: withKept(head.fields, this.#kept), dated: head.dated };
    const isComplete = status === 204 || status === 304 || this.#exchange.request.method === 'HEAD';
    const isSmall = head.length !== undefined && head.length <= SMALL;
    if (isComplete) {
      // undici would wait for a 304's Content-Length, and call its absence an error.
      this.#end();
      return true;
    }
    if (!isSmall) this.#writeHead();
    // Without a length the app writes as things happen (streaming, server-sent events): the head does not wait.
    if (head.length === undefined) response.flushHeaders();
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.#received += chunk.length;
    if (this.#over) {
      this.#discard?.data(chunk);
      return true;
    }
    this.#exchange.bytes += chunk.length;
    if (this.#behind) return this.#goOn(this.#backlog?.add(chunk) ?? true);
    const { response } = this.#exchange;
    if (this.#received === this.#length) {
      // The last bytes and the end in one: most answers are one write.
      this.#end(chunk);
      return true;
    }
    this.#writeHead();
    if (response.write(chunk)) return true;
    response.socket?.setTimeout(this.#options.silence);
    if (this.#buffering) {
      this.#catchUp();
      return true;
    }
    response.once('drain', () => {
      response.socket?.setTimeout(0);
      this.#resumeApp();
    });
    return this.#goOn(false);
  }

  onComplete(trailers: readonly (Buffer | string)[] | null): void {
    this.#appEnded = true;
    this.#discard?.end();
    this.#watch.released();
    if (this.#over) return;
    if (trailers !== null && trailers.length > 0 && this.#chunked) this.#addTrailers(trailers);
    if (!this.#behind) this.#end();
  }

  onError(error: Error): void {
    this.#appEnded = true;
    this.#discard?.end();
    this.#watch.released();
    if (this.#over) return;
    this.#over = true;
    this.#backlog?.close();
    this.#writeHead();
    if (this.#exchange.response.headersSent) this.#outcome.broken(error);
    else this.#outcome.failed(error);
  }

  isPaused(): boolean {
    return this.#paused;
  }

  closedWhilePaused(cleanly: boolean): void {
    this.#paused = false;
    this.#appEnded = true;
    this.#discard?.end();
    this.#watch.lost();
    if (this.#over) return;
    if (cleanly && this.#length === undefined && !this.#chunked) {
      // The end of the connection is the end of this body.
      if (!this.#behind) this.#end();
      return;
    }
    this.#over = true;
    this.#backlog?.close();
    this.#outcome.broken(new Error('it closed the connection'));
  }

  /** Whether the app may go on writing. */
  #goOn(mayGoOn: boolean): boolean {
    // Behind the last byte nothing is to be held back.
    this.#paused = !mayGoOn && this.#received !== this.#length;
    return !this.#paused;
  }

  #resumeApp(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#resumeParser?.();
  }

  /** Ends the response, with its last bytes. */
  #end(bytes?: Buffer): void {
    this.#over = true;
    const { response } = this.#exchange;
    if (this.#held === undefined) response.end(bytes);
    else this.#sendWhole(this.#held, bytes?.toString('latin1') ?? '');
    this.#outcome.done();
  }

  /** Sends the head that was held back together with all of its body. */
  #sendWhole({ status, reason, fields, dated }: Head, body: string): void {
    const { response } = this.#exchange;
    if (canWriteAtOnce(response)) {
      if (!dated) fields.push('Date', currentDate());
      // As Node says it (RFC 9112 §9.3 would not need it).
      fields.push('Connection', 'keep-alive');
      response.writeAtOnce(status, renderHead(status, fields, reason) + body, this.#options.silence);
    } else {
      this.#writeHead();
      response.end(body, 'latin1');
    }
  }

  /** Hands a head that was held back to Node, which sends it with what follows. */
  #writeHead(): void {
    if (this.#held === undefined) return;
    const { status, reason, fields } = this.#held;
    this.#held = undefined;
    this.#exchange.response.writeHead(status, reason, fields);
  }

  /** 103 Early Hints and their like (RFC 9110 §15.2): passed on to clients that know them. */
  #informational(status: number, raw: readonly Buffer[], reason: string): void {
    const { request, response } = this.#exchange;
    if (status === CONTINUE || status === SWITCHING_PROTOCOLS || request.httpVersion !== '1.1') return;
    const fields = responseHeaders(raw, status);
    let head = `HTTP/1.1 ${status} ${reason}\r\n`;
    for (let index = 0; index < fields.length; index += 2)
      head += `${fields[index]}: ${fields[index + 1]}\r\n`;
    response.socket?.write(`${head}\r\n`, 'latin1');
  }

  #addTrailers(raw: readonly (Buffer | string)[]): void {
    const fields = responseHeaders(raw);
    const pairs: [string, string][] = [];
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index] ?? '';
      if (!NOT_IN_TRAILERS.test(name)) pairs.push([name, fields[index + 1] ?? '']);
    }
    this.#exchange.response.addTrailers(pairs);
  }

  /** From here on bytes go through the backlog, until the client has taken all of it. */
  #catchUp(): void {
    const { backlog } = this.#options;
    if (backlog === undefined) return;
    this.#behind = true;
    this.#backlog ??= new ResponseBacklog(backlog, () => this.#resumeApp());
    this.#empty(this.#backlog).catch((error: Error) => {
      this.#backlog?.close();
      if (this.#over) return;
      this.#over = true;
      this.#abort?.(error);
      this.#outcome.broken(error);
    });
  }

  async #empty(backlog: ResponseBacklog): Promise<void> {
    const { response } = this.#exchange;
    await this.#drained();
    while (!this.#over) {
      const chunk = await backlog.take();
      if (this.#over) return;
      if (chunk === undefined) break;
      if (!response.write(chunk)) {
        response.socket?.setTimeout(this.#options.silence);
        await this.#drained();
      }
    }
    if (this.#over) return;
    this.#behind = false;
    if (!this.#appEnded) return;
    backlog.close();
    this.#end();
  }

  /** Resolves when the client has taken what was written; never when it leaves: the exchange is over then. */
  #drained(): Promise<void> {
    const { response } = this.#exchange;
    if (!response.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      response.once('drain', () => {
        response.socket?.setTimeout(0);
        resolve();
      });
    });
  }
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
