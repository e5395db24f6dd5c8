// Where an open file lies, whatever name, link or other spelling led to it.
import { type BigIntStats, fstatSync, lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { toText } from '../../http/target.js';
import { StoreError } from '../store.js';
import { toSystemPath } from './names.js';

/** What Linux adds to the path of an open file that has lost its name. A file may also be called that. */
const WITHOUT_NAME = ' (deleted)';

/** Where Linux tells the paths of this process's open files. Asking by name again instead would leave room for a swap. */
export const OPEN_FILES = '/proc/self/fd';

/** True where the system tells the paths of open files. */
export const ARE_TOLD = process.platform === 'linux';

/** The real path of an open descriptor, as bytes; undefined when it cannot be told, or there is none any more. */
export function realPathOf(descriptor: number, name: string): string | undefined {
  const real = ARE_TOLD ? toldPathOf(descriptor, name) : realpathSync.native(toSystemPath(name), 'latin1');
  if (ARE_TOLD && !real.endsWith(WITHOUT_NAME)) return real;
  // A path that was not told as it is must mean the file that is open.
  return isOpen(real, descriptor) ? real : undefined;
}

/** @throws {StoreError} which is of the system, not of the file: without /proc there would seem to be none at all */
function toldPathOf(descriptor: number, name: string): string {
  try {
    return readlinkSync(`${OPEN_FILES}/${descriptor}`, 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StoreError('failed', toText(name), `${OPEN_FILES}: ${code}; is /proc mounted?`);
  }
}

/** Whether a path is that of an open file, and no link to it. */
export function isOpen(path: string, descriptor: number): boolean {
  return isNameOf(path, fstatSync(descriptor, { bigint: true }));
}

/** Whether a path means this file, and no link to it. */
export function isNameOf(path: string, { dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): boolean {
  const named = lstatSync(toSystemPath(path), { bigint: true, throwIfNoEntry: false });
  return named?.ino === ino && named.dev === dev;
}
