// Listening, and what can be wrong with it.
import { lstatSync, unlinkSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { type Address, formatAddress } from '../config/address.js';
import { BadValueError, isOperatorError } from '../config/errors.js';
import type { Config } from '../config/location.js';
import { refuseOwnAddress } from './own-address.js';

/**
 * Listens and returns the address as a URL, or `unix:PATH`.
 * @throws {BadValueError} when the address cannot be had, or is the app's as well
 */
export async function listen(app: FastifyInstance, config: Config): Promise<string> {
  const { listen: address, listenFrom: from } = config;
  // First: an app that listens there already would be in the way, and the reason to be told is another.
  await refuseOwnAddress(config, address);
  let bound: AddressInfo | undefined;
  try {
    bound = await (address.kind === 'unix' ? listenUnix(app, address) : listenTcp(app, address));
  } catch (error) {
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
  if (bound === undefined) return formatAddress(address);
  const anywhere = bound.address === '::' || bound.address === '0.0.0.0';
  return `http://${formatAddress({ kind: 'tcp', host: anywhere ? 'localhost' : bound.address, port: bound.port })}`;
}

type TcpAddress = Address & { kind: 'tcp' };

async function listenUnix(app: FastifyInstance, { path }: Address & { kind: 'unix' }): Promise<undefined> {
  await removeDeadSocket(path);
  await app.listen({ path });
}

/** Returns where it listens, with the port that the system chose for port 0. */
async function listenTcp(app: FastifyInstance, { host, port }: TcpAddress): Promise<AddressInfo> {
  try {
    // IPv6 and IPv4 on one socket, where nothing else is said.
    await app.listen({ host: host ?? '::', port });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (host !== undefined || !['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(code)) throw error;
    await app.listen({ host: '0.0.0.0', port });
  }
  const bound = app.server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the server has no TCP address');
  return bound;
}

/** A socket file left by a process that was killed is in the way; one that somebody listens on is not ours to remove. */
async function removeDeadSocket(path: string): Promise<void> {
  // bigint for the reason that log-output.ts has.
  if (!lstatSync(path, { bigint: true, throwIfNoEntry: false })?.isSocket()) return;
  const code = await new Promise<string | undefined>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  // Nobody listens on it.
  if (code === 'ECONNREFUSED') unlinkSync(path);
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
  return new BadValueError(from, `${formatAddress(address)} ${reasons[error.code ?? ''] ?? error.message}`);
}
