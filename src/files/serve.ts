// The alias role (nginx: ngx_http_static_module): path → open file → preconditions and ranges → send.
import { join } from 'node:path';
import type { Logger } from 'pino';
import { DOTFILE, isSecret } from '../config/dotfile.js';
import type { FileLocation } from '../config/location.js';
import { MethodNotAllowedError, NotAcceptableError, NotFoundError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import type { Order } from '../http/order.js';
import { ownString } from '../http/own-string.js';
import { type BytePath, toBytePath, toText } from '../http/target.js';
import { DiskStore } from '../stores/disk.js';
import { isSameVersion, type OpenedFile, type Store, type StoredFile, StoreError } from '../stores/store.js';
import { answerWith } from './answer.js';
import { contentTypeFor } from './content-type.js';
import { redirectToSlash } from './directory.js';
import { toHttpError } from './disk-failure.js';
import { type DotfileRule, dotfileRule } from './dotfiles.js';
import { createRateLimiter } from './limit-rate.js';
import { type CachedFile, MemoryFile, type OpenFileCache } from './open-file-cache.js';
import { describeOrdered } from './ordered.js';
import { type ChooseSibling, createSiblingChooser, isCompressible, type Sibling } from './precompressed.js';
import { ReadyResponse } from './ready-response.js';
import { type Describe, describeFor, type Representation } from './representation.js';
import { select } from './select.js';
import { fillFrom, sendAnswer } from './send.js';
import type { SendOptions } from './stream.js';
import { versionMarkOf } from './version-mark.js';

/**
 * Answers requests whose target lies in one location. Throws, or rejects with, an HttpError when there is no file to
 * send. With an order the file is the one that the app names, not the one that the target names.
 */
export type FileHandler = (exchange: Exchange, order?: Order) => Promise<void> | undefined;

/** What a location's handler works with. */
export interface FileHandlerOptions {
  readonly log: Logger;
  readonly cache: OpenFileCache;
  /** Directories that belong to protected locations: no other location serves from them. */
  readonly excluded: readonly string[];
}

/** Prepares a location; what holds for all its files is computed here, once. */
export function createFileHandler(location: FileLocation, options: FileHandlerOptions): FileHandler {
  const server = new FileServer(location, options);
  return (exchange, order) => server.handle(exchange, order);
}

/** Of how many siblings that cannot be opened the operator is told, each once; with so many the mistake is known. */
const UNUSABLE_NAMED = 1000;

/** Of how many names of dotfiles the operator is told. */
const HIDDEN_NAMED = 100;

class FileServer {
  readonly #location: FileLocation;
  readonly #log: Logger;
  readonly #cache: OpenFileCache;
  readonly #dotfiles: DotfileRule;
  readonly #store: Store;
  readonly #chooseSibling: ChooseSibling | undefined;
  readonly #describe: Describe;
  readonly #sendOptions: SendOptions;
  readonly #prefixLength: number;
  readonly #index: BytePath | undefined;
  /** Names of dotfiles of which the operator has been told. */
  readonly #hiddenNames = new Set<string>();
  /** Siblings that could not be opened, and of which the operator has been told. */
  readonly #unusable = new Set<string>();
  /** Fields that depend on the request, or a rate limit, leave nothing that could be ready. */
  readonly #mayBeReady: boolean;

  constructor(location: FileLocation, { log, cache, excluded }: FileHandlerOptions) {
    this.#location = location;
    this.#log = log;
    this.#cache = cache;
    this.#dotfiles = dotfileRule(location.dotfiles);
    this.#store = new DiskStore(location.root, {
      symlinks: location.symlinks,
      isDenied: this.#dotfiles.isHidden,
      excluded,
    });
    const contentTypeOf = contentTypeFor(location);
    const chooseSibling = createSiblingChooser(location, this.#store, contentTypeOf);
    this.#chooseSibling = chooseSibling;
    const varies = (type: string): boolean => chooseSibling !== undefined && isCompressible(type);
    this.#describe = describeFor(location, contentTypeOf, varies);
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
    const choice = this.#chooseSibling?.(name, request.headers['accept-encoding'] as string | undefined);
    return this.#serve(exchange, order, { path, name, ...(choice ?? AS_IT_IS) });
  }

  #serve(exchange: Exchange, order: Order | undefined, wanted: WantedFile): Promise<void> | undefined {
    const { request, response } = exchange;
    const cached = this.#findCached(wanted);
    if (cached === undefined) return this.#serveFromStore(exchange, order, wanted);
    if (order !== undefined || !this.#mayBeReady) {
      return this.#send(exchange, order, cached.representation, new MemoryFile(cached));
    }
    const selection = select(request, cached.representation, this.#location.maxRanges);
    if (selection === 'whole') {
      exchange.bytes = response.sendPrepared(cached.ready.whole, this.#sendOptions.sendTimeout);
    } else if (selection === 'not-modified') {
      response.sendPrepared(cached.ready.notModified, this.#sendOptions.sendTimeout);
    } else {
      return this.#send(exchange, order, cached.representation, new MemoryFile(cached));
    }
    return undefined;
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
    if (!isNews || this.#store.stat(name) === undefined) return;
    this.#hiddenNames.add(ownString(hidden));
    this.#log.warn(
      { name: hidden, path: join(this.#location.root, toText(name)) },
      DOTFILE.test(hidden) && !isSecret(hidden)
        ? `a dotfile was refused: it is there, and 404 as all names that begin with a dot; if visitors are to have what is called ${hidden}, write --dotfiles ${hidden}`
        : 'a dotfile was refused: it is there, and may be secret; it should not lie among files that are served',
    );
  }

  #indexOf(directory: BytePath): BytePath {
    if (this.#index === undefined) throw new NotFoundError();
    return directory + this.#index;
  }

  /** The cached file, if its name still means the same version; see open-file-cache.ts for what this costs and sees. */
  #findCached(wanted: WantedFile): CachedFile | undefined {
    const { sibling, isIdentityRefused } = wanted;
    if (sibling === undefined && isIdentityRefused) return undefined;
    const key = cacheKey(wanted);
    const cached = this.#cache.get(key);
    if (cached === undefined) return undefined;
    const isSameOriginal =
      cached.original === undefined ||
      (sibling !== undefined && isSameVersion(sibling.original, cached.original));
    if (isSameOriginal && cached.snapshot.isValid()) return cached;
    this.#cache.delete(key);
    return undefined;
  }

  #serveFromStore(
    exchange: Exchange,
    order: Order | undefined,
    wanted: WantedFile,
  ): Promise<void> | undefined {
    const key = cacheKey(wanted);
    const metadata = wanted.sibling === undefined ? this.#cache.getMetadata(key) : undefined;
    if (metadata === undefined) return this.#openAndServe(exchange, order, wanted);
    const file = this.#store.reopen(wanted.name, metadata.snapshot);
    if (file !== undefined && !wanted.isIdentityRefused) {
      return this.#sendFrom(exchange, order, wanted, metadata.representation, file);
    }
    file?.close();
    this.#cache.deleteMetadata(key);
    return this.#openAndServe(exchange, order, wanted);
  }

  #openAndServe(exchange: Exchange, order: Order | undefined, wanted: WantedFile): Promise<void> | undefined {
    // The original first, also when a sibling is sent: what may not be seen has no siblings that may.
    let file = this.#open(exchange, order, wanted);
    if (file === undefined) return undefined;
    const { name, sibling, isIdentityRefused } = wanted;
    try {
      if (sibling === undefined && isIdentityRefused) throw new NotAcceptableError();
      if (sibling !== undefined) {
        file.close();
        file = this.#openSibling(sibling);
        if (file === undefined) return this.#serve(exchange, order, { ...wanted, sibling: sibling.next() });
      }
      const representation = this.#describe({
        name: ownString(name),
        version: file.version,
        mark: versionMarkOf(file, Date.now()),
        coding: sibling?.coding,
      });
      return this.#sendFrom(exchange, order, wanted, representation, file);
    } catch (error) {
      file?.close();
      throw error;
    }
  }

  /** Sends the open file, and closes it on every way. */
  #sendFrom(
    exchange: Exchange,
    order: Order | undefined,
    sent: WantedFile,
    representation: Representation,
    file: OpenedFile,
  ): Promise<void> | undefined {
    const explain = (error: unknown): unknown =>
      error instanceof StoreError ? toHttpError(error, this.#log) : error;
    let sending: Promise<void> | undefined;
    try {
      sending = this.#send(exchange, order, representation, this.#addToCache(sent, representation, file));
    } catch (error) {
      throw explain(error);
    } finally {
      if (sending === undefined) file.close();
    }
    return sending
      ?.catch((error: unknown) => {
        throw explain(error);
      })
      .finally(() => file.close());
  }

  /** The file in memory if it may be cached, and as it is, but with its metadata cached from now on, if not. */
  #addToCache(sent: WantedFile, representation: Representation, file: OpenedFile): OpenedFile {
    const key = cacheKey(sent);
    const { version } = representation;
    if (!this.#cache.admits(version)) {
      const isNew = sent.sibling === undefined && this.#cache.getMetadata(key) === undefined;
      const snapshot =
        isNew && this.#cache.admitsMetadata(version)
          ? this.#store.snapshot(representation.file.name, version)
          : undefined;
      if (snapshot !== undefined) this.#cache.setMetadata(key, { representation, snapshot });
      return file;
    }
    const snapshot = this.#store.snapshot(ownString(sent.sibling?.name ?? sent.name), version);
    if (snapshot === undefined) return file;
    const ready = new ReadyResponse(representation, (content) => fillFrom(file, content, 0));
    const cached = { representation, ready, snapshot, original: sent.sibling?.original };
    this.#cache.set(key, cached);
    return new MemoryFile(cached);
  }

  /** Opens the file that was asked for; undefined when it is a directory and the request has been redirected. */
  #open(exchange: Exchange, order: Order | undefined, { path, name }: WantedFile): StoredFile | undefined {
    try {
      return this.#store.open(name);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const mayRedirect = this.#index !== undefined && order === undefined && !path.endsWith('/');
      if (error.failure === 'directory' && mayRedirect) {
        redirectToSlash(exchange, path);
        return undefined;
      }
      throw toHttpError(error, this.#log);
    }
  }

  /** Opens a sibling; one that cannot be sent is left out, as nginx does. */
  #openSibling({ name }: Sibling): StoredFile | undefined {
    try {
      return this.#store.open(name);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const isNews = this.#unusable.size < UNUSABLE_NAMED && !this.#unusable.has(name);
      if (isNews) this.#unusable.add(ownString(name));
      this.#log[isNews ? 'warn' : 'debug'](
        { path: error.path, reason: error.reason },
        'a precompressed file cannot be sent; another one or its original is',
      );
      return undefined;
    }
  }

  #send(
    exchange: Exchange,
    order: Order | undefined,
    representation: Representation,
    file: OpenedFile,
  ): Promise<void> | undefined {
    const { request, corsFields } = exchange;
    const offered =
      order === undefined ? representation : describeOrdered(representation, order, this.#describe);
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

/** A file on its way from name to response. */
interface WantedFile {
  /** The normalized target. */
  readonly path: BytePath;
  /** Below the prefix. */
  readonly name: BytePath;
  /** What is sent in its place, if it can be opened. */
  readonly sibling: Sibling | undefined;
  /** True when the client does not take the file itself. */
  readonly isIdentityRefused: boolean;
}

const AS_IT_IS = { sibling: undefined, isIdentityRefused: false };

/** Each coding of a file is cached by itself. */
function cacheKey({ path, sibling }: WantedFile): string {
  return sibling === undefined ? path : `${path}\0${sibling.coding}`;
}
