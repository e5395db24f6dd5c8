// Cross-origin reading of files, for fonts, canvas and fetch (WHATWG Fetch, CORS protocol). Never with credentials.
import type { FileLocation } from '../config/location.js';
import type { Exchange } from '../http/exchange.js';
import { fieldValue } from '../http/fields.js';
import type { FileHandler } from './serve.js';

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
const PREFLIGHT_FIELDS: readonly string[] = [
  'Access-Control-Allow-Methods',
  'GET, HEAD',
  'Access-Control-Max-Age',
  '86400',
];
const REQUEST_FIELDS = 'Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range';

/**
 * The handler of a location whose files pages of other origins may read; itself when CORS is off. They can read every answer,
 * refusals too. A preflight is answered before anybody decides whether the user may have the file: browsers send none of
 * what tells who that is with it (Fetch, "CORS-preflight fetch").
 */
export function shareFiles({ cors, access }: FileLocation, handler: FileHandler): FileHandler {
  const corsFieldsOf = corsFieldsFor(cors);
  if (corsFieldsOf === undefined) return handler;
  // Where the app decides, a page must be able to say for whom it asks.
  const allowed = access.authRequest === undefined ? REQUEST_FIELDS : `${REQUEST_FIELDS}, Authorization`;
  const ofPreflight = [...PREFLIGHT_FIELDS, 'Access-Control-Allow-Headers', allowed];
  return (exchange, order) => {
    const fields = corsFieldsOf(exchange.request.headers.origin);
    if (order !== undefined || !isPreflight(exchange)) {
      exchange.corsFields = fields;
      return handler(exchange, order);
    }
    exchange.response.writeHead(204, [...fields, ...ofPreflight]);
    exchange.response.end();
    return undefined;
  };
}

function isPreflight({ request: { method, headers } }: Exchange): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

/** An answer of the app's that is passed on, with the fields of the location; where it says itself who may read it, as it is. */
export function withCorsFields(fields: readonly string[], { corsFields }: Exchange): readonly string[] {
  const isSaid = fieldValue(fields, 'access-control-allow-origin') !== undefined;
  return corsFields === undefined || isSaid ? fields : [...fields, ...corsFields];
}
