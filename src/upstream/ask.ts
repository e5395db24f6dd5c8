// Questions of this server to the app (nginx: the subrequest of auth_request): a GET with the client's fields, whose
// answer is kept instead of being sent.
import type { Dispatcher } from 'undici';
import type { UpstreamLocation } from '../config/location.js';
import type { Exchange } from '../http/exchange.js';
import type { AppAnswer, Ask } from '../http/order.js';
import { upstreamFailure } from './failure.js';
import { rawFields } from './relay.js';
import { requestHeaders, withoutBody } from './request-headers.js';
import { responseHeaders } from './response-headers.js';

/** Most of an answer's body that is kept, in bytes: a page that refuses, not a download. */
const MOST = 256 * 1024;

/** Conditions and ranges are about the file, not about the answer to the question; the app must not answer 304. */
const ABOUT_FILE = /^(?:if-.*|range)$/;

/** The way to ask the app behind this dispatcher. */
export function createAsk(dispatcher: Dispatcher, { upstream }: UpstreamLocation): Ask {
  return (exchange, target, fields) =>
    new Promise((resolve, reject) => {
      const startedAt = performance.now();
      const question = new Question(exchange, (outcome) => {
        exchange.upstreamTime = performance.now() - startedAt;
        if (outcome instanceof Error) reject(upstreamFailure(outcome, upstream));
        else resolve(outcome);
      });
      const headers = askHeaders(exchange, fields);
      dispatcher.dispatch({ method: 'GET', path: target, headers, body: null }, question);
    });
}

function askHeaders(exchange: Exchange, fields: readonly string[]): string[] {
  const replaced = new Set(fields.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  const own = withoutBody(requestHeaders(exchange)).filter((_, index, all) => {
    const name = all[index - (index % 2)]?.toLowerCase() ?? '';
    return !replaced.has(name) && !ABOUT_FILE.test(name);
  });
  return [...own, ...fields];
}

/** One question under way. */
class Question implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #chunks: Buffer[] = [];
  #settle: ((outcome: AppAnswer | Error | undefined) => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: readonly string[] = [];
  #bytes = 0;

  constructor(exchange: Exchange, settle: (outcome: AppAnswer | Error | undefined) => void) {
    this.#exchange = exchange;
    this.#settle = settle;
    exchange.response.once('close', this.#clientLeft);
  }

  readonly #clientLeft = (): void => {
    this.#end(undefined);
    this.#controller?.abort(new Error('the client left'));
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settle === undefined) controller.abort(new Error('the client left'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = responseHeaders(rawFields(controller));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= MOST) {
      this.#chunks.push(chunk);
      return;
    }
    this.#end({ status: this.#status, headers: this.#headers, body: undefined });
    controller.abort(new Error('the answer is longer than what is kept of it'));
  }

  onResponseEnd(): void {
    this.#end({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#chunks) });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(error);
  }

  #end(outcome: AppAnswer | Error | undefined): void {
    const settle = this.#settle;
    this.#settle = undefined;
    this.#exchange.response.off('close', this.#clientLeft);
    settle?.(outcome);
  }
}
