// Directories: the index file, and the redirect to the trailing slash (nginx: index, and its static module's 301).
import type { Exchange } from '../http/exchange.js';
import { type BytePath, percentEncoder } from '../http/target.js';

/** Redirects a directory that was named without its slash to the same with one. */
export function redirectToSlash({ target, response, corsFields = [] }: Exchange, path: BytePath): void {
  const query = target.raw.indexOf('?');
  const location = `${encodePath(path)}/${query < 0 ? '' : encodeQuery(target.raw.slice(query))}`;
  const fields = ['Location', location, 'Content-Length', '0', 'X-Content-Type-Options', 'nosniff'];
  response.writeHead(301, [...fields, ...corsFields]);
  response.end();
}

/**
 * For a path of bytes. It has been normalized and so begins with exactly one slash, and a backslash, which browsers
 * take for a slash, is encoded: it never names another host.
 */
const encodePath = percentEncoder(/[\w.~!$&'()*+,;=:@/-]/);
/** For a query, which stays as it was written but for bytes that a client may send and a URI cannot have. */
const encodeQuery = percentEncoder(/[!-~]/);
