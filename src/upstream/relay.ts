// One attempt at the app: its response goes to the client, at the app's pace as far as the backlog reaches
// (nginx: proxy_buffering), else at the client's.
import type { Socket } from 'node:net';
import { currentDate } from '../http/clock.js';
import type { Exchange } from '../http/exchange.js';
import { withoutFields } from '../http/fields.js';
import { canWriteAtOnce, renderHead } from '../http/head.js';
import type { AppOrder } from '../http/order.js';
import type { AppRequest, Connection, Receiver } from './connection.js';
import { Discard } from './discard.js';
import { readOrder } from './order.js';
import { type BacklogLimits, ResponseBacklog } from './response-backlog.js';
import { readResponseHead } from './response-headers.js';
import type { ResponseStart } from './response-parser.js';

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
  upgraded(start: ResponseStart, socket: Socket): void;
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

/** Up to here a body is copied behind its head, which costs less than a piece of its own, in bytes. */
const SMALL = 4096;
const CONTINUE = 100;

/** Hands the app's response to the client. */
export class Relay implements Receiver {
  readonly #exchange: Exchange;
  readonly #outcome: Outcome;
  readonly #watch: Watch;
  readonly #options: RelayOptions;
  readonly #kept: readonly string[];
  readonly #startedAt = performance.now();
  /** While the request is under way on it. */
  #connection: Connection | undefined;
  #paused = false;
  /** Waits for its small body, or for the end, to be written with it at once. */
  #held: Head | undefined;
  #length: number | undefined;
  #received = 0;
  #buffering = false;
  #backlog: ResponseBacklog | undefined;
  #discard: Discard | undefined;
  /** True while bytes go through the backlog. */
  #behind = false;
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
  send(connection: Connection, request: AppRequest): void {
    this.#connection = connection;
    connection.send(request, this);
  }

  /** Ends the attempt; the outcome is `failed` or `broken`. */
  cancel(reason: Error): void {
    this.#connection?.abort(reason);
  }

  /** The client is gone: nothing is sent to it any more, and the app's answer is dropped. */
  forsake(): void {
    this.#over = true;
    this.#backlog?.close();
    this.#behind = false;
    // An app that may finish (abortOnClientClose off) must be read to the end.
    this.#resumeApp();
  }

  onSending(): void {
    this.#watch.sending();
  }

  onSentSome(): void {
    this.#watch.sentSome();
  }

  onSent(): void {
    this.#watch.sent();
  }

  onUpgrade(start: ResponseStart, socket: Socket): void {
    this.#leave();
    if (this.#over) {
      socket.destroy();
      return;
    }
    this.#over = true;
    this.#exchange.upstreamTime = performance.now() - this.#startedAt;
    this.#outcome.upgraded(start, socket);
  }

  /** 103 Early Hints and their like (RFC 9110 §15.2): passed on to clients that know them. */
  onInformational(start: ResponseStart): void {
    const { request, response } = this.#exchange;
    const { status, reason } = start;
    if (this.#over || status === CONTINUE || request.httpVersion !== '1.1') return;
    response.socket?.write(renderHead(status, readResponseHead(start).fields, reason), 'latin1');
  }

  onHead(start: ResponseStart): void {
    if (this.#over) return;
    this.#exchange.upstreamTime = performance.now() - this.#startedAt;
    this.#watch.answered();
    const head = readResponseHead(start);
    if (head.instructions?.has('x-accel-redirect') || head.instructions?.has('x-sendfile')) {
      const order = readOrder(start.fields);
      if (order !== undefined) {
        this.#over = true;
        this.#discard = new Discard((reason) => this.cancel(reason));
        this.#outcome.ordered({ ...order, fields: withKept([...order.fields], this.#kept) });
        return;
      }
    }
    this.#length = start.length;
    this.#buffering = head.buffering && this.#options.backlog !== undefined;
    // Trailers stand behind chunks, which there are none of for this client; to announce them would be a lie.
    const mayHaveTrailers = start.length === undefined && this.#exchange.request.httpVersion === '1.1';
    const fields =
      head.announcesTrailers && !mayHaveTrailers
        ? [...withoutFields(head.fields, ['Trailer', ''])]
        : head.fields;
    this.#held = {
      status: start.status,
      reason: start.reason,
      fields: withKept(fields, this.#kept),
      dated: head.dated,
    };
    if (start.length !== undefined && start.length <= SMALL) return;
    this.#writeHead();
    // Without a length the app writes as things happen (streaming, server-sent events): the head does not wait.
    if (start.length === undefined) this.#exchange.response.flushHeaders();
  }

  onData(bytes: Buffer): void {
    this.#received += bytes.length;
    if (this.#over) {
      this.#discard?.data(bytes);
      return;
    }
    this.#exchange.bytes += bytes.length;
    if (this.#behind) {
      if (this.#backlog?.add(Buffer.from(bytes)) === false) this.#pauseApp();
      return;
    }
    const { response } = this.#exchange;
    if (this.#received === this.#length) {
      // The last bytes and the end in one: most answers are one write.
      this.#end(bytes);
      return;
    }
    this.#writeHead();
    if (response.write(Buffer.from(bytes))) return;
    response.socket?.setTimeout(this.#options.silence);
    if (this.#buffering) this.#catchUp();
    else if (!this.#paused) this.#waitForClient();
  }

  onEnd(trailers: readonly string[]): void {
    this.#leave();
    if (this.#over) return;
    if (trailers.length > 0) this.#addTrailers(trailers);
    if (!this.#behind) this.#end();
  }

  onFailure(error: Error): void {
    this.#leave();
    if (this.#over) return;
    this.#over = true;
    this.#backlog?.close();
    this.#writeHead();
    if (this.#exchange.response.headersSent) this.#outcome.broken(error);
    else this.#outcome.failed(error);
  }

  /** The connection is another request's now, or gone. */
  #leave(): void {
    this.#connection = undefined;
    this.#discard?.end();
    this.#watch.released();
  }

  /** Lets the app wait until the client has taken what was written. */
  #waitForClient(): void {
    const { response } = this.#exchange;
    this.#pauseApp();
    response.once('drain', () => {
      response.socket?.setTimeout(0);
      this.#resumeApp();
    });
  }

  #pauseApp(): void {
    // Behind the last byte nothing is to be held back.
    if (this.#paused || this.#received === this.#length) return;
    this.#paused = true;
    this.#connection?.pause();
  }

  #resumeApp(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#connection?.resume();
  }

  /** Ends the response, with its last bytes. */
  #end(bytes?: Buffer): void {
    this.#over = true;
    const { response } = this.#exchange;
    if (this.#held === undefined) response.end(bytes === undefined ? undefined : Buffer.from(bytes));
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

  #addTrailers(trailers: readonly string[]): void {
    const { fields } = readResponseHead({ status: 200, fields: trailers });
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
      this.cancel(error);
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
    if (this.#connection !== undefined) return;
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
