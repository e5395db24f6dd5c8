// Why the system does not let this process have something: which part of the path refuses, and what would help.
import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** What is wanted of a part of a path: to go through a directory, to read a file, to connect to a unix socket (unix(7)). */
type Wanted = 'enter' | 'read' | 'connect';

/** The one part of a path that refuses. */
export interface Refusal {
  /** Absolute. */
  readonly path: string;
  readonly wanted: Wanted;
  /** Undefined where not even that may be known. */
  readonly stats: Pick<Stats, 'mode' | 'uid' | 'gid'> | undefined;
}

/**
 * Finds the outermost directory above a file that this process may not enter, or the file itself, if it may not be read.
 * Undefined when nothing refuses by now.
 * @param path absolute
 */
export function refusalOnTheWayTo(path: string): Refusal | undefined {
  return closedDirectory(dirname(path)) ?? refusalOf(path, 'read');
}

/** The same of a unix socket, to which one has to write. */
export function refusalOnTheWayToSocket(path: string): Refusal | undefined {
  return closedDirectory(dirname(path)) ?? refusalOf(path, 'connect');
}

/**
 * The directory itself, or the outermost one above it, that this process may not enter.
 * @param directory absolute
 */
export function closedDirectory(directory: string): Refusal | undefined {
  const above = dirname(directory);
  // Most often none of them refuses, and the innermost one tells.
  if (!isRefused(directory, 'enter')) return undefined;
  return (above === directory ? undefined : closedDirectory(above)) ?? refusalOf(directory, 'enter');
}

function refusalOf(path: string, wanted: Wanted): Refusal | undefined {
  return isRefused(path, wanted) ? { path, wanted, stats: statsOf(path) } : undefined;
}

const ACCESS: Readonly<Record<Wanted, number>> = {
  enter: constants.X_OK,
  read: constants.R_OK,
  connect: constants.W_OK,
};

function isRefused(path: string, wanted: Wanted): boolean {
  try {
    // What is no directory refuses nobody who wants to enter it.
    accessSync(wanted === 'enter' ? `${path}/.` : path, ACCESS[wanted]);
    return false;
  } catch (error) {
    return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

const REFUSED: Readonly<Record<Wanted, string>> = { enter: 'entered', read: 'read', connect: 'written to' };

/** `/srv/media (mode 0700, owner 1000:1000) may not be entered by user id 33`. */
export function describeRefusal({ path, wanted, stats }: Refusal): string {
  const mode = stats === undefined ? '' : ` (mode ${octal(stats.mode)}, owner ${stats.uid}:${stats.gid})`;
  return `${path}${mode} may not be ${REFUSED[wanted]} by user id ${process.getuid?.() ?? 'of this process'}`;
}

/** What lets everybody have it, now and whenever Django makes one. */
const OPENED: Readonly<Record<Wanted, (path: string) => string>> = {
  enter: (path) =>
    `chmod a+x ${path}; for directories that Django makes, set FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755`,
  read: (path) => `chmod a+r ${path}; for what Django writes, set FILE_UPLOAD_PERMISSIONS = 0o644`,
  connect: (path) => `chmod a+w ${path}; for each start: gunicorn --umask 0, or systemd's SocketMode=0666`,
};

/** The one thing to do about a file, in a sentence without a full stop. */
export function cureFor(refusal: Refusal): string {
  return cureOfGroup(refusal) ?? OPENED[refusal.wanted](refusal.path);
}

/** The one thing to do about a socket: no Django makes the directories that it is in. */
export function cureForSocket(refusal: Refusal): string {
  const { path, wanted } = refusal;
  return (
    cureOfGroup(refusal) ??
    (wanted === 'enter'
      ? `chmod a+x ${path}; for each start: systemd's RuntimeDirectoryMode=0755`
      : OPENED[wanted](path))
  );
}

function cureOfGroup({ wanted, stats }: Refusal): string | undefined {
  if (stats === undefined || !allows(stats.mode, 'group', wanted)) return undefined;
  return allows(stats.mode, 'others', wanted)
    ? 'its mode would allow it, so an access control list, SELinux or the file system forbids it: look there'
    : `its group may: run media-serve with group ${stats.gid} (docker run --group-add, Kubernetes: supplementalGroups or fsGroup)`;
}

/** The bit of a mode for all others, as in chmod(2). */
const BIT: Readonly<Record<Wanted, number>> = { enter: 0o1, connect: 0o2, read: 0o4 };

function allows(mode: number, who: 'group' | 'others', wanted: Wanted): boolean {
  return (mode & (who === 'group' ? BIT[wanted] << 3 : BIT[wanted])) !== 0;
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
