// An object as an open file: the answer that is under way, and, where other bytes are wanted than it has, requests for those, each
// for the same version.
import type { BytePath } from '../http/target.js';
import type { S3Answer } from '../s3/answer.js';
import type { S3Body, S3Piece } from '../s3/body.js';
import type { S3Client } from '../s3/client.js';
import type { FileVersion, ObjectDescription, Piece, StoredFile } from './store.js';
import { StoreError } from './store.js';

/** Where the bytes of an object come from. */
export interface ObjectSource {
  readonly client: Pick<S3Client, 'get'>;
  /** The whole key. */
  readonly key: BytePath;
  /** For messages. */
  readonly name: string;
  /** What an error of the client's comes to. */
  toStoreError(error: unknown): unknown;
}

/** An object of which an answer is under way. Whoever has it closes it. */
export class ObjectFile implements StoredFile {
  readonly version: FileVersion;
  readonly modified: number;
  readonly said: ObjectDescription;
  readonly direct = undefined;
  readonly #source: ObjectSource;
  #body: S3Body;
  /** Where in the object the body goes on. */
  #position: number;
  /** Up to where it goes. */
  #end: number;
  /** What was read of it and has not been taken yet. */
  #rest: S3Piece | undefined;
  #isClosed = false;

  /**
   * @param answer a 200, a 206 with its size, or a 304
   * @param hasBody false when no bytes come with it
   */
  constructor(
    source: ObjectSource,
    { size = 0, etag, lastModified, fields, range, status, body }: S3Answer,
    hasBody: boolean,
  ) {
    const modified = lastModified ?? 0;
    this.#source = source;
    this.#body = body;
    this.#position = range?.first ?? 0;
    this.#end = hasBody ? (range === undefined ? size : range.last + 1) : 0;
    this.modified = modified;
    this.version = { dev: 0, ino: 0, size, mtimeMs: modified, ctimeMs: modified };
    this.said = {
      etag,
      lastModified,
      isWhole: status !== 304,
      contentType: fields.contentType,
      contentDisposition: fields.contentDisposition,
      contentLanguage: fields.contentLanguage,
      contentEncoding: fields.contentEncoding,
      cacheControl: fields.cacheControl,
    };
  }

  async read(position: number, most: number, until: number): Promise<Piece> {
    try {
      if (position !== this.#position || position >= this.#end) await this.#goTo(position, until);
      const piece = this.#rest ?? (await this.#body.read());
      this.#rest = undefined;
      if (piece === undefined) throw this.#failure('ended before all of it had come');
      return this.#take(piece, most);
    } catch (error) {
      throw this.#source.toStoreError(error);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#rest?.release();
    this.#rest = undefined;
    this.#body.close();
  }

  /** As much of what was read as is wanted. */
  #take(piece: S3Piece, most: number): Piece {
    this.#position += Math.min(piece.bytes.length, most);
    if (this.#isClosed) {
      piece.release();
      throw this.#failure('is closed');
    }
    if (piece.bytes.length <= most) return piece;
    // Its memory is free when the rest has been used, too.
    this.#rest = { bytes: piece.bytes.subarray(most), release: piece.release };
    return { bytes: piece.bytes.subarray(0, most), release: () => {} };
  }

  /** Asks for other bytes of the same version. */
  async #goTo(first: number, until: number): Promise<void> {
    const { client, key } = this.#source;
    const { etag } = this.said;
    this.#rest?.release();
    this.#rest = undefined;
    this.#body.close();
    if (etag === undefined) throw this.#failure('has no entity tag by which its version could be told');
    const answer = await client.get({
      key,
      method: 'GET',
      range: { first, last: until - 1 },
      ifMatch: etag,
    });
    if (this.#isClosed) answer.body.close();
    if (answer.status !== 206 || answer.range?.first !== first) {
      answer.body.close();
      throw this.#failure(
        answer.status === 412 ? 'was changed while it was sent' : 'is not given in parts by its store',
      );
    }
    this.#body = answer.body;
    this.#position = first;
    this.#end = answer.range.last + 1;
  }

  #failure(what: string): StoreError {
    return new StoreError('store-failed', this.#source.name, `${this.#source.name} ${what}`);
  }
}
