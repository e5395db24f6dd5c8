// Whom a request is for (RFC 9112 §3.2). Two opinions about that are how requests reach what they must not.
import { BadRequestError } from './errors.js';
import type { ClientRequest } from './exchange.js';
import { isHost } from './host.js';

/** What is wrong with the request's Host, if anything. */
export function hostFault(request: ClientRequest): Error | undefined {
  const { httpVersion, headers } = request;
  const { host } = headers;
  if (host === undefined && httpVersion === '1.1') return new BadRequestError('has no Host');
  if (host !== undefined && !isHost(host)) return new BadRequestError('has a malformed Host');
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
