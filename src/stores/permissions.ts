// Why the system does not let this process read something: which part of the path refuses, and what would help.
import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** The one part of a path that refuses. */
export interface Refusal {
  /** Absolute. */
  readonly path: string;
  readonly isDirectory: boolean;
  /** Undefined where not even that may be known. */
  readonly stats: Pick<Stats, 'mode' | 'uid' | 'gid'> | undefined;
}

/**
 * Finds the outermost directory above a file that this process may not enter, or the file itself, if it may not be read.
 * Undefined when nothing refuses by now.
 * @param path absolute
 */
export function refusalOnTheWayTo(path: string): Refusal | undefined {
  return closedDirectory(dirname(path)) ?? refusalOf(path, constants.R_OK);
}

/**
 * The directory itself, or the outermost one above it, that this process may not enter.
 * @param directory absolute
 */
export function closedDirectory(directory: string): Refusal | undefined {
  const above = dirname(directory);
  // Most often none of them refuses, and the innermost one tells.
  if (!isRefused(directory, constants.X_OK)) return undefined;
  return (above === directory ? undefined : closedDirectory(above)) ?? refusalOf(directory, constants.X_OK);
}

function refusalOf(path: string, access: number): Refusal | undefined {
  if (!isRefused(path, access)) return undefined;
  return { path, isDirectory: access === constants.X_OK, stats: statsOf(path) };
}

function isRefused(path: string, access: number): boolean {
  try {
    // What is no directory refuses nobody who wants to enter it.
    accessSync(access === constants.X_OK ? `${path}/.` : path, access);
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

/** `/srv/media (mode 0700, owner 1000:1000) may not be entered by user id 33`. */
export function describeRefusal({ path, isDirectory, stats }: Refusal): string {
  const mode = stats === undefined ? '' : ` (mode ${octal(stats.mode)}, owner ${stats.uid}:${stats.gid})`;
  return `${path}${mode} may not be ${isDirectory ? 'entered' : 'read'} by user id ${process.getuid?.() ?? 'of this process'}`;
}

/** The one thing to do, in a sentence without a full stop. */
export function cureFor({ path, isDirectory, stats }: Refusal): string {
  if (stats !== undefined && allows(stats.mode, 'group', isDirectory)) {
    return allows(stats.mode, 'others', isDirectory)
      ? 'its mode would allow it, so an access control list, SELinux or the file system forbids it: look there'
      : `its group may: run media-serve with group ${stats.gid} (docker run --group-add, Kubernetes: supplementalGroups or fsGroup)`;
  }
  return isDirectory
    ? `chmod a+x ${path}; for directories that Django makes, set FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755`
    : `chmod a+r ${path}; for what Django writes, set FILE_UPLOAD_PERMISSIONS = 0o644`;
}

function allows(mode: number, who: 'group' | 'others', isDirectory: boolean): boolean {
  const bit = isDirectory ? 0o1 : 0o4;
  return (mode & (who === 'group' ? bit << 3 : bit)) !== 0;
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
