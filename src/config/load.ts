// Flags, environment and file become one checked, frozen Config.
import { isatty } from 'node:tty';
import { type ConfigFile, readConfigFile } from './file.js';
import { type Config, isInBucket, type Location } from './location.js';
import { collectLocations } from './locations.js';
import { OPTION_LIST } from './options.js';
import { linkSecret } from './secure-link.js';
import { type Environment, type Flags, Sources } from './sources.js';
import { explainUnknownVariables } from './unknown-variables.js';

/** @throws {BadValueError} naming the value, where it came from and what to write instead. */
export function loadConfig(flags: Flags, environment: Environment): Config {
  const outside = new Sources(flags, environment);
  const path = outside.get('config');
  return configFrom(
    flags,
    environment,
    path === undefined ? undefined : readConfigFile(path, outside.fromOf('config')),
  );
}

/**
 * The same, with the content of a file that was read elsewhere.
 * @throws {BadValueError}
 */
export function configFrom(flags: Flags, environment: Environment, file: ConfigFile | undefined): Config {
  const sources = new Sources(flags, environment, file);
  sources.checkAll();
  const locations = collectLocations(sources, file);
  return deepFreeze({
    locations,
    warnings: [
      ...explainUnknownVariables(environment, variablesOfSecrets(file)),
      ...explainOptionsOfBuckets(sources, locations),
      ...(file?.notes ?? []),
    ],
    listen: sources.require('listen'),
    listenFrom: sources.fromOf('listen'),
    socketMode: sources.require('socketMode'),
    socketGroup: sources.get('socketGroup'),
    maxConnections: sources.get('maxConnections'),
    maxRequestHead: sources.require('maxRequestHead'),
    cacheSize: sources.require('cacheSize'),
    uploadMemory: sources.require('uploadMemory'),
    errorPages: sources.get('errorPage') ?? [],
    errorPagesFrom: sources.fromOf('errorPage'),
    trustProxy: sources.get('trustProxy') ?? [],
    proxyProtocol: sources.require('proxyProtocol'),
    keepAliveTimeout: sources.require('keepAliveTimeout'),
    shutdownTimeout: sources.require('shutdownTimeout'),
    logLevel: sources.require('logLevel'),
    logFormat: sources.get('logFormat') ?? (isatty(1) ? 'pretty' : 'json'),
  });
}

/** Whoever says where buckets are, and names none, has probably written the bucket as something else. */
function explainOptionsOfBuckets(sources: Sources, locations: readonly Location[]): string[] {
  if (locations.some(isInBucket)) return [];
  return OPTION_LIST.filter(([name, { onlyFor }]) => onlyFor === 'bucket' && sources.isOwn(name)).map(
    ([name]) =>
      `${sources.fromOf(name)}: is about buckets, and no location has one; write s3://bucket/prefix as a root`,
  );
}

/** Variables that locations of the file name themselves; they have been read, so each is well-formed. */
function variablesOfSecrets(file: ConfigFile | undefined): ReadonlySet<string> {
  const secrets = (file?.locations ?? []).flatMap(({ secureLinkSecret }) =>
    secureLinkSecret === undefined ? [] : [linkSecret.parse(secureLinkSecret)],
  );
  return new Set(secrets.filter(({ kind }) => kind === 'env').map(({ name }) => name));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
