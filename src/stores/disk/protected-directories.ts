// Directories from which nothing may be served, told by what they are and not by what they are called. A directory can be
// moved, exchanged for another one, reached by several mounts, or be called by other letters where case does not count;
// its device and inode number stay. Neither side is known for good: what is protected is looked at anew for every file that
// is opened, and so is each directory above the file. Only what no file of the root seems to be in is not looked at here (apart.ts),
// but now and then by others, who may wait for it.
import { randomUUID } from 'node:crypto';
import {
  type BigIntStats,
  constants,
  fstatSync,
  openSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { type BytePath, toBytePath } from '../../http/target.js';
import { ApartDirectories } from './apart.js';
import { closeRead } from './close.js';
import { type Identity, identityOf, withThoseAbove } from './directory-identity.js';
import { Lookups } from './lookups.js';
import { isPlaceWithin, MountTable, mountIdOf, type Place } from './mounts.js';
import { toSystemPath } from './names.js';
import { ARE_TOLD, isNameOf, OPEN_FILES } from './real-path.js';

/** A descriptor that stands for the file without opening it: no permission is needed (open(2), O_PATH; not in Node's list). */
const O_PATH = 0o10000000;

/** Opens what a real path means, whatever may be done with it. */
export const PATH_ONLY =
  (ARE_TOLD ? O_PATH : constants.O_RDONLY | constants.O_NONBLOCK) | (constants.O_NOFOLLOW ?? 0);
const DIRECTORY_ONLY = PATH_ONLY | (constants.O_DIRECTORY ?? 0);

/** Directories that were protected since the start and are not any more. */
const MOST_FORMER = 64;

const PROTECTED = 'belongs to a protected location';
const MOVED = 'was moved while it was opened';
const UNKNOWN = 'cannot be told from what belongs to protected locations';

const lookups = new Lookups(statSync);

/** A directory; the time of its creation, 0 where it is not known, tells it from a later one with the same number. */
export type KnownDirectory = Pick<BigIntStats, 'dev' | 'ino' | 'birthtimeNs'>;

/** What a path (as bytes) leads to; undefined when there is nothing, or it cannot be looked at. */
export function directoryAt(path: BytePath): KnownDirectory | undefined {
  try {
    const { dev, ino, birthtimeNs } = statSync(toSystemPath(path), { bigint: true });
    return { dev, ino, birthtimeNs };
  } catch {
    return undefined;
  }
}

/** See above. */
export class ProtectedDirectories {
  readonly #names: readonly BytePath[];
  /** Those of them that are not looked at, since no file of the root can be in them. */
  readonly #apart: ApartDirectories;
  /** What each name means; the last thing that it meant while it means nothing, since that may have been moved. */
  readonly #current: (KnownDirectory | undefined)[];
  /**
   * What names meant before: it was exchanged for another, and its files are as secret as they were. Where the time of
   * creation is not known it is forgotten: a later directory may have its number.
   */
  readonly #former = new Map<Identity, KnownDirectory>();
  /** What the requests of a batch share. */
  readonly #seen: (Stats | undefined)[];
  /** Where they lie, by the table of mounts and in the state that they were asked in last. */
  #places: readonly Place[] = [];
  #table: MountTable | undefined;
  #stateOfPlaces = 0;
  #arePlacesOfAll = false;
  #isUnknown = false;
  #state = 0;
  /** The state as text, and which one that was. */
  #text = '';
  #stateOfText = -1;

  /** @param directories absolute paths, which may lead to nothing yet, and elsewhere later */
  constructor(directories: readonly string[]) {
    this.#names = directories.map(toBytePath);
    this.#apart = new ApartDirectories(this.#names);
    this.#current = directories.map(() => undefined);
    this.#seen = directories.map(() => undefined);
    this.#look();
  }

  /** True when nothing is protected. */
  get areNone(): boolean {
    return this.#names.length === 0;
  }

  /**
   * Which directories are protected: now, or at a moment since the request was received. Never the same text twice while it
   * cannot be told.
   * @param realRoot of the files, as bytes; undefined while it is not there
   */
  state(realRoot: string | undefined): string {
    this.#apart.look(realRoot);
    let isStill = !this.#isUnknown;
    for (let index = 0; index < this.#names.length; index++) {
      const stats = this.#apart.has(index) ? undefined : lookQuietly(this.#names[index] ?? '');
      const seen = this.#seen[index];
      if (stats === seen) continue;
      this.#seen[index] = stats;
      if (stats?.ino !== seen?.ino || stats?.dev !== seen?.dev || stats?.birthtimeMs !== seen?.birthtimeMs)
        isStill = false;
    }
    if (!isStill) {
      this.#look();
      this.#state += 1;
    }
    if (this.#state !== this.#stateOfText) {
      this.#stateOfText = this.#state;
      this.#text = this.#isUnknown ? randomUUID() : this.known.map(textOf).join(' ');
    }
    return this.#text;
  }

  /** Another number whenever something may have come to be protected. */
  get generation(): number {
    return this.#state;
  }

  /** All that are protected, those that names meant before among them. */
  get known(): readonly KnownDirectory[] {
    return [...this.#current.filter((known) => known !== undefined), ...this.#former.values()];
  }

  /** What others have found out to be protected stays so here: they may have looked when this one did not. */
  learn(others: readonly KnownDirectory[]): void {
    const { known } = this;
    for (const other of others) {
      if (other.birthtimeNs === 0n || known.some((own) => isSame(own, other))) continue;
      this.#addFormer(other);
      this.#state += 1;
    }
  }

  /**
   * What one of the directories is that are not looked at here, as somebody else has found out: a link behind the mount may lead
   * to where the files are after all.
   * @param directory absolute path, as it was given
   */
  tell(directory: string, known: KnownDirectory): void {
    const index = this.#names.indexOf(toBytePath(directory));
    if (index >= 0) this.#protect(index, known);
  }

  /** Whether a directory may be protected, by numbers that may have been rounded. */
  mayHave({ dev, ino }: Pick<Stats, 'dev' | 'ino'>): boolean {
    const isIt = (known: KnownDirectory | undefined): boolean =>
      known !== undefined && Number(known.dev) === dev && Number(known.ino) === ino;
    return this.#isUnknown || this.#current.some(isIt) || [...this.#former.values()].some(isIt);
  }

  /**
   * What forbids serving an open file or directory, if anything does.
   * @param real its real path, as bytes
   * @param root of the location, with its separator, as bytes
   */
  denialOf(descriptor: number, real: string, root: BytePath): string | undefined {
    if (this.areNone) return undefined;
    const before = this.#state;
    let parent: number | undefined;
    try {
      parent = openSync(toSystemPath(parentOf(real)), DIRECTORY_ONLY);
      // The directory that is open now is the one that the file is in, or was a moment ago.
      const way = pathOf(parent, parentOf(real));
      const opened = fstatSync(descriptor, { bigint: true });
      if (!isNameOf(way + real.slice(real.lastIndexOf('/')), opened)) return MOVED;
      // Last, so that what has come to be protected since the file was opened is seen.
      const above = [opened, ...withThoseAbove(way)];
      const isOfAll = this.#apart.areAny && this.#apart.mayHave(deviceOf(descriptor, real));
      this.#look(isOfAll);
      if (this.#state !== before) return MOVED;
      if (this.#isUnknown) return UNKNOWN;
      if (above.some((stats) => this.#has(stats))) return PROTECTED;
      return ARE_TOLD ? this.#denialByMount(descriptor, opened, real, root, isOfAll) : undefined;
    } catch {
      return UNKNOWN;
    } finally {
      if (parent !== undefined) closeRead(parent);
    }
  }

  /** By looking upward, nobody sees who is above where a directory is mounted, nor what a mount in a directory shows of others. */
  #denialByMount(
    descriptor: number,
    opened: BigIntStats,
    real: string,
    root: BytePath,
    isOfAll: boolean,
  ): string | undefined {
    let table = MountTable.inBatch();
    const id = mountIdOf(descriptor);
    let place = table.placeOf(real, id);
    if (place === undefined) {
      // It may have been mounted since.
      table = MountTable.read();
      place = table.placeOf(real, id);
    }
    if (place !== undefined) {
      const isIt =
        this.#isPlace(place, table, isOfAll) || this.#isSeenAbove(table.pathsTo(place), opened, real);
      return isIt ? PROTECTED : undefined;
    }
    // A process with a root of its own (chroot(2)) does not see the mount that this root is in.
    return id !== undefined && id === withOpen(root, mountIdOf) ? undefined : UNKNOWN;
  }

  /** Whether a place lies in what is protected. */
  #isPlace(place: Place, table: MountTable, isOfAll: boolean): boolean {
    const isKnown = table === this.#table && this.#state === this.#stateOfPlaces;
    if (!isKnown || isOfAll !== this.#arePlacesOfAll) {
      this.#places = this.#names.flatMap((name, index) =>
        this.#isSkipped(index, isOfAll) || isMissing(name)
          ? []
          : table.placesOf(realpathSync.native(toSystemPath(name), 'latin1')),
      );
      this.#table = table;
      this.#stateOfPlaces = this.#state;
      this.#arePlacesOfAll = isOfAll;
    }
    return this.#places.some((other) => isPlaceWithin(place, other));
  }

  /** Whether something protected is above the same file in another mount: it may have lost its own name. */
  #isSeenAbove(paths: readonly string[], opened: BigIntStats, real: string): boolean {
    return paths.some(
      (path) =>
        path !== real &&
        isSeen(path, opened) &&
        [...withThoseAbove(parentOf(path))].some((stats) => this.#has(stats)),
    );
  }

  #has(stats: BigIntStats): boolean {
    return (
      this.#current.some((known) => known !== undefined && isSame(known, stats)) ||
      isSame(this.#former.get(identityOf(stats)), stats)
    );
  }

  /** Finds out what is protected now. */
  #look(isOfAll = false): void {
    this.#isUnknown = false;
    for (const [index, name] of this.#names.entries()) {
      if (this.#isSkipped(index, isOfAll)) continue;
      try {
        const stats = statSync(toSystemPath(name), { bigint: true, throwIfNoEntry: false });
        if (stats !== undefined) this.#protect(index, stats);
      } catch {
        this.#isUnknown = true;
      }
    }
  }

  #isSkipped(index: number, isOfAll: boolean): boolean {
    return !isOfAll && this.#apart.has(index);
  }

  #protect(index: number, { dev, ino, birthtimeNs }: KnownDirectory): void {
    const before = this.#current[index];
    const now = { dev, ino, birthtimeNs };
    if (isSame(before, now)) return;
    this.#current[index] = now;
    this.#state += 1;
    if (before !== undefined && before.birthtimeNs !== 0n) this.#addFormer(before);
  }

  #addFormer(before: KnownDirectory): void {
    const identity = identityOf(before);
    this.#former.delete(identity);
    this.#former.set(identity, before);
    const [oldest] = this.#former.keys();
    if (this.#former.size > MOST_FORMER && oldest !== undefined) this.#former.delete(oldest);
  }
}

/** One text for one directory. */
export function textOf({ dev, ino, birthtimeNs }: KnownDirectory): string {
  return `${dev}:${ino}:${birthtimeNs}`;
}

function isSame(known: KnownDirectory | undefined, { dev, ino, birthtimeNs }: KnownDirectory): boolean {
  return known?.ino === ino && known.dev === dev && known.birthtimeNs === birthtimeNs;
}

/** Undefined also when it cannot be told. */
function lookQuietly(name: BytePath): Stats | undefined {
  try {
    return lookups.of(name);
  } catch {
    return undefined;
  }
}

/** False also when it cannot be told. */
function isSeen(path: string, stats: BigIntStats): boolean {
  try {
    return isNameOf(path, stats);
  } catch {
    return false;
  }
}

function isMissing(name: BytePath): boolean {
  return statSync(toSystemPath(name), { throwIfNoEntry: false }) === undefined;
}

/** The file system (`major:minor`) that an open file lies on; undefined when that cannot be told. */
function deviceOf(descriptor: number, real: string): string | undefined {
  return MountTable.inBatch().mountOf(real, mountIdOf(descriptor))?.device;
}

/** A path to what is open, and no longer to whatever has its name. */
function pathOf(descriptor: number, real: string): string {
  return ARE_TOLD ? `${OPEN_FILES}/${descriptor}` : real;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

/** Opened only to be asked; a link is followed. */
function withOpen<Answer>(name: BytePath, ask: (descriptor: number) => Answer): Answer {
  const descriptor = openSync(toSystemPath(name), DIRECTORY_ONLY & ~(constants.O_NOFOLLOW ?? 0));
  try {
    return ask(descriptor);
  } finally {
    closeRead(descriptor);
  }
}
