// What is asked of a store, and the head of the request that asks for it.
import { formatHttpDate } from '../http/date.js';
import type { BytePath } from '../http/target.js';
import type { S3Range } from './answer.js';
import type { Credentials } from './credentials.js';
import { type SigningScope, signedFields } from './signing.js';

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
  readonly signal?: AbortSignal | undefined;
}

/** A field's value (RFC 9110 §5.5). */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Writes a request's head, one character for each byte, with the empty line behind it.
 * @param path of the key
 * @param credentials without them it is not signed
 * @param at milliseconds since the epoch, as the store counts them
 * @throws {TypeError} for a condition that would end its field
 */
export async function requestHead(
  request: S3Request,
  path: string,
  scope: SigningScope,
  credentials: Credentials | undefined,
  at: number,
): Promise<string> {
  const { method, range, ifMatch, ifNoneMatch, ifModifiedSince } = request;
  const fields: Record<string, string> = range === undefined ? {} : { range: rangeField(range) };
  const lines =
    credentials === undefined
      ? Object.entries(fields)
          .map(([name, value]) => `${name}: ${value}\r\n`)
          .join('')
      : await signedFields(scope, credentials, method, path, fields, at);
  // Beside a tag a date counts for nothing (RFC 9110 §13.1.3), which not every store knows.
  const isDated = ifModifiedSince !== undefined && ifNoneMatch === undefined;
  const since = isDated ? formatHttpDate(Math.floor(ifModifiedSince / 1000)) : undefined;
  return `${method} ${path} HTTP/1.1\r\nHost: ${scope.authority}\r\n${ALWAYS}${lines}${fieldLine('If-Match', ifMatch)}${fieldLine('If-None-Match', ifNoneMatch)}${fieldLine('If-Modified-Since', since)}\r\n`;
}

/** No proxy on the way is to compress what it sends: the bytes are the object's. */
const ALWAYS = 'User-Agent: media-serve\r\nAccept-Encoding: identity\r\n';

function rangeField(range: S3Range): string {
  return 'suffix' in range ? `bytes=-${range.suffix}` : `bytes=${range.first}-${range.last ?? ''}`;
}

function fieldLine(name: string, value: string | undefined): string {
  if (value === undefined) return '';
  if (!FIELD_VALUE.test(value)) throw new TypeError(`${name} cannot have this value`);
  return `${name}: ${value}\r\n`;
}
