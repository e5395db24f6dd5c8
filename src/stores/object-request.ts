// From a client's request to the one that is made of an object store in its place: as little as can be asked for, and of the
// conditions those that every store judges as HTTP does. Whether they hold is decided here all the same, by what comes back.

import type { Selecting } from '../http/conditional.js';
import { parseHttpDate } from '../http/date.js';
import type { S3Request } from '../s3/request.js';

/** What is asked of a store for a request. */
export type ObjectRequest = Pick<S3Request, 'method' | 'range' | 'ifNoneMatch' | 'ifModifiedSince'>;

/** The whole, whatever a client has of it. */
export const WHOLE: ObjectRequest = { method: 'GET' };
/** What is said of it. */
export const HEAD: ObjectRequest = { method: 'HEAD' };

/** A range by itself, as RFC 9110 §14.1.2 writes it: of several each is asked for by itself. */
const ONE_RANGE = /^bytes=(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))$/i;
/** One tag: stores differ in what they make of a list or a star. */
const ONE_TAG = /^(?:W\/)?("[\x21\x23-\x7e]*")$/;

/**
 * @param request undefined when the whole is wanted
 * @param maxRanges of the location; 0 when it serves none
 */
export function objectRequestFor(request: Selecting | undefined, maxRanges: number): ObjectRequest {
  if (request === undefined) return WHOLE;
  const fields = request.headers as Readonly<Record<string, string | undefined>>;
  const conditions = conditionsOf(fields);
  if (request.method === 'HEAD') return { method: 'HEAD', ...conditions };
  // Whether it is wanted at all is known when its tag is.
  if (conditions === undefined) return HEAD;
  const field = maxRanges === 0 ? undefined : fields['range'];
  if (field === undefined) return { method: 'GET', ...conditions };
  // Which bytes several ranges are is known when the size is.
  if (field.includes(',')) return { method: 'HEAD', ...conditions };
  const range = rangeOf(field);
  return { method: 'GET', ...conditions, ...(range === undefined ? {} : { range }) };
}

function rangeOf(field: string): S3Request['range'] {
  const [, from, to, suffix] = ONE_RANGE.exec(field) ?? [];
  if (suffix !== undefined) return Number(suffix) === 0 ? undefined : { suffix: Number(suffix) };
  if (from === undefined) return undefined;
  const first = Number(from);
  if (to === undefined) return { first };
  const last = Number(to);
  return first <= last ? { first, last } : undefined;
}

/**
 * What makes a 304 of it; undefined where that can be judged here alone. With a condition that may fail the request the order of
 * all of them matters (§13.2.2).
 */
function conditionsOf(
  fields: Readonly<Record<string, string | undefined>>,
): Pick<ObjectRequest, 'ifNoneMatch' | 'ifModifiedSince'> | undefined {
  if (fields['if-match'] !== undefined || fields['if-unmodified-since'] !== undefined) return {};
  const tags = fields['if-none-match'];
  if (tags !== undefined) {
    // It is compared weakly (§13.1.2), so that of a weak one, as compressing on the way makes of each, its strong form will do.
    const [, tag] = ONE_TAG.exec(tags) ?? [];
    return tag === undefined ? undefined : { ifNoneMatch: tag };
  }
  const seconds = parseHttpDate(fields['if-modified-since'] ?? '');
  return seconds === undefined ? {} : { ifModifiedSince: seconds * 1000 };
}
