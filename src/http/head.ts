// Response heads as text (RFC 9112 §4), for answers that go out in one piece. Node's own writeHead and end cost more
// than all the rest of a small answer (`npm run bench -- --cases hot-4k,proxy-130`).
import { STATUS_CODES } from 'node:http';
import type { ClientResponse, OneWriteResponse } from './exchange.js';

/** Whether the response can be written at once: the connection stays open, which is not said in the prepared heads. */
export function canWriteAtOnce(response: ClientResponse): response is OneWriteResponse {
  return response.shouldKeepAlive && response.writeAtOnce !== undefined;
}

/**
 * A head with the empty line behind it. Unlike Node this adds no field of its own.
 * @param fields names and values in turn. Nothing that would end a field comes here: the parser refuses it in an app's
 *   answer, and the option table in headers of the operator's
 */
export function renderHead(status: number, fields: readonly string[], reason = STATUS_CODES[status]): string {
  let head = `HTTP/1.1 ${status} ${reason}\r\n`;
  for (let index = 0; index < fields.length; index += 2) head += `${fields[index]}: ${fields[index + 1]}\r\n`;
  return `${head}\r\n`;
}
