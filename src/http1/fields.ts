// Field lines (RFC 9112 §5), in requests, responses and trailers alike, and what those of them say that frame the
// message (§6). Whatever could be read in two ways is refused.
import { isBlank } from './characters.js';
import { HeadTooLarge, MalformedMessage } from './errors.js';

/** The fields of a head, or of trailers. */
export interface Fields {
  /** Names and values in turn, one character for each byte. */
  readonly raw: readonly string[];
  /** What Content-Length says, in bytes. */
  readonly contentLength: number | undefined;
  /** Transfer-Encoding, in lower case; several fields are one list. */
  readonly transferEncoding: string | undefined;
  /** Connection, in lower case; several fields are one list. */
  readonly connection: string | undefined;
  /** Keep-Alive, in lower case. */
  readonly keepAlive: string | undefined;
}

/** Most fields of a message (nginx: max_headers). Servers behind this one drop what stands behind their own limit. */
export const MAX_FIELDS = 1000;

/**
 * All lines in one go, and without a way to try the same characters twice. A name is a token (RFC 9110 §5.6.2): it has
 * no space and no colon, so that neither a folded line nor a blank before the colon passes. A value has visible
 * characters, blanks, and bytes beyond ASCII (§5.5).
 */
const LINES = /(?:[\w!#$%&'*+.^`|~-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*/y;
/** As many digits as a number counts exactly. */
const LENGTH = /^\d{1,15}$/;

/**
 * Reads field lines.
 * @param text one character for each byte
 * @param from where the first line begins
 * @param to where the last one ends, behind its CRLF
 * @throws {MalformedMessage}
 * @throws {HeadTooLarge} when there are more than MAX_FIELDS
 */
export function readFields(text: string, from: number, to: number): Fields {
  LINES.lastIndex = from;
  if (!LINES.test(text) || LINES.lastIndex !== to) throw new MalformedMessage('has a malformed field');
  const raw: string[] = [];
  let contentLength: number | undefined;
  let transferEncoding: string | undefined;
  let connection: string | undefined;
  let keepAlive: string | undefined;
  for (let at = from; at < to; ) {
    const colon = text.indexOf(':', at);
    const end = text.indexOf('\r', colon);
    const name = text.slice(at, colon);
    const value = trimmed(text, colon + 1, end);
    raw.push(name, value);
    at = end + 2;
    // Few names have the length of one that matters here.
    switch (name.length) {
      case 'connection'.length: {
        const lower = name.toLowerCase();
        if (lower === 'connection') connection = listed(connection, value.toLowerCase());
        else if (lower === 'keep-alive') keepAlive = listed(keepAlive, value.toLowerCase());
        break;
      }
      case 'content-length'.length:
        if (name.toLowerCase() !== 'content-length') break;
        // Also when both say the same: who adds them up reads otherwise.
        if (contentLength !== undefined) throw new MalformedMessage('has several Content-Length fields');
        contentLength = readLength(value);
        break;
      case 'transfer-encoding'.length:
        if (name.toLowerCase() !== 'transfer-encoding') break;
        transferEncoding = listed(transferEncoding, value.toLowerCase());
    }
  }
  if (raw.length > 2 * MAX_FIELDS) throw new HeadTooLarge(`has more than ${MAX_FIELDS} fields`);
  // RFC 9112 §6.3, 3: an attempt to smuggle, most likely.
  if (transferEncoding !== undefined && contentLength !== undefined) {
    throw new MalformedMessage('has a Content-Length and a Transfer-Encoding');
  }
  return { raw, contentLength, transferEncoding, connection, keepAlive };
}

function listed(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}

function readLength(value: string): number {
  if (!LENGTH.test(value)) throw new MalformedMessage(`has the Content-Length ${JSON.stringify(value)}`);
  return Number(value);
}

/** The text between two positions without the white space around it (OWS). */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
