// Names of files as bytes, and as the system wants them.
import { sep } from 'node:path';
import type { BytePath } from '../../http/target.js';

/** The name as the system takes it: a string of ASCII, or the bytes themselves. */
export function toSystemPath(name: BytePath): string | Buffer {
  for (let index = 0; index < name.length; index++) {
    if (name.charCodeAt(index) > 0x7f) return Buffer.from(name, 'latin1');
  }
  return name;
}

/** The name of a directory, such that the names in it can be put behind. */
export function withSeparator(path: string): string {
  return path.endsWith(sep) ? path : path + sep;
}
