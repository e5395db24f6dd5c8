// What is said at the start: what is served where, whether the app can be reached yet, and bodies be put aside.
import { connect } from 'node:net';
import type { Logger } from 'pino';
import { type Address, formatAddress } from '../config/address.js';
import type { Config, Location, UpstreamLocation } from '../config/location.js';
import { spoolDirectoryOf, TemporaryFile } from '../upstream/temporary-file.js';

/** Fields of the line that says that the server listens. */
export function describeStart(config: Config, address: string): object {
  return { address, locations: config.locations.map(describeLocation) };
}

function describeLocation(location: Location): string {
  const where = location.kind === 'upstream' ? describeUpstreams(location) : location.root;
  return `${location.prefix} → ${where} (${location.kind})`;
}

/** Warns when no app listens yet: sidecars start in any order, so that is no error. */
export function warnOfMissingApp(config: Config, log: Logger): void {
  for (const location of config.locations) {
    if (location.kind !== 'upstream') continue;
    for (const { address } of location.upstreams) probe(address, location.connectTimeout, log);
  }
}

/** Warns when bodies cannot be put aside: a read-only root file system is a good thing, and easily one too much. */
export function warnOfMissingSpool(config: Config, log: Logger): void {
  const buffering = config.locations.filter(
    (location): location is UpstreamLocation =>
      location.kind === 'upstream' && (location.requestBuffering || location.responseBuffering),
  );
  for (const path of new Set(buffering.map(spoolDirectoryOf))) {
    try {
      new TemporaryFile(path).close();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      log.warn(
        { path, reason: code ?? message },
        'no temporary file can be made here: uploads for which --upload-memory is not enough will get 507, and slow clients hold the app; mount a writable volume here, or name another directory with --spool-dir',
      );
    }
  }
}

function describeUpstreams({ upstreams }: UpstreamLocation): string {
  return upstreams
    .map(({ address, backup }) => `${formatAddress(address)}${backup ? ' backup' : ''}`)
    .join(', ');
}

function probe(address: Address, timeout: number, log: Logger): void {
  const socket = connect(connectOptions(address), () => socket.destroy());
  socket.setTimeout(timeout, () => socket.destroy(new Error('timed out')));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    log.warn(
      { upstream: formatAddress(address), reason: error.code ?? error.message },
      'the app does not answer yet; until it does, its requests get 503',
    );
  });
  socket.unref();
}

function connectOptions(address: Address): { path: string } | { host: string; port: number } {
  return address.kind === 'unix'
    ? { path: address.path }
    : { host: address.host ?? '127.0.0.1', port: address.port };
}
