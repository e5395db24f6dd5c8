// Who the client is, told by proxies in front of this server: X-Forwarded-* and Forwarded (RFC 7239), believed from
// trusted addresses only and read from the right, where the nearest proxy has written (nginx: ngx_http_realip_module).
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Forwarded } from './exchange.js';

/** The client as this server sees it. */
export interface Origin {
  /** Its address, without a port; empty when it is not known. */
  readonly client: string;
  readonly forwarded: Forwarded;
}

const PLAIN: Forwarded = { proto: 'http' };
/** A host as it may stand in a URL: a name, an IPv4 address or one in brackets, and a port. */
const HOST = /^(?:[\w.~!$&'()*+,;=%-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

/** One proxy's entry about where the request came from. */
interface Hop {
  readonly address: string | undefined;
  readonly proto?: string | undefined;
  readonly host?: string | undefined;
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
  const chain = headers['x-forwarded-for'] !== undefined ? xForwarded(headers) : forwardedHops(headers);
  // From the right: the entry that a trusted proxy wrote names the one before it, which may be a trusted proxy too.
  let client = peer ?? '';
  let believed: Hop | undefined;
  for (const hop of chain.toReversed()) {
    // What is no address (`unknown`, a name) ends the walk: nothing left of it can be checked.
    if (hop.address === undefined) {
      believed ??= hop;
      break;
    }
    client = hop.address;
    believed = hop;
    if (!isTrusted(client)) break;
  }
  return { client, forwarded: describe(headers, chain, believed) };
}

function describe(
  headers: IncomingMessage['headers'],
  chain: readonly Hop[],
  believed: Hop | undefined,
): Forwarded {
  const index = believed === undefined ? -1 : chain.indexOf(believed);
  const proto = believed?.proto ?? entryAt(single(headers['x-forwarded-proto']), index, chain.length);
  const host = believed?.host ?? entryAt(single(headers['x-forwarded-host']), index, chain.length);
  const port = entryAt(single(headers['x-forwarded-port']), index, chain.length);
  return {
    proto: proto?.toLowerCase() === 'https' ? 'https' : 'http',
    ...(host !== undefined && HOST.test(host) ? { host } : {}),
    ...(port !== undefined && /^\d{1,5}$/.test(port) ? { port } : {}),
  };
}

/** A list with an entry for each hop is read at the hop; in any other the last entry is the nearest proxy's. */
function entryAt(list: string | undefined, index: number, hops: number): string | undefined {
  const entries = list?.split(',').map((entry) => entry.trim());
  return entries?.length === hops ? entries[index] : entries?.at(-1);
}

function xForwarded(headers: IncomingMessage['headers']): Hop[] {
  const list = single(headers['x-forwarded-for']) ?? '';
  return list.split(',').map((entry) => ({ address: addressOf(entry.trim()) }));
}

function forwardedHops(headers: IncomingMessage['headers']): Hop[] {
  const field = single(headers['forwarded']);
  if (field === undefined) return [];
  return splitOutsideQuotes(field, ',').map((element) => {
    const pairs = new Map(
      splitOutsideQuotes(element, ';').map((pair): [string, string] => {
        const equals = pair.indexOf('=');
        return [pair.slice(0, equals).trim().toLowerCase(), unquote(pair.slice(equals + 1).trim())];
      }),
    );
    return { address: addressOf(pairs.get('for') ?? ''), proto: pairs.get('proto'), host: pairs.get('host') };
  });
}

function splitOutsideQuotes(text: string, separator: ',' | ';'): string[] {
  const parts: string[] = [''];
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const letter = text[index] ?? '';
    if (quoted && letter === '\\') {
      parts[parts.length - 1] += letter + (text[++index] ?? '');
      continue;
    }
    if (letter === '"') quoted = !quoted;
    if (letter === separator && !quoted) parts.push('');
    else parts[parts.length - 1] += letter;
  }
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
  return isIP(bare) === 0 ? undefined : plainAddress(bare);
}

function single(field: string | string[] | undefined): string | undefined {
  return Array.isArray(field) ? field.join(',') : field;
}

/** `::ffff:192.0.2.1`, which a socket for both families reports, is `192.0.2.1`. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}
