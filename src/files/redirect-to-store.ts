// Files that their store carries itself: a client is sent there with a URL that is signed for a while (`--store-mode redirect`),
// once it is known to have the permission. The same URL for all requests of some minutes, so that browsers cache what it leads
// to, and a field that lets nobody keep the redirect for longer than the URL is good.
import type { Logger } from 'pino';
import type { FileLocation } from '../config/location.js';
import { MethodNotAllowedError } from '../http/errors.js';
import { fieldValue } from '../http/fields.js';
import type { Order } from '../http/order.js';
import type { BytePath } from '../http/target.js';
import { StoreError } from '../stores/store.js';
import { cacheControlFor } from './cache-control.js';
import { toHttpError } from './disk-failure.js';
import { FileNames } from './name.js';
import type { FileHandler } from './serve.js';

/** A store whose files can be had with a signed URL. */
export interface SigningStore {
  /** What time it is for the store, in milliseconds since the epoch. */
  readonly now: number;
  /**
   * Makes the URL; the same for the same moment. Rejects with a StoreError when there is none.
   * @param at from when on it is good, in milliseconds since the epoch
   * @param seconds for how long
   */
  presign(
    path: BytePath,
    at: number,
    seconds: number,
    fields: { readonly contentType?: string | undefined; readonly contentDisposition?: string | undefined },
  ): Promise<{ readonly url: string; readonly expiresAt: number }>;
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
    const { url, expiresAt } = await store
      .presign(name, at, LIFETIME / 1000, fieldsOf(order))
      .catch((error: unknown) => {
        throw error instanceof StoreError ? toHttpError(error, log) : error;
      });
    const rest = Math.max(0, Math.floor((expiresAt - now - MARGIN) / 1000));
    const fields = ['Location', url, 'Content-Length', '0', 'X-Content-Type-Options', 'nosniff'];
    const cacheControl = noLongerThan(rest, cacheControlOf(name));
    if (cacheControl !== '') fields.push('Cache-Control', cacheControl);
    response.writeHead(302, [...fields, ...corsFields]);
    response.end();
  };
}

/** What the app says of a file that it orders, the store is told to say. */
function fieldsOf(order: Order | undefined): Parameters<SigningStore['presign']>[3] {
  if (order === undefined) return {};
  return {
    contentType: fieldValue(order.fields, 'content-type'),
    contentDisposition: fieldValue(order.fields, 'content-disposition'),
  };
}

/** A Cache-Control in which no time is longer than so many seconds (RFC 9111 §5.2.2). */
function noLongerThan(seconds: number, cacheControl: string): string {
  return cacheControl
    .split(',')
    .map((directive) => directive.trim())
    .filter((directive) => directive.toLowerCase() !== 'immutable')
    .map((directive) =>
      directive.replace(/=(\d+)$/, (_, time: string) => `=${Math.min(Number(time), seconds)}`),
    )
    .join(', ');
}
