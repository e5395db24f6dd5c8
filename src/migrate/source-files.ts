// The files of a configuration: what may be read, how much of it, and what a pattern of an include stands for. All
// refusals are one line; nothing that hangs (a FIFO, a device) is opened, and nothing is read without a bound.
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { BadValueError, quote } from '../config/errors.js';
import type { Place } from './directive.js';
import { unreadable } from './errors.js';

/** The largest file, in bytes: lists of addresses are long, and no site's file is longer. */
const MAX_FILE = 4 * 1024 * 1024;
/** All files together, in bytes. */
const MAX_TOTAL = 16 * 1024 * 1024;
/** Files that one configuration may be made of. */
const MAX_FILES = 1000;
/** Directories and names that a pattern may look at. */
const MAX_NAMES = 20_000;

/** Reads the files of one configuration and keeps to its bounds. */
export class SourceFiles {
  /** Those that are being read, from the first to the one that it led to: an include must not lead back. */
  readonly #open: string[] = [];
  #bytes = 0;
  #files = 0;

  /**
   * Calls `read` with the text of a file.
   * @param from where the file was named: a flag, or the place of an include
   * @throws {BadValueError} when it cannot be read, is no text, is too large, or is being read already
   */
  read<T>(path: string, from: string | Place, read: (text: string) => T): T {
    const refuse = (words: string): Error =>
      typeof from === 'string' ? new BadValueError(from, words) : unreadable(from, words);
    this.#files += 1;
    if (this.#files > MAX_FILES) {
      throw refuse(`${path} would be file ${MAX_FILES + 1} of this configuration; ${MAX_FILES} are read`);
    }
    const { text, real } = readText(path, refuse);
    if (this.#open.includes(real)) throw refuse(`${path} includes itself; leave out one of the includes`);
    this.#bytes += text.length;
    if (this.#bytes > MAX_TOTAL) {
      throw refuse(`${path}: all files together are longer than ${MAX_TOTAL / 1024 / 1024} MB`);
    }
    this.#open.push(real);
    try {
      return read(text);
    } finally {
      this.#open.pop();
    }
  }
}

function readText(path: string, refuse: (words: string) => Error): { text: string; real: string } {
  let descriptor: number;
  try {
    // Without waiting: a FIFO that nobody writes to would keep the process here.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw refuse(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    const status = fstatSync(descriptor);
    if (status.isDirectory()) throw refuse(`${path} is a directory; name the file within it`);
    if (!status.isFile()) throw refuse(`${path} is no regular file; name a file with text in it`);
    if (status.size > MAX_FILE) {
      throw refuse(`${path} is longer than ${MAX_FILE / 1024 / 1024} MB; that is no configuration of a site`);
    }
    const bytes = readFileSync(descriptor);
    const nul = bytes.indexOf(0);
    if (nul >= 0) {
      const line = bytes.subarray(0, nul).toString('latin1').split('\n').length;
      throw refuse(`${path}:${line} has a NUL byte, so it is no text; name a configuration file`);
    }
    return { text: bytes.toString('utf8').replace(/^\uFEFF/, ''), real: realpathSync(path) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code?.startsWith('E') ? refuse(`${path} cannot be read (${code})`) : error;
  } finally {
    closeSync(descriptor);
  }
}

/** True where the path has a wildcard of glob(7). */
export function isPattern(path: string): boolean {
  return /[*?[]/.test(path);
}

/**
 * The paths that a pattern of glob(7) stands for, in the order of their bytes, as glob(3) sorts them in the C locale. Names
 * that begin with a dot are only those that the pattern spells.
 * @param place of the include, for messages
 * @param base directory that a relative pattern starts from
 * @throws {BadValueError} when too many names would have to be looked at
 */
export function pathsOf(pattern: string, base: string, place: Place): string[] {
  const whole = isAbsolute(pattern) ? pattern : join(base, pattern);
  let looked = 0;
  let found = ['/'];
  for (const segment of whole.split('/').filter(Boolean)) {
    if (!isPattern(segment)) {
      found = found.map((path) => join(path, segment));
      continue;
    }
    const test = segmentTest(segment);
    found = found.flatMap((path) => {
      const names = namesIn(path);
      looked += names.length;
      if (looked > MAX_NAMES) {
        throw unreadable(place, `${quote(pattern)} stands for too many names (more than ${MAX_NAMES})`);
      }
      return names.filter(test).map((name) => join(path, name));
    });
  }
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // As glob(3): what cannot be looked into has no names.
    return [];
  }
}

/** A test for one segment of a pattern, in time linear in pattern times name. */
export function segmentTest(pattern: string): (name: string) => boolean {
  const parts = [...pattern.matchAll(/\*+|\?|\[[!^]?\]?[^\]]*\]|[\s\S]/g)].map(([part]) => {
    if (part.startsWith('*')) return 'any' as const;
    if (part === '?') return () => true;
    if (!part.startsWith('[') || part.length < 3) return (letter: string) => letter === part;
    const negated = /^\[[!^]/.test(part);
    const inside = part.slice(negated ? 2 : 1, -1);
    return (letter: string) => inSet(inside, letter) !== negated;
  });
  return (name) => {
    if (name.startsWith('.') && !pattern.startsWith('.')) return false;
    const letters = [...name];
    // The set of how many letters may have been taken by the parts so far.
    let reached = new Set([0]);
    for (const part of parts) {
      const next = new Set<number>();
      if (part === 'any') {
        const least = Math.min(...reached);
        for (let at = least; at <= letters.length; at += 1) next.add(at);
      } else {
        for (const at of reached) {
          const letter = letters[at];
          if (letter !== undefined && part(letter)) next.add(at + 1);
        }
      }
      if (next.size === 0) return false;
      reached = next;
    }
    return reached.has(letters.length);
  };
}

/** Whether the letter is in a set such as `a-z0-9_`. */
function inSet(set: string, letter: string): boolean {
  return [...set.matchAll(/([\s\S])-([\s\S])|([\s\S])/g)].some(([, from, to, one]) =>
    from !== undefined && to !== undefined ? from <= letter && letter <= to : one === letter,
  );
}

/** The directory of a file, absolute. */
export function directoryOf(path: string): string {
  return dirname(resolve(path));
}

/** Where the file stands, for messages about the file as a whole. */
export function placeOfFile(file: string): Place {
  return { file, line: 1, column: 1 };
}
