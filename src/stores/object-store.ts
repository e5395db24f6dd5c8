// The objects of a bucket as a tree of files. One request of a client is one request to the store; what is said of an object is
// what the store says of it, and is kept by nobody here.
import type { Logger } from 'pino';
import type { BucketLocation } from '../config/bucket.js';
import { evaluatePreconditions, type Preconditions, type Selecting } from '../http/conditional.js';
import { type BytePath, toText } from '../http/target.js';
import { givenValidators } from '../http/validators.js';
import type { ObjectFields, S3Answer } from '../s3/answer.js';
import type { S3Client } from '../s3/client.js';
import { S3Error, type S3Failure } from '../s3/errors.js';
import type { Presigned } from '../s3/presign.js';
import { ObjectFile, type ObjectSource } from './object-file.js';
import { type ObjectRequest, objectRequestFor, WHOLE } from './object-request.js';
import { type Found, type Known, type Store, StoreError, type StoreFailure, type Wanted } from './store.js';

/** What a store of objects works with. */
export interface ObjectStoreOptions {
  readonly client: Pick<S3Client, 'get' | 'presign' | 'now' | 'probe' | 'close'>;
  readonly location: Pick<BucketLocation, 'bucket' | 'prefix'>;
  /** What names begin with that must not be served, each with a slash at its end. */
  readonly excluded?: readonly string[];
  /** Ranges in one request; 0 when none are served. */
  readonly maxRanges: number;
  readonly log: Logger;
}

const FAILURES: Readonly<Record<S3Failure, StoreFailure>> = {
  'not-found': 'not-found',
  // A key that is missing is refused, too, where keys may not be listed; and whoever may not know is told no more.
  denied: 'not-found',
  busy: 'store-busy',
  timeout: 'store-timeout',
  'wrong-region': 'store-failed',
  'wrong-bucket': 'store-failed',
  'bad-credentials': 'store-failed',
  clock: 'store-failed',
  unreachable: 'store-failed',
  failed: 'store-failed',
  closed: 'store-failed',
};

/** Objects that were stored together have times of their own, in any order, in milliseconds. */
const STORED_WITHIN = 2000;

const NONE: readonly StoreError[] = [];

/** Objects below a prefix of a bucket. Owns its client. */
export class ObjectStore implements Store {
  readonly #options: ObjectStoreOptions;
  /** Causes of which the operator has been told: there are few. */
  readonly #told = new Set<string>();

  constructor(options: ObjectStoreOptions) {
    this.#options = options;
  }

  async find<Of extends Known>({ path, siblings, request }: Wanted<Of>): Promise<Found<Of>> {
    const asked = objectRequestFor(request, this.#options.maxRanges);
    if (siblings.length > 0) {
      const found = await this.#findSibling<Of>(path, siblings, request, asked);
      if (found !== undefined) return found;
    }
    return foundAs<Of>('', await this.#open(path, request, asked));
  }

  /** Nobody is told of a name that is asked for and not served: it would cost a request each time. */
  stat(): undefined {
    return undefined;
  }

  /** What time it is for the store, in milliseconds since the epoch. */
  get now(): number {
    return this.#options.client.now;
  }

  /**
   * Makes a URL with which anybody may get the object for a while. Rejects with a StoreError when there is none.
   * @param at from when on, in milliseconds since the epoch
   * @param seconds for how long
   * @param response fields that the store is to answer with in place of the object's
   */
  async presign(path: BytePath, at: number, seconds: number, response: ObjectFields): Promise<Presigned> {
    const { client, key, toStoreError } = this.#sourceOf(path);
    try {
      return await client.presign(key, { at, expires: seconds, response });
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** Whether bucket, credentials, region and clock are right: says in the log what is wrong. */
  async check(): Promise<void> {
    const { client, log } = this.#options;
    const error = await client.probe();
    if (error === undefined) return;
    this.#told.add(causeOf(error));
    log.error({ code: error.code, request: error.requestId }, sentenceOf(error));
  }

  /** Cuts what is under way. */
  async end(): Promise<void> {
    this.#options.client.close();
  }

  /** Waits for nothing that would hold up the end of the process. */
  get isHeldUp(): boolean {
    return false;
  }

  /** A sibling that belongs to what is there: no other version of it, and smaller. */
  async #findSibling<Of extends Known>(
    path: BytePath,
    siblings: readonly string[],
    request: Selecting | undefined,
    asked: ObjectRequest,
  ): Promise<Found<Of> | undefined> {
    const original = await this.#get(path, { method: 'HEAD' });
    for (const suffix of siblings) {
      try {
        const file = await this.#open(path + suffix, request, asked);
        const isOfOriginal = file.modified >= (original.lastModified ?? 0) - STORED_WITHIN;
        if (isOfOriginal && file.version.size < (original.size ?? 0)) return foundAs<Of>(suffix, file);
        file.close();
      } catch (error) {
        if (!(error instanceof StoreError && error.failure === 'not-found')) throw error;
      }
    }
    return undefined;
  }

  /** Asks for what a client needs. @throws {StoreError} */
  async #open(path: BytePath, request: Selecting | undefined, asked: ObjectRequest): Promise<ObjectFile> {
    const source = this.#sourceOf(path);
    const answer = await this.#get(path, asked);
    switch (answer.status) {
      case 200:
      case 206:
        if (answer.size !== undefined) return new ObjectFile(source, answer, asked.method === 'GET');
        answer.body.close();
        throw new StoreError(
          'store-failed',
          source.name,
          `the store does not say how long ${source.name} is`,
        );
      case 304: {
        const { etag = givenTag(request) } = answer;
        if (isNotModified({ ...answer, etag }, request))
          return new ObjectFile(source, { ...answer, etag }, false);
        return this.#open(path, undefined, WHOLE);
      }
      default:
        // No byte of the range is there: how many there are the answer to a HEAD tells.
        return new ObjectFile(source, await this.#get(path, { method: 'HEAD' }), false);
    }
  }

  async #get(path: BytePath, asked: ObjectRequest): Promise<S3Answer> {
    const { client, key, toStoreError } = this.#sourceOf(path);
    try {
      return await client.get({ key, ...asked });
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** @throws {StoreError} for what this location must not serve */
  #sourceOf(path: BytePath): ObjectSource & Pick<ObjectStoreOptions, 'client'> {
    const { client, location, excluded = [] } = this.#options;
    const key = location.prefix + path;
    const name = `s3://${location.bucket}/${toText(key)}`;
    if (excluded.some((kept) => path.startsWith(kept)))
      throw new StoreError('not-found', name, 'belongs to a protected location');
    return { client, key, name, toStoreError: (error) => this.#toStoreError(error, name) };
  }

  #toStoreError(error: unknown, name: string): unknown {
    if (!(error instanceof S3Error)) return error;
    if (error.kind === 'denied') this.#tell(error);
    return new StoreError(FAILURES[error.kind], name, sentenceOf(error));
  }

  /** Once for each cause: what is not there, anybody may ask for. */
  #tell(error: S3Error): void {
    const cause = causeOf(error);
    if (this.#told.has(cause)) return;
    this.#told.add(cause);
    this.#options.log.warn({ code: error.code, request: error.requestId }, sentenceOf(error));
  }
}

function foundAs<Of extends Known>(suffix: string, file: ObjectFile): Found<Of> {
  return { suffix, original: undefined, known: undefined, file, unusable: NONE, snapshot: () => undefined };
}

/** Whether a client has what is there, judged as for a file on disk. */
function isNotModified({ etag, lastModified }: S3Answer, request: Selecting | undefined): boolean {
  const fields = request?.headers as Preconditions | undefined;
  const validators = givenValidators(etag, lastModified, Date.now());
  return fields !== undefined && evaluatePreconditions(fields, validators) === 'not-modified';
}

/** The one tag that was asked for: of a 304 without one of its own it is the object's. */
function givenTag(request: Selecting | undefined): string | undefined {
  return request?.headers['if-none-match'] as string | undefined;
}

function causeOf({ kind, code }: S3Error): string {
  return `${kind} ${code ?? ''}`;
}

function sentenceOf({ message, requestId }: S3Error): string {
  return requestId === undefined ? message : `${message} (request ${requestId})`;
}
