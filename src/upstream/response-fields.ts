// The fields of an app's response, and how they frame its body (RFC 9112 §5, §6). Whatever could be read in two ways
// is refused.
import { MalformedResponse } from './failure.js';

/** The fields of a head, or of trailers. */
export interface Fields {
  /** Names and values in turn, one character for each byte. */
  readonly fields: readonly string[];
  /** What Content-Length says, in bytes. */
  readonly length: number | undefined;
  /** True when the body comes in chunks. */
  readonly isChunked: boolean;
  /** True when the app closes the connection behind the response, or might do so at any moment. */
  readonly closes: boolean;
}

/** RFC 9110 §5.6.2. It has no space and no colon: with one of those in front of its colon, a field is refused. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
const DIGITS = /^\d+$/;
/** An app that closes an idle connection this soon closes it while we would keep it, in seconds. */
const KEPT_TOO_SHORTLY = 2;

const SPACE = 0x20;
const TAB = 0x09;

/**
 * Reads lines that end with CRLF.
 * @param text without control characters; its end is that of its last field
 * @param from where the first field begins
 * @throws {MalformedResponse}
 */
export function readFields(text: string, from: number): Fields {
  const fields: string[] = [];
  let length: number | undefined;
  let isChunked = false;
  let closes = false;
  for (let at = from; at < text.length; ) {
    const end = text.indexOf('\r\n', at);
    const colon = text.indexOf(':', at);
    const name = colon > end ? '' : text.slice(at, colon);
    // Without a colon, or folded (RFC 9112 §5.2), it is no token either.
    if (!TOKEN.test(name)) throw new MalformedResponse('has a malformed field');
    const value = trimmed(text, colon + 1, end);
    fields.push(name, value);
    at = end + 2;
    // Few names have the length of one that matters here.
    switch (name.length) {
      case 'content-length'.length:
        if (name.toLowerCase() !== 'content-length') break;
        if (length !== undefined) throw new MalformedResponse('has several Content-Length');
        length = readLength(value);
        break;
      case 'transfer-encoding'.length:
        if (name.toLowerCase() !== 'transfer-encoding') break;
        // The coding would be lost with the field, and with it the meaning of the bytes (RFC 9112 §6.1).
        if (isChunked || value.toLowerCase() !== 'chunked') {
          throw new MalformedResponse(`has the Transfer-Encoding ${JSON.stringify(value)}`);
        }
        isChunked = true;
        break;
      case 'connection'.length:
        closes ||= endsConnection(name.toLowerCase(), value.toLowerCase());
    }
  }
  if (isChunked && length !== undefined) {
    throw new MalformedResponse('has a Content-Length and a Transfer-Encoding');
  }
  return { fields, length, isChunked, closes };
}

function readLength(value: string): number {
  const length = DIGITS.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(length)) {
    throw new MalformedResponse(`has the Content-Length ${JSON.stringify(value)}`);
  }
  return length;
}

/** Whether `Connection`, or `Keep-Alive`, which is as long, says that the connection does not stay. */
function endsConnection(name: string, value: string): boolean {
  if (name === 'connection') return value.includes('close');
  const seconds = name === 'keep-alive' ? /timeout=(\d+)/.exec(value)?.[1] : undefined;
  return seconds !== undefined && Number(seconds) <= KEPT_TOO_SHORTLY;
}

/** The text between two positions without the white space around it (OWS). */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
