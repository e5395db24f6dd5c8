// The head of a request (RFC 9112 §3, §5, §6): what is on the wire, and what frames it. What it means, and whether its
// Host and its target make sense, is not judged here.
import { hasElement } from '../http/fields.js';
import { ownString } from '../http/own-string.js';
import { offeredProtocol } from '../http/upgrade.js';
import { HeadTooLarge, MalformedMessage, TargetTooLong, UnknownCoding } from './errors.js';
import { readFields } from './fields.js';

/** A request's head. */
export interface RequestHead {
  readonly method: string;
  /** The request target as received, one character for each byte. */
  readonly target: string;
  readonly httpVersion: '1.1' | '1.0';
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[];
  /** Bytes of body that follow; undefined when it comes in chunks. */
  readonly bodyLength: number | undefined;
  /** False when the connection ends with the answer. */
  readonly keepAlive: boolean;
  /** True when the client waits with its body until it is asked for it (RFC 9110 §10.1.1). */
  readonly expectsContinue: boolean;
  /** The protocol that it offers to go on with. */
  readonly upgrade: 'websocket' | undefined;
}

/**
 * The request line (RFC 9112 §3). Methods are what nginx takes for one: capitals, hyphens and underscores. A target has
 * no blanks and no control characters; bytes beyond ASCII pass as they are, as clients send them unencoded.
 */
const REQUEST_LINE = /([A-Z_-]{1,64}) ([\x21-\x7e\x80-\xff]+) HTTP\/(\d\.\d)\r\n/y;

/** Names as clients write them, in lower case; the same few come with every request. */
const lowerCaseNames = new Map<string, string>();
/** A client could invent names without end. */
const MAX_NAMES = 500;

/**
 * Fields that are no list (RFC 9110 §5.3): of several the first counts, as in nginx; all are passed on. Host,
 * Content-Length and the like are not among them, since several are refused.
 */
const SINGLE = new Set([
  'age',
  'authorization',
  'content-type',
  'from',
  'if-modified-since',
  'if-range',
  'if-unmodified-since',
  'max-forwards',
  'origin',
  'proxy-authorization',
  'range',
  'referer',
  'user-agent',
]);

/**
 * Reads a head.
 * @param text one character for each byte, from the request line up to and with the empty line
 * @throws {MalformedMessage}
 * @throws {HeadTooLarge}
 * @throws {UnknownCoding}
 */
export function readRequestHead(text: string): RequestHead {
  REQUEST_LINE.lastIndex = 0;
  const line = REQUEST_LINE.exec(text);
  if (line === null) throw new MalformedMessage('has a malformed request line');
  const [{ length: fieldsAt }, method = '', target = '', version] = line;
  if (version !== '1.1' && version !== '1.0') throw new MalformedMessage(`says that it is HTTP/${version}`);
  const fields = readFields(text, fieldsAt, text.length - 2);
  const { raw, connection, contentLength = 0, transferEncoding } = fields;
  if (transferEncoding !== undefined) checkCoding(transferEncoding, version);
  const isOld = version === '1.0';
  const headers = byName(raw);
  const upgrade = isOld ? undefined : offeredProtocol(method, headers['upgrade'], connection);
  return {
    method,
    target,
    httpVersion: version,
    headers,
    rawHeaders: raw,
    bodyLength: transferEncoding === undefined ? contentLength : undefined,
    keepAlive: isOld
      ? hasElement(connection, 'keep-alive') && !hasElement(connection, 'close')
      : connection === undefined || !hasElement(connection, 'close'),
    // RFC 9110 §10.1.1: of HTTP/1.0 it is ignored, and so may be expectations that nobody knows.
    expectsContinue: !isOld && hasElement(headers['expect']?.toLowerCase(), '100-continue'),
    upgrade,
  };
}

/** What the beginning of a head that is over its limit is refused with. */
export function tooLargeHead(text: string): Error {
  return text.includes('\n')
    ? new HeadTooLarge('has a head larger than --max-request-head')
    : new TargetTooLong('has a request line longer than --max-request-head');
}

/** A control character, or a line feed of its own: in no head. */
const IN_NO_HEAD = /[^\t\r\n\x20-\x7e\x80-\xff]|[^\r]\n/;
const BEGINNING = /^[A-Z_-]{1,64}(?: |$)/;
/** So much of a head tells whether it begins with a method, in bytes. */
const METHOD = 65;

/**
 * What can never become a head is refused before it is complete, which it may never be.
 * @param text what is here of it
 * @param from what comes before has been looked at
 */
export function isHopeless(text: Pick<string, 'slice'>, from: number): boolean {
  if (from < METHOD && !BEGINNING.test(text.slice(0, METHOD))) return true;
  return IN_NO_HEAD.test(text.slice(Math.max(0, from - 1)));
}

function checkCoding(transferEncoding: string, version: string): void {
  // RFC 9112 §6.1: HTTP/1.0 knows none, so that whoever sent it is confused.
  if (version === '1.0') throw new MalformedMessage('has a Transfer-Encoding, which HTTP/1.0 does not know');
  if (transferEncoding === 'chunked') return;
  const codings = transferEncoding.split(',').map((coding) => coding.trim());
  if (codings.filter((coding) => coding === 'chunked').length > 1) {
    throw new MalformedMessage('has the transfer coding chunked several times');
  }
  throw new UnknownCoding(`has the Transfer-Encoding ${JSON.stringify(transferEncoding)}`);
}

/** Fields by lower-case name: of several of a name the list of their values, or the first. */
export function byName(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index < raw.length; index += 2) {
    const lower = lowerCase(raw[index] ?? '');
    const value = raw[index + 1] ?? '';
    const before = headers[lower];
    if (before === undefined) headers[lower] = value;
    // The two names in lower case that mean something to an object; nobody here asks for them.
    else if (lower === 'constructor' || lower === '__proto__' || SINGLE.has(lower)) continue;
    // RFC 6265 §5.4.
    else if (lower === 'cookie')
      headers[lower] = before === '' || value === '' ? before + value : `${before}; ${value}`;
    // RFC 9110 §5.3.
    else headers[lower] = `${before}, ${value}`;
  }
  return headers;
}

function lowerCase(name: string): string {
  const known = lowerCaseNames.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  if (lowerCaseNames.size < MAX_NAMES && name.length <= 64)
    lowerCaseNames.set(ownString(name), ownString(lower));
  return lower;
}

/** What can be told of a request that cannot be read. A HEAD must not get content. */
export function remnantOf(text: string): RequestHead {
  const [, method = '-', target = ''] = /^([A-Z_-]{1,64}) ([\x21-\x7e\x80-\xff]{0,2048})/.exec(text) ?? [];
  return {
    method,
    target,
    httpVersion: '1.1',
    headers: {},
    rawHeaders: [],
    bodyLength: 0,
    keepAlive: false,
    expectsContinue: false,
    upgrade: undefined,
  };
}
