// The list of locations: what the file lists, with what flags and environment say laid over it.
import { resolve } from 'node:path';
import { BadValueError } from './errors.js';
import type { ConfigFile, LocationEntry } from './file.js';
import type { FileAccess, FileLocation, Location, UpstreamLocation } from './location.js';
import { type LocationKind, OPTION_LIST, OPTIONS, type OptionName, type OptionValue } from './options.js';
import { describeSecureLink } from './secure-link.js';
import { type Lookup, read, type Sourced, type Sources } from './sources.js';
import { directory, prefix as prefixType, upstreams as upstreamList, type ValueType } from './values.js';

/**
 * Longest prefix first. A location of the file gives way to one with the same prefix from flags or environment.
 * @throws {BadValueError} when a prefix is taken twice
 */
export function collectLocations(sources: Sources, file: ConfigFile | undefined): readonly Location[] {
  const listed = unique(
    (file?.locations ?? []).map((entry, index) => readEntry(entry, index, file, sources)),
  );
  const commanded = unique(commandLocations(sources, listed.size > 0));
  return [...new Map([...listed, ...commanded]).values()].sort((a, b) => b.prefix.length - a.prefix.length);
}

function unique(locations: readonly Location[]): Map<string, Location> {
  const byPrefix = new Map<string, Location>();
  for (const location of locations) {
    const taken = byPrefix.get(location.prefix);
    if (taken !== undefined) {
      const problem = `${location.prefix} is already taken by ${taken.from}; give each location a prefix of its own`;
      throw new BadValueError(location.from, problem);
    }
    byPrefix.set(location.prefix, location);
  }
  return byPrefix;
}

/** The locations that the short flags and Django's variables describe. */
function commandLocations(sources: Sources, fileListsSome: boolean): Location[] {
  const found: Location[] = [];
  const mounts = sources.list('mount');
  const isProxyOnly = sources.require('proxyOnly');
  if (isProxyOnly) checkProxyOnly(sources);
  // The default directory is for those who named none; a file that lists its locations has said it all.
  const hasRoot = sources.find('root') !== undefined || (!fileListsSome && mounts.length === 0);
  if (hasRoot && !isProxyOnly) {
    const from = sources.fromOf('root');
    found.push(
      fileLocation({ kind: 'media', prefix: sources.require('url'), from }, sources.require('root'), sources),
    );
  }
  const staticRoot = sources.get('staticRoot');
  if (staticRoot !== undefined) {
    const place: Place<'static'> = {
      kind: 'static',
      prefix: sources.require('staticUrl'),
      from: sources.fromOf('staticRoot'),
    };
    found.push(fileLocation(place, staticRoot, sources));
  }
  for (const { value, from } of mounts) {
    found.push(fileLocation({ kind: 'media', prefix: value.prefix, from }, value.root, sources));
  }
  for (const { value, from } of sources.list('internal')) {
    found.push(fileLocation({ kind: 'internal', prefix: value.prefix, from }, value.root, sources));
  }
  const upstream = sources.get('upstream');
  if (upstream !== undefined) {
    found.push(
      upstreamLocation(
        { kind: 'upstream', prefix: '/', from: sources.fromOf('upstream') },
        upstream,
        sources,
      ),
    );
  }
  return found;
}

/** Variables may be Django's own, and set for it; who writes the flag means it. */
function checkProxyOnly(sources: Sources): void {
  const from = sources.fromOf('proxyOnly');
  if (sources.fromOf('root') === '--root' || sources.list('mount').length > 0)
    throw new BadValueError(
      from,
      'serves no uploads, and a directory of uploads is named; leave out one of them',
    );
  if (sources.find('upstream') === undefined)
    throw new BadValueError(from, 'is for an app, and none is named; write for example --upstream :8000');
}

function readEntry(
  entry: LocationEntry,
  index: number,
  file: ConfigFile | undefined,
  sources: Sources,
): Location {
  const from = `${file?.path}: locations[${index}]`;
  const at = (key: string): Sourced => ({ raw: entry[key], from: `${from}.${key}` });
  const own: Lookup = {
    environment: sources.environment,
    directory: sources.directory,
    get: <N extends OptionName>(name: N) =>
      entry[name] === undefined
        ? sources.get(name)
        : read(OPTIONS[name].type as ValueType<OptionValue<N>>, at(name)),
  };
  const prefix = read(prefixType, at('prefix'));
  if (entry.kind === 'upstream') {
    return upstreamLocation({ kind: entry.kind, prefix, from }, read(upstreamList, at('upstream')), own);
  }
  const root = read(directory, { raw: resolve(file?.directory ?? '', String(entry['root'])), from });
  return fileLocation({ kind: entry.kind, prefix, from }, root, own);
}

interface Place<K extends LocationKind> {
  readonly kind: K;
  readonly prefix: string;
  readonly from: string;
}

function fileLocation(place: Place<FileLocation['kind']>, root: string, options: Lookup): FileLocation {
  // What these say together stands in one place, checked.
  const { authRequest, authCache, secureLink, secureLinkSecret, secureLinkMd5, ...rest } = optionsFor(
    place.kind,
    options,
  );
  const signed = describeSecureLink(place.from, { secureLink, secureLinkSecret, secureLinkMd5 }, options);
  const access: FileAccess = {
    ...(authRequest === undefined ? {} : { authRequest: { target: authRequest, cache: authCache ?? 0 } }),
    ...(signed === undefined ? {} : { secureLink: signed }),
  };
  return { ...place, root, ...rest, access } as FileLocation;
}

function upstreamLocation(
  place: Place<'upstream'>,
  upstreams: UpstreamLocation['upstreams'],
  options: Lookup,
): UpstreamLocation {
  return { ...place, upstreams, ...optionsFor(place.kind, options) } as UpstreamLocation;
}

/** The values of all options that may stand in a location of this kind; the table says which these are. */
function optionsFor(
  kind: LocationKind,
  options: Lookup,
): { readonly [N in OptionName]?: OptionValue<N> | undefined } {
  const names = OPTION_LIST.filter(([, row]) => row.contexts.includes(kind)).map(([name]) => name);
  return Object.fromEntries(names.map((name) => [name, options.get(name)]));
}
