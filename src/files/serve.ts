// The alias role (nginx: ngx_http_static_module): path → file → preconditions and ranges → send.
import type { Logger } from 'pino';
import type { FileLocation } from '../config/location.js';
import { MethodNotAllowedError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import { goOn } from '../http/may-wait.js';
import type { Order } from '../http/order.js';
import type { BytePath } from '../http/target.js';
import { type Store, StoreError } from '../stores/store.js';
import { answerWith } from './answer.js';
import { contentTypeFor } from './content-type.js';
import { redirectToSlash } from './directory.js';
import { toHttpError } from './disk-failure.js';
import { FileFinder, type Finding } from './find.js';
import { createRateLimiter } from './limit-rate.js';
import { FileNames } from './name.js';
import type { OpenFileCache } from './open-file-cache.js';
import { describeOrdered } from './ordered.js';
import type { ReadyResponse } from './ready-response.js';
import type { Representation } from './representation.js';
import { select } from './select.js';
import { sendAnswer } from './send.js';
import type { SendOptions } from './stream.js';

/**
 * Answers requests whose target lies in one location. Throws, or rejects with, an HttpError when there is no file to
 * send. With an order the file is the one that the app names, not the one that the target names.
 */
export type FileHandler = (exchange: Exchange, order?: Order) => Promise<void> | undefined;

/** What a location's handler works with. */
export interface FileHandlerOptions {
  readonly log: Logger;
  readonly cache: OpenFileCache;
  /** Where the files are. */
  readonly store: Store;
}

/** Prepares a location; what holds for all its files is computed here, once. */
export function createFileHandler(location: FileLocation, options: FileHandlerOptions): FileHandler {
  const server = new FileServer(location, options);
  return (exchange, order) => server.handle(exchange, order);
}

/** How often a file is found for one request, where it is replaced before anything of it has been sent. */
const MOST_TIMES = 2;

class FileServer {
  readonly #location: FileLocation;
  readonly #log: Logger;
  readonly #names: FileNames;
  readonly #finder: FileFinder;
  readonly #sendOptions: SendOptions;
  /** Fields that depend on the request, or a rate limit, leave nothing that could be ready. */
  readonly #mayBeReady: boolean;

  constructor(location: FileLocation, { log, cache, store }: FileHandlerOptions) {
    this.#location = location;
    this.#log = log;
    this.#names = new FileNames(location, store, log);
    this.#finder = new FileFinder(location, store, {
      log,
      cache,
      contentTypeOf: contentTypeFor(location),
    });
    this.#sendOptions = {
      sendTimeout: location.sendTimeout,
      sendfile: location.sendfile,
      limiter: createRateLimiter(location.limitRate, location.limitRateAfter),
    };
    this.#mayBeReady = location.cors === undefined && this.#sendOptions.limiter === undefined;
  }

  handle(exchange: Exchange, order: Order | undefined): Promise<void> | undefined {
    const { request } = exchange;
    if (order === undefined && request.method !== 'GET' && request.method !== 'HEAD')
      throw new MethodNotAllowedError();
    return this.#serve(exchange, order, 1);
  }

  /** @param times how often it is found, with this one */
  #serve(exchange: Exchange, order: Order | undefined, times: number): Promise<void> | undefined {
    const { path } = order?.target ?? exchange.target;
    const name = this.#names.of(path);
    return goOn(
      () => this.#finder.find(path, name, exchange.request, exchange.response),
      (found) => this.#answer(exchange, order, found, times),
      (error) => this.#refuse(exchange, order, path, error),
    );
  }

  /** What was not found: a redirect where it is a directory that has an index, and else an error. */
  #refuse(exchange: Exchange, order: Order | undefined, path: BytePath, error: unknown): undefined {
    if (!(error instanceof StoreError)) throw error;
    const mayRedirect = this.#names.haveIndex && order === undefined && !path.endsWith('/');
    if (error.failure !== 'directory' || !mayRedirect) throw toHttpError(error, this.#log);
    redirectToSlash(exchange, path);
    return undefined;
  }

  /** Sends what was found, and closes it on every way. */
  #answer(
    exchange: Exchange,
    order: Order | undefined,
    found: Finding,
    times: number,
  ): Promise<void> | undefined {
    const { file, ready } = found;
    const isReady = ready !== undefined && order === undefined && this.#mayBeReady;
    let sending: Promise<void> | undefined;
    try {
      if (isReady && this.#sendReady(exchange, found.representation, ready)) return undefined;
      sending = this.#send(exchange, order, found);
    } catch (error) {
      throw this.#explain(error);
    } finally {
      if (sending === undefined) file.close();
    }
    return sending?.then(
      () => file.close(),
      (error: unknown) => {
        file.close();
        const mayBeginAgain = times < MOST_TIMES && !exchange.response.headersSent;
        if (mayBeginAgain && isChanged(error)) return this.#serve(exchange, order, times + 1);
        throw this.#explain(error);
      },
    );
  }

  #explain(error: unknown): unknown {
    return error instanceof StoreError ? toHttpError(error, this.#log) : error;
  }

  /** Sends an answer that was prepared, if the request is for the whole. */
  #sendReady(exchange: Exchange, representation: Representation, ready: ReadyResponse): boolean {
    const { request, response } = exchange;
    const selection = select(request, representation, this.#location.maxRanges);
    if (selection === 'whole') {
      exchange.bytes = response.sendPrepared(ready.whole, this.#sendOptions.sendTimeout);
    } else if (selection === 'not-modified') {
      response.sendPrepared(ready.notModified, this.#sendOptions.sendTimeout);
    } else {
      return false;
    }
    return true;
  }

  #send(
    exchange: Exchange,
    order: Order | undefined,
    { representation, file }: Finding,
  ): Promise<void> | undefined {
    const { request, corsFields } = exchange;
    const offered =
      order === undefined ? representation : describeOrdered(representation, order, this.#finder.describe);
    // Added, not put in place of others: Vary is a list.
    const described =
      corsFields === undefined ? offered : { ...offered, fields: [...offered.fields, ...corsFields] };
    const selection = select(request, representation, this.#location.maxRanges);
    return sendAnswer(exchange, answerWith(selection, described), file, this.#sendOptionsFor(order));
  }

  #sendOptionsFor(order: Order | undefined): SendOptions {
    if (order === undefined || order.limitRate === 0) return this.#sendOptions;
    return {
      ...this.#sendOptions,
      limiter: createRateLimiter(order.limitRate, this.#location.limitRateAfter),
    };
  }
}

function isChanged(error: unknown): boolean {
  return error instanceof StoreError && error.failure === 'changed';
}
