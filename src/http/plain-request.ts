// Reads the head of a plain request (RFC 9112 §3, §5): HTTP/1.1, a path as target, every field once, a body only with
// a Content-Length. Nearly all requests are plain, and to read them here costs a third of what it costs to hand them
// to Node's parser and to make its objects of them (`npm run bench -- --cases hot-4k,proxy-130`). Whatever is not
// plain in the least way is not judged here but left to that parser, so that there is one opinion of every request.
import { METHODS } from 'node:http';

/** The head of a request. */
export interface RequestHead {
  readonly method: string;
  /** The request target as received. */
  readonly url: string;
  /** By lower-case name, as Node has them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[];
  /** What Content-Length says, in bytes; 0 when there is none. */
  readonly bodyLength: number;
  /** False when the client wants the connection to end with the answer. */
  readonly keepAlive: boolean;
  /** Bytes of the head, with the empty line. */
  readonly length: number;
}

/** A head that is this long or longer is not plain, in bytes: whether it is too long is Node's to say. */
export const LONGEST_PLAIN_HEAD = 16 * 1024 - 1;

/**
 * The grammar, in one go and without a way to try the same characters twice. Field values have their visible
 * characters, spaces and tabs, and bytes beyond ASCII (RFC 9110 §5.5).
 */
const PLAIN =
  /^[A-Z-]+ \/[\x21-\x7e]* HTTP\/1\.1\r\n(?:[\w!#$%&'*+.^`|~-]+:[\t\x20-\x7e\x80-\xff]*\r\n)+\r\n$/;
/** CONNECT is no request for anything here; Node has an event of its own for it. */
const PLAIN_METHODS = new Set(METHODS.filter((method) => method !== 'CONNECT'));
/** Fields that change how the connection goes on in a way that Node knows. */
const NOT_PLAIN = new Set(['transfer-encoding', 'upgrade', 'http2-settings']);
const LENGTH = /^\d{1,15}$/;

/** Names as clients write them, in lower case; the same few come with every request. */
const lowerCaseNames = new Map<string, string>();
/** A client could invent names without end. */
const MOST_NAMES = 500;

/**
 * Reads a head that ends where the text ends.
 * @param text one character for each byte, up to and with the empty line
 * @returns undefined when the request is not plain
 */
export function readPlainHead(text: string): RequestHead | undefined {
  if (text.length > LONGEST_PLAIN_HEAD || !PLAIN.test(text)) return undefined;
  const afterMethod = text.indexOf(' ');
  const afterTarget = text.indexOf(' ', afterMethod + 1);
  const method = text.slice(0, afterMethod);
  if (!PLAIN_METHODS.has(method)) return undefined;
  const headers: Record<string, string> = {};
  const rawHeaders: string[] = [];
  const end = text.length - 2;
  for (let at = afterTarget + ' HTTP/1.1\r\n'.length; at < end; ) {
    const colon = text.indexOf(':', at);
    const lineEnd = text.indexOf('\r', colon);
    const name = text.slice(at, colon);
    const value = trimmed(text, colon + 1, lineEnd);
    const lower = lowerCase(name);
    // Node has a rule for each field that comes twice; and these names mean something else to an object.
    if (headers[lower] !== undefined || NOT_PLAIN.has(lower)) return undefined;
    headers[lower] = value;
    rawHeaders.push(name, value);
    at = lineEnd + 2;
  }
  const connection = headers['connection']?.toLowerCase();
  if (connection !== undefined && connection !== 'keep-alive' && connection !== 'close') return undefined;
  if (headers['expect'] !== undefined && headers['expect'].toLowerCase() !== '100-continue') return undefined;
  const bodyLength = lengthOf(headers['content-length']);
  if (bodyLength === undefined) return undefined;
  return {
    method,
    url: text.slice(afterMethod + 1, afterTarget),
    headers,
    rawHeaders,
    bodyLength,
    keepAlive: connection !== 'close',
    length: text.length,
  };
}

function lengthOf(field: string | undefined): number | undefined {
  if (field === undefined) return 0;
  return LENGTH.test(field) ? Number(field) : undefined;
}

/** RFC 9110 §5.5: spaces and tabs around a value are no part of it. */
function trimmed(text: string, from: number, to: number): string {
  let first = from;
  let last = to;
  while (first < last && isBlank(text.charCodeAt(first))) first += 1;
  while (last > first && isBlank(text.charCodeAt(last - 1))) last -= 1;
  return text.slice(first, last);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function lowerCase(name: string): string {
  const known = lowerCaseNames.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  if (lowerCaseNames.size < MOST_NAMES && name.length <= 64) lowerCaseNames.set(name, lower);
  return lower;
}
