// The objects of a bucket as a tree of files. One request of a client is one request to the store; what is said of an object is
// what the store says of it, and is kept by nobody here.
import type { BucketLocation } from '../config/bucket.js';
import { evaluatePreconditions, type Preconditions, type Selecting } from '../http/conditional.js';
import { type BytePath, toText } from '../http/target.js';
import type { ObjectFields, S3Answer } from '../s3/answer.js';
import type { S3Client } from '../s3/client.js';
import { S3Error, type S3Failure } from '../s3/errors.js';
import type { Presigned, PresignOptions } from '../s3/presign.js';
import { ObjectFile, type ObjectSource, ObjectVersion } from './object-file.js';
import { HEAD, type ObjectRequest, objectRequestFor, WHOLE } from './object-request.js';
import { Presence } from './presence.js';
import {
  type Found,
  type Known,
  type Store,
  StoreError,
  type StoreFailure,
  type Waiting,
  type Wanted,
} from './store.js';

/** What a store of objects works with. */
export interface ObjectStoreOptions {
  readonly client: Pick<S3Client, 'get' | 'presign' | 'now' | 'keepTime'>;
  readonly location: Pick<BucketLocation, 'bucket' | 'prefix'>;
  /** What names begin with that must not be served, each with a slash at its end. */
  readonly excluded?: readonly string[];
  /** Ranges in one request; 0 when none are served. */
  readonly maxRanges: number;
  /** Is told each time that the store refuses an object. */
  readonly onDenied: (error: S3Error) => void;
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
  closed: 'gone',
  changed: 'changed',
  failed: 'store-failed',
};

/** Objects that were stored together have times of their own, in any order, in milliseconds. */
const STORED_WITHIN = 2000;

const NONE: readonly StoreError[] = [];

/** Objects below a prefix of a bucket. Its client is the bucket's. */
export class ObjectStore implements Store {
  readonly #options: ObjectStoreOptions;

  constructor(options: ObjectStoreOptions) {
    this.#options = options;
  }

  async find<Of extends Known>({ path, siblings, request, client }: Wanted<Of>): Promise<Found<Of>> {
    const asked = objectRequestFor(request, this.#options.maxRanges);
    const source = this.#sourceOf(path, client);
    try {
      const sibling =
        siblings.length === 0 ? undefined : await this.#findSibling<Of>(source, siblings, request, asked);
      return sibling ?? foundAs<Of>('', await open(source, request, asked));
    } catch (error) {
      source.presence.release();
      throw source.toStoreError(error);
    }
  }

  /** Nobody is told of a name that is asked for and not served: it would cost a request each time. */
  stat(): undefined {
    return undefined;
  }

  /** What time it is for the store, in milliseconds since the epoch. */
  get now(): number {
    return this.#options.client.now;
  }

  /** Makes a URL with which anybody may get the object for a while. Rejects with a StoreError when there is none. */
  async presign(
    path: BytePath,
    options: Pick<PresignOptions, 'method' | 'at' | 'expires' | 'response'>,
  ): Promise<Presigned> {
    const { key, toStoreError } = this.#sourceOf(path, undefined);
    const { client, location } = this.#options;
    // Who is sent to the store asks it by its time, of which nothing is heard here.
    client.keepTime(location.prefix);
    try {
      return await client.presign(key, options);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** A sibling that belongs to what is there: no other version of it, and smaller. What is said of the original is said of it. */
  async #findSibling<Of extends Known>(
    source: ObjectSource,
    siblings: readonly string[],
    request: Selecting | undefined,
    asked: ObjectRequest,
  ): Promise<Found<Of> | undefined> {
    const original = await get(source, { method: 'HEAD' });
    const fields = { ...original.fields, contentEncoding: undefined };
    for (const suffix of siblings) {
      try {
        const sibling = { ...source, key: source.key + suffix, name: source.name + suffix };
        const file = await open(sibling, request, asked, fields);
        if (belongsTo(file, original)) return foundAs<Of>(suffix, file);
        // The client is there for the next one, too.
        file.drop();
      } catch (error) {
        const failed = source.toStoreError(error);
        if (!(failed instanceof StoreError && failed.failure === 'not-found')) throw failed;
      }
    }
    return undefined;
  }

  /** @throws {StoreError} for what this location must not serve */
  #sourceOf(path: BytePath, waiting: Waiting | undefined): ObjectSource {
    const { client, location, excluded = [] } = this.#options;
    const key = location.prefix + path;
    const name = `s3://${location.bucket}/${toText(key)}`;
    if (excluded.some((kept) => path.startsWith(kept)))
      throw new StoreError('not-found', name, 'belongs to a protected location');
    const toStoreError = (error: unknown): unknown => this.#toStoreError(error, name);
    const presence = new Presence(
      waiting,
      () => new StoreError('gone', name, 'nobody waits for it any more'),
    );
    return { client, key, name, presence, toStoreError };
  }

  #toStoreError(error: unknown, name: string): unknown {
    if (!(error instanceof S3Error)) return error;
    if (error.kind === 'denied') this.#options.onDenied(error);
    return new StoreError(FAILURES[error.kind], name, error.sentence);
  }
}

/** Asks for what a client needs. Rejects with an S3Error, or a StoreError. */
async function open(
  source: ObjectSource,
  request: Selecting | undefined,
  asked: ObjectRequest,
  fields?: ObjectFields,
): Promise<ObjectFile> {
  const answer = await get(source, asked);
  switch (answer.status) {
    case 200:
    case 206:
      return fileOf(source, answer, asked, fields);
    case 304: {
      // Of a 304 without a tag of its own the one that was asked for is the object's.
      const { etag = asked.ifNoneMatch } = answer;
      const kept = { ...answer, etag };
      if (!isConditional(asked)) return fileOf(source, answer, asked, fields);
      if (isNotModified(kept, request))
        return new ObjectFile(source, kept, false, { ...fields, ...answer.fields });
      // What HTTP would not call unmodified: once more, without a condition.
      return fileOf(source, await get(source, WHOLE), WHOLE, fields);
    }
    case 416:
      // How many bytes there are the answer to a HEAD tells.
      return fileOf(source, await get(source, HEAD), HEAD, fields);
    default:
      throw failure(source, `the store answers ${answer.status} for ${source.name}, which was not asked for`);
  }
}

function fileOf(
  source: ObjectSource,
  answer: S3Answer,
  { method }: ObjectRequest,
  fields: ObjectFields | undefined,
): ObjectFile {
  const { status, size } = answer;
  if ((status === 200 || status === 206) && size !== undefined)
    return new ObjectFile(source, answer, method === 'GET', fields);
  answer.body.close();
  throw failure(
    source,
    status === 200
      ? `the store does not say how long ${source.name} is`
      : `the store answers ${status} for ${source.name}, which was not asked for`,
  );
}

function get({ client, key, presence }: ObjectSource, asked: ObjectRequest): Promise<S3Answer> {
  return client.get({ ...asked, key, signal: presence });
}

function failure({ name }: ObjectSource, what: string): StoreError {
  return new StoreError('store-failed', name, what);
}

function belongsTo({ version, said }: ObjectFile, { lastModified = 0, size = 0 }: S3Answer): boolean {
  const { changed } = version;
  // Of what a client has already it is not told how long it is, nor, by some stores, of when.
  if (!said.isWhole) return changed === 0 || changed >= lastModified - STORED_WITHIN;
  return changed >= lastModified - STORED_WITHIN && version.size < size;
}

function foundAs<Of extends Known>(suffix: string, file: ObjectFile): Found<Of> {
  return { suffix, original: undefined, known: undefined, file, unusable: NONE, snapshot: () => undefined };
}

/** Whether a client has what is there, judged as for a file on disk. */
function isNotModified(answer: S3Answer, request: Selecting | undefined): boolean {
  const fields = request?.headers as Preconditions | undefined;
  const validators = new ObjectVersion(answer).validators(Date.now());
  return fields !== undefined && evaluatePreconditions(fields, validators) === 'not-modified';
}

function isConditional({ ifNoneMatch, ifModifiedSince }: ObjectRequest): boolean {
  return ifNoneMatch !== undefined || ifModifiedSince !== undefined;
}
