// Questions of this server to the app (nginx: the subrequest of auth_request): a GET with the client's fields, whose
// answer is kept instead of being sent.
import type { Dispatcher } from 'undici';
import type { Exchange } from '../http/exchange.js';
import type { AppAnswer, Ask } from '../http/order.js';
import { upstreamFailure } from './failure.js';
import type { Passages } from './passage.js';
import { requestHeaders, withoutBody } from './request-headers.js';
import { responseHeaders } from './response-headers.js';

/** Most of an answer's body that is kept, in bytes: a page that refuses, not a download. */
const MOST = 256 * 1024;

/** Conditions and ranges are about the file, not about the answer to the question; the app must not answer 304. */
const ABOUT_FILE = /^(?:if-.*|range)$/;

/** The way to ask the app. */
export function createAsk(shared: Passages): Ask {
  return (exchange, target, fields) =>
    new Promise((resolve, reject) => {
      const peer = shared.peers.choose([]);
      if (peer === undefined) throw new Error('a location has no server of the app');
      const startedAt = performance.now();
      const line = peer.connections.takeFresh();
      peer.active += 1;
      const question = new Question(exchange, {
        released() {
          peer.active -= 1;
          peer.connections.give(line);
        },
        settled(outcome) {
          exchange.upstreamTime = performance.now() - startedAt;
          if (!(outcome instanceof Error)) {
            shared.hasAnswered ||= outcome !== undefined;
            resolve(outcome);
            return;
          }
          shared.peers.failed(peer);
          reject(upstreamFailure(outcome, peer.name, shared.hasAnswered));
        },
      });
      const headers = askHeaders(exchange, fields);
      line.client.dispatch({ method: 'GET', path: target, headers, body: null }, question);
    });
}

function askHeaders(exchange: Exchange, fields: readonly string[]): string[] {
  const replaced = new Set(fields.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  const own = withoutBody(requestHeaders(exchange, undefined)).filter((_, index, all) => {
    const name = all[index - (index % 2)]?.toLowerCase() ?? '';
    return !replaced.has(name) && !ABOUT_FILE.test(name);
  });
  return [...own, ...fields];
}

/** What becomes of a question. */
interface Questioner {
  /** The connection to the app is free again, or gone. */
  released(): void;
  /** Told once; undefined when the client has left. */
  settled(outcome: AppAnswer | Error | undefined): void;
}

/** One question under way. */
class Question implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #chunks: Buffer[] = [];
  readonly #questioner: Questioner;
  #settled = false;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: readonly string[] = [];
  #bytes = 0;

  constructor(exchange: Exchange, questioner: Questioner) {
    this.#exchange = exchange;
    this.#questioner = questioner;
    exchange.response.once('close', this.#clientLeft);
  }

  readonly #clientLeft = (): void => {
    this.#end(undefined);
    this.#controller?.abort(new Error('the client left'));
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) controller.abort(new Error('the client left'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = responseHeaders((controller.rawHeaders ?? []) as readonly (Buffer | string)[]);
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
    this.#questioner.released();
    this.#end({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#chunks) });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#questioner.released();
    this.#end(error);
  }

  #end(outcome: AppAnswer | Error | undefined): void {
    this.#exchange.response.off('close', this.#clientLeft);
    if (this.#settled) return;
    this.#settled = true;
    this.#questioner.settled(outcome);
  }
}
