// Keys and request paths. What is signed is the path as it is sent, and S3 wants it encoded once, byte by byte, with nothing
// normalized: all but unreserved characters and the slash (AWS: "Create a signed AWS API request", UriEncode).
import { isUtf8 } from 'node:buffer';
import type { BucketAddress } from '../config/bucket.js';
import { type BytePath, percentEncoder } from '../http/target.js';

/** RFC 3986 §2.3, and the slash. */
const encodeKey = percentEncoder(/[A-Za-z0-9._~/-]/);
/** The same without the slash, for names and values of a query. */
export const encodeQueryPart = percentEncoder(/[A-Za-z0-9._~-]/);

/** The longest key that S3 has, in bytes. */
export const LONGEST_KEY = 1024;

/** Segments of dots: a key may have them, but a store that keeps its objects in files goes where they lead. */
const DOTS = /(?:^|\/)\.\.?(?:\/|$)/;
const NOT_ASCII = /[\x80-\xff]/;

/**
 * Whether an object can have this key (AWS: "Naming Amazon S3 objects"), and no request for it leads elsewhere. Without a key it
 * would be the bucket's list.
 */
export function isKey(key: BytePath): boolean {
  return key !== '' && key.length <= LONGEST_KEY && !DOTS.test(key) && isText(key);
}

/** Whether it is UTF-8: what is not is no key, and of the stores that are asked for it some answer 400, and others anything. */
function isText(key: BytePath): boolean {
  return !NOT_ASCII.test(key) || isUtf8(Buffer.from(key, 'latin1'));
}

/** The path of a request for a key. */
export function keyPath({ basePath }: BucketAddress, key: BytePath): string {
  return `${basePath}/${encodeKey(key)}`;
}
