// Listening, and what can be wrong with it.
import { lookup } from 'node:dns/promises';
import { lstatSync } from 'node:fs';
import { type AddressInfo, isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { type Address, formatAddress } from '../config/address.js';
import { BadValueError, isOperatorError } from '../config/errors.js';
import type { Config } from '../config/location.js';
import type { Server } from '../http1/server.js';
import type { MediaServer } from './app.js';
import { refuseOwnAddress } from './own-address.js';
import { removeDeadSocket, setPermissions } from './socket-file.js';

/**
 * Listens and returns the address as a URL, or `unix:PATH`.
 * @throws {BadValueError} when the address cannot be had, or is the app's as well
 */
export async function listen(
  { app, server }: Pick<MediaServer, 'app' | 'server'>,
  config: Config,
): Promise<string> {
  const { listen: address, listenFrom: from } = config;
  // First: an app that listens there already would be in the way, and the reason to be told is another.
  await refuseOwnAddress(config, address);
  let bound: AddressInfo | undefined;
  try {
    bound = await (address.kind === 'unix'
      ? listenUnix(app, address, config)
      : listenTcp(app, server, address));
  } catch (error) {
    await app.close();
    throw isOperatorError(error) ? error : explain(error as NodeJS.ErrnoException, address, from);
  }
  if (address.kind === 'unix' || address.port === 0) {
    // Only now there is a port that the system chose, or a socket that links lead to.
    const actual = bound === undefined ? address : { ...address, port: bound.port };
    await refuseOwnAddress(config, actual).catch(async (error: unknown) => {
      await app.close();
      throw error;
    });
  }
  if (address.kind === 'unix' || bound === undefined) return formatAddress(address);
  const anywhere = bound.address === '::' || bound.address === '0.0.0.0';
  const named = address.host !== undefined && isIP(address.host) === 0 ? address.host : bound.address;
  return `http://${formatAddress({ kind: 'tcp', host: anywhere ? 'localhost' : named, port: bound.port })}`;
}

type TcpAddress = Address & { kind: 'tcp' };
type UnixAddress = Address & { kind: 'unix' };

/** On Linux only this process's user may connect before others are let in. */
async function listenUnix(
  app: FastifyInstance,
  { path }: UnixAddress,
  { listenFrom, socketMode, socketGroup }: Config,
): Promise<undefined> {
  await removeDeadSocket(path);
  await app.listen({ path });
  try {
    setPermissions(path, { mode: socketMode, group: socketGroup });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === 'EPERM'
        ? `user id ${process.getuid?.()} may not give it to group ${socketGroup}, of which it is no member`
        : message;
    throw new BadValueError(listenFrom, `unix:${path} cannot be opened for others: ${reason}`);
  }
}

/** An address that this machine has not got. */
const ABSENT = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];

/**
 * On all addresses of a name (nginx: listen). One that this machine has not got is left out: where there is no IPv6,
 * localhost often has an address of it all the same.
 * @returns where it listens first, with the port that the system chose for port 0
 */
async function listenTcp(
  app: FastifyInstance,
  server: Server,
  { host, port }: TcpAddress,
): Promise<AddressInfo> {
  // IPv6 and IPv4 on one socket, where nothing else is said.
  const hosts = host === undefined ? ['::', '0.0.0.0'] : await addressesOf(host);
  let bound: AddressInfo | undefined;
  for (const [index, address] of hosts.entries()) {
    try {
      if (bound === undefined) {
        await app.listen({ host: address, port });
        bound = server.address() as AddressInfo;
        if (host === undefined) break;
      } else await server.listenAlso({ host: address, port: bound.port });
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      const isOnlyOne = bound === undefined && index === hosts.length - 1;
      if (isOnlyOne || !ABSENT.includes(code)) throw error;
    }
  }
  if (bound === undefined) throw new Error('the server has no TCP address');
  return bound;
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

function explain(error: NodeJS.ErrnoException, address: Address, from: string): Error {
  const user = `user id ${process.getuid?.() ?? 'of this process'}`;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'is taken by another process; stop it, or write another address',
    EACCES:
      address.kind === 'unix'
        ? `is in a directory that does not exist or that ${user} may not write to; create it, or write another path`
        : `is not allowed for ${user}; ports below 1024 need root or CAP_NET_BIND_SERVICE, so write one above`,
    EADDRNOTAVAIL: 'is not an address of this machine; write :PORT for all of them',
    ENOTFOUND: 'has a host name that is unknown here; write :PORT for all addresses of this machine',
  };
  if (error.code === 'EADDRINUSE' && isOtherFile(address)) {
    const reason = 'is a file that is no socket; remove it, or write another path';
    return new BadValueError(from, `${formatAddress(address)} ${reason}`);
  }
  return new BadValueError(from, `${formatAddress(address)} ${reasons[error.code ?? ''] ?? error.message}`);
}

/** Links are not followed: bind(2) makes no socket where one is. */
function isOtherFile(address: Address): boolean {
  if (address.kind !== 'unix') return false;
  return lstatSync(address.path, { throwIfNoEntry: false })?.isSocket() === false;
}
