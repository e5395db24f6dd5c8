// Response heads as text (RFC 9112 §4).
import { STATUS_CODES } from 'node:http';

/** HTTP/1.1 would not need it to keep the connection (RFC 9112 §9.3), but HTTP/1.0 does, and some clients of 1.1. */
export const KEEP_ALIVE = 'Connection: keep-alive\r\n';

/**
 * The Connection field.
 * @param hasUpgrade whoever sends an Upgrade field names it there (RFC 9110 §7.8), so that no proxy passes it on
 */
export function connectionLine(isKept: boolean, hasUpgrade: boolean): string {
  if (hasUpgrade) return `Connection: ${isKept ? 'keep-alive' : 'close'}, Upgrade\r\n`;
  return isKept ? KEEP_ALIVE : 'Connection: close\r\n';
}

/** The status line. */
export function statusLine(status: number, reason = STATUS_CODES[status] ?? ''): string {
  return `HTTP/1.1 ${status} ${reason}\r\n`;
}

/**
 * Fields as lines.
 * @param fields names and values in turn. Nothing that would end a field comes here: the parser refuses it in an app's
 *   answer, and the option table in fields of the operator's
 */
export function fieldLines(fields: readonly string[]): string {
  let lines = '';
  for (let index = 0; index < fields.length; index += 2)
    lines += `${fields[index]}: ${fields[index + 1]}\r\n`;
  return lines;
}
