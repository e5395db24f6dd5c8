// The head of the request as the app gets it (nginx: proxy_set_header). What a client says of itself under the
// names that a proxy sets is not believed: those fields are replaced.
import type { Exchange } from '../http/exchange.js';
import { connectionOptions, isHopByHop } from '../http/fields.js';

/**
 * Fields that are not passed on as received.
 * `Expect` has been answered by this server. `Proxy` would become the app's HTTP_PROXY (CVE-2016-5385).
 */
const REPLACED = /^(?:x-forwarded-.*|x-forwarded|forwarded|x-real-ip|x-request-id|expect|proxy|host)$/;

/** Fields that describe a body. */
const OF_BODY = /^content-/;

/** The fields of a request that is sent without the client's body. */
export function withoutBody(headers: readonly string[]): string[] {
  return headers.filter((_, index) => !OF_BODY.test(headers[index - (index % 2)]?.toLowerCase() ?? ''));
}

/** Field names and values in turn. */
export function requestHeaders(exchange: Exchange): string[] {
  const { request, target, client, id } = exchange;
  const raw = request.rawHeaders;
  const nominated = connectionOptions(request.headers.connection);
  const host = target.authority ?? request.headers.host;
  const headers: string[] = host === undefined ? [] : ['Host', host];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const lower = name.toLowerCase();
    // WSGI cannot tell X_Real_IP from X-Real-IP; nginx drops such names too (underscores_in_headers).
    if (lower.includes('_') || isHopByHop(lower) || nominated?.has(lower) || REPLACED.test(lower)) continue;
    headers.push(name, raw[index + 1] ?? '');
  }
  if (client !== '') headers.push('X-Forwarded-For', client, 'X-Real-IP', client);
  headers.push('X-Forwarded-Proto', 'http');
  if (host !== undefined) headers.push('X-Forwarded-Host', host);
  headers.push('X-Request-ID', id);
  return headers;
}
