// Which directories no file of a root can be in, by the table of mounts alone: those behind a mount of another machine, or of
// a program of this one, of whose file systems the root has nothing. They need not be looked at to know that, and must not be:
// the look may hang, and with it a root that has nothing to do with them.
import type { BytePath } from '../../http/target.js';
import { LookEvery } from './look-every.js';
import { type Mount, MountTable } from './mounts.js';
import { hasRemote, isApartFrom, leadsTo } from './remote-mounts.js';

/** Looks at the table again while it is not known that it matters, in milliseconds: volumes are mounted while the server runs. */
const LOOK_EVERY = 1000;

/** See above. Directories are told by their place in the list. */
export class ApartDirectories {
  readonly #names: readonly BytePath[];
  /** For each the mount that it lies behind, if it is apart. */
  #mounts: readonly (Mount | undefined)[] = [];
  #table: MountTable | undefined;
  #areAny = false;
  readonly #rhythm = new LookEvery(LOOK_EVERY);

  /** @param names absolute paths, which may lead to nothing */
  constructor(names: readonly BytePath[]) {
    this.#names = names;
    this.look(undefined);
  }

  /** True when there are such directories. */
  get areAny(): boolean {
    return this.#areAny;
  }

  /** Whether this one is apart, as of the last look. */
  has(index: number): boolean {
    return this.#mounts[index] !== undefined;
  }

  /**
   * Finds out which they are: once for the requests of a batch while there are any, and else once a second.
   * @param realRoot of the files, as bytes; undefined while it is not there
   */
  look(realRoot: string | undefined): void {
    if (!this.#areAny && !this.#rhythm.isDue()) return;
    this.#mounts = this.#find(realRoot);
    this.#areAny = this.#mounts.some((mount) => mount !== undefined);
  }

  /**
   * Whether a file may be in one of them: a link has led out of the root.
   * @param device the file system that it lies on (`major:minor`); undefined when that cannot be told
   */
  mayHave(device: string | undefined): boolean {
    if (device === undefined) return true;
    return this.#mounts.some(
      (mount) => mount !== undefined && this.#table?.devicesIn(mount.point).includes(device),
    );
  }

  #find(realRoot: string | undefined): readonly (Mount | undefined)[] {
    try {
      this.#table = MountTable.inBatch();
    } catch {
      // Where the system does not tell, nothing is known to be apart.
      return [];
    }
    const table = this.#table;
    if (!hasRemote(table)) return [];
    return this.#names.map((name) => {
      const end = leadsTo(name, table);
      return typeof end !== 'string' && isApartFrom(end, realRoot, table) ? end : undefined;
    });
  }
}
