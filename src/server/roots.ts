// Checks at the start that each directory may be entered, and is no other's, so that the mistake is not found by a visitor.
// One that is not there may come later. All of it is calls on the disk; see survey.ts for who makes them.
import { type Stats, statSync } from 'node:fs';
import { BadValueError } from '../config/errors.js';
import { type Config, type FileLocation, isInDirectory, isProtected } from '../config/location.js';
import { depthWithin } from '../stores/disk/directory-identity.js';
import { checkRealPaths, followsLinks } from '../stores/disk/disk-store.js';
import { closedDirectory, cureFor, describeRefusal } from '../stores/disk/permissions.js';
import { endBeyondMount } from '../stores/disk/remote-mounts.js';
import { StoreError } from '../stores/store.js';

const CURE = 'mount the volume or directory there, or name another one';

/** What is to be known of a location for this; plain data. */
export interface Root extends Pick<FileLocation, 'kind' | 'prefix' | 'from' | 'root' | 'symlinks'> {
  /** See config/location.ts. */
  readonly isProtected: boolean;
}

/** What has been found out about all roots; plain data. */
export interface RootSurvey {
  /**
   * For each root the directories of protected locations from which it must serve nothing, whichever name or link leads
   * there.
   */
  readonly excluded: readonly (readonly string[])[];
  /** Roots that are not there, so that nothing of them is served until they are. */
  readonly missing: readonly Root[];
  /**
   * Static roots that lie below a directory of uploads. That is no way to an upload by itself, and Django takes it,
   * too; but what an app lets its users put there is sent as the app's own.
   */
  readonly amongUploads: readonly (readonly [location: Root, uploads: Root])[];
}

/** The directories of all locations that have one; buckets are no such roots (bucket-roots.ts). */
export function rootsOf({ locations }: Pick<Config, 'locations'>): readonly Root[] {
  return locations.filter(isInDirectory).map((location) => {
    const { kind, prefix, from, root, symlinks } = location;
    return { kind, prefix, from, root, symlinks, isProtected: isProtected(location) };
  });
}

/**
 * Looks at all roots.
 * @throws {BadValueError} when a root is no directory, may not be entered, or would have uploads sent as static files, or when
 *   it cannot be told where links lead
 */
export function surveyRoots(roots: readonly Root[]): RootSurvey {
  for (const root of roots) checkRoot(root);
  const besideUploads = staticBesideUploads(roots);
  for (const [location, uploads] of besideUploads) {
    // What needs a permission is kept from all other locations, unless they name its very directory.
    const depth = depthWithin(uploads.root, location.root);
    if (depth === 0 || (depth !== undefined && !uploads.isProtected)) refuseUploads(location, uploads, depth);
  }
  const directories = protectedDirectories(roots);
  // By its name alone, one behind a mount that may hang would not be looked at, if it seems to have nothing to do with a root.
  directories.push(...directories.flatMap(endBeyondMount));
  const excluded = roots.map((root) => directoriesKeptFrom(root, directories, isWithinOnDisk));
  for (const [index, root] of roots.entries()) checkLinks(root, excluded[index] ?? []);
  return {
    excluded,
    missing: roots.filter(({ root }) => lookQuietly(root) === undefined),
    amongUploads: besideUploads.filter(([{ root }, uploads]) => depthWithin(root, uploads.root)),
  };
}

/** What can be said without a look at the disk: a directory in a protected one, by its name, is meant to be served. */
export function surveyByName(roots: readonly Root[]): RootSurvey {
  const isWithin = (inner: string, outer: string): boolean =>
    inner === outer || inner.startsWith(`${outer}/`);
  const excluded = roots.map((root) => directoriesKeptFrom(root, protectedDirectories(roots), isWithin));
  return { excluded, missing: [], amongUploads: [] };
}

const isWithinOnDisk = (inner: string, outer: string): boolean => depthWithin(inner, outer) !== undefined;

function refuseUploads(location: Root, uploads: Root, depth: number): never {
  throw new BadValueError(location.from, describeUploads(location, uploads, 'directory', depth === 0));
}

/**
 * What is wrong with static files that have uploads among them.
 * @param where what the roots are
 * @param isSame whether both roots are the same
 */
export function describeUploads(
  { root, prefix }: Pick<Root, 'root' | 'prefix'>,
  uploads: Pick<Root, 'root' | 'from'>,
  where: 'directory' | 'place',
  isSame: boolean,
): string {
  return `${root} ${isSame ? 'is' : 'contains'} the ${where} of uploads ${uploads.root} (${uploads.from}): under ${prefix} they would be sent as the app's own files, and a stranger's page would run as part of the site; give the static files a ${where} of their own, with no uploads in it`;
}

function staticBesideUploads(roots: readonly Root[]): readonly (readonly [location: Root, uploads: Root])[] {
  const ofKind = (wanted: Root['kind']): Root[] => roots.filter(({ kind }) => kind === wanted);
  return ofKind('static').flatMap((location) =>
    ofKind('media').map((uploads) => [location, uploads] as const),
  );
}

/**
 * @throws {BadValueError} when the root is there and of no use. One that is not there is waited for: a Django has no
 * MEDIA_ROOT until its first upload, nor a STATIC_ROOT until collectstatic has run, and volumes come when they come.
 */
function checkRoot({ kind, from, root }: Root): void {
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

/**
 * Checks that links can be judged: else every file would be missing, and not a word would tell why.
 * @param excluded what must not be served by any name
 * @throws {BadValueError} when they cannot, unless they need not
 */
function checkLinks({ from, root, symlinks }: Root, excluded: readonly string[]): void {
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

const protectedDirectories = (roots: readonly Root[]): string[] =>
  roots.filter(({ isProtected }) => isProtected).map(({ root }) => root);

/**
 * The directories of protected locations from which this one must serve nothing, whichever name or link leads there:
 * uploads that the app hands out, is asked about or signs links to often lie below MEDIA_ROOT. A directory that the
 * location itself names at the start, or one around it, is not among them: who names it wants it served.
 */
function directoriesKeptFrom(
  { kind, root }: Root,
  directories: readonly string[],
  isWithin: (inner: string, outer: string) => boolean,
): readonly string[] {
  return kind === 'internal' ? [] : directories.filter((directory) => !isWithin(root, directory));
}
