// The app decides before each file (nginx: ngx_http_auth_request_module): 2xx lets the client have it, a refusal is
// passed on as the app wrote it. Permissions may be cached for a moment; refusals are not: a login counts at once.
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { FileAccess } from '../config/location.js';
import { AuthRequestError, isHttpError, LoopDetectedError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import { fieldValue } from '../http/fields.js';
import type { AppAnswer, Subrequest } from '../http/order.js';
import type { Target } from '../http/target.js';
import type { AccessHandler } from './access-handler.js';
import { withCorsFields } from './cors.js';

/** Permissions cached at most; each takes about 150 bytes. */
const MAX_PERMISSIONS = 10_000;

/** Answers that are for the client: it must log in, or elsewhere, or may not; or the question went in a circle. */
const REFUSALS = new Set([401, 403, 301, 302, 303, 307, 308, 508]);

/** Asks the app about each request. */
export function createAuthRequest(
  { target: path, cache: ttl }: NonNullable<FileAccess['authRequest']>,
  subrequest: Subrequest,
  log: Logger,
): AccessHandler {
  const permissions = ttl > 0 ? new AuthCache(ttl) : undefined;
  return async (exchange, target) => {
    const key = permissions === undefined ? '' : keyOf(exchange, target);
    if (permissions?.has(key) === true) return true;
    const fields = [
      'X-Original-URI',
      exchange.target.raw,
      'X-Original-Method',
      exchange.request.method ?? 'GET',
    ];
    const answer = await subrequest(exchange, path, fields).catch((error: unknown) => {
      if (isHttpError(error) && !(error instanceof LoopDetectedError))
        throw new AuthRequestError(path, error.message);
      throw error;
    });
    if (answer === undefined) return false;
    if (answer.status >= 200 && answer.status < 300) {
      if (!/\bno-store\b/i.test(fieldValue(answer.headers, 'cache-control') ?? '')) permissions?.add(key);
      return true;
    }
    if (!REFUSALS.has(answer.status)) throw new AuthRequestError(path, `it answered ${answer.status}`);
    log.debug({ requestId: exchange.id, status: answer.status }, 'the app refused the file');
    passOn(exchange, answer);
    return false;
  };
}

function passOn(exchange: Exchange, { status, headers, body }: AppAnswer): void {
  const { request, response } = exchange;
  const fields = headers.filter((_, index) => {
    const name = headers[index - (index % 2)]?.toLowerCase() ?? '';
    // A body too long to be kept takes with it what describes it.
    return name !== 'content-length' && (body !== undefined || !name.startsWith('content-'));
  });
  const bytes = body ?? Buffer.alloc(0);
  if (fieldValue(fields, 'cache-control') === undefined) fields.push('Cache-Control', 'no-store');
  response.writeHead(status, [...withCorsFields(fields, exchange), 'Content-Length', String(bytes.length)]);
  exchange.bytes = request.method === 'HEAD' ? 0 : bytes.length;
  response.end(bytes);
}

/**
 * Fields that say nothing about who asks. All others are part of a permission's key: apps know their users by
 * cookies and Authorization, but also by keys and tokens in fields of their own, and what one user may have must
 * never be cached for another.
 */
const IMPERSONAL =
  /^(?:accept|accept-encoding|accept-language|cache-control|connection|dnt|if-.*|keep-alive|pragma|priority|range|referer|sec-.*|te|upgrade-insecure-requests|user-agent|x-request-id)$/;

/** Who asks whom for what, as a digest: the key of a permission. Null bytes cannot occur within fields. */
function keyOf({ request, origin, target: { raw, authority } }: Exchange, { path }: Target): string {
  // An absolute target names a host of its own; and what a proxy may say of its client is nobody else's to say.
  const { address, scheme, host, isFromProxy } = origin;
  let text = `${request.method}\0${address}\0${scheme}\0${host}\0${authority}\0${isFromProxy}\0${raw}\0${path}`;
  const { rawHeaders } = request;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    if (!IMPERSONAL.test(name)) text += `\0${name}\0${rawHeaders[index + 1]}`;
  }
  // In one go: to hand over a field costs more than to hash it.
  return createHash('sha256').update(text, 'latin1').digest('base64url');
}

/** Permissions that were given a moment ago. They all last equally long, so that the oldest is the first to go. */
class AuthCache {
  readonly #until = new Map<string, number>();
  readonly #ttl: number;

  /** @param ttl in milliseconds */
  constructor(ttl: number) {
    this.#ttl = ttl;
  }

  has(key: string): boolean {
    const until = this.#until.get(key);
    return until !== undefined && until > performance.now();
  }

  add(key: string): void {
    const now = performance.now();
    this.#until.delete(key);
    for (const [oldest, until] of this.#until) {
      if (until > now && this.#until.size < MAX_PERMISSIONS) break;
      this.#until.delete(oldest);
    }
    this.#until.set(key, now + this.#ttl);
  }
}
