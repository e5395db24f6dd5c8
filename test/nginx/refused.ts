/** What media-serve answers when there is nothing to send. */
import type { Outcome } from './outcome.js';
import type { Facts } from './rule.js';

/** An answer of ours with this status in place of `expected`. */
export function refused(
  expected: Outcome,
  { request }: Facts,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): Outcome {
  // What cannot be read as HTTP may have been a HEAD, so that its answer has no page.
  const page = status === 400 || status === 431 ? `^(${status} |$)` : `^${status} `;
  return {
    ...expected,
    status,
    headers: {
      'cache-control': 'no-store',
      'content-length': /^\d+$/,
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
      ...headers,
    },
    body: request.method === 'HEAD' ? Buffer.alloc(0) : new RegExp(page),
    broken: undefined,
  };
}
