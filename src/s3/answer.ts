// An answer's head, read: what of it is the object's, and whether it is what was asked for. Stores differ in what they leave out.
import { parseHttpDate } from '../http/date.js';
import type { ResponseStart } from '../http1/response-parser.js';
import type { S3Body } from './body.js';
import { nameOf } from './error-document.js';
import { S3Error } from './errors.js';

/** Which bytes are wanted: from one to another, both counted from 0, or so many from the end. */
export type S3Range =
  | { readonly first: number; readonly last?: number | undefined }
  | { readonly suffix: number };

/** Fields that are stored with an object, as they are. */
export interface ObjectFields {
  readonly contentType?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly contentLanguage?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly cacheControl?: string | undefined;
}

/** Statuses that are no error. */
export type S3Status = 200 | 206 | 304 | 412 | 416;

/** What a store says of an object, with its bytes. */
export interface S3Answer {
  readonly status: S3Status;
  /** As the store writes it, quotes and all. */
  readonly etag: string | undefined;
  /** In milliseconds since the epoch. */
  readonly lastModified: number | undefined;
  /** Of the whole object, in bytes; undefined where the store does not say (304, 412). */
  readonly size: number | undefined;
  /** Of a 206: which bytes these are, both counted from 0. */
  readonly range: { readonly first: number; readonly last: number } | undefined;
  /** Of a 200 or 206, and how long it may be kept of a 304, if the store says that; those of other answers are not the object's. */
  readonly fields: ObjectFields;
  /** What the store calls the request. */
  readonly requestId: string | undefined;
  /** Empty for a HEAD, and with 304, 412 and 416. To be read to its end, or closed. */
  readonly body: S3Body;
}

/** What a head says. */
export interface AnswerHead extends Omit<S3Answer, 'status' | 'body'> {
  readonly status: number;
  /** Bytes of body, as the head says, also that of a HEAD. */
  readonly length: number | undefined;
  /** True when the end of the body can be told from a cut. */
  readonly isFramed: boolean;
  /** When it was made, as HTTP writes it; undefined where the store does not say, or has not been asked now (RFC 9111 §5.1). */
  readonly date: string | undefined;
  /** Where the bucket is. */
  readonly bucketRegion: string | undefined;
}

/** That of an answer that is no error. */
export interface GrantedHead extends AnswerHead {
  readonly status: S3Status;
}

const CONTENT_RANGE = /^bytes (?:(\d{1,15})-(\d{1,15})|\*)\/(\d{1,15}|\*)$/i;
const LENGTH = /^\d{1,15}$/;
/** The Age of an answer that comes from no cache. */
const JUST_MADE = /^0+$/;
/** A tag as HTTP has it (RFC 9110 §8.8.3). */
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;

/** Reads a head. */
export function readAnswerHead({ status, fields, length: framed }: ResponseStart): AnswerHead {
  const found = new HeadFields(fields);
  const length = framed === undefined || framed === 0 ? numberOf(found.contentLength) : framed;
  const [, first, last, total] =
    (found.contentRange === undefined ? undefined : CONTENT_RANGE.exec(found.contentRange)) ?? [];
  const isPart = first !== undefined && last !== undefined;
  const size = status === 200 ? length : numberOf(total);
  return {
    status,
    etag: etagOf(found.etag),
    lastModified: millisecondsOf(found.lastModified),
    size,
    range: status === 206 && isPart ? { first: Number(first), last: Number(last) } : undefined,
    fields: fieldsOfObject(status, found),
    requestId: nameOf(found.requestId),
    length,
    isFramed: framed !== undefined || found.transferEncoding !== undefined,
    date: found.age === undefined || JUST_MADE.test(found.age) ? found.date : undefined,
    bucketRegion: nameOf(found.bucketRegion),
  };
}

function fieldsOfObject(status: number, found: HeadFields): ObjectFields {
  // Its Content-Type is that of a page of the store's, with some.
  if (status === 304) return { cacheControl: found.cacheControl };
  if (status !== 200 && status !== 206) return {};
  return {
    contentType: textOf(found.contentType),
    contentDisposition: textOf(found.contentDisposition),
    contentLanguage: textOf(found.contentLanguage),
    contentEncoding: codingsOf(textOf(found.contentEncoding)),
    cacheControl: textOf(found.cacheControl),
  };
}

/** Some stores keep a field that an upload left empty: it says nothing. */
function textOf(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** What a head says in fields that matter; of one that comes twice the first counts. */
class HeadFields {
  age: string | undefined;
  cacheControl: string | undefined;
  contentDisposition: string | undefined;
  contentEncoding: string | undefined;
  contentLanguage: string | undefined;
  contentLength: string | undefined;
  contentRange: string | undefined;
  contentType: string | undefined;
  date: string | undefined;
  etag: string | undefined;
  lastModified: string | undefined;
  transferEncoding: string | undefined;
  bucketRegion: string | undefined;
  requestId: string | undefined;

  /** @param raw names and values in turn */
  constructor(raw: readonly string[]) {
    for (let index = 0; index < raw.length; index += 2) {
      this.#add(raw[index]?.toLowerCase() ?? '', raw[index + 1] ?? '');
    }
  }

  #add(name: string, value: string): void {
    switch (name) {
      case 'age':
        this.age ??= value;
        break;
      case 'cache-control':
        this.cacheControl ??= value;
        break;
      case 'content-disposition':
        this.contentDisposition ??= value;
        break;
      case 'content-encoding':
        this.contentEncoding ??= value;
        break;
      case 'content-language':
        this.contentLanguage ??= value;
        break;
      case 'content-length':
        this.contentLength ??= value;
        break;
      case 'content-range':
        this.contentRange ??= value;
        break;
      case 'content-type':
        this.contentType ??= value;
        break;
      case 'date':
        this.date ??= value;
        break;
      case 'etag':
        this.etag ??= value;
        break;
      case 'last-modified':
        this.lastModified ??= value;
        break;
      case 'transfer-encoding':
        this.transferEncoding ??= value;
        break;
      case 'x-amz-bucket-region':
        this.bucketRegion ??= value;
        break;
      case 'x-amz-request-id':
        this.requestId ??= value;
    }
  }
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && LENGTH.test(text) ? Number(text) : undefined;
}

function etagOf(text: string | undefined): string | undefined {
  return text !== undefined && ETAG.test(text) ? text : undefined;
}

/** A date as HTTP writes it, in milliseconds since the epoch. */
export function millisecondsOf(date: string | undefined): number | undefined {
  const seconds = date === undefined ? undefined : parseHttpDate(date);
  return seconds === undefined ? undefined : seconds * 1000;
}

/** Without `aws-chunked`, which was a coding of the upload, and which some stores keep with the object. */
function codingsOf(text: string | undefined): string | undefined {
  if (text === undefined || !/aws-chunked/i.test(text)) return text;
  const rest = text
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding.toLowerCase() !== 'aws-chunked');
  return rest.length === 0 ? undefined : rest.join(', ');
}

/**
 * Checks that a 206 has the bytes that were asked for, since they are put where those belong.
 * @throws {S3Error}
 */
export function checkRange(head: AnswerHead, asked: S3Range | undefined, isHead: boolean): void {
  if (head.status !== 206) return;
  const { range, size, length, requestId } = head;
  const isAsked =
    range !== undefined && size !== undefined && asked !== undefined && isSame(range, asked, size);
  const isWhole = range !== undefined && (isHead || length === range.last - range.first + 1);
  if (isAsked && isWhole) return;
  throw new S3Error('failed', 'the store answers with other bytes of the object than it was asked for', {
    status: head.status,
    requestId,
  });
}

function isSame({ first, last }: { first: number; last: number }, asked: S3Range, size: number): boolean {
  if (first > last) return false;
  if ('suffix' in asked) return first === Math.max(0, size - asked.suffix) && last === size - 1;
  return first === asked.first && last === Math.min(asked.last ?? Number.POSITIVE_INFINITY, size - 1);
}
