// What is asked of a store, and the head of the request that asks for it.
import { formatHttpDate } from '../http/date.js';
import type { BytePath } from '../http/target.js';
import type { S3Range } from './answer.js';
import type { LeaveSignal } from './patience.js';

/** What is asked of an object. */
export interface S3Request {
  /** The whole key, with the prefix of its location. */
  readonly key: BytePath;
  readonly method: 'GET' | 'HEAD';
  readonly range?: S3Range | undefined;
  /** One entity tag, quotes and all, which may have commas in it. */
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
  /** In milliseconds since the epoch. */
  readonly ifModifiedSince?: number | undefined;
  /** Until the answer is here; its body is closed by itself. */
  readonly signal?: LeaveSignal | undefined;
}

/** A field's value (RFC 9110 §5.5). */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Writes a request's head, one character for each byte, with the empty line behind it.
 * @param path of the key
 * @param authority the Host field
 * @param lines those that are signed, and the signature; without one, Range
 * @throws {TypeError} for a condition that would end its field
 */
export function requestHead(request: S3Request, path: string, authority: string, lines: string): string {
  const { method, ifMatch, ifNoneMatch, ifModifiedSince } = request;
  // Beside a tag a date counts for nothing (RFC 9110 §13.1.3), which not every store knows.
  const isDated = ifModifiedSince !== undefined && ifNoneMatch === undefined;
  const since = isDated ? formatHttpDate(Math.floor(ifModifiedSince / 1000)) : undefined;
  return `${method} ${path} HTTP/1.1\r\nHost: ${authority}\r\n${ALWAYS}${lines}${fieldLine('If-Match', ifMatch)}${fieldLine('If-None-Match', ifNoneMatch)}${fieldLine('If-Modified-Since', since)}\r\n`;
}

/** No proxy on the way is to compress what it sends: the bytes are the object's. */
const ALWAYS = 'User-Agent: media-serve\r\nAccept-Encoding: identity\r\n';

/** The value of Range; undefined where the whole is asked for. */
export function rangeField(range: S3Range | undefined): string | undefined {
  if (range === undefined) return undefined;
  return 'suffix' in range ? `bytes=-${range.suffix}` : `bytes=${range.first}-${range.last ?? ''}`;
}

/** The line of a field; empty without a value. @throws {TypeError} for a value that would end it */
export function fieldLine(name: string, value: string | undefined): string {
  if (value === undefined) return '';
  if (!FIELD_VALUE.test(value)) throw new TypeError(`${name} cannot have this value`);
  return `${name}: ${value}\r\n`;
}
