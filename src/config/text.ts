// Text as flags, environment and file give it, before it is read: what nobody can have meant is taken off, in one place for
// every option, and what looks like a mistake beyond that is refused. Docker's `--env-file` keeps quotes, trailing blanks
// and the CR of a Windows line end, and a prefix with one of them matches nothing, without a word.
import { quote } from './errors.js';

/** Without white space (line ends too) around it, and without one pair of quotes around all of it. */
export function trimMistakes(text: string): string {
  const bare = text.trim();
  const [, mark, inside] = /^(["'])(.*)\1$/s.exec(bare) ?? [];
  return mark === undefined || inside === undefined || inside.includes(mark) ? bare : inside.trim();
}

/** Control characters and ends of lines. */
export const CONTROL = /[\p{Cc}\u2028\u2029]/u;
/** Typographic ones, too: they come from a page of documentation. */
const QUOTE = /["'`\u2018-\u201f\u00ab\u00bb]/;

/**
 * The same, when what is left can have been meant.
 * @throws {TypeError} with a message that says what is wrong and what to write instead
 */
export function asMeant(text: string): string {
  const bare = trimMistakes(text);
  if (CONTROL.test(bare)) {
    throw new TypeError(`${quote(text)} has a control character or a line end in it; write one line of text`);
  }
  if (QUOTE.test(bare.slice(0, 1)) || QUOTE.test(bare.slice(-1))) {
    throw new TypeError(
      `${quote(text)} begins or ends with a quote that is no part of it; write it without quotes`,
    );
  }
  return bare;
}

/** What a shell would have replaced, had it seen it: `--root=~/media`, `MEDIA_ROOT=$HOME/media` in a file of variables. */
const OF_A_SHELL = /^(?:~[\w-]*|\$\w+|\$\{\w+\})(?=\/|$)/;

/**
 * The path as it is, unless it begins with what only a shell understands: it would be a directory of that very name.
 * @throws {TypeError} with a message that says what to write instead
 */
export function withoutShell(path: string): string {
  const [left] = OF_A_SHELL.exec(path) ?? [];
  if (left === undefined) return path;
  throw new TypeError(
    `${quote(path)} begins with ${left}, which no shell has replaced here; write the whole path, such as /home/me${path.slice(left.length)}, or ./${path} for a directory of that name`,
  );
}
