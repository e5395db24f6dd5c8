// Checks at the start that each directory is there and may be read, so that the mistake is not found by a visitor.
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { sep } from 'node:path';
import { BadValueError } from '../config/errors.js';
import { type Config, type FileLocation, isProtected } from '../config/location.js';

const CURE = 'mount the volume or directory there, or name another one';

/** @throws {BadValueError} when the root is missing, no directory, or not readable */
export function checkRoot({ from, root }: FileLocation): void {
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
 * The directories of protected locations from which this one must serve nothing, whichever name or link leads there:
 * uploads that the app hands out, is asked about or signs links to often lie below MEDIA_ROOT. A directory that the
 * location itself names, or one around it, is not among them: who names it wants it served.
 */
export function directoriesKeptFrom(location: FileLocation, { locations }: Config): readonly string[] {
  if (location.kind === 'internal') return [];
  const own = withSeparator(realpathSync(location.root));
  return locations
    .filter((other): other is FileLocation => other.kind !== 'upstream' && isProtected(other))
    .map(({ root }) => withSeparator(realpathSync(root)))
    .filter((directory) => !own.startsWith(directory));
}

function withSeparator(directory: string): string {
  return directory.endsWith(sep) ? directory : directory + sep;
}
