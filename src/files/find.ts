// From a name to what is sent: a file in memory, if its name still means it, or one that has been opened, with all that is
// said of it. What may be kept of it for the next request is kept here.
import type { Logger } from 'pino';
import type { FileLocation } from '../config/location.js';
import type { Selecting } from '../http/conditional.js';
import { NotAcceptableError } from '../http/errors.js';
import { goOn, type MayWait } from '../http/may-wait.js';
import { ownString } from '../http/own-string.js';
import type { BytePath } from '../http/target.js';
import { ToldOnce } from '../http/told-once.js';
import { fillFrom } from '../stores/fill-from.js';
import { MemoryFile } from '../stores/memory-file.js';
import type { Found, OpenedFile, Store, StoredFile, StoreError, Waiting } from '../stores/store.js';
import type { CachedFile, CachedMetadata, OpenFileCache } from './open-file-cache.js';
import { codingOf, createWishReader, isCompressible, type ReadWishes } from './precompressed.js';
import { ReadyResponse } from './ready-response.js';
import { type Describe, describeFor, type Representation } from './representation.js';

/** What is to be sent. The one who asked closes the file. */
export interface Finding {
  readonly representation: Representation;
  readonly file: OpenedFile;
  /** Answers for the whole of it, where it is in memory. */
  readonly ready: ReadyResponse | undefined;
}

/** What a finder works with. */
export interface FinderOptions {
  readonly log: Logger;
  readonly cache: OpenFileCache;
  readonly contentTypeOf: (name: string) => string;
}

/** Of how many siblings that cannot be opened the operator is told, each once; with so many the mistake is known. */
const UNUSABLE_NAMED = 1000;

/** Finds the files of a location. */
export class FileFinder {
  readonly describe: Describe;
  readonly #store: Store;
  readonly #log: Logger;
  readonly #cache: OpenFileCache;
  readonly #wishesOf: ReadWishes;
  /** Siblings that could not be opened, and of which the operator has been told. */
  readonly #unusable = new ToldOnce(UNUSABLE_NAMED);

  constructor(location: FileLocation, store: Store, { log, cache, contentTypeOf }: FinderOptions) {
    const wishes = createWishReader(location, contentTypeOf);
    const varies = (type: string): boolean => wishes.hasSiblings && isCompressible(type);
    this.describe = describeFor(location, contentTypeOf, varies);
    this.#store = store;
    this.#log = log;
    this.#cache = cache;
    this.#wishesOf = wishes.read;
  }

  /**
   * @param path the normalized target, which names the file in the cache that all locations share
   * @param name below the location's prefix
   * @param client who waits for it
   * @throws {StoreError} or an HttpError, here and in what is promised
   */
  find(path: BytePath, name: BytePath, request: Selecting, client: Waiting): MayWait<Finding> {
    const acceptEncoding = request.headers['accept-encoding'] as string | undefined;
    const { siblings, isIdentityRefused } = this.#wishesOf(name, acceptEncoding);
    const known = (suffix: string): CachedFile | CachedMetadata | undefined => {
      if (suffix === '' && isIdentityRefused) return undefined;
      const key = cacheKey(path, suffix);
      return this.#cache.get(key) ?? (suffix === '' ? this.#cache.getMetadata(key) : undefined);
    };
    return goOn(
      () => this.#store.find({ path: name, siblings, request, client, known }),
      (found) => this.#take(path, name, found, isIdentityRefused),
      (error) => {
        this.#forget(cacheKey(path, ''));
        throw error;
      },
    );
  }

  #take(
    path: BytePath,
    name: BytePath,
    found: Found<CachedFile | CachedMetadata>,
    isIdentityRefused: boolean,
  ): Finding {
    const { suffix, known, file } = found;
    for (const error of found.unusable) this.#tellUnusable(error);
    if (known?.isWhole) return known;
    // There would have been no need to open it.
    if (file === undefined) throw new Error('a store found nothing');
    const key = cacheKey(path, suffix);
    if (known === undefined) this.#forget(key);
    try {
      if (suffix === '' && isIdentityRefused) throw new NotAcceptableError();
      const representation = known?.representation ?? this.#describeFound(name, suffix, file);
      return this.#keep(key, representation, found) ?? { representation, ready: undefined, file };
    } catch (error) {
      file.close();
      throw error;
    }
  }

  #describeFound(name: BytePath, suffix: string, file: StoredFile): Representation {
    return this.describe({
      name: ownString(name),
      version: file.version,
      mark: file.mark(Date.now()),
      coding: codingOf(suffix),
      said: file.said,
    });
  }

  /** The file in memory, if it may be kept there; of another one its metadata may be. */
  #keep(
    key: string,
    representation: Representation,
    found: Found<CachedFile | CachedMetadata>,
  ): Finding | undefined {
    const described = representation.file;
    const { original, known, file } = found;
    const direct = file?.direct;
    if (direct === undefined || !this.#cache.admits(described)) {
      // What a store far away says may be otherwise at any moment, and nothing here can watch it.
      const isNew = known === undefined && original === undefined && file?.said === undefined;
      const seen = isNew && this.#cache.admitsMetadata(described) ? found.snapshot() : undefined;
      if (seen !== undefined) {
        this.#cache.setMetadata(key, { representation, snapshot: seen, original, isWhole: false });
      }
      return undefined;
    }
    const seen = known?.snapshot ?? found.snapshot();
    if (seen === undefined) return undefined;
    const ready = new ReadyResponse(representation, (content) => fillFrom(direct, content, 0));
    const cached: CachedFile = {
      isWhole: true,
      representation,
      ready,
      file: new MemoryFile(representation.version, ready.content),
      snapshot: seen,
      original,
    };
    this.#cache.set(key, cached);
    file?.close();
    return cached;
  }

  #forget(key: string): void {
    this.#cache.delete(key);
    this.#cache.deleteMetadata(key);
  }

  #tellUnusable({ path, reason }: StoreError): void {
    this.#log[this.#unusable.remember(path) ? 'warn' : 'debug'](
      { path, reason },
      'a precompressed file cannot be sent; another one or its original is',
    );
  }
}

/** Each coding of a file is cached by itself. */
function cacheKey(path: BytePath, suffix: string): string {
  return suffix === '' ? path : `${path}\0${suffix}`;
}
