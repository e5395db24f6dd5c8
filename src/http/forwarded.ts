// Who the client is, told by proxies in front of this server: X-Forwarded-* and Forwarded (RFC 7239), believed from
// trusted addresses only and read from the right, where the nearest proxy has written (nginx: ngx_http_realip_module).
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { canonicalAddress } from './address.js';
import type { Forwarded } from './exchange.js';
import { isHost } from './host.js';

/** The client as this server sees it. */
export interface Origin {
  /** Its address, without a port; empty when it is not known. */
  readonly client: string;
  readonly forwarded: Forwarded;
}

const PLAIN: Forwarded = { proto: 'http' };

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
 * Finds the client.
 * @param peer address of the connection's other end; undefined on a unix socket
 * @param isTrusted whether the proxy at this address is believed
 */
export function originOf(
  headers: IncomingMessage['headers'],
  peer: string | undefined,
  isTrusted: (address: string | undefined) => boolean,
): Origin {
  if (!isTrusted(peer)) return { client: peer ?? '', forwarded: PLAIN };
  const { entries, read } = chainOf(headers);
  // From the right: the entry that a trusted proxy wrote names the one before it, which may be a trusted proxy too.
  let client = peer ?? '';
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
    client = hop.address;
    if (!isTrusted(client)) break;
  }
  return { client, forwarded: describe(headers, believed, place, entries.length) };
}

/** @param place of the entry that is believed, of so many hops; -1 when there is none */
function describe(
  headers: IncomingMessage['headers'],
  believed: Hop | undefined,
  place: number,
  hops: number,
): Forwarded {
  const proto = believed?.proto ?? entryAt(single(headers['x-forwarded-proto']), place, hops);
  const host = believed?.host ?? entryAt(single(headers['x-forwarded-host']), place, hops);
  const port = entryAt(single(headers['x-forwarded-port']), place, hops);
  return {
    proto: proto?.toLowerCase() === 'https' ? 'https' : 'http',
    ...(host !== undefined && isHost(host) ? { host } : {}),
    ...(port !== undefined && /^\d{1,5}$/.test(port) ? { port } : {}),
  };
}

/** A list with an entry for each hop is read at the hop; in any other the last entry is the nearest proxy's. */
function entryAt(list: string | undefined, place: number, hops: number): string | undefined {
  const entries = list?.split(',');
  return (entries?.length === hops ? entries[place] : entries?.at(-1))?.trim();
}

function chainOf(headers: IncomingMessage['headers']): Chain {
  const list = single(headers['x-forwarded-for']);
  if (list !== undefined) return { entries: list.split(','), read: readXForwardedFor };
  const field = single(headers['forwarded']);
  return { entries: field === undefined ? [] : splitOutsideQuotes(field, COMMA), read: readForwarded };
}

function readXForwardedFor(entry: string): Hop {
  return { address: addressOf(entry.trim()) };
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

function single(field: string | string[] | undefined): string | undefined {
  return Array.isArray(field) ? field.join(',') : field;
}
