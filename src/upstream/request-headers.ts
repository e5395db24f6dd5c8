// The head of the request as the app gets it (nginx: proxy_set_header). What a client says of itself under the
// names that a proxy sets is not believed: those fields are replaced.
import type { Exchange } from '../http/exchange.js';
import { connectionOptions, isHopByHop } from '../http/fields.js';

/**
 * Fields that are not passed on as received.
 * `Expect` has been answered by this server. `Proxy` would become the app's HTTP_PROXY (CVE-2016-5385).
 */
const REPLACED =
  /^(?:x-forwarded-.*|x-forwarded|forwarded|x-real-ip|x-request-id|expect|proxy|host|content-length)$/;

/** Fields that describe a body. */
const OF_BODY = /^content-/;

/** The fields of a request that is sent without the client's body. */
export function withoutBody(headers: readonly string[]): string[] {
  return headers.filter((_, index) => !OF_BODY.test(headers[index - (index % 2)]?.toLowerCase() ?? ''));
}

/** Names already judged, as clients write them; the same few come with every request. */
const judged = new Map<string, string | undefined>();
/** A client could invent names without end. */
const MOST_JUDGED = 500;

/** The name in lower case when a field of this name may be passed on, undefined when not. */
function judge(name: string): string | undefined {
  const known = judged.get(name);
  if (known !== undefined || judged.has(name)) return known;
  const lower = name.toLowerCase();
  // WSGI cannot tell X_Real_IP from X-Real-IP; nginx drops such names too (underscores_in_headers).
  const refused = lower.includes('_') || isHopByHop(lower) || REPLACED.test(lower);
  const judgement = refused ? undefined : lower;
  if (judged.size < MOST_JUDGED && name.length <= 64) judged.set(name, judgement);
  return judgement;
}

/**
 * Field names and values in turn.
 * @param size of the body, in bytes; undefined when there is none or it is not known beforehand
 */
export function requestHeaders(exchange: Exchange, size: number | undefined): string[] {
  const { request, target, client, id, forwarded } = exchange;
  const raw = request.rawHeaders;
  const nominated = connectionOptions(request.headers.connection);
  const host = target.authority ?? request.headers.host;
  const headers: string[] = host === undefined ? [] : ['Host', host];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const lower = judge(name);
    if (lower === undefined || nominated?.has(lower)) continue;
    headers.push(name, raw[index + 1] ?? '');
  }
  // A body that came in chunks has been counted; one of no bytes may still be announced.
  if (size !== undefined) headers.push('Content-Length', String(size));
  else if (request.headers['content-length'] === '0') headers.push('Content-Length', '0');
  if (client !== '') headers.push('X-Forwarded-For', client, 'X-Real-IP', client);
  headers.push('X-Forwarded-Proto', forwarded.proto);
  const publicHost = forwarded.host ?? host;
  if (publicHost !== undefined) headers.push('X-Forwarded-Host', publicHost);
  if (forwarded.port !== undefined) headers.push('X-Forwarded-Port', forwarded.port);
  headers.push('X-Request-ID', id);
  return headers;
}
