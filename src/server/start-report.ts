// What is said at the start: what is served where, and whether the app can be reached yet.
import { connect } from 'node:net';
import type { Logger } from 'pino';
import { type Address, formatAddress } from '../config/address.js';
import type { Config, Location } from '../config/location.js';

/** Fields of the line that says that the server listens. */
export function describeStart(config: Config, address: string): object {
  return { address, locations: config.locations.map(describeLocation) };
}

function describeLocation(location: Location): string {
  const where = location.kind === 'upstream' ? formatAddress(location.upstream) : location.root;
  return `${location.prefix} → ${where} (${location.kind})`;
}

/** Warns when no app listens yet: sidecars start in any order, so that is no error. */
export function warnOfMissingApp(config: Config, log: Logger): void {
  for (const location of config.locations) {
    if (location.kind !== 'upstream') continue;
    const upstream = formatAddress(location.upstream);
    const probe = connect(connectOptions(location.upstream), () => probe.destroy());
    probe.setTimeout(location.connectTimeout, () => probe.destroy(new Error('timed out')));
    probe.on('error', (error: NodeJS.ErrnoException) => {
      log.warn(
        { upstream, reason: error.code ?? error.message },
        'the app does not answer yet; until it does, its requests get 502',
      );
    });
    probe.unref();
  }
}

function connectOptions(address: Address): { path: string } | { host: string; port: number } {
  return address.kind === 'unix'
    ? { path: address.path }
    : { host: address.host ?? '127.0.0.1', port: address.port };
}
