// Whether the app's address is this server's own, however either is written: a platform gives PORT for the one who is to
// answer, and whoever writes it after --upstream has each request come back. What only leads here by way of others, or
// later, shows when a request has come back (upstream/loop.ts).
import { lookup } from 'node:dns/promises';
import { realpathSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type Address, formatAddress } from '../config/address.js';
import { BadValueError } from '../config/errors.js';
import type { Config } from '../config/location.js';
import type { Network } from '../config/network.js';
import { canonicalAddress } from '../http/address.js';
import { networkTest } from '../http/network-test.js';

type TcpAddress = Address & { kind: 'tcp' };

/** How names are resolved. */
export interface Resolver {
  /** All addresses of a name, in the order in which they are tried. */
  readonly lookUp: (name: string) => Promise<readonly string[]>;
  /** How long the start may wait for a name, in milliseconds; a loop that it hides will show later. */
  readonly patience: number;
}

const SYSTEM: Resolver = {
  lookUp: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
  patience: 1000,
};

/**
 * Refuses an app's address that is where this server listens, or will. Names are resolved only where the port is the same.
 * @param listening the address that this server has, or will have; of port 0 nothing can be told
 * @throws {BadValueError}
 */
export async function refuseOwnAddress(
  { locations, listenFrom }: Config,
  listening: Address,
  resolver = SYSTEM,
): Promise<void> {
  for (const location of locations) {
    if (location.kind !== 'upstream') continue;
    for (const { address } of location.upstreams) {
      if (!(await isSame(address, listening, resolver))) continue;
      const example = listening.kind === 'tcp' && listening.port === 8000 ? ':8001' : ':8000';
      throw new BadValueError(
        location.from,
        `${formatAddress(address)} is where this server itself listens (${formatAddress(listening)}, by ${listenFrom}), so that every request would come back to it; start the app at another address, such as ${example}, and write that, or let this server listen elsewhere (--listen)`,
      );
    }
  }
}

async function isSame(app: Address, own: Address, resolver: Resolver): Promise<boolean> {
  if (app.kind === 'unix' || own.kind === 'unix') {
    return app.kind === 'unix' && own.kind === 'unix' && isSameSocket(app.path, own.path);
  }
  if (app.port !== own.port) return false;
  const reached = networkTest(await networksOf(own, resolver));
  const addresses = await addressesOf(app.host ?? LOOPBACK_4, resolver);
  return addresses.map(whereItConnects).some(reached);
}

const LOOPBACK_4 = '127.0.0.1';
const LOOPBACK_6 = '::1';
const isUnspecified = networkTest([
  { address: '0.0.0.0', bits: 32 },
  { address: '::', bits: 128 },
]);

/** Who connects to no address in particular gets to this machine. */
function whereItConnects(address: string): string {
  if (!isUnspecified(address)) return address;
  return isIP(canonicalAddress(address) ?? '') === 4 ? LOOPBACK_4 : LOOPBACK_6;
}

/** Addresses at which one who listens there is reached. */
async function networksOf({ host = '::' }: TcpAddress, resolver: Resolver): Promise<readonly Network[]> {
  const addresses = (await addressesOf(host, resolver)).map(
    (address) => canonicalAddress(address) ?? address,
  );
  return addresses.flatMap((address) => {
    if (!isUnspecified(address)) return networkOf(address);
    const all = [{ address: '127.0.0.0', bits: 8 }, networkOf(LOOPBACK_6), ...ofInterfaces()];
    // Who listens on :: listens for IPv4, too.
    return isIP(address) === 6 ? all : all.filter((network) => isIP(network.address) === 4);
  });
}

function networkOf(address: string): Network & object {
  return { address, bits: isIP(address) === 6 ? 128 : 32 };
}

function ofInterfaces(): (Network & object)[] {
  try {
    return Object.values(networkInterfaces()).flatMap((all) =>
      (all ?? []).map(({ address }) => networkOf(address)),
    );
  } catch {
    // A sandbox may not tell them.
    return [];
  }
}

/** The addresses of a host; none when they cannot be told soon. */
async function addressesOf(host: string, { lookUp, patience }: Resolver): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly string[]>((resolve) => {
    timer = setTimeout(resolve, patience, []);
  });
  // Of a name that is unknown, listening and requests tell.
  const found = lookUp(host).catch(() => []);
  return await Promise.race([found, late]).finally(() => clearTimeout(timer));
}

/** Whether two paths mean one socket, through links, too. */
function isSameSocket(path: string, other: string): boolean {
  if (realPath(path) === realPath(other)) return true;
  const [one, two] = [path, other].map((each) => {
    try {
      return statSync(each, { bigint: true });
    } catch {
      return undefined;
    }
  });
  return one !== undefined && one.ino === two?.ino && one.dev === two.dev;
}

/** The path without links, as far as there are files; the socket itself need not be there yet. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
