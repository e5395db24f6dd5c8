// Requests that two servers could read in two ways are refused (RFC 9112 §11.2). Node's parser refuses most of them
// by itself (both lengths, bare LF, folded fields, spaces before a colon …); this is the rest.
import { BadRequestError } from './errors.js';
import type { ClientRequest } from './exchange.js';

/** A host as RFC 3986 §3.2.2 has it, with a port; no user, no spaces. */
const HOST = /^(?:[\w.~!$&'()*+,;=%-]+|\[[0-9a-f:.]+\])(?::\d{0,5})?$/i;

/** What is wrong with the request, if anything. */
export function framingFault(request: ClientRequest): Error | undefined {
  const { httpVersion, headers } = request;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    return new BadRequestError(`says that it is HTTP/${httpVersion}`);
  }
  const encoding = headers['transfer-encoding'];
  if (encoding !== undefined) {
    // RFC 9112 §6.1: a coding that is not known here cannot be taken off; in HTTP/1.0 there is none.
    if (encoding.toLowerCase() !== 'chunked') return new BadRequestError('has an unknown Transfer-Encoding');
    if (httpVersion === '1.0')
      return new BadRequestError('has a Transfer-Encoding, which HTTP/1.0 does not know');
  }
  const { host } = headers;
  // RFC 9112 §3.2. Node would refuse it too, but out of turn, in the middle of pipelined answers.
  if (host === undefined && httpVersion === '1.1') return new BadRequestError('has no Host');
  if (host !== undefined && !HOST.test(host)) return new BadRequestError('has a malformed Host');
  // Two Host fields are two opinions about where a request goes (RFC 9112 §3.2).
  if (hasTwo(request.rawHeaders, 'host')) return new BadRequestError('has several Host fields');
  return undefined;
}

function hasTwo(rawHeaders: readonly string[], lowerCaseName: string): boolean {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) count += 1;
  }
  return count > 1;
}

/** True when the client still has something to send. */
export function isUnread(request: ClientRequest): boolean {
  return (
    !request.complete &&
    (request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0)
  );
}
