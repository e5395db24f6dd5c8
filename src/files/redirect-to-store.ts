// Files that their store carries itself: a client is sent there with a URL that is signed for a while (`--store-mode redirect`),
// once it is known to have the permission. The same URL for all requests of some minutes, so that browsers cache what it leads
// to, and a field that lets nobody keep the redirect for longer than the URL is good.
import type { Logger } from 'pino';
import type { FileLocation } from '../config/location.js';
import { MethodNotAllowedError } from '../http/errors.js';
import { fieldValue, withoutFields } from '../http/fields.js';
import type { Order } from '../http/order.js';
import type { BytePath } from '../http/target.js';
import { StoreError } from '../stores/store.js';
import { cacheControlFor } from './cache-control.js';
import { toHttpError } from './disk-failure.js';
import { FileNames } from './name.js';
import type { FileHandler } from './serve.js';

/** What a signed URL is to be good for. */
export interface SignedFor {
  readonly method: 'GET' | 'HEAD';
  /** From when on, in milliseconds since the epoch. */
  readonly at: number;
  /** For how long, in seconds. */
  readonly expires: number;
  /** Fields that the store is to answer with in place of its own. */
  readonly response: {
    readonly contentType?: string | undefined;
    readonly contentDisposition?: string | undefined;
    readonly contentLanguage?: string | undefined;
    readonly cacheControl?: string | undefined;
  };
}

/** A store whose files can be had with a signed URL. */
export interface SigningStore {
  /** What time it is for the store, in milliseconds since the epoch. */
  readonly now: number;
  /** Makes the URL; the same for the same moment. Rejects with a StoreError when there is none. */
  presign(path: BytePath, options: SignedFor): Promise<{ readonly url: string; readonly expiresAt: number }>;
}

/** All requests of so many milliseconds get the same URL, */
const WINDOW = 15 * 60_000;
/** which is good for so long, so that it is for some time after the last of them, */
const LIFETIME = 2 * WINDOW;
/** and may be kept for this much less: what it leads to takes a while to come, and clocks differ. */
const MARGIN = 60_000;

/** Prepares a location whose files their store sends. */
export function redirectToStore(location: FileLocation, store: SigningStore, log: Logger): FileHandler {
  const names = new FileNames(location, { stat: () => undefined }, log);
  const cacheControlOf = cacheControlFor(location);
  return async (exchange, order) => {
    const { request, response, corsFields = [] } = exchange;
    if (order === undefined && request.method !== 'GET' && request.method !== 'HEAD')
      throw new MethodNotAllowedError();
    const name = names.of((order?.target ?? exchange.target).path);
    const { now } = store;
    const at = Math.floor(now / WINDOW) * WINDOW;
    const method = request.method === 'HEAD' ? 'HEAD' : 'GET';
    const { url, expiresAt } = await store
      .presign(name, { method, at, expires: LIFETIME / 1000, response: saidBy(order) })
      .catch((error: unknown) => {
        throw error instanceof StoreError ? toHttpError(error, log) : error;
      });
    const rest = Math.max(0, Math.floor((expiresAt - now - MARGIN) / 1000));
    const fields = ['Location', url, 'Content-Length', '0', 'X-Content-Type-Options', 'nosniff'];
    const cacheControl = noLongerThan(
      rest,
      (order && fieldValue(order.fields, 'cache-control')) ?? cacheControlOf(name),
    );
    if (cacheControl !== '') fields.push('Cache-Control', cacheControl);
    if (order !== undefined) fields.push(...withoutFields(order.fields, OF_CONTENT));
    response.writeHead(302, [...fields, ...corsFields]);
    response.end();
  };
}

/** What the app says of a file that it orders and its store is told to say. */
function saidBy(order: Order | undefined): SignedFor['response'] {
  if (order === undefined) return {};
  const said = (name: string): string | undefined => fieldValue(order.fields, name);
  return {
    contentType: said('content-type'),
    contentDisposition: said('content-disposition'),
    contentLanguage: said('content-language'),
    cacheControl: said('cache-control'),
  };
}

/** Fields of the app's that are about the file, or that have been dealt with. */
const OF_CONTENT: readonly string[] = [
  ...['Content-Type', '', 'Content-Disposition', '', 'Content-Language', '', 'Content-Encoding', ''],
  ...['Accept-Ranges', '', 'ETag', '', 'Last-Modified', '', 'Cache-Control', '', 'Expires', ''],
];

/** How long a response may be kept (RFC 9111 §5.2.2.1, §5.2.2.10). */
const AGE = /^(max-age|s-maxage)="?(\d+)"?$/i;
/** What lets it be used for longer (RFC 5861; RFC 8246). */
const LONGER = /^(?:stale-while-revalidate|stale-if-error|immutable)\b/i;

/** A Cache-Control by which nothing is kept for more than so many seconds. */
function noLongerThan(seconds: number, cacheControl: string): string {
  return cacheControl
    .split(',')
    .map((directive) => directive.trim())
    .filter((directive) => directive !== '' && !LONGER.test(directive))
    .map((directive) => {
      const [, name, time] = AGE.exec(directive) ?? [];
      return name === undefined ? directive : `${name}=${Math.min(Number(time), seconds)}`;
    })
    .join(', ');
}
