// The id of a request, in the log, on error pages and for the app (nginx: $request_id).
import { randomBytes } from 'node:crypto';
import type { ClientRequest } from '../http/exchange.js';

/** Random for each process, in the form of a UUID of version 8 (RFC 9562 §5.8). */
const PREFIX = randomBytes(10)
  .toString('hex')
  .replace(/^(.{8})(.{4}).(.{3}).(.{3}).*$/, '$1-$2-8$3-8$4-');
let count = 0;

/**
 * An id that no other request has, here or in another process: a random part, and a number. It tells requests apart
 * and is no secret, so that one random number is enough.
 */
export function nextRequestId(): string {
  count += 1;
  return PREFIX + count.toString(16).padStart(12, '0');
}

/** What can be an id: in a log line, on an error page and in a field it stands for itself, and it fits on a line. */
const ID = /^[\w.:+/=@-]{1,200}$/;

/** The id that a trusted proxy has given, as tracing wants it; undefined when it has not, or what it gave is none. */
export function givenRequestId({ 'x-request-id': given }: ClientRequest['headers']): string | undefined {
  return typeof given === 'string' && ID.test(given) ? given : undefined;
}
