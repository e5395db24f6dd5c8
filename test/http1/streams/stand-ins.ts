/**
 * What the parsers are given in the place of what they refuse and this server serves, on purpose: so the rest of such a
 * request is judged.
 */
import { METHODS } from 'node:http';

/** Why the parsers were given something else than the client's bytes. */
export type StandIn =
  | 'bytes beyond ASCII in a target'
  | 'an unregistered method'
  | 'a tab behind a framing field'
  | "a chunk's line";

/** Longer ones are refused by everybody, in bytes. */
const LONGEST_CHUNK_LINE = 8192;
const TAB = 0x09;

/** Newer versions of llhttp know it, older ones do not. */
const KNOWN_TO_ALL = new Set(METHODS.filter((method) => method !== 'QUERY'));
const REQUEST_LINE = /^([\r\n]*)([\w!#$%&'*+.^`|~-]+) ([^\0-\x20\x7f]+)( HTTP\/1\.[01]\r\n)$/;
const FRAMING_WITH_TAB =
  /^((?:content-length|transfer-encoding|(?:proxy-)?connection|upgrade):.*?)[ \t]*\t[ \t]*\r\n$/i;
/** A size with what may stand behind it (RFC 9112 §7.1.1); white space before an extension is bad and allowed. */
const CHUNK_LINE = /^([\da-f]+)[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n$/i;

interface LineStandIn {
  readonly text: string;
  readonly kinds: readonly StandIn[];
  /** What really came. */
  readonly method: string;
  readonly target: string;
}

/** For a request line with a target of bytes beyond ASCII, or a method that is not registered. */
export function standInForLine(line: Buffer): LineStandIn | undefined {
  const match = REQUEST_LINE.exec(line.toString('latin1'));
  if (match === null) return undefined;
  const [, leading = '', method = '', target = '', version = ''] = match;
  const kinds: StandIn[] = [];
  if (!KNOWN_TO_ALL.has(method)) kinds.push('an unregistered method');
  if (/[\x80-\xff]/.test(target)) kinds.push('bytes beyond ASCII in a target');
  if (kinds.length === 0) return undefined;
  const known = KNOWN_TO_ALL.has(method) ? method : 'PUT';
  const text = `${leading}${known} ${target.replace(/[\x80-\xff]/g, '~')}${version}`;
  return { text, kinds, method, target };
}

/** Some versions of llhttp take a tab behind these fields for a part of the value. */
export function standInForField(line: Buffer): string | undefined {
  const field = line.includes(TAB) ? FRAMING_WITH_TAB.exec(line.toString('latin1'))?.[1] : undefined;
  return field === undefined ? undefined : `${field}\r\n`;
}

/** For a line among chunks that was refused. */
export function standInForChunks(line: Buffer): string | undefined {
  const text = line.toString('latin1', 0, LONGEST_CHUNK_LINE);
  const size = CHUNK_LINE.exec(text)?.[1];
  return size === undefined || text.length === size.length + 2 ? undefined : `${size}\r\n`;
}
