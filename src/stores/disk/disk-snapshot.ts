// What a name on disk meant, so that it can be asked cheaply whether it still means the same.
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { OncePerBatch } from '../../http/batch.js';
import type { BytePath } from '../../http/target.js';
import type { PathSnapshot } from '../store.js';
import { type DiskVersion, isSameVersion } from './disk-version.js';
import { Lookups } from './lookups.js';
import { toSystemPath } from './names.js';
import type { ProtectedDirectories } from './protected-directories.js';

/** Names themselves, whether they are links or not. */
export const links = new Lookups(lstatSync);
/** What names lead to. */
export const targets = new Lookups(statSync);

/** What must not be served by any name, and what else must stay the same so that nothing of it comes to be. */
export class Protection {
  readonly excluded: ProtectedDirectories;
  readonly #root: BytePath;
  readonly #epoch = new OncePerBatch(() => this.#look());
  #last = '';
  #state = '';
  /** Another one when the root leads elsewhere, or a directory above it is moved and a link left in its place. */
  #realRoot: string | undefined;

  /** @param root with its separator */
  constructor(excluded: ProtectedDirectories, root: BytePath) {
    this.excluded = excluded;
    this.#root = root;
  }

  /** The same as long as the same is protected, and the root lies in the same place: in every thread that looks. */
  get epoch(): string {
    return this.#epoch.get();
  }

  #look(): string {
    const realRoot = this.#realPath();
    const state = this.excluded.state(realRoot);
    if (state !== this.#state || realRoot !== this.#realRoot) this.#last = `${state} ${realRoot ?? ''}`;
    this.#state = state;
    this.#realRoot = realRoot;
    return this.#last;
  }

  #realPath(): string | undefined {
    try {
      return realpathSync.native(toSystemPath(this.#root), 'latin1');
    } catch {
      // It is not there now.
      return undefined;
    }
  }
}

/**
 * A name on disk. The file's own version says nothing of the way to it: a directory can be moved out of the root and
 * a link put in its place, and the file is as it was. So there are only snapshots of files without a link on the
 * way, and each directory must still be the one it was. One lookup for each.
 */
export interface DiskSnapshot extends PathSnapshot {
  readonly name: BytePath;
  readonly version: DiskVersion;
  readonly directories: readonly {
    readonly name: BytePath;
    readonly dev: number;
    readonly ino: number;
  }[];
  /** Of what is protected, when that was looked at. */
  readonly epoch: string | undefined;
}

/**
 * @param protection none of the directories, nor one above them, is excluded
 * @throws the system's error when one of the directories cannot be looked at
 */
export function takeSnapshot(
  directories: readonly BytePath[],
  name: BytePath,
  version: DiskVersion,
  protection: Protection | undefined,
): DiskSnapshot {
  return {
    name,
    version,
    epoch: protection?.epoch,
    directories: directories.map((name) => {
      const stats = links.of(name);
      // A link is no directory to lstat: no inode has this number, and the snapshot is never valid.
      if (!stats?.isDirectory() || protection?.excluded.mayHave(stats)) return { name, dev: 0, ino: -1 };
      return { name, dev: stats.dev, ino: stats.ino };
    }),
  };
}

/** True while the name leads, by the same way, to the same version of the same file: now, or at a moment since the request was received. */
export function isCurrent(
  snapshot: DiskSnapshot,
  lookups: Lookups,
  protection: Protection | undefined,
): boolean {
  try {
    const current = lookups.of(snapshot.name);
    return current !== undefined && isOf(snapshot, current, protection);
  } catch {
    // What is wrong with the name, opening it will say.
    return false;
  }
}

/**
 * True when this is that version, opened by that name, and the way there is the same. Looks at the way.
 * @throws the system's error when it cannot be looked at
 */
export function isOf(
  { epoch, directories, version }: DiskSnapshot,
  opened: DiskVersion,
  protection: Protection | undefined,
): boolean {
  if (protection?.epoch !== epoch) return false;
  for (const { name, dev, ino } of directories) {
    const stats = links.of(name);
    if (stats?.ino !== ino || stats.dev !== dev) return false;
  }
  return isSameVersion(opened, version);
}
