// One request at the app: the response goes to the client as it comes, as fast as the client takes it.
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Exchange } from '../http/exchange.js';
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
  /** The app switched protocols. */
  upgraded(rawHeaders: readonly string[], socket: Duplex): void;
}

/** Hands the app's response to the client, with backpressure in both directions. */
export class Relay implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #outcome: Outcome;
  readonly #silence: number;
  readonly #startedAt = performance.now();
  #controller: Dispatcher.DispatchController | undefined;
  #ended = false;

  /** @param silence longest time a client may take nothing, in milliseconds */
  constructor(exchange: Exchange, outcome: Outcome, silence: number) {
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
    const headers = responseHeaders(rawFields(controller));
    // A phrase that cannot be sent on is left out: nobody reads it but people (RFC 9112 §4).
    response.writeHead(status, UNSENDABLE.test(reason) ? '' : reason, headers);
    // Without a length the app writes as things happen (streaming, server-sent events): the head does not wait.
    if (!headers.some((field, index) => index % 2 === 0 && field.toLowerCase() === 'content-length')) {
      response.flushHeaders();
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { response } = this.#exchange;
    this.#exchange.bytes += chunk.length;
    if (response.write(chunk) || this.#ended) return;
    response.socket?.setTimeout(this.#silence);
    controller.pause();
  }

  onResponseEnd(): void {
    if (this.#ended) return;
    this.#release();
    this.#exchange.response.end();
    this.#outcome.done();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
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

function rawFields({ rawHeaders }: Dispatcher.DispatchController): readonly string[] {
  if (!Array.isArray(rawHeaders)) return [];
  return rawHeaders.map((field) => (typeof field === 'string' ? field : field.toString('latin1')));
}
