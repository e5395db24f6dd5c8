// Where a file lies in its own file system, whatever it is mounted as. A directory that is mounted by itself (a bind mount,
// a Kubernetes subPath) has another directory above it in each place: by looking upward it cannot be told from one that is
// nowhere else.
import { constants, openSync, readSync } from 'node:fs';
import { OncePerBatch } from '../../http/batch.js';
import { closeRead } from './close.js';

/** The same for the same file or directory, by whatever mount it is reached. */
export interface Place {
  /** The file system: `major:minor`. */
  readonly device: string;
  /** From the top of the file system, as bytes. */
  readonly path: string;
}

/** A line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export interface Mount {
  readonly id: string;
  readonly device: string;
  /** What of the file system is mounted. */
  readonly root: string;
  readonly point: string;
  /** The file system's type, such as `nfs4`. */
  readonly type: string;
}

/** The system writes four lines or so, of which it is one of the first. */
const description = Buffer.allocUnsafe(512);

/** Tells one mount from all others that there are at the same time; undefined where the system does not say. */
export function mountIdOf(descriptor: number): string | undefined {
  let file: number | undefined;
  try {
    file = openSync(`/proc/self/fdinfo/${descriptor}`, constants.O_RDONLY);
    const length = readSync(file, description);
    return /^mnt_id:\s*(\d+)$/m.exec(description.toString('latin1', 0, length))?.[1];
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeRead(file);
  }
}

/** All mounts that this process sees. */
export class MountTable {
  readonly #mounts: readonly Mount[];

  /** @param text as the system gives it, each byte a character */
  constructor(text: string) {
    this.#mounts = text.split('\n').flatMap((line) => {
      const words = line.split(' ');
      const [id, , device, root, point] = words;
      if (id === undefined || device === undefined || root === undefined || point === undefined) return [];
      // Any number of words stands before the dash (shared:1 master:2).
      const type = words[words.indexOf('-', 6) + 1] ?? '';
      return [{ id, device, root: unescaped(root), point: unescaped(point), type }];
    });
  }

  /**
   * As it is at this moment: the same object as long as nothing changes.
   * @throws the system's error when it does not tell
   */
  static read(): MountTable {
    const text = readTable();
    if (text !== readLast?.text) readLast = { text, table: new MountTable(text) };
    return readLast.table;
  }

  /**
   * The same, read once for the requests of a batch: with thousands of mounts it takes a millisecond.
   * @throws the system's error when it does not tell
   */
  static inBatch(): MountTable {
    return table.get();
  }

  /**
   * Where a path lies in its file system; undefined when that cannot be told.
   * @param real a real path, as bytes
   * @param id of the mount, where it is known
   */
  placeOf(real: string, id: string | undefined): Place | undefined {
    const mount = this.mountOf(real, id);
    const below = mount && pathBelow(real, mount.point);
    if (mount === undefined || below === undefined) return undefined;
    return { device: mount.device, path: join(mount.root, below) };
  }

  /**
   * Where a directory lies, and what belongs to it besides: what is mounted in it, and what has its name below a mount that
   * was put over it.
   * @param real its real path, as bytes
   */
  placesOf(real: string): readonly Place[] {
    return this.#mounts.flatMap(({ device, root, point }) => {
      if (pathBelow(point, real) !== undefined) return [{ device, path: root }];
      const below = pathBelow(real, point);
      return below === undefined ? [] : [{ device, path: join(root, below) }];
    });
  }

  /** The mounts below a directory. */
  mountsIn(real: string): readonly Mount[] {
    return this.#mounts.filter(({ point }) => pathBelow(point, real) !== undefined);
  }

  /** The file systems (`major:minor`) of a directory: the one that it lies on, and all that are mounted in it. */
  devicesIn(real: string): readonly string[] {
    const own = this.mountOf(real);
    return [...(own === undefined ? [] : [own]), ...this.mountsIn(real)].map(({ device }) => device);
  }

  /** By which paths (as bytes) a place is seen, unless another mount lies over it there. */
  pathsTo({ device, path }: Place): readonly string[] {
    return this.#mounts.flatMap((mount) => {
      const below = mount.device === device ? pathBelow(path, mount.root) : undefined;
      return below === undefined ? [] : [join(mount.point, below)];
    });
  }

  /** The mount that a path without links lies on. */
  mountOf(real: string, id?: string): Mount | undefined {
    if (id !== undefined) return this.#mounts.find((mount) => mount.id === id);
    let found: Mount | undefined;
    for (const mount of this.#mounts) {
      // Of two on the same point the later one is seen.
      const isCloser = mount.point.length >= (found?.point.length ?? 0);
      if (isCloser && pathBelow(real, mount.point) !== undefined) found = mount;
    }
    return found;
  }
}

const table = new OncePerBatch(() => MountTable.read());

let readLast: { readonly text: string; readonly table: MountTable } | undefined;

/** Grows with the table. Node's own readFileSync takes twice the time: it does not know the size. */
let tableBytes = Buffer.allocUnsafe(16 * 1024);

function readTable(): string {
  const file = openSync('/proc/self/mountinfo', constants.O_RDONLY);
  try {
    let length = 0;
    for (;;) {
      const bytes = readSync(file, tableBytes, length, tableBytes.length - length, null);
      if (bytes === 0) return tableBytes.toString('latin1', 0, length);
      length += bytes;
      if (length === tableBytes.length) tableBytes = Buffer.concat([tableBytes], 2 * length);
    }
  } finally {
    closeRead(file);
  }
}

/** True when it is the same place, or one below it. */
export function isPlaceWithin(inner: Place, outer: Place): boolean {
  return inner.device === outer.device && pathBelow(inner.path, outer.path) !== undefined;
}

/** What of a path is behind a directory's, empty for the directory itself; undefined when it does not lie there. */
function pathBelow(path: string, directory: string): string | undefined {
  if (directory === '/') return path === '/' ? '' : path;
  if (!path.startsWith(directory)) return undefined;
  const below = path.slice(directory.length);
  return below === '' || below.startsWith('/') ? below : undefined;
}

/** The opposite of `pathBelow`. */
function join(directory: string, below: string): string {
  return directory === '/' ? below || '/' : directory + below;
}

/** Blanks, tabs, ends of lines and backslashes are written in octal. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
