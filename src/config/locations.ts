// The list of locations: what the file lists, with what flags and environment say laid over it.
import { type BucketLocation, locateBucket, parseBucketUrl } from './bucket.js';
import { BadValueError } from './errors.js';
import type { ConfigFile, LocationEntry } from './file.js';
import type { FileAccess, FileLocation, Location, UpstreamLocation } from './location.js';
import type { LocationKind, RootSort } from './options/option.js';
import { OPTION_LIST, OPTIONS, type OptionName, type OptionValue } from './options.js';
import { isBucketRoot, rootFrom } from './root.js';
import { describeSecureLink } from './secure-link.js';
import { type Lookup, read, type Sourced, type Sources } from './sources.js';
import { deniedPrefix, prefix as prefixType, upstreams as upstreamList, type ValueType } from './values.js';

/**
 * Longest prefix first. A location of the file gives way to one with the same prefix from flags or environment.
 * @throws {BadValueError} when a prefix is taken twice
 */
export function collectLocations(sources: Sources, file: ConfigFile | undefined): readonly Location[] {
  const listed = unique(
    (file?.locations ?? []).map((entry, index) => {
      const location = readEntry(entry, index, file, sources);
      return { location, prefixFrom: `${location.from}.prefix` };
    }),
  );
  const commanded = unique(commandLocations(sources, file?.hasLocations === true));
  for (const [prefix, claim] of commanded) {
    const app = listed.get(prefix);
    // An app that gives way to files would be gone without a word.
    if (prefix === '/' && app?.location.kind === 'upstream' && claim.location.kind !== 'upstream') {
      throw refusePrefix(app, claim);
    }
  }
  return [...new Map([...listed, ...commanded]).values()]
    .map(({ location }) => location)
    .sort((a, b) => b.prefix.length - a.prefix.length);
}

/** A location, and what gave its prefix; undefined where that is a default, or the app's. */
interface Claim {
  readonly location: Location;
  readonly prefixFrom: string | undefined;
}

function unique(claims: readonly Claim[]): Map<string, Claim> {
  const byPrefix = new Map<string, Claim>();
  for (const claim of claims) {
    const { prefix } = claim.location;
    const taken = byPrefix.get(prefix);
    if (taken !== undefined) throw refusePrefix(taken, claim);
    byPrefix.set(prefix, claim);
  }
  return byPrefix;
}

/** Blames what gave the prefix: the other location may have no other one. */
function refusePrefix(first: Claim, second: Claim): Error {
  const [blamed, other] = second.prefixFrom === undefined ? [first, second] : [second, first];
  const { prefix, kind, from } = blamed.location;
  const cure =
    kind !== 'upstream' && other.location.kind === 'upstream'
      ? `${prefix} is where the app of ${other.location.from} answers, and nothing would be left of it; write a path below it, such as ${kind === 'static' ? '/static/' : '/media/'}`
      : `${prefix} is already taken by ${other.location.from}; give each location a prefix of its own`;
  return new BadValueError(blamed.prefixFrom ?? from, cure);
}

/** The locations that the short flags and Django's variables describe. */
function commandLocations(sources: Sources, fileListsThem: boolean): Claim[] {
  const found: Claim[] = [];
  const claim = (location: Location, prefixFrom: string | undefined): void => {
    found.push({ location, prefixFrom });
  };
  const mounts = sources.list('mount');
  const isProxyOnly = sources.require('proxyOnly');
  if (isProxyOnly) checkProxyOnly(sources);
  // The default directory is for those who named none; a file that lists its locations has said it all.
  const hasRoot = sources.find('root') !== undefined || (!fileListsThem && mounts.length === 0);
  if (hasRoot && !isProxyOnly) {
    const from = sources.fromOf('root');
    claim(
      fileLocation({ kind: 'media', prefix: sources.require('url'), from }, sources.require('root'), sources),
      sources.find('url')?.from,
    );
  }
  const staticRoot = sources.get('staticRoot');
  if (staticRoot !== undefined) {
    const place: Place<'static'> = {
      kind: 'static',
      prefix: sources.require('staticUrl'),
      from: sources.fromOf('staticRoot'),
    };
    claim(fileLocation(place, staticRoot, sources), sources.find('staticUrl')?.from);
  }
  for (const { value, from } of mounts) {
    claim(fileLocation({ kind: 'media', prefix: value.prefix, from }, value.root, sources), from);
  }
  for (const { value, from } of sources.list('internal')) {
    claim(fileLocation({ kind: 'internal', prefix: value.prefix, from }, value.root, sources), from);
  }
  const upstream = sources.get('upstream');
  if (upstream !== undefined) {
    const from = sources.fromOf('upstream');
    claim(upstreamLocation({ kind: 'upstream', prefix: '/', from }, upstream, sources), undefined);
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
  const from = file?.places[index] ?? '';
  const at = (key: string): Sourced => ({ raw: entry[key], from: `${from}.${key}` });
  const own: Lookup = {
    environment: sources.environment,
    directory: sources.directory,
    get: <N extends OptionName>(name: N) =>
      entry[name] === undefined
        ? sources.get(name)
        : read(OPTIONS[name].type as ValueType<OptionValue<N>>, at(name)),
  };
  if (entry.kind === 'denied') return { kind: entry.kind, prefix: read(deniedPrefix, at('prefix')), from };
  const prefix = read(prefixType, at('prefix'));
  if (entry.kind === 'upstream') {
    return upstreamLocation({ kind: entry.kind, prefix, from }, read(upstreamList, at('upstream')), own);
  }
  const root = read(rootFrom(file?.directory ?? ''), { raw: entry['root'], from });
  checkSort(entry, sortOf(root), at);
  return fileLocation({ kind: entry.kind, prefix, from }, root, own);
}

interface Place<K extends LocationKind> {
  readonly kind: K;
  readonly prefix: string;
  readonly from: string;
}

/** @throws {BadValueError} for an option that the location itself has, and that means nothing for its root */
function checkSort(entry: LocationEntry, sort: RootSort, at: (key: string) => Sourced): void {
  for (const [name, { onlyFor = sort }] of OPTION_LIST) {
    if (onlyFor === sort || entry[name] === undefined) continue;
    throw new BadValueError(
      at(name).from,
      sort === 'bucket'
        ? 'is about files on disk, and the root of this location is a bucket; leave it out'
        : 'is about buckets, and the root of this location is a directory; leave it out, or write s3://bucket/prefix as the root',
    );
  }
}

function sortOf(root: string): RootSort {
  return isBucketRoot(root) ? 'bucket' : 'directory';
}

function fileLocation(place: Place<FileLocation['kind']>, root: string, options: Lookup): FileLocation {
  const sort = sortOf(root);
  // What some of these say together stands in one place, checked.
  const {
    authRequest,
    authCache,
    secureLink,
    secureLinkSecret,
    secureLinkMd5,
    s3Endpoint,
    s3Region,
    s3Addressing,
    s3Anonymous = false,
    ...rest
  } = optionsFor(place.kind, options, sort);
  const signed = describeSecureLink(place.from, { secureLink, secureLinkSecret, secureLinkMd5 }, options);
  const access: FileAccess = {
    ...(authRequest === undefined ? {} : { authRequest: { target: authRequest, cache: authCache ?? 0 } }),
    ...(signed === undefined ? {} : { secureLink: signed }),
  };
  const bucket =
    sort === 'bucket' ? locate(place.from, root, { s3Endpoint, s3Region, s3Addressing }) : undefined;
  return { ...place, root, bucket, s3Anonymous, ...rest, access } as FileLocation;
}

/** What a location's options say of where its bucket is. */
interface StoreOptions {
  readonly s3Endpoint: OptionValue<'s3Endpoint'> | undefined;
  readonly s3Region: OptionValue<'s3Region'> | undefined;
  readonly s3Addressing: OptionValue<'s3Addressing'> | undefined;
}

/** @throws {BadValueError} when there can be no such bucket there */
function locate(
  from: string,
  root: string,
  { s3Endpoint, s3Region, s3Addressing }: StoreOptions,
): BucketLocation {
  const url = parseBucketUrl(root);
  if (s3Endpoint === undefined && s3Addressing !== 'path' && /[A-Z]/.test(url.bucket)) {
    throw new BadValueError(
      from,
      `${root} has a capital in the bucket's name, and AWS has no such buckets; write s3://${url.bucket.toLowerCase()}, or --s3-addressing path for one of the few from before 2018, or --s3-endpoint for a store that is not AWS`,
    );
  }
  const style = s3Addressing === 'auto' ? undefined : s3Addressing;
  try {
    return locateBucket({ url, endpoint: s3Endpoint, region: s3Region, style });
  } catch (error) {
    if (error instanceof TypeError) throw new BadValueError(from, error.message);
    throw error;
  }
}

function upstreamLocation(
  place: Place<'upstream'>,
  upstreams: UpstreamLocation['upstreams'],
  options: Lookup,
): UpstreamLocation {
  return { ...place, upstreams, ...optionsFor(place.kind, options, undefined) } as UpstreamLocation;
}

/**
 * The values of all options that may stand in a location of this kind; the table says which these are. Those about buckets are
 * read for a bucket alone: in the environment they are others' variables, too.
 */
function optionsFor(
  kind: LocationKind,
  options: Lookup,
  sort: RootSort | undefined,
): { readonly [N in OptionName]?: OptionValue<N> | undefined } {
  const names = OPTION_LIST.filter(
    ([, { contexts, onlyFor }]) => contexts.includes(kind) && (onlyFor !== 'bucket' || sort === 'bucket'),
  ).map(([name]) => name);
  return Object.fromEntries(names.map((name) => [name, options.get(name)]));
}
