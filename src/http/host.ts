// The host of a request, with its port (RFC 9110 §7.2, RFC 3986 §3.2.2): one grammar for all the places where one is
// named, since whom a request is meant for must not depend on where that is said.
import { isIPv6 } from 'node:net';

/** Empty, or 0 to 65535 in up to five digits (RFC 3986 §3.2.3). */
const PORT = '(?::(?:[0-5]?\\d{0,4}|6(?:[0-4]\\d{3}|5(?:[0-4]\\d{2}|5(?:[0-2]\\d|3[0-5])))))?';
/** Unreserved characters and sub-delims; they stand for themselves. */
const PLAIN = "\\w.~!$&'()*+,;=\\-";
/** A registered name; what looks like an IPv4 address is one too. HTTP wants at least a character (RFC 9110 §4.2.1). */
const NAME = new RegExp(`^(?!:|$)[${PLAIN}]*(?:%[0-9a-f]{2}[${PLAIN}]*)*${PORT}$`, 'i');
/** An address in brackets: of IPv6, without a zone, or of a version to come. */
const LITERAL = new RegExp(`^\\[(?:([0-9a-f:.]+)|v[0-9a-f]+\\.[${PLAIN}:]+)\\]${PORT}$`, 'i');

/** True for `uri-host [ ":" port ]`, as in a Host field. An empty host is none. */
export function isHost(text: string): boolean {
  if (!text.startsWith('[')) return NAME.test(text);
  const match = LITERAL.exec(text);
  return match !== null && (match[1] === undefined || isIPv6(match[1]));
}
