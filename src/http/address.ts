// How an address is said: each in one way only, whoever tells it (a socket, the PROXY protocol, X-Forwarded-For, Forwarded),
// so that app, log, signed links and permissions mean the same client by it.
import { isIPv4, isIPv6 } from 'node:net';

/** Groups of an address of IPv6, 16 bits each. */
const GROUPS = 8;

/**
 * The address as RFC 5952 writes it; undefined for what is none. IPv4 that is mapped to IPv6 (RFC 4291 §2.5.5.2), as a
 * socket for both families has it, is IPv4. A zone (RFC 4007 §11) is left out: it names a link of one machine, to
 * nobody else.
 */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  // Names of links may have characters that Node does not take for any.
  const zone = text.indexOf('%');
  const bare = zone < 0 ? text : text.slice(0, zone);
  return isIPv6(bare) ? formatIPv6(groupsOf(bare)) : undefined;
}

/** The same of an address of IPv6 that came as numbers. */
export function formatIPv6(groups: readonly number[]): string {
  if (groups.every((group, index) => index >= 6 || group === (index === 5 ? 0xffff : 0)))
    return groups.slice(6).flatMap(bytesOf).join('.');
  // RFC 5952 §4.2: the longest run of zeros is shortened, the first of several, and never a single one.
  let [at, length] = [0, 1];
  for (let start = 0, index = 0; index <= GROUPS; index++) {
    if (groups[index] === 0) continue;
    if (index - start > length) [at, length] = [start, index - start];
    start = index + 1;
  }
  const hex = groups.map((group) => group.toString(16));
  if (length === 1) return hex.join(':');
  return `${hex.slice(0, at).join(':')}::${hex.slice(at + length).join(':')}`;
}

function bytesOf(group: number): number[] {
  return [group >> 8, group & 0xff];
}

/** @param text that is an address of IPv6 */
function groupsOf(text: string): readonly number[] {
  const [head = '', tail] = text.split('::');
  const first = readGroups(head);
  if (tail === undefined) return first;
  const last = readGroups(tail);
  return [...first, ...Array<number>(GROUPS - first.length - last.length).fill(0), ...last];
}

function readGroups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
