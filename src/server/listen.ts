// Listening, and what can be wrong with it.
import { lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { type Address, formatAddress } from '../config/address.js';
import { BadValueError, isOperatorError } from '../config/errors.js';

/**
 * Listens and returns the address as a URL, or `unix:PATH`.
 * @param from what the address was given by, for the message
 * @throws {BadValueError} when the address cannot be had
 */
export async function listen(app: FastifyInstance, address: Address, from: string): Promise<string> {
  try {
    if (address.kind === 'unix') {
      await removeDeadSocket(address.path);
      await app.listen({ path: address.path });
      return formatAddress(address);
    }
    await listenTcp(app, address);
  } catch (error) {
    throw isOperatorError(error) ? error : explain(error as NodeJS.ErrnoException, address, from);
  }
  const bound = app.server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the server has no TCP address');
  const anywhere = bound.address === '::' || bound.address === '0.0.0.0';
  return `http://${formatAddress({ kind: 'tcp', host: anywhere ? 'localhost' : bound.address, port: bound.port })}`;
}

async function listenTcp(app: FastifyInstance, { host, port }: Address & { kind: 'tcp' }): Promise<void> {
  if (host !== undefined) {
    await app.listen({ host, port });
    return;
  }
  try {
    // IPv6 and IPv4 on one socket.
    await app.listen({ host: '::', port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error;
    await app.listen({ host: '0.0.0.0', port });
  }
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
