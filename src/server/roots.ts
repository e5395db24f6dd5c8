// Checks at the start that each directory is there and may be read, so that the mistake is not found by a visitor.
import { accessSync, constants, statSync } from 'node:fs';
import { BadValueError } from '../config/errors.js';
import type { FileLocation } from '../config/location.js';

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
