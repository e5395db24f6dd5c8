// Checks at the start that each directory is there, may be read, and is no other's, so that the mistake is not found by a
// visitor.
import { accessSync, constants, statSync } from 'node:fs';
import { BadValueError } from '../config/errors.js';
import { type Config, type FileLocation, isProtected, type Location } from '../config/location.js';
import { depthWithin } from '../stores/directory-identity.js';
import { checkRealPaths, followsLinks } from '../stores/disk.js';
import { StoreError } from '../stores/store.js';

const CURE = 'mount the volume or directory there, or name another one';

/** @throws {BadValueError} when a root is missing, no directory, or not readable, or would have uploads sent as static files */
export function checkRoots({ locations }: Pick<Config, 'locations'>): void {
  for (const location of locations) if (location.kind !== 'upstream') checkRoot(location);
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

/** @throws {BadValueError} when the root is missing, no directory, or not readable */
function checkRoot({ from, root }: FileLocation): void {
  const user = `user id ${process.getuid?.() ?? 'of this process'}`;
  try {
    if (!statSync(root).isDirectory()) throw new BadValueError(from, `${root} is not a directory; ${CURE}`);
    accessSync(root, constants.R_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new BadValueError(from, `${root} does not exist (looked for as ${user}); ${CURE}`);
    }
    if (code === 'EACCES' || code === 'EPERM') {
      throw new BadValueError(from, `${root} cannot be read by ${user}; run as its owner, or chmod a+rX it`);
    }
    throw error;
  }
}

/**
 * Checks that links can be judged: else every file would be missing, and not a word would tell why.
 * @param excluded what must not be served by any name
 * @throws {BadValueError} when they cannot, unless they need not
 */
export function checkLinks({ from, root, symlinks }: FileLocation, excluded: readonly string[]): void {
  if (followsLinks({ symlinks, excluded })) return;
  try {
    checkRealPaths(root);
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
    .filter((other): other is FileLocation => other.kind !== 'upstream' && isProtected(other))
    .map(({ root }) => root)
    .filter((directory) => depthWithin(location.root, directory) === undefined);
}
