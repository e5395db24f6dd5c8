// The head of the app's response as the client gets it (nginx: proxy_pass_header, proxy_hide_header).
import { connectionOptions, fieldValue, isHopByHop } from '../http/fields.js';

/** Instructions to this server, and the app server's name and version: not for the client. */
const HIDDEN = /^(?:x-accel-.*|x-sendfile|server)$/;

/** Field names and values in turn, ready for `writeHead`. */
export function responseHeaders(raw: readonly string[]): string[] {
  const nominated = connectionOptions(fieldValue(raw, 'connection'));
  const headers: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const lower = name.toLowerCase();
    if (isHopByHop(lower) || nominated?.has(lower) || HIDDEN.test(lower)) continue;
    headers.push(name, raw[index + 1] ?? '');
  }
  return headers;
}
