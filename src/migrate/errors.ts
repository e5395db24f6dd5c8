// A file that cannot be read as the language it is said to be in. The command prints one line and exits 2.
import { BadValueError } from '../config/errors.js';
import type { Place } from './directive.js';

/**
 * @param place where reading stopped
 * @param words what is wrong there, and the word that was expected
 */
export function unreadable({ file, line, column }: Place, words: string): Error {
  return new BadValueError(`${file}:${line}:${column}`, words);
}
