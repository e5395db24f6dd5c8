// The alias role (nginx: ngx_http_static_module): path → file → preconditions and ranges → send.
import { join } from 'node:path';
import type { Logger } from 'pino';
import { DOTFILE, isSecret } from '../config/dotfile.js';
import type { FileLocation } from '../config/location.js';
import { MethodNotAllowedError, NotFoundError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import { goOn } from '../http/may-wait.js';
import type { Order } from '../http/order.js';
import { ownString } from '../http/own-string.js';
import { type BytePath, toBytePath, toText } from '../http/target.js';
import { type DotfileRule, dotfileRule } from '../stores/dotfiles.js';
import { type FileVersion, type Store, StoreError } from '../stores/store.js';
import { answerWith } from './answer.js';
import { contentTypeFor } from './content-type.js';
import { redirectToSlash } from './directory.js';
import { toHttpError } from './disk-failure.js';
import { FileFinder, type Finding } from './find.js';
import { createRateLimiter } from './limit-rate.js';
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

/** Of how many names of dotfiles the operator is told. */
const HIDDEN_NAMED = 100;

class FileServer {
  readonly #location: FileLocation;
  readonly #log: Logger;
  readonly #dotfiles: DotfileRule;
  readonly #store: Store;
  readonly #finder: FileFinder;
  readonly #sendOptions: SendOptions;
  readonly #prefixLength: number;
  readonly #index: BytePath | undefined;
  /** Names of dotfiles of which the operator has been told. */
  readonly #hiddenNames = new Set<string>();
  /** Fields that depend on the request, or a rate limit, leave nothing that could be ready. */
  readonly #mayBeReady: boolean;

  constructor(location: FileLocation, { log, cache, store }: FileHandlerOptions) {
    this.#location = location;
    this.#log = log;
    this.#dotfiles = dotfileRule(location.dotfiles);
    this.#store = store;
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
    this.#prefixLength = Buffer.byteLength(location.prefix);
    this.#index = location.index === undefined ? undefined : toBytePath(location.index);
    this.#mayBeReady = location.cors === undefined && this.#sendOptions.limiter === undefined;
  }

  handle(exchange: Exchange, order: Order | undefined): Promise<void> | undefined {
    const { request } = exchange;
    if (order === undefined && request.method !== 'GET' && request.method !== 'HEAD')
      throw new MethodNotAllowedError();
    const { path } = order?.target ?? exchange.target;
    const name = this.#nameOf(path);
    const accepted = request.headers['accept-encoding'] as string | undefined;
    return goOn(
      () => this.#finder.find(path, name, accepted),
      (found) => this.#answer(exchange, order, found),
      (error) => this.#refuse(exchange, order, path, error),
    );
  }

  /** The path below the prefix; for a directory, its index file. */
  #nameOf(path: BytePath): BytePath {
    const below = path.slice(this.#prefixLength);
    const name = below === '' || below.endsWith('/') ? this.#indexOf(below) : below;
    const hidden = this.#dotfiles.hiddenName(name);
    if (hidden !== undefined) {
      this.#tellHidden(hidden, name);
      throw new NotFoundError();
    }
    return name;
  }

  /** Once for each name by which there is a file: what merely is asked for has nobody who misses it. */
  #tellHidden(hidden: string, name: BytePath): void {
    const isNews = this.#hiddenNames.size < HIDDEN_NAMED && !this.#hiddenNames.has(hidden);
    if (!isNews) return;
    const tell = (found: FileVersion | undefined): void => {
      if (found === undefined || this.#hiddenNames.has(hidden)) return;
      this.#hiddenNames.add(ownString(hidden));
      this.#log.warn(
        { name: hidden, path: join(this.#location.root, toText(name)) },
        DOTFILE.test(hidden) && !isSecret(hidden)
          ? `a dotfile was refused: it is there, and 404 as all names that begin with a dot; if visitors are to have what is called ${hidden}, write --dotfiles ${hidden}`
          : 'a dotfile was refused: it is there, and may be secret; it should not lie among files that are served',
      );
    };
    // What is wrong with the name is nobody's business.
    void goOn(
      () => this.#store.stat(name),
      tell,
      () => {},
    );
  }

  #indexOf(directory: BytePath): BytePath {
    if (this.#index === undefined) throw new NotFoundError();
    return directory + this.#index;
  }

  /** What was not found: a redirect where it is a directory that has an index, and else an error. */
  #refuse(exchange: Exchange, order: Order | undefined, path: BytePath, error: unknown): undefined {
    if (!(error instanceof StoreError)) throw error;
    const mayRedirect = this.#index !== undefined && order === undefined && !path.endsWith('/');
    if (error.failure !== 'directory' || !mayRedirect) throw toHttpError(error, this.#log);
    redirectToSlash(exchange, path);
    return undefined;
  }

  /** Sends what was found, and closes it on every way. */
  #answer(exchange: Exchange, order: Order | undefined, found: Finding): Promise<void> | undefined {
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
    return sending
      ?.catch((error: unknown) => {
        throw this.#explain(error);
      })
      .finally(() => file.close());
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
