// An object as an open file: the answer that is under way, and, where other bytes are wanted than it has, requests for those, each
// for the same version.
import type { Piece } from '../http/piece.js';
import type { BytePath } from '../http/target.js';
import { givenValidators, type Validators } from '../http/validators.js';
import type { ObjectFields, S3Answer } from '../s3/answer.js';
import type { S3Body } from '../s3/body.js';
import type { S3Client } from '../s3/client.js';
import type { Presence } from './presence.js';
import type { FileVersion, ObjectDescription, StoredFile, StoreFailure, VersionMark } from './store.js';
import { StoreError } from './store.js';

/** Where the bytes of an object come from. */
export interface ObjectSource {
  readonly client: Pick<S3Client, 'get'>;
  /** The whole key. */
  readonly key: BytePath;
  /** For messages. */
  readonly name: string;
  /** Who waits for it. */
  readonly presence: Presence;
  /** What an error of the client's comes to. */
  toStoreError(error: unknown): unknown;
}

/** One version of an object, and what tells it from others: as its store says. */
export class ObjectVersion implements FileVersion, VersionMark {
  readonly size: number;
  /** Entity tag, with its quotes. */
  readonly etag: string | undefined;
  /** In milliseconds since the epoch. */
  readonly lastModified: number | undefined;

  constructor({ size = 0, etag, lastModified }: Pick<S3Answer, 'size' | 'etag' | 'lastModified'>) {
    this.size = size;
    this.etag = etag;
    this.lastModified = lastModified;
  }

  get changed(): number {
    return this.lastModified ?? 0;
  }

  validators(now: number): Validators {
    return givenValidators(this.etag, this.lastModified, now);
  }

  /** True when the answer is of the same version. */
  isSame({ size, etag, lastModified }: S3Answer): boolean {
    return etag === this.etag && lastModified === this.lastModified && size === this.size;
  }
}

/** An object of which an answer is under way. Whoever has it closes it. */
export class ObjectFile implements StoredFile {
  readonly version: ObjectVersion;
  readonly said: ObjectDescription;
  readonly direct = undefined;
  readonly #source: ObjectSource;
  #body: S3Body;
  /** Where in the object the body goes on. */
  #position: number;
  /** Up to where it goes. */
  #end: number;
  /** What was read of it and has not been taken yet. */
  #rest: Piece | undefined;
  #isClosed = false;

  /**
   * @param answer a 200, a 206 with its size, or a 304
   * @param hasBody false when no bytes come with it
   * @param fields what is said of it, where that is not what the answer says: of a sibling, what its original says
   */
  constructor(source: ObjectSource, answer: S3Answer, hasBody: boolean, fields = answer.fields) {
    const { range, status, body } = answer;
    this.version = new ObjectVersion(answer);
    this.#source = source;
    this.#body = body;
    this.#position = range?.first ?? 0;
    this.#end = hasBody ? (range === undefined ? this.version.size : range.last + 1) : 0;
    this.said = described(fields, status !== 304);
    source.presence.addEventListener('abort', this.#onLeave);
  }

  mark(): VersionMark {
    return this.version;
  }

  async read(position: number, most: number, until: number): Promise<Piece> {
    try {
      if (position !== this.#position || position >= this.#end) await this.#goTo(position, until);
      return this.#take(await this.#next(), most);
    } catch (error) {
      throw this.#source.toStoreError(error);
    }
  }

  close(): void {
    this.#source.presence.release();
    this.drop();
  }

  /** Closes it; whoever waits for it waits for another. */
  drop(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source.presence.removeEventListener('abort', this.#onLeave);
    this.#rest?.release();
    this.#rest = undefined;
    this.#body.close();
  }

  /** The store may be silent for long, and its connection is wanted by others. */
  readonly #onLeave = (): void => {
    this.#body.close();
  };

  async #next(): Promise<Piece> {
    const piece = this.#rest ?? (await this.#body.read());
    this.#rest = undefined;
    if (piece === undefined)
      throw this.#source.presence.reason ?? this.#failure('ended before all of it had come');
    if (!this.#isClosed) return piece;
    piece.release();
    throw this.#failure('is closed');
  }

  /** As much of what was read as is wanted. */
  #take(piece: Piece, most: number): Piece {
    this.#position += Math.min(piece.bytes.length, most);
    if (piece.bytes.length <= most) return piece;
    // Its memory is free when the rest has been used, too.
    this.#rest = { bytes: piece.bytes.subarray(most), release: piece.release };
    return { bytes: piece.bytes.subarray(0, most), release: () => {} };
  }

  /** Goes on at another place of the same version. */
  async #goTo(first: number, until: number): Promise<void> {
    const isOnTheWay = this.#position < first && this.#end === this.version.size && this.#position === 0;
    // A store that gives no parts has sent the whole, where a part was wanted.
    if (isOnTheWay) await this.#skipTo(first);
    else await this.#askFor(first, until);
  }

  async #askFor(first: number, until: number): Promise<void> {
    const { client, key, presence } = this.#source;
    const { etag } = this.version;
    this.#rest?.release();
    this.#rest = undefined;
    this.#body.close();
    // A weak tag is that of other bytes, too (RFC 9110 §8.8.1); without a strong one, time and size tell.
    const ifMatch = etag?.startsWith('"') ? etag : undefined;
    const answer = await client.get({
      key,
      method: 'GET',
      range: { first, last: until - 1 },
      signal: presence,
      ...(ifMatch === undefined ? {} : { ifMatch }),
    });
    const isGiven = answer.status === 200 || (answer.status === 206 && answer.range?.first === first);
    if (this.#isClosed || !isGiven || !this.version.isSame(answer)) {
      answer.body.close();
      if (this.#isClosed) throw this.#failure('is closed');
      throw this.#failure('was changed while it was sent', 'changed');
    }
    this.#body = answer.body;
    this.#position = answer.range?.first ?? 0;
    this.#end = answer.range === undefined ? this.version.size : answer.range.last + 1;
    await this.#skipTo(first);
  }

  async #skipTo(first: number): Promise<void> {
    while (this.#position < first) {
      const { bytes, release } = this.#take(await this.#next(), first - this.#position);
      if (bytes.length > 0) release();
    }
  }

  #failure(what: string, failure: StoreFailure = 'store-failed'): StoreError {
    return new StoreError(failure, this.#source.name, `${this.#source.name} ${what}`);
  }
}

/** @param isWhole false of a 304, of which few stores say more than how long it may be kept */
function described(fields: ObjectFields, isWhole: boolean): ObjectDescription {
  const { contentType, contentDisposition, contentLanguage, contentEncoding, cacheControl } = fields;
  return {
    isWhole,
    contentType,
    contentDisposition,
    contentLanguage,
    contentEncoding,
    // What is not said there changes nothing (RFC 9111 §4.3.4): the location's own would.
    cacheControl: cacheControl ?? (isWhole ? undefined : ''),
  };
}
