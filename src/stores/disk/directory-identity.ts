// What a directory is, whatever names, links and mounts lead to it.
import { type BigIntStats, realpathSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { toBytePath } from '../../http/target.js';
import { isPlaceWithin, MountTable } from './mounts.js';
import { toSystemPath } from './names.js';

const QUIETLY = { throwIfNoEntry: false } as const;

/**
 * Tells a directory from all others that there are at the same time. Inode numbers are used again when a directory is
 * removed.
 */
export type Identity = string;

/** The directory that a path (as bytes) leads to, through links. @throws the system's error when this user may not know */
export function lookAt(path: string): BigIntStats {
  return statSync(toSystemPath(path), { bigint: true });
}

export function identityOf({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): Identity {
  return `${dev}:${ino}`;
}

/**
 * The directory, the one that it lies in, and so on up to the top, each as it is when it is looked at. The system walks up
 * from the directory itself: of a link's own place it knows nothing.
 * @throws the system's error when one of them cannot be looked at
 */
export function* withThoseAbove(path: string): Generator<BigIntStats, void> {
  let previous: Identity | undefined;
  for (let at = path; ; at += '/..') {
    const stats = lookAt(at);
    const identity = identityOf(stats);
    if (identity === previous) return;
    yield stats;
    previous = identity;
  }
}

/**
 * How many levels below a directory another one lies, 0 when it is the same; undefined when it does not, or when this user
 * may not know. What is not there yet lies where its path leads.
 */
export function depthWithin(inner: string, outer: string): number | undefined {
  try {
    const [below, wanted] = [nearestOf(inner), nearestOf(outer)];
    const identity = identityOf(lookAt(wanted.directory));
    let depth = below.missing.length;
    for (const stats of withThoseAbove(below.directory)) {
      const isInOuter = wanted.missing.every((name, index) => name === below.missing[index]);
      if (identityOf(stats) === identity && isInOuter) return depth - wanted.missing.length;
      // What is missing is missing in the nearest directory.
      if (wanted.missing.length > 0) return undefined;
      depth += 1;
    }
    return isMountedWithin(below.directory, wanted.directory) ? depth : undefined;
  } catch {
    // As promised.
  }
  return undefined;
}

/** Whether a directory lies in another one that is nowhere above it: it is mounted by itself, or its volume is there, too. */
function isMountedWithin(inner: string, outer: string): boolean {
  if (process.platform !== 'linux') return false;
  const table = MountTable.read();
  const [place, other] = [inner, outer].map((path) => realpathSync.native(toSystemPath(path), 'latin1'));
  const placeOfInner = place === undefined ? undefined : table.placeOf(place, undefined);
  if (placeOfInner === undefined || other === undefined) return false;
  return table.placesOf(other).some((outer) => isPlaceWithin(placeOfInner, outer));
}

/** The directory that is there and nearest to a path, and the names that are missing in it. */
function nearestOf(path: string): { readonly directory: string; readonly missing: readonly string[] } {
  const missing: string[] = [];
  let directory = resolve(path);
  while (
    statSync(toSystemPath(toBytePath(directory)), QUIETLY) === undefined &&
    directory !== dirname(directory)
  ) {
    missing.unshift(basename(directory));
    directory = dirname(directory);
  }
  return { directory: toBytePath(directory), missing };
}
