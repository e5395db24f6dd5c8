// What is said at the start: what is served where, whether bodies can be put aside, and what lies in the directories should
// be there. Of the app: wait-for-app.ts.
import type { Logger } from 'pino';
import { formatAddress } from '../config/address.js';
import { type BucketAddress, originOf } from '../config/bucket.js';
import { quote } from '../config/errors.js';
import {
  type Config,
  type FileLocation,
  isProtected,
  type Location,
  type UpstreamLocation,
} from '../config/location.js';
import { spoolDirectoryOf, TemporaryFile } from '../upstream/temporary-file.js';
import { bucketsAmongUploads, bucketsInDoubt } from './bucket-roots.js';
import type { ConnectionPlaces } from './connection-places.js';
import { projectFilesIn } from './project-files.js';
import { type RootSurvey, rootsOf } from './roots.js';

/** Fields of the line that says that the server listens. */
export function describeStart(config: Config, address: string, { max }: ConnectionPlaces): object {
  return { address, locations: config.locations.map(describeLocation), maxConnections: max };
}

function describeLocation(location: Location): string {
  if (location.kind === 'denied') return `${location.prefix} → nobody (denied)`;
  const where = location.kind === 'upstream' ? describeUpstreams(location) : describeRoot(location);
  const isPublic = location.kind === 'media' && !isProtected(location);
  return `${location.prefix} → ${where} (${location.kind}${isPublic ? ', public: the app is not asked' : ''})`;
}

/** What was written of a bucket has no credentials in it, and neither has its store's address. */
function describeRoot({ root, bucket, s3Anonymous }: FileLocation): string {
  if (bucket === undefined) return root;
  const asked = s3Anonymous ? 'without credentials' : `in ${bucket.region}`;
  return `${root} at ${originOf(bucket)}, ${asked}`;
}

/** Warns of roots that are not there yet: an app makes them when it needs them, and volumes come in any order. */
export function warnOfMissingRoots({ missing }: RootSurvey, log: Logger): void {
  for (const { kind, prefix, root, from } of missing) {
    const cure =
      kind === 'static'
        ? 'python manage.py collectstatic makes it'
        : `an app makes it with the first upload, or: mkdir -p ${root}`;
    log.warn(
      { root, from, user: process.getuid?.() },
      `this directory is not there yet: all below ${prefix} is 404 until it is, and is served from then on; ${cure}`,
    );
  }
}

/** Says when there are paths at which nothing answers: whoever forgot the app would look for the fault there. */
export function tellOfPathsWithoutApp({ locations }: Config, log: Logger): void {
  if (locations.some(({ prefix }) => prefix === '/')) return;
  const hasApp = locations.some(({ kind }) => kind === 'upstream');
  const served = locations.flatMap(({ kind, prefix }) =>
    kind === 'internal' || kind === 'denied' ? [] : [prefix],
  );
  log.info(
    { served },
    hasApp
      ? 'every other path is 404: no app has the prefix /'
      : 'every other path is 404, for no app is named; where there is one, write --upstream with its address, such as --upstream :8000',
  );
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

/** Warns when static files lie among uploads, so that one of these may come to be among them. */
export function warnOfStaticAmongUploads({ amongUploads }: RootSurvey, config: Config, log: Logger): void {
  for (const [where, pairs] of [
    ['directory', amongUploads],
    ['place', bucketsAmongUploads(config)],
  ] as const) {
    for (const [{ root }, uploads] of pairs) {
      log.warn(
        { root, uploads: uploads.root },
        `static files lie in a ${where} of uploads: what the app lets its users put there runs as part of the site; give static files a ${where} of their own`,
      );
    }
  }
}

/** Warns where what is protected in a bucket may be open in another location, since one bucket may have two addresses. */
export function warnOfBucketsInDoubt(config: Config, log: Logger): void {
  for (const [location, kept] of bucketsInDoubt(config)) {
    const isBelow = kept.bucket.prefix.length > location.bucket.prefix.length;
    // Whoever names the very place wants it served, also where it is known to be the same bucket.
    const cure = isBelow
      ? `write the same s3Endpoint for both, so that it is kept from ${location.prefix}, or give one of them another prefix in its bucket`
      : 'give one of them another prefix in its bucket, or, where that is meant, write the same s3Endpoint for both';
    log.warn(
      { root: location.root, protected: kept.root },
      `${location.prefix} (${location.from}) and ${kept.prefix} (${kept.from}) are in buckets of one name, ${quote(kept.bucket.bucket)}, at ${bucketAt(location.bucket)} and at ${bucketAt(kept.bucket)}: whether that is the same bucket cannot be told, and if it is, ${location.prefix} serves what ${kept.prefix} protects; ${cure}`,
    );
  }
}

function bucketAt(bucket: BucketAddress): string {
  return originOf(bucket) + bucket.basePath;
}

/** Looks for files of a project in all roots, on this thread. */
export function warnOfProjects(config: Config, log: Logger): void {
  const roots = rootsOf(config).filter(({ kind }) => kind !== 'internal');
  for (const root of new Set(roots.map(({ root }) => root))) {
    const found = projectFilesIn(root);
    if (found.length > 0) warnOfProject(root, found, log);
  }
}

/** Warns of a root that is the directory of a project, which is easily written in place of one in it. */
export function warnOfProject(root: string, found: readonly string[], log: Logger): void {
  log.warn(
    { root, found },
    'files of a project lie in this root: whoever may fetch from it gets all that is in it, code, settings and data, but for names that begin with a dot; name a directory that holds nothing but uploads or static files',
  );
}

function describeUpstreams({ upstreams }: UpstreamLocation): string {
  return upstreams
    .map(({ address, backup }) => `${formatAddress(address)}${backup ? ' backup' : ''}`)
    .join(', ');
}
