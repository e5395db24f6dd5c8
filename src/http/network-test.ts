// Whether an address is in one of the ranges that an operator wrote (nginx: set_real_ip_from).
import { BlockList, isIP } from 'node:net';
import type { Network } from '../config/network.js';
import { ownString } from './own-string.js';

/** How many addresses the test remembers. */
const MAX_KNOWN = 1000;

/** A test for membership; `undefined` is a peer on a unix socket. */
export function networkTest(networks: readonly Network[]): (address: string | undefined) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    if (network === 'unix') continue;
    list.addSubnet(network.address, network.bits, isIP(network.address) === 6 ? 'ipv6' : 'ipv4');
  }
  const unix = networks.includes('unix');
  // A check makes two objects; the few proxies in front come again and again, and most servers have none.
  if (networks.every((network) => network === 'unix')) return (address) => unix && address === undefined;
  const known = new Map<string, boolean>();
  return (address) => {
    if (address === undefined || address === '') return unix;
    const before = known.get(address);
    if (before !== undefined) return before;
    const family = isIP(address);
    const inside = family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(ownString(address), inside);
    return inside;
  };
}
