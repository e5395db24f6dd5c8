// Who the client is, told by proxies in front of this server: X-Forwarded-* and Forwarded (RFC 7239), believed from
// trusted addresses only and read from the right, where the nearest proxy has written (nginx: ngx_http_realip_module).
import { isIP } from 'node:net';
import { canonicalAddress } from './address.js';
import type { ClientRequest, Origin } from './exchange.js';
import { isHost } from './host.js';

/** One proxy's entry about where the request came from. */
interface Hop {
  readonly address: string | undefined;
  readonly proto?: string | undefined;
  readonly host?: string | undefined;
}

/** Nobody has so many proxies in front; whoever is trusted could otherwise have us look up any number of addresses. */
const MAX_HOPS = 100;

/** The entries of all proxies, the nearest one's last. Each is read when the walk comes to it: most are not for us. */
interface Chain {
  readonly entries: readonly string[];
  readonly read: (entry: string) => Hop;
}

/**
 * Finds out who the client is and how it came.
 * @param authority of an absolute target, which stands in for the Host field
 * @param isTrusted whether the proxy at this address is believed; undefined is a peer on a unix socket
 */
export function originOf(
  { headers, remoteAddress: peer }: Pick<ClientRequest, 'headers' | 'remoteAddress'>,
  authority: string | undefined,
  isTrusted: (address: string | undefined) => boolean,
): Origin {
  const host = authority ?? headers.host;
  if (!isTrusted(peer))
    return { address: peer ?? '', scheme: 'http', host, port: undefined, isFromProxy: false };
  const { entries, read } = chainOf(headers);
  // From the right: the entry that a trusted proxy wrote names the one before it, which may be a trusted proxy too.
  let address = peer ?? '';
  let believed: Hop | undefined;
  let place = -1;
  const end = Math.max(0, entries.length - MAX_HOPS);
  for (let index = entries.length - 1; index >= end; index--) {
    const hop = read(entries[index] ?? '');
    // What is no address (`unknown`, a name) ends the walk: nothing left of it can be checked.
    if (hop.address === undefined && believed !== undefined) break;
    believed = hop;
    place = index;
    if (hop.address === undefined) break;
    address = hop.address;
    if (!isTrusted(address)) break;
  }
  const hops = entries.length;
  const publicHost = believed?.host ?? entryAt(headers['x-forwarded-host'], place, hops);
  const port = entryAt(headers['x-forwarded-port'], place, hops);
  return {
    address,
    scheme: schemeOf(believed?.proto ?? entryAt(headers['x-forwarded-proto'], place, hops)),
    host: publicHost !== undefined && isHost(publicHost) ? publicHost : host,
    port: port !== undefined && isPort(port) ? port : undefined,
    isFromProxy: true,
  };
}

/**
 * A list with an entry for each hop is read at the hop; in any other the last entry is the nearest proxy's.
 * @param place of the entry that is believed, of so many hops; -1 when there is none
 */
function entryAt(field: string | string[] | undefined, place: number, hops: number): string | undefined {
  if (field === undefined) return undefined;
  const list = elementsOf(single(field));
  return list.length === hops ? list[place] : list.at(-1);
}

/** Of a request that a WebSocket begins with, some proxies say ws and wss (RFC 6455 §3), Traefik among them. */
function schemeOf(proto: string | undefined): Origin['scheme'] {
  const lower = proto?.toLowerCase();
  return lower === 'https' || lower === 'wss' ? 'https' : 'http';
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65535;
}

/** The elements of a list; empty ones are none (RFC 9110 §5.6.1.2), and cost nothing. */
function elementsOf(list: string): string[] {
  const elements: string[] = [];
  let start = 0;
  for (let index = 0; index <= list.length; index++) {
    if (index < list.length && list.charCodeAt(index) !== COMMA) continue;
    const element = index > start ? list.slice(start, index).trim() : '';
    if (element !== '') elements.push(element);
    start = index + 1;
  }
  return elements;
}

function chainOf(headers: ClientRequest['headers']): Chain {
  const list = headers['x-forwarded-for'];
  if (list !== undefined) return { entries: elementsOf(single(list)), read: readXForwardedFor };
  const { forwarded } = headers;
  if (forwarded === undefined) return { entries: [], read: readForwarded };
  const entries = splitOutsideQuotes(forwarded, COMMA).filter((entry) => entry.trim() !== '');
  return { entries, read: readForwarded };
}

function readXForwardedFor(entry: string): Hop {
  return { address: addressOf(entry) };
}

function readForwarded(entry: string): Hop {
  const pairs = new Map<string, string>();
  for (const pair of splitOutsideQuotes(entry, SEMICOLON)) {
    const name = PARAMETER.exec(pair)?.[1]?.toLowerCase();
    if (name !== undefined) pairs.set(name, unquote(pair.slice(pair.indexOf('=') + 1).trim()));
  }
  return { address: addressOf(pairs.get('for') ?? ''), proto: pairs.get('proto'), host: pairs.get('host') };
}

/** Those that are read here; a client could invent others without end. */
const PARAMETER = /^\s*(for|proto|host)\s*=/i;

const QUOTE = 0x22;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;

/**
 * Where a quote is left open, none counts: a client that opens one would take what a proxy has written behind it, its
 * address, into its own entry.
 */
function splitOutsideQuotes(text: string, separator: number): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      quoted = !quoted;
    } else if (code === BACKSLASH && quoted) {
      index += 1;
    } else if (code === separator && !quoted) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  if (quoted) return text.split(String.fromCharCode(separator));
  parts.push(text.slice(start));
  return parts;
}

function unquote(value: string): string {
  return value.startsWith('"') && value.endsWith('"') && value.length > 1
    ? value.slice(1, -1).replace(/\\(.)/g, '$1')
    : value;
}

/** The address in `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`. */
function addressOf(text: string): string | undefined {
  const bare =
    /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? (isIP(text) === 0 ? text.replace(/:\d+$/, '') : text);
  return canonicalAddress(bare);
}

function single(field: string | string[]): string {
  return Array.isArray(field) ? field.join(',') : field;
}
