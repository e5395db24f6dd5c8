// Cross-origin reading of files, for fonts, canvas and fetch (WHATWG Fetch, CORS protocol). Never with credentials.
import type { FileLocation } from '../config/location.js';

/** Fields that a page of another origin may read beside the safelisted ones. */
const EXPOSED = 'Accept-Ranges, Content-Length, Content-Range, ETag';

/** Fields for a request with this Origin field, names and values in turn. */
export type CorsFields = (origin: string | undefined) => readonly string[];

/** The CORS fields of a location; undefined when CORS is off. */
export function corsFieldsFor(cors: FileLocation['cors']): CorsFields | undefined {
  if (cors === undefined) return undefined;
  if (cors === '*') {
    const anyone = ['Access-Control-Allow-Origin', '*', 'Access-Control-Expose-Headers', EXPOSED];
    return () => anyone;
  }
  const allowed = new Set(cors);
  // The answer depends on the asker, also when it is no: caches must know.
  const refused = ['Vary', 'Origin'];
  return (origin) =>
    origin !== undefined && allowed.has(origin)
      ? ['Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', EXPOSED, ...refused]
      : refused;
}

/** What a preflight is answered with, beside the fields above: reading by ranges and with preconditions. */
export const PREFLIGHT_FIELDS: readonly string[] = [
  'Access-Control-Allow-Methods',
  'GET, HEAD',
  'Access-Control-Allow-Headers',
  'Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range',
  'Access-Control-Max-Age',
  '86400',
];
