// Files below a directory. A file is opened first and everything is asked of the open descriptor, so that nothing
// swapped in between can change the answer; then the descriptor's real path must lie below the root's real path. By then
// the file may have been replaced or moved; the name is opened again when what it leads to now may be seen.
import { constants, fstatSync, lstatSync, openSync, realpathSync, type Stats } from 'node:fs';
import { type BytePath, toBytePath, toText } from '../../http/target.js';
import { type DotfileRule, dotfileRule } from '../dotfiles.js';
import { type Known, type Store, StoreError, type StoreFailure, type Wanted } from '../store.js';
import { closeRead } from './close.js';
import { DiskFile } from './disk-file.js';
import {
  type DiskSnapshot,
  isCurrent,
  isOf,
  links,
  Protection,
  takeSnapshot,
  targets,
} from './disk-snapshot.js';
import type { DiskVersion } from './disk-version.js';
import { type DiskFound, findOnDisk } from './find-on-disk.js';
import { toSystemPath, withSeparator } from './names.js';
import { cureFor, describeRefusal, refusalOnTheWayTo } from './permissions.js';
import {
  directoryAt,
  type KnownDirectory,
  PATH_ONLY,
  ProtectedDirectories,
} from './protected-directories.js';
import { isOpen, OPEN_FILES, realPathOf } from './real-path.js';

// Opening a FIFO without O_NONBLOCK waits until somebody writes to it. The flag means nothing to regular files.
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** For a name that was no link when the snapshot was taken. */
const FLAGS_WITHOUT_LINK = FLAGS | (constants.O_NOFOLLOW ?? 0);

/**
 * How often a name is opened when what it leads to was swapped each time. Measured with a process that does nothing but
 * exchange two directories: three in four attempts meet a swap, and one request in a thousand is refused.
 */
const ATTEMPTS = 30;

const FAILURES: Readonly<Record<string, StoreFailure>> = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  ENAMETOOLONG: 'not-found',
  ELOOP: 'not-found',
  EINVAL: 'not-found',
  // No name to a file system that takes text only.
  EILSEQ: 'not-found',
  // A socket in the file system.
  ENXIO: 'not-found',
  ENODEV: 'not-found',
  EACCES: 'forbidden',
  EPERM: 'forbidden',
  EMFILE: 'busy',
  ENFILE: 'busy',
};

/** What a disk store does with names that lead elsewhere. It is plain data, and can be given to another thread. */
export interface DiskPolicy {
  /**
   * `inside`: links may lead anywhere in the root. `never`: no link is followed below the root. `follow`: links may
   * lead out of the root, which lets anyone who can place a link there read what this process can (nginx: disable_symlinks).
   */
  readonly symlinks: 'inside' | 'never' | 'follow';
  /**
   * Absolute paths of directories: neither what they lead to at the moment nor anything below is opened, whichever name
   * leads there.
   */
  readonly excluded?: readonly string[];
  /**
   * Refuses files by the path that they really have in the root, so that no link or spelling gets around the rule for
   * names that begin with a dot: those that are served all the same. Absent where the rule does not hold.
   */
  readonly dotfiles?: readonly string[];
}

/** True when it does not matter where a name leads. */
export function followsLinks({ symlinks, excluded = [] }: DiskPolicy): boolean {
  return symlinks === 'follow' && excluded.length === 0;
}

/**
 * Makes sure that it can be told where names below a directory lead, without which none of them is opened.
 * @param directory absolute path
 * @throws {StoreError} when it cannot
 */
export function checkRealPaths(directory: string): void {
  const name = withSeparator(toBytePath(directory));
  const descriptor = openSync(toSystemPath(name), PATH_ONLY);
  try {
    const real = realPathOf(descriptor, name);
    if (real === undefined || !isOpen(real, descriptor)) {
      throw new StoreError('failed', directory, `${OPEN_FILES} names another file`);
    }
  } finally {
    closeRead(descriptor);
  }
}

/** A directory on disk. */
export class DiskStore implements Store {
  readonly #root: string;
  readonly #policy: DiskPolicy;
  readonly #dotfiles: DotfileRule | undefined;
  readonly #excluded: ProtectedDirectories;
  /** Undefined when nothing is excluded. */
  readonly #protection: Protection | undefined;
  /** True when it does not matter where a name leads. */
  readonly #followsLinks: boolean;
  /** As it was when it was asked last; undefined while the root is not there. */
  #realRoot: string | undefined;

  /** @param root absolute path; while it leads nowhere, nothing is found */
  constructor(root: string, policy: DiskPolicy) {
    this.#root = withSeparator(toBytePath(root));
    this.#policy = policy;
    this.#dotfiles = policy.dotfiles === undefined ? undefined : dotfileRule(policy.dotfiles);
    this.#excluded = new ProtectedDirectories(policy.excluded ?? []);
    this.#followsLinks = followsLinks(policy);
    if (!this.#excluded.areNone) this.#protection = new Protection(this.#excluded, this.#root);
  }

  find<Of extends Known>(wanted: Wanted<Of>): DiskFound<Of> {
    return findOnDisk(this, wanted);
  }

  /**
   * Opens a regular file for reading.
   * @throws {StoreError}
   */
  open(path: BytePath): DiskFile {
    const name = this.#root + path;
    // Before it is judged, so that a snapshot in this batch does not take what is otherwise by then for what was judged.
    void this.#protection?.epoch;
    for (let attempt = 1; ; attempt++) {
      const opened = this.#tryToOpen(name, path);
      if (typeof opened !== 'string') return opened;
      if (attempt === ATTEMPTS || !this.#isAllowedNow(name, path))
        throw new StoreError('not-found', toText(name), opened);
    }
  }

  /**
   * Opens a file again, without the checks that were made before the snapshot was taken. Undefined when its name does
   * not mean that version any more, or cannot be opened; why, `open` will say.
   */
  reopen(snapshot: DiskSnapshot): DiskFile | undefined {
    const { name } = snapshot;
    let descriptor: number | undefined;
    try {
      descriptor = openSync(toSystemPath(name), this.#followsLinks ? FLAGS : FLAGS_WITHOUT_LINK);
      const stats = fstatSync(descriptor);
      if (isOf(snapshot, stats, this.#protection)) return new DiskFile(descriptor, stats, name);
    } catch {
      // As promised.
    }
    if (descriptor !== undefined) closeRead(descriptor);
    return undefined;
  }

  stat(path: BytePath): DiskVersion | undefined {
    try {
      const stats = targets.of(this.#root + path);
      return stats?.isFile() ? stats : undefined;
    } catch {
      // What is wrong with the name, opening it will say.
      return undefined;
    }
  }

  /**
   * Remembers what a name means, so that it can be asked cheaply whether it still means the same.
   * Undefined when the name does not mean this version, or leads there in a way that cannot be watched.
   */
  snapshot(path: BytePath, version: DiskVersion): DiskSnapshot | undefined {
    try {
      const directories = this.#followsLinks ? [] : directoriesOf(this.#root, path);
      const snapshot = takeSnapshot(directories, this.#root + path, version, this.#protection);
      return this.isCurrent(snapshot) ? snapshot : undefined;
    } catch {
      // A directory of the way was closed or replaced meanwhile. Nothing is wrong with the file that is open.
      return undefined;
    }
  }

  /** What the root is, wherever links lead; undefined when it is not there, or cannot be looked at. */
  identify(): KnownDirectory | undefined {
    return directoryAt(this.#root);
  }

  /** What must not be served by any name; where all this is done by several threads they tell each other. */
  get excluded(): ProtectedDirectories {
    return this.#excluded;
  }

  /** True while a name means what it meant: now, or at a moment since the request was received. */
  isCurrent(snapshot: DiskSnapshot): boolean {
    return isCurrent(snapshot, this.#followsLinks ? targets : links, this.#protection);
  }

  /** The file, or what forbids it. */
  #tryToOpen(name: string, path: BytePath): DiskFile | string {
    const descriptor = this.#openDescriptor(name, path);
    let denial: string | undefined;
    try {
      const stats = fstatSync(descriptor);
      // First, so that a link to elsewhere does not even tell what is there.
      denial = this.#denialOf(descriptor, name, path);
      if (denial === undefined) {
        if (!stats.isFile()) throw new StoreError(...unservable(stats, name));
        return new DiskFile(descriptor, stats, name);
      }
    } catch (error) {
      closeRead(descriptor);
      throw error instanceof StoreError ? error : asStoreError(error, name);
    }
    closeRead(descriptor);
    return denial;
  }

  /** What cannot be opened is refused as what it is only where it may be seen: a link does not tell what is elsewhere. */
  #openDescriptor(name: string, path: BytePath): number {
    try {
      return openDescriptor(name);
    } catch (error) {
      const isFound = error instanceof StoreError && ['forbidden', 'failed'].includes(error.failure);
      const denial = isFound && !this.#followsLinks ? this.#denialOfUnopenable(name, path) : undefined;
      if (denial !== undefined) throw new StoreError('not-found', toText(name), denial);
      throw isFound && error.failure === 'forbidden' ? withAdvice(error) : error;
    }
  }

  /** What forbids a file that cannot be opened, if anything does: judged by where its name leads. */
  #denialOfUnopenable(name: string, path: BytePath): string | undefined {
    try {
      return this.#denialOfName(name, path);
    } catch {
      const directories = directoriesOf(this.#root, path);
      if (hasLink([...directories, name])) return 'is reached through a link that cannot be followed';
      return this.#denialOfNearest(directories);
    }
  }

  /** What forbids what lies in the innermost of the directories that can be told at all: those below it are closed. */
  #denialOfNearest(directories: readonly BytePath[]): string | undefined {
    for (const directory of directories.toReversed()) {
      try {
        return this.#denialOfName(directory, directory.slice(this.#root.length));
      } catch {
        // It lies in a closed one itself.
      }
    }
    return undefined;
  }

  /**
   * Whether the name leads to what may be seen, or to nothing. If so, what was opened by it and may not be seen has lost
   * that name meanwhile: a file was renamed over it, or a directory of the way was exchanged for another.
   */
  #isAllowedNow(name: string, path: BytePath): boolean {
    try {
      return this.#denialOfName(name, path) === undefined;
    } catch {
      // What is wrong with the name, opening it will say.
      return true;
    }
  }

  /** What forbids an open file, if anything does: judged by its real path, which no link or other spelling hides. */
  #denialOf(descriptor: number, name: string, path: BytePath): string | undefined {
    if (this.#followsLinks) return undefined;
    const real = realPathOf(descriptor, name);
    return real === undefined ? 'its real path cannot be told' : this.#denialOfReal(descriptor, real, path);
  }

  /**
   * What forbids the file that the name leads to now, if anything does.
   * @throws the system's error when that cannot be found out
   */
  #denialOfName(name: string, path: BytePath): string | undefined {
    const real = realpathSync.native(toSystemPath(name), 'latin1');
    if (this.#excluded.areNone) return this.#denialOfRealPath(real, path);
    const descriptor = openSync(toSystemPath(real), PATH_ONLY);
    try {
      return this.#denialOfReal(descriptor, real, path);
    } finally {
      closeRead(descriptor);
    }
  }

  /** What forbids sending what is open, and has this real path, by the name of `path`, if anything does. */
  #denialOfReal(descriptor: number, real: string, path: BytePath): string | undefined {
    return this.#denialOfRealPath(real, path) ?? this.#excluded.denialOf(descriptor, real, this.#root);
  }

  #denialOfRealPath(real: string, path: BytePath): string | undefined {
    const { symlinks } = this.#policy;
    if (symlinks === 'follow') return undefined;
    const root = this.#realRootOf(real);
    if (root === undefined) return 'leads out of the root';
    const realPath = real.slice(root.length);
    if (realPath === path) return undefined;
    if (symlinks === 'never') return 'is reached through a link';
    return this.#dotfiles?.isHidden(realPath, root) ? 'leads to a name that is denied' : undefined;
  }

  /** The root's real path, with its separator; undefined when this real path does not lie in it. */
  #realRootOf(real: string): string | undefined {
    if (this.#realRoot !== undefined && isWithin(real, this.#realRoot)) return this.#realRoot;
    // The root may be a link that a deployment has pointed elsewhere since, or have come only now.
    this.#realRoot = withSeparator(realpathSync.native(toSystemPath(this.#root), 'latin1'));
    return isWithin(real, this.#realRoot) ? this.#realRoot : undefined;
  }
}

/** Whether a path is the directory, given with its separator, or below it. */
function isWithin(path: string, directory: string): boolean {
  return withSeparator(path).startsWith(directory);
}

function openDescriptor(name: string): number {
  try {
    return openSync(toSystemPath(name), FLAGS);
  } catch (error) {
    // A handle of a network file system goes stale when the file is replaced on its server; the name is then fresh.
    if ((error as NodeJS.ErrnoException).code !== 'ESTALE') throw asStoreError(error, name);
  }
  try {
    return openSync(toSystemPath(name), FLAGS);
  } catch (error) {
    throw asStoreError(error, name);
  }
}

/** Says which part of the path refuses, and what would help. */
function withAdvice({ failure, path, reason }: StoreError): StoreError {
  const refusal = refusalOnTheWayTo(path);
  const advice = refusal && `${describeRefusal(refusal)}; ${cureFor(refusal)}`;
  return new StoreError(failure, path, reason, advice);
}

function unservable(stats: Stats, name: string): [StoreFailure, string, string] {
  return stats.isDirectory()
    ? ['directory', toText(name), 'is a directory']
    : ['not-found', toText(name), 'is not a regular file'];
}

/** Whether one of the names, outermost first, is a link, as far as that can be told. */
function hasLink(names: readonly BytePath[]): boolean {
  try {
    return names.some((name) => lstatSync(toSystemPath(name)).isSymbolicLink());
  } catch {
    return false;
  }
}

/** The directories between the root and a file, outermost first. */
function directoriesOf(root: BytePath, path: BytePath): string[] {
  const directories: string[] = [];
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    directories.push(root + path.slice(0, slash));
  }
  return directories;
}

function asStoreError(error: unknown, name: string): StoreError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return new StoreError(FAILURES[code] ?? 'failed', toText(name), code);
}
