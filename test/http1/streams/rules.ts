/** Every way in which this server reads requests differently from all parsers, or from one of them, on purpose. */

import { isIPv6 } from 'node:net';
import type { LlhttpRequest } from './llhttp.js';
import { membersOf, valuesOf } from './message.js';
import type { Judged, ReaderRule, Rule } from './rule.js';
import type { StandIn } from './stand-ins.js';

/** Largest head, in bytes (nginx: large_client_header_buffers). */
export const LARGEST_HEAD = 32 * 1024;
const MAX_FIELDS = 1000;
/** Largest trailer section, and longest line before a chunk, in bytes. */
const MAX_TRAILERS = 16 * 1024;
const LONGEST_CHUNK_LINE = 4096;

/** RFC 3986 §3.2.2, with a port. */
const HOST =
  /^(?:(?:[\w.~!$&'()*+,;=-]|%[0-9a-f]{2})+|\[(?:([0-9a-f:.]+)|v[0-9a-f]+\.[\w.~!$&'()*+,;=:-]+)\])(?::(\d{0,5}))?$/i;

function isHost(text: string): boolean {
  const [, address, port] = HOST.exec(text) ?? [undefined, 'none'];
  return Number(port ?? 0) <= 65_535 && (address === undefined || isIPv6(address));
}

const AUTHORITY = /^https?:\/\/([^/?#]*)/i;

/** The target's path, with every escape decoded that is one. */
function pathOf(target: string): string {
  const path = target.replace(AUTHORITY, '').replace(/[?#].*$/s, '');
  return path.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Whether the path leads above the root, as it is read from left to right. */
function leadsAboveRoot(target: string): boolean {
  let depth = 0;
  for (const segment of pathOf(target).split('/')) {
    if (segment === '..') depth -= 1;
    else if (segment !== '' && segment !== '.') depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

/** Empty lines before a request are none of it. */
const headOf = ({ raw }: Judged): string => raw.slice(0, raw.indexOf('\r\n\r\n') + 4).replace(/^[\r\n]+/, '');

/** Lines of a body in chunks that stand before a chunk, or what looks like one. */
const bodyOf = ({ raw }: Judged): string => raw.slice(raw.indexOf('\r\n\r\n') + 4);

const hasBody = (request: LlhttpRequest): boolean =>
  request.body !== '' || valuesOf(request, 'transfer-encoding').length > 0;

/** RFC 9110 §7.8: in HTTP/1.1, and by a connection option; RFC 6455 §4.1: with GET. */
const offersWebSocket = (request: LlhttpRequest): boolean =>
  request.method === 'GET' &&
  request.version === '1.1' &&
  membersOf(request, 'connection').includes('upgrade') &&
  valuesOf(request, 'upgrade').join(', ').toLowerCase() === 'websocket';

/** The lines of the trailers, as they came. */
function trailersOf({ request: { trailers }, raw }: Judged): string {
  if (trailers.length === 0) return '';
  return raw
    .split('\r\n')
    .slice(-2 - trailers.length, -2)
    .map((line) => `${line}\r\n`)
    .join('');
}

/** What every parser reads, and this server refuses. */
export const REFUSED: readonly Rule[] = [
  {
    name: 'Transfer-Encoding in HTTP/1.0',
    reason: 'RFC 9112 §6.1: whoever sent it is confused about where its message ends',
    applies: ({ request }) => request.version === '1.0' && valuesOf(request, 'transfer-encoding').length > 0,
  },
  {
    name: 'Other versions than 1.0 and 1.1',
    reason: 'RFC 9110 §2.5: what they mean is not known',
    applies: ({ request }) => request.version !== '1.0' && request.version !== '1.1',
  },
  {
    name: 'A head that is too large',
    reason: 'safety: memory is bounded (nginx: large_client_header_buffers)',
    applies: (judged) => headOf(judged).length > LARGEST_HEAD,
  },
  {
    name: 'Too many fields',
    reason: 'safety: servers behind this one drop those behind their own limit (nginx: max_headers)',
    applies: ({ request: { fields, trailers } }) => Math.max(fields.length, trailers.length) > MAX_FIELDS,
  },
  {
    name: 'A Host that is none',
    reason: 'RFC 9112 §3.2: 400 for an invalid value',
    applies: ({ request }) => valuesOf(request, 'host').some((host) => !isHost(host)),
  },
  {
    name: 'An authority that is none, in an absolute target',
    reason: 'RFC 9112 §3.2.2: it becomes the Host',
    applies({ request: { target } }) {
      const authority = AUTHORITY.exec(target)?.[1];
      return authority !== undefined && !isHost(authority);
    },
  },
  {
    name: 'An offer of WebSocket with a body',
    reason: 'RFC 6455 §4.1: its bytes could be taken for those of the other protocol',
    applies: ({ request }) => offersWebSocket(request) && hasBody(request),
  },
  {
    name: 'A target that is no path and no http URI',
    reason: 'RFC 9112 §3.2: nothing here answers for such a resource',
    applies: ({ request: { method, target } }) =>
      method !== 'CONNECT' &&
      !(method === 'OPTIONS' && target === '*') &&
      !target.startsWith('/') &&
      !AUTHORITY.test(target),
  },
  {
    name: 'CONNECT',
    reason: 'RFC 9110 §9.3.6: nothing here is a tunnel',
    applies: ({ request }) => request.method === 'CONNECT',
  },
  {
    name: 'An invalid percent escape in a path',
    reason: 'RFC 3986 §2.1; nginx refuses it, too',
    applies: ({ request: { target } }) =>
      /%(?![\da-f]{2})/i.test(target.replace(AUTHORITY, '').replace(/[?#].*$/s, '')),
  },
  {
    name: 'NUL in a path',
    reason: 'safety: to some programs the name ends there; nginx refuses it, too',
    applies: ({ request: { target } }) => pathOf(target).includes('\0'),
  },
  {
    name: 'A path that leads above the root',
    reason: 'RFC 3986 §5.2.4; nginx refuses it, too',
    applies: ({ request: { target } }) => leadsAboveRoot(target),
  },
  {
    name: 'Content-Length of more digits than a number counts',
    reason: 'safety: parsers take the zeros before it for different numbers',
    applies: ({ request }) => valuesOf(request, 'content-length').some((value) => /^\d{16,}$/.test(value)),
  },
  {
    name: 'A long line before a chunk',
    reason: 'safety: extensions are of no use to anybody here, and their length is bounded',
    applies: (judged) =>
      valuesOf(judged.request, 'transfer-encoding').length > 0 &&
      bodyOf(judged)
        .split('\r\n')
        .some((line) => line.length > LONGEST_CHUNK_LINE && /^[\da-f]+[ \t]*;/i.test(line)),
  },
  {
    name: 'Large trailers',
    reason: 'safety: memory is bounded',
    applies: (judged) => trailersOf(judged).length + 4 > MAX_TRAILERS,
  },
];

/** Proxy-Connection is no field of HTTP (RFC 9112 appendix C.2.2), and llhttp reads it like Connection. */
const closesByProxyConnection = ({ request }: Judged): boolean =>
  membersOf(request, 'proxy-connection').length > 0;

/** What this server serves, though one of the parsers does not read it as the others do. */
export const SERVED: readonly ReaderRule[] = [
  {
    name: 'A body behind an offer of an upgrade, by httptools',
    reason: 'RFC 9110 §7.8: the request is complete, with its body, before the protocol changes',
    parser: 'httptools',
    applies: ({ request }) =>
      valuesOf(request, 'upgrade').length > 0 &&
      (request.body !== '' || valuesOf(request, 'transfer-encoding').length > 0),
  },
  {
    name: 'A lone CR or LF before a request line, by h11',
    reason: 'RFC 9112 §2.2: empty lines are ignored there, and nginx and llhttp take these for such',
    parser: 'h11',
    applies: ({ raw }) => /^[\r\n]*(?:\r(?!\n)|(?<!\r)\n)/.test(raw),
  },
  {
    name: 'Zeros before the size of a chunk, of which h11 takes twenty',
    reason: 'RFC 9112 §7.1: a size may have any number of digits',
    parser: 'h11',
    applies: (judged) =>
      valuesOf(judged.request, 'transfer-encoding').length > 0 &&
      /^0{16}[\da-f]*[\r \t;]/im.test(bodyOf(judged)),
  },
  {
    name: 'Proxy-Connection: close, by llhttp',
    reason: 'RFC 9112 §C.2.2: it is no field of HTTP',
    parser: 'llhttp',
    applies: closesByProxyConnection,
  },
  {
    name: 'Proxy-Connection: close, by httptools',
    reason: 'RFC 9112 §C.2.2: it is no field of HTTP',
    parser: 'httptools',
    applies: closesByProxyConnection,
  },
];

/** Where all parsers get something else to read than the client's bytes, and this server serves the request. */
export const RULES_OF_STAND_INS: Readonly<Record<StandIn, Rule>> = {
  'bytes beyond ASCII in a target': {
    name: 'Bytes beyond ASCII in a target, which every parser here refuses',
    reason: 'clients send them unencoded; nginx passes them on as they are',
    applies: () => true,
  },
  'an unregistered method': {
    name: 'Methods that nobody registered, which llhttp refuses',
    reason: 'RFC 9110 §9.1: a method is a token, and the app knows which it has',
    applies: () => true,
  },
  'a tab behind a framing field': {
    name: 'A tab behind Content-Length, Transfer-Encoding or Connection, which llhttp takes for a part of the value',
    reason: 'RFC 9110 §5.5: white space around a value is no part of it',
    applies: () => true,
  },
  "a chunk's line": {
    name: 'White space and extensions behind a chunk size, of which llhttp refuses some',
    reason: 'RFC 9112 §7.1.1: extensions that are not known are ignored, with the white space before them',
    applies: () => true,
  },
};

export const EARLY: Rule = {
  name: 'An answer before the body is complete, and the last one on its connection',
  reason: 'RFC 9112 §9.6: what is not read cannot be wrong',
  applies: () => true,
};

/** Requests behind which this server ends the connection, though no parser says so. */
export const CLOSED: readonly Rule[] = [
  {
    name: 'An offer of WebSocket that was not taken',
    reason: 'RFC 9110 §7.8: the client may already speak the other protocol',
    applies: ({ request }) => offersWebSocket(request),
  },
  {
    name: "A file's answer that is ready before the body of its request",
    reason: 'RFC 9112 §9.3: the rest is not worth reading',
    applies: ({ request }) => hasBody(request) && /^\/+media\b|%|\/\.|\/\//.test(request.target),
  },
  {
    name: 'HTTP/1.0 with close beside keep-alive, or Proxy-Connection: keep-alive, which llhttp keeps',
    reason: 'RFC 9112 §9.3: close comes first; §C.2.2: Proxy-Connection is no field of HTTP',
    applies: ({ request }) =>
      request.version === '1.0' &&
      (membersOf(request, 'connection').includes('close') ||
        membersOf(request, 'proxy-connection').includes('keep-alive')),
  },
];

export const ALL_RULES: readonly Rule[] = [
  ...REFUSED,
  ...SERVED,
  ...Object.values(RULES_OF_STAND_INS),
  EARLY,
  ...CLOSED,
];
