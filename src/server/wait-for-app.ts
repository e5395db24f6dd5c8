// Whether the app can be reached yet: said at the start, and once more when it can. Sidecars start in any order, so that is
// no error.
import { setMaxListeners } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Address, formatAddress } from '../config/address.js';
import type { Config } from '../config/location.js';
import { isHttpError } from '../http/errors.js';
import { reasonOf, upstreamFailure } from '../upstream/failure.js';

/** How long after a failure a server of the app is tried again, in milliseconds. */
const INTERVAL = 1000;

/**
 * Warns of each server of the app that does not answer, with the reason, and tells when it does.
 * @param signal ends it
 * @param interval in milliseconds
 */
export function waitForApps(config: Config, log: Logger, signal: AbortSignal, interval = INTERVAL): void {
  // One for each server of the app, and Node takes more than ten for a leak.
  setMaxListeners(0, signal);
  for (const location of config.locations) {
    if (location.kind !== 'upstream') continue;
    for (const { address } of location.upstreams) {
      void waitForApp(address, location.connectTimeout, log, signal, interval);
    }
  }
}

async function waitForApp(
  address: Address,
  timeout: number,
  log: Logger,
  signal: AbortSignal,
  interval: number,
): Promise<void> {
  const upstream = formatAddress(address);
  // Each reason once: a socket that came may be one that refuses, and name servers give now this, now that reason.
  const told = new Set<string>();
  for (;;) {
    const error = await tryToConnect(address, timeout, signal);
    if (signal.aborted) return;
    if (error === undefined) break;
    const reason = error.code ?? error.message;
    if (!told.has(reason)) {
      told.add(reason);
      const failure = upstreamFailure(error, upstream, false);
      const status = isHttpError(failure) ? failure.statusCode : 502;
      log.warn(
        { upstream, reason },
        `the app does not answer yet; until it does, its requests get ${status}: ${reasonOf(error, upstream)}`,
      );
    }
    // The end of a process does not wait for it; only the signal can end it early.
    await wait(interval, undefined, { ref: false, signal }).catch(() => {});
    if (signal.aborted) return;
  }
  if (told.size > 0) log.info({ upstream }, 'the app answers now');
}

/** Resolves with the reason when there is no connection. */
function tryToConnect(
  address: Address,
  timeout: number,
  signal: AbortSignal,
): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const socket = connect(connectOptions(address));
    const abort = (): void => void socket.destroy();
    const end = (error?: NodeJS.ErrnoException): void => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      resolve(error);
    };
    socket.setTimeout(timeout, () =>
      end(Object.assign(new Error('timed out'), { code: 'MEDIA_SERVE_CONNECT_TIMEOUT' })),
    );
    socket.on('connect', () => end());
    socket.on('error', end);
    socket.on('close', () => end());
    signal.addEventListener('abort', abort);
    socket.unref();
  });
}

function connectOptions(address: Address): { path: string } | { host: string; port: number } {
  return address.kind === 'unix'
    ? { path: address.path }
    : { host: address.host ?? '127.0.0.1', port: address.port };
}
