// The request target is normalized once, as nginx does (ngx_http_parse_complex_uri): percent-decoding, dot
// segments, duplicate slashes. RFC 9112 §3.2 (forms), RFC 3986 §5.2.4 (dot segments).
import { isUtf8 } from 'node:buffer';
import { BadTargetError } from './errors.js';
import { isHost } from './host.js';

/**
 * A path of bytes: each character is one byte (latin1), so that names which are not UTF-8 keep their bytes.
 * For ASCII names it is the name itself.
 */
export type BytePath = string;

/** A name that was given as text. */
export function toBytePath(text: string): BytePath {
  return Buffer.from(text).toString('latin1');
}

/** The name as people write it, in patterns and in the log; what is no UTF-8 stays a character for each byte. */
export function toText(path: BytePath): string {
  if (!/[^\0-\x7f]/.test(path)) return path;
  const bytes = Buffer.from(path, 'latin1');
  return isUtf8(bytes) ? bytes.toString() : path;
}

const HEX = Buffer.from('0123456789ABCDEF');

/**
 * Makes a function that percent-encodes a path or query (RFC 3986 §2.1), one character for each byte.
 * @param kept the characters that stay as they are
 */
export function percentEncoder(kept: RegExp): (bytes: string) => string {
  const isKept = Array.from({ length: 256 }, (_, byte) => kept.test(String.fromCharCode(byte)));
  return (bytes) => {
    const encoded = Buffer.allocUnsafe(bytes.length * 3);
    let length = 0;
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes.charCodeAt(index) & 0xff;
      if (isKept[byte] === true) {
        encoded[length++] = byte;
      } else {
        encoded[length++] = PERCENT;
        encoded[length++] = HEX[byte >> 4] ?? 0;
        encoded[length++] = HEX[byte & 0xf] ?? 0;
      }
    }
    return encoded.toString('latin1', 0, length);
  };
}

/** A request target, read once. */
export interface Target {
  /** As received, in origin-form; what the app gets. An asterisk for the server as a whole. */
  readonly raw: string;
  /** Decoded and normalized; starts with a slash, but for that asterisk. What locations are chosen on. */
  readonly path: BytePath;
  /** The authority of an absolute-form target, which stands in for the Host field (RFC 9112 §3.2.2). */
  readonly authority: string | undefined;
}

const ABSOLUTE_FORM = /^https?:\/\/([^/?]+)(.*)$/is;
/** Only characters that stand for themselves, no empty and no dot segment: most targets, and nothing to do. */
const PLAIN_PATH = /^(?:\/(?!\.\.?(?:[/?]|$))[\w.~!$&'()*+,;=:@-]+)*\/?(?=\?|$)/;

/**
 * What ends a target for one reader and not for another (RFC 9112 §3, §3.2). Bytes beyond ASCII, which must be encoded
 * too, can be misread by nobody: they stand for themselves, as with nginx.
 */
const FORBIDDEN = /[\0-\x20\x7f]/;

/**
 * Reads a request target.
 * @param received one character for each byte
 * @throws {BadTargetError} for what cannot be normalized: an invalid escape, a path above the root, another form; and for
 *   spaces and control characters
 */
export function parseTarget(received: string): Target {
  const absolute = received.charCodeAt(0) === SLASH ? null : ABSOLUTE_FORM.exec(received);
  // RFC 9110 §4.2.4: a name and password in a target are a trick or an accident.
  const authority = absolute?.[1];
  if (authority?.includes('@')) throw new BadTargetError('names a user');
  if (authority !== undefined && !isHost(authority)) throw new BadTargetError('names no valid host');
  const raw = absolute === null ? received : originForm(absolute[2] ?? '');
  if (raw.charCodeAt(0) !== SLASH) throw new BadTargetError('is not a path');
  const plain = PLAIN_PATH.exec(raw)?.[0];
  if (plain === raw) return { raw, path: raw, authority };
  if (FORBIDDEN.test(raw)) throw new BadTargetError('has a space or a control character');
  return { raw, path: plain ?? normalizePath(raw), authority };
}

/** What an asterisk stands for. It is no path: no location has it. */
export const THE_SERVER = '*';

/**
 * Reads the target of an OPTIONS request, which may be the server as a whole: an asterisk, or an absolute form without path
 * and query, which for this method alone is not that of `/` (RFC 9110 §4.2.3, §9.3.7; RFC 9112 §3.2.4).
 * @param received one character for each byte
 * @throws {BadTargetError} as `parseTarget`
 */
export function parseOptionsTarget(received: string): Target {
  if (received === THE_SERVER) return { raw: THE_SERVER, path: THE_SERVER, authority: undefined };
  const target = parseTarget(received);
  const isWhole = target.authority !== undefined && ABSOLUTE_FORM.exec(received)?.[2] === '';
  return isWhole ? { ...target, raw: THE_SERVER, path: THE_SERVER } : target;
}

function originForm(rest: string): string {
  return rest.startsWith('/') ? rest : `/${rest}`;
}

const NUL = 0x00;
const HASH = 0x23;
const PERCENT = 0x25;
const SLASH = 0x2f;
const QUESTION_MARK = 0x3f;

/**
 * Decodes and normalizes the path of an origin-form target; query and fragment are left out.
 * A decoded slash or dot counts as one that was written plainly, so that no encoding hides a segment.
 */
export function normalizePath(raw: string): BytePath {
  const segments: string[] = [];
  let segment = '';
  const endSegment = (): void => {
    if (segment === '..') {
      if (segments.pop() === undefined) throw new BadTargetError('leads above the root');
    } else if (segment !== '' && segment !== '.') {
      segments.push(segment);
    }
  };
  for (let index = 1; index < raw.length; index++) {
    let code = raw.charCodeAt(index);
    if (code === QUESTION_MARK || code === HASH) break;
    if (code === PERCENT) {
      code = hexDigit(raw.charCodeAt(index + 1)) * 16 + hexDigit(raw.charCodeAt(index + 2));
      if (Number.isNaN(code)) throw new BadTargetError('has an invalid percent escape');
      index += 2;
    }
    if (code === NUL) throw new BadTargetError('has a NUL byte');
    if (code === SLASH) {
      endSegment();
      segment = '';
    } else {
      segment += String.fromCharCode(code);
    }
  }
  const isDirectory = segment === '' || segment === '.' || segment === '..';
  endSegment();
  if (segments.length === 0) return '/';
  return `/${segments.join('/')}${isDirectory ? '/' : ''}`;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : Number.NaN;
}
