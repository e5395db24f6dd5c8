// The head of the request as the app gets it (nginx: proxy_set_header). What a client says of itself under the
// names that a proxy sets is not believed: those fields are replaced, or dropped (http/proxy-fields).
import { BadRequestError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import { connectionOptions, isHopByHop } from '../http/fields.js';
import { ownString } from '../http/own-string.js';
import { treatmentOf } from '../http/proxy-fields.js';

/**
 * Fields that are not passed on as received, besides those of proxies.
 * `Expect` has been answered by this server. `Proxy` would become the app's HTTP_PROXY (CVE-2016-5385). `Trailer` announces
 * fields that are not passed on (RFC 9110 §6.6.2).
 */
const REPLACED: ReadonlySet<string> = new Set(['expect', 'proxy', 'host', 'content-length', 'trailer']);

/** What becomes of a field, by its name. */
interface Judgement {
  /** In lower case. */
  readonly name: string;
  /** `ofProxy` is passed on when a trusted proxy has sent it, `cookie` once. */
  readonly kind: 'passed' | 'ofProxy' | 'cookie' | 'dropped';
}

/** Names already judged, as clients write them; the same few come with every request. */
const judged = new Map<string, Judgement>();
/** A client could invent names without end. */
const MAX_JUDGED = 500;

function judge(name: string): Judgement {
  const lower = name.toLowerCase();
  const kind = kindOf(lower);
  if (judged.size >= MAX_JUDGED || name.length > 64) return { name: lower, kind };
  const judgement: Judgement = { name: ownString(lower), kind };
  judged.set(ownString(name), judgement);
  return judgement;
}

function kindOf(name: string): Judgement['kind'] {
  // WSGI cannot tell X_Real_IP from X-Real-IP; nginx drops such names too (underscores_in_headers).
  if (name.includes('_') || isHopByHop(name) || REPLACED.has(name)) return 'dropped';
  if (name === 'cookie') return 'cookie';
  const treatment = treatmentOf(name);
  if (treatment === undefined) return 'passed';
  return treatment === 'passed' ? 'ofProxy' : 'dropped';
}

/** True for a field that is left out, by its name in lower case. */
export type Omit = (lowerCaseName: string) => boolean;

/** Fields that describe a body, for a request that is sent without the client's. */
export const isOfBody: Omit = (name) => name.startsWith('content-');

/** What a request line and a field can have; anything else could end them and begin something new. */
const UNSENDABLE_TARGET = /[^\x21-\x7e\x80-\xff]/;
const UNSENDABLE_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/**
 * The request line (RFC 9112 §3).
 * @throws {BadRequestError} when the target has what no target can have. A client's has been looked at by the parser;
 *   what an app has ordered, or the configuration names, has not
 */
export function requestLine(method: string, target: string): string {
  if (!target.startsWith('/') || UNSENDABLE_TARGET.test(target)) {
    throw new BadRequestError(`cannot be passed on: its target is ${JSON.stringify(target)}`);
  }
  return `${method} ${target} HTTP/1.1\r\n`;
}

/**
 * One field as a line.
 * @throws {BadRequestError} when the value has what no value can have
 */
export function fieldLine(name: string, value: string): string {
  if (value !== '' && UNSENDABLE_VALUE.test(value))
    throw new BadRequestError(`cannot be passed on: its ${name} is malformed`);
  return `${name}: ${value}\r\n`;
}

/**
 * The line that frames the body (RFC 9112 §6); none when there is no body.
 * @param body its size is in bytes, undefined when it is not known beforehand
 */
export function framingLine(
  { request }: Exchange,
  body: { readonly size: number | undefined } | undefined,
): string {
  // One of no bytes may still be announced.
  if (body === undefined)
    return request.headers['content-length'] === undefined ? '' : 'Content-Length: 0\r\n';
  // A body that came in chunks has been counted, unless it is passed on as it comes.
  return body.size === undefined ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${body.size}\r\n`;
}

/**
 * The fields for the app as lines, without the empty line and without those that frame body and connection.
 * @param omit what is left out of the client's fields
 * @throws {BadRequestError} when a field cannot be sent
 */
export function requestFields(exchange: Exchange, omit?: Omit): string {
  const { request, target, origin, id } = exchange;
  const raw = request.rawHeaders;
  const nominated = connectionOptions(request.headers.connection?.toLowerCase());
  const host = target.authority ?? request.headers.host;
  // HTTP/1.1 has to name one (RFC 9112 §3.2), also for a client of HTTP/1.0 that does not, as some health checks.
  let lines = fieldLine('Host', host ?? 'localhost');
  let hasCookies = false;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const { name: lower, kind } = judged.get(name) ?? judge(name);
    if (kind === 'dropped' || nominated?.[lower] || omit?.(lower)) continue;
    let value = raw[index + 1] ?? '';
    if (kind === 'cookie') {
      // RFC 6265 §5.4: there is one. Of several, WSGI makes a list with commas, and Django of that a cookie `a=1,b=2`.
      if (hasCookies) continue;
      hasCookies = true;
      value = request.headers.cookie ?? value;
    } else if (kind === 'ofProxy') {
      // Several are two opinions: one may be the client's, which the proxy has let through beside its own.
      if (!origin.isFromProxy || request.headers[lower] !== value) continue;
    }
    lines += fieldLine(name, value);
  }
  const { address, scheme, host: publicHost, port } = origin;
  if (address !== '') lines += `X-Forwarded-For: ${address}\r\nX-Real-IP: ${address}\r\n`;
  lines += `X-Forwarded-Proto: ${scheme}\r\n`;
  if (publicHost !== undefined) lines += fieldLine('X-Forwarded-Host', publicHost);
  if (port !== undefined) lines += `X-Forwarded-Port: ${port}\r\n`;
  return `${lines}X-Request-ID: ${id}\r\n`;
}
