// Checks at the start that each directory may be entered, and is no other's, so that the mistake is not found by a visitor.
// One that is not there may come later.
import { type Stats, statSync } from 'node:fs';
import { BadValueError } from '../config/errors.js';
import { type Config, type FileLocation, isOfFiles, isProtected, type Location } from '../config/location.js';
import { depthWithin } from '../stores/directory-identity.js';
import { checkRealPaths, followsLinks } from '../stores/disk.js';
import { closedDirectory, cureFor, describeRefusal } from '../stores/permissions.js';
import { StoreError } from '../stores/store.js';

const CURE = 'mount the volume or directory there, or name another one';

/** @throws {BadValueError} when a root is no directory, may not be entered, or would have uploads sent as static files */
export function checkRoots({ locations }: Pick<Config, 'locations'>): void {
  for (const location of locations) if (isOfFiles(location)) checkRoot(location);
  for (const [location, uploads] of staticBesideUploads(locations)) {
    // What needs a permission is kept from all other locations (see below), unless they name its very directory.
    const depth = depthWithin(uploads.root, location.root);
    if (depth === 0 || (depth !== undefined && !isProtected(uploads)))
      refuseUploads(location, uploads, depth);
  }
}

/**
 * Static locations whose files lie below a directory of uploads. That is no way to an upload by itself, and Django takes it,
 * too; but what an app lets its users put there is sent as the app's own.
 */
export function staticFilesAmongUploads({
  locations,
}: Pick<Config, 'locations'>): readonly (readonly [location: FileLocation, uploads: FileLocation])[] {
  return staticBesideUploads(locations).filter(([{ root }, uploads]) => depthWithin(root, uploads.root));
}

function refuseUploads(location: FileLocation, uploads: FileLocation, depth: number): never {
  throw new BadValueError(
    location.from,
    `${location.root} ${depth === 0 ? 'is' : 'contains'} the directory of uploads ${uploads.root} (${uploads.from}): under ${location.prefix} they would be sent as the app's own files, and a stranger's page would run as part of the site; give the static files a directory of their own, with no uploads in it`,
  );
}

function staticBesideUploads(
  locations: readonly Location[],
): readonly (readonly [location: FileLocation, uploads: FileLocation])[] {
  const ofKind = (kind: FileLocation['kind']): FileLocation[] =>
    locations.filter((location): location is FileLocation => location.kind === kind);
  return ofKind('static').flatMap((location) =>
    ofKind('media').map((uploads) => [location, uploads] as const),
  );
}

/**
 * @throws {BadValueError} when the root is there and of no use. One that is not there is waited for: a Django has no
 * MEDIA_ROOT until its first upload, nor a STATIC_ROOT until collectstatic has run, and volumes come when they come.
 */
function checkRoot({ kind, from, root }: FileLocation): void {
  // Of an internal location the app names each file itself, with an absolute path perhaps (nginx: internal; alias /).
  if (root === '/' && kind !== 'internal') {
    throw new BadValueError(
      from,
      '/ is all that this machine has, passwords and keys among it: whoever may fetch from it gets what this process can read; name the directory that holds nothing but the files (a variable in it may be empty)',
    );
  }
  const closed = closedDirectory(root);
  if (closed !== undefined) {
    const start = closed.path === root ? '' : `${root} cannot be reached: `;
    throw new BadValueError(from, `${start}${describeRefusal(closed)}; ${cureFor(closed)}`);
  }
  const stats = lookQuietly(root);
  if (stats !== undefined && !stats.isDirectory()) {
    throw new BadValueError(from, `${root} is not a directory; ${CURE}`);
  }
}

function lookQuietly(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** Locations whose root is not there, so that nothing of them is served until it is. */
export function locationsWithoutRoot({ locations }: Pick<Config, 'locations'>): readonly FileLocation[] {
  return locations.filter(
    (location): location is FileLocation => isOfFiles(location) && lookQuietly(location.root) === undefined,
  );
}

/**
 * Checks that links can be judged: else every file would be missing, and not a word would tell why.
 * @param excluded what must not be served by any name
 * @throws {BadValueError} when they cannot, unless they need not
 */
export function checkLinks({ from, root, symlinks }: FileLocation, excluded: readonly string[]): void {
  if (followsLinks({ symlinks, excluded })) return;
  try {
    // Wherever links lead is told for the whole system, or not at all.
    checkRealPaths(lookQuietly(root) === undefined ? '/' : root);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const other =
      excluded.length === 0 ? ', or, where only you can place links, write --symlinks follow' : '';
    throw new BadValueError(
      from,
      `where links below ${root} lead cannot be told here (${error.reason}); mount /proc (mount -t proc proc /proc)${other}`,
    );
  }
}

/**
 * The directories of protected locations from which this one must serve nothing, whichever name or link leads there:
 * uploads that the app hands out, is asked about or signs links to often lie below MEDIA_ROOT. A directory that the
 * location itself names at the start, or one around it, is not among them: who names it wants it served.
 */
export function directoriesKeptFrom(location: FileLocation, { locations }: Config): readonly string[] {
  if (location.kind === 'internal') return [];
  return locations
    .filter((other): other is FileLocation => isOfFiles(other) && isProtected(other))
    .map(({ root }) => root)
    .filter((directory) => depthWithin(location.root, directory) === undefined);
}
