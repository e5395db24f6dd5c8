// The PROXY protocol, versions 1 and 2 (nginx: listen … proxy_protocol): a load balancer that passes TCP on tells
// the client's address before the first byte of HTTP. https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
import { isIP } from 'node:net';
import type { Logger } from 'pino';
import { canonicalAddress, formatIPv6 } from '../http/address.js';
import type { Introduction } from '../http1/server-options.js';

/** What a header says; the address as `canonicalAddress` says it. `local` is the balancer's own health check, whose address is its own. */
export type ProxyHeader =
  | { readonly kind: 'client'; readonly address: string; readonly port: number; readonly length: number }
  | { readonly kind: 'local'; readonly length: number }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed' };

const INCOMPLETE: ProxyHeader = { kind: 'incomplete' };
const MALFORMED: ProxyHeader = { kind: 'malformed' };
const V1_START = Buffer.from('PROXY ');
const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** §2.1: the longest line of version 1, with its CRLF. */
const V1_LONGEST = 107;
/** More than any balancer sends along; a length of 64 KiB is no header. */
const V2_LONGEST = 4096;

/** Reads a header from a connection's first bytes. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsAlike(bytes, V1_START)) return bytes.length < V1_START.length ? INCOMPLETE : readLine(bytes);
  if (startsAlike(bytes, V2_START)) return bytes.length < 16 ? INCOMPLETE : readBinary(bytes);
  return MALFORMED;
}

function startsAlike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function readLine(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_LONGEST).indexOf('\r\n');
  if (end < 0) return bytes.length >= V1_LONGEST ? MALFORMED : INCOMPLETE;
  const length = end + 2;
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...rest] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  if (family === 'UNKNOWN') return { kind: 'local', length };
  const version = { TCP4: 4, TCP6: 6 }[family ?? ''];
  const isWhole = rest.length === 0 && isPort(sourcePort) && isPort(destinationPort);
  if (version === undefined || isIP(source) !== version || isIP(destination) !== version || !isWhole) {
    return MALFORMED;
  }
  return { kind: 'client', address: canonicalAddress(source) ?? source, port: Number(sourcePort), length };
}

/** §2.1: a number from 0 to 65535 in decimal, without zeros in front. */
function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65535;
}

function readBinary(bytes: Buffer): ProxyHeader {
  const versionAndCommand = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const length = 16 + bytes.readUInt16BE(14);
  if (versionAndCommand >> 4 !== 2 || length > V2_LONGEST) return MALFORMED;
  if (bytes.length < length) return INCOMPLETE;
  const command = versionAndCommand & 0xf;
  if (command === 0) return { kind: 'local', length };
  if (command !== 1) return MALFORMED;
  if (family === 0x11) {
    if (length < 28) return MALFORMED;
    return {
      kind: 'client',
      address: bytes.subarray(16, 20).join('.'),
      port: bytes.readUInt16BE(24),
      length,
    };
  }
  if (family === 0x21) {
    if (length < 52) return MALFORMED;
    const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(16 + index * 2));
    return { kind: 'client', address: formatIPv6(groups), port: bytes.readUInt16BE(48), length };
  }
  // Unix sockets and datagrams: there is no address to tell (§2.2).
  return { kind: 'local', length };
}

/**
 * How connections begin that come through such a load balancer; what does not begin so is cut off.
 * @param timeout how long the header may take, in milliseconds
 */
export function proxyIntroduction(log: Logger, timeout: number): Introduction {
  const refused = (client: string | undefined, reason: ProxyHeader['kind']): void => {
    log.warn(
      { client, reason },
      'a connection without a PROXY protocol header was cut off, as --proxy-protocol asks for one',
    );
  };
  return {
    timeout,
    read(bytes, address) {
      const header = readProxyHeader(bytes);
      if (header.kind === 'client') return header;
      if (header.kind === 'local') return { length: header.length, address };
      if (header.kind === 'incomplete') return undefined;
      refused(address, header.kind);
      return 'refused';
    },
    timedOut: (address) => refused(address, 'incomplete'),
  };
}
