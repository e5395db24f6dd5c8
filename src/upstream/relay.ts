// One request at the app: the response goes to the client as it comes, as fast as the client takes it.
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Exchange } from '../http/exchange.js';
import type { AppOrder } from '../http/order.js';
import { Discard } from './discard.js';
import { readOrder } from './order.js';
import { responseHeaders } from './response-headers.js';

const UNSENDABLE = /[^\t\x20-\x7e\x80-\xff]/;

/** What becomes of a dispatched request. */
export interface Outcome {
  /** The response is complete, or the client left. */
  done(): void;
  /** The app failed before its response head arrived. */
  failed(error: Error): void;
  /** The app failed within its response; the client's connection must be cut. */
  broken(error: Error): void;
  /** The app ordered something else to be sent; nothing has been sent yet. */
  ordered(order: AppOrder): void;
  /** The app switched protocols. */
  upgraded(rawHeaders: readonly string[], socket: Duplex): void;
}

/** Hands the app's response to the client, with backpressure in both directions. */
export class Relay implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #outcome: Outcome;
  readonly #silence: number;
  readonly #kept: readonly string[];
  readonly #startedAt = performance.now();
  #controller: Dispatcher.DispatchController | undefined;
  #ended = false;
  #discard: Discard | undefined;

  /**
   * @param silence longest time a client may take nothing, in milliseconds
   * @param kept fields of an earlier answer, which ordered this one; names and values in turn
   */
  constructor(exchange: Exchange, outcome: Outcome, silence: number, kept: readonly string[] = []) {
    this.#kept = kept;
    this.#exchange = exchange;
    this.#outcome = outcome;
    this.#silence = silence;
    exchange.response.once('close', this.#clientLeft);
    exchange.response.on('drain', this.#drained);
  }

  readonly #clientLeft = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    // Before it is connected the request has no controller yet: onRequestStart sees #ended.
    this.#controller?.abort(new Error('the client left'));
    this.#outcome.done();
  };

  readonly #drained = (): void => {
    this.#exchange.response.socket?.setTimeout(0);
    this.#controller?.resume();
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#ended) controller.abort(new Error('the client left'));
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    _status: number,
    _headers: unknown,
    socket: Duplex,
  ): void {
    this.#release();
    this.#outcome.upgraded(rawFields(controller), socket);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    reason = '',
  ): void {
    // Informational responses come before the one that answers.
    if (status < 200 || this.#ended) return;
    const { response } = this.#exchange;
    this.#exchange.upstreamTime = performance.now() - this.#startedAt;
    const raw = rawFields(controller);
    const order = readOrder(raw);
    if (order !== undefined) {
      this.#release();
      this.#discard = new Discard(controller);
      this.#outcome.ordered({ ...order, fields: withKept([...order.fields], this.#kept) });
      return;
    }
    const headers = withKept(responseHeaders(raw), this.#kept);
    // A phrase that cannot be sent on is left out: nobody reads it but people (RFC 9112 §4).
    response.writeHead(status, UNSENDABLE.test(reason) ? '' : reason, headers);
    // Without a length the app writes as things happen (streaming, server-sent events): the head does not wait.
    if (!headers.some((field, index) => index % 2 === 0 && field.toLowerCase() === 'content-length')) {
      response.flushHeaders();
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#discard !== undefined) {
      this.#discard.data(chunk);
      return;
    }
    const { response } = this.#exchange;
    this.#exchange.bytes += chunk.length;
    if (response.write(chunk) || this.#ended) return;
    response.socket?.setTimeout(this.#silence);
    controller.pause();
  }

  onResponseEnd(): void {
    this.#discard?.end();
    if (this.#ended) return;
    this.#release();
    this.#exchange.response.end();
    this.#outcome.done();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#discard?.end();
    if (this.#ended) return;
    this.#release();
    if (this.#exchange.response.headersSent) this.#outcome.broken(error);
    else this.#outcome.failed(error);
  }

  #release(): void {
    this.#ended = true;
    this.#exchange.response.off('close', this.#clientLeft);
    this.#exchange.response.off('drain', this.#drained);
  }
}

/** The answer's fields, with what they lack from the earlier answer; cookies of both count. */
function withKept(headers: string[], kept: readonly string[]): string[] {
  if (kept.length === 0) return headers;
  const own = new Set(headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  own.delete('set-cookie');
  return [...headers, ...kept.filter((_, index) => !own.has(kept[index - (index % 2)]?.toLowerCase() ?? ''))];
}

/** The response's fields as the app sent them, one character for each byte. */
export function rawFields({ rawHeaders }: Dispatcher.DispatchController): readonly string[] {
  if (!Array.isArray(rawHeaders)) return [];
  return rawHeaders.map((field) => (typeof field === 'string' ? field : field.toString('latin1')));
}
