// One line of Apache's configuration language, as its own sources read it (server/util.c: ap_cfg_getline, ap_getword_conf,
// ap_resolve_env).

/** A line with those that continue it. */
export interface LogicalLine {
  /** Without the blanks around it. */
  readonly text: string;
  /** Of the first of its lines, from 1. */
  readonly line: number;
  /** Where the text begins in that line, from 1. */
  readonly column: number;
}

const BLANK = /[ \t\n\v\f\r]/;

/** The lines that say something. A backslash at the very end joins the next one, in a comment, too. */
export function* logicalLines(text: string): Generator<LogicalLine> {
  let at = 0;
  let number = 0;
  while (at < text.length) {
    const pieces: string[] = [];
    const first = number + 1;
    for (let isContinued = true; isContinued && at < text.length; ) {
      const end = text.indexOf('\n', at);
      const written = text.slice(at, end < 0 ? text.length : end);
      number += 1;
      at = end < 0 ? text.length : end + 1;
      const piece = end >= 0 && written.endsWith('\r') ? written.slice(0, -1) : written;
      isContinued = end >= 0 && piece.endsWith('\\');
      pieces.push(isContinued ? piece.slice(0, -1) : piece);
    }
    const whole = pieces.join('');
    const start = firstWord(whole);
    if (start === whole.length || whole[start] === '#') continue;
    yield { text: whole.slice(start).trimEnd(), line: first, column: start + 1 };
  }
}

function firstWord(text: string): number {
  let at = 0;
  while (at < text.length && BLANK.test(text.charAt(at))) at += 1;
  return at;
}

/** A word, and what follows it without blanks before it. */
export interface Word {
  readonly word: string;
  readonly rest: string;
  /** True where it began with a quote that nothing closed. */
  readonly isOpen: boolean;
}

/**
 * The first word. Quotes count at its beginning only, and end it where they close; a backslash stands before a backslash, and
 * within quotes before the quote.
 * @param text not empty, without blanks before it
 */
export function takeWord(text: string): Word {
  const [quote] = text;
  const isQuoted = quote === '"' || quote === "'";
  let word = '';
  let at = isQuoted ? 1 : 0;
  for (; at < text.length; at += 1) {
    const letter = text.charAt(at);
    const next = text[at + 1];
    if (isQuoted ? letter === quote : BLANK.test(letter)) break;
    if (letter === '\\' && next !== undefined && (next === '\\' || (isQuoted && next === quote))) {
      word += next;
      at += 1;
    } else {
      word += letter;
    }
  }
  const isClosed = isQuoted && at < text.length;
  const behind = text.slice(isClosed ? at + 1 : at);
  return { word, rest: behind.slice(firstWord(behind)), isOpen: isQuoted && !isClosed };
}

/** All words; `isOpen` where a quote of the last one is not closed. */
export function words(text: string): { readonly list: readonly string[]; readonly isOpen: boolean } {
  const list: string[] = [];
  let isOpen = false;
  for (let rest = text; rest !== ''; ) {
    const taken = takeWord(rest);
    list.push(taken.word);
    ({ rest, isOpen } = taken);
  }
  return { list, isOpen };
}

/**
 * Puts values in the place of `${NAME}`. One without a value stays as it is written.
 * @param missing is called with the names that have no value; those with a colon are of mod_rewrite's maps
 */
export function resolveVariables(
  text: string,
  find: (name: string) => string | undefined,
  missing: (name: string) => void,
): string {
  let resolved = '';
  let at = 0;
  for (;;) {
    const start = text.indexOf('${', at);
    const end = start < 0 ? -1 : text.indexOf('}', start);
    if (end < 0) return resolved + text.slice(at);
    const name = text.slice(start + 2, end);
    const value = find(name);
    if (value === undefined && !name.includes(':')) missing(name);
    resolved += text.slice(at, start) + (value ?? text.slice(start, end + 1));
    at = end + 1;
  }
}

/** What a template's tool would have replaced (Jinja, Ansible, cookiecutter; Python's `%(name)s`), as it is written. */
export function placeholderIn(text: string): string | undefined {
  for (const [open, close] of [
    ['{{', '}}'],
    ['{%', '%}'],
  ] as const) {
    const start = text.indexOf(open);
    const end = start < 0 ? -1 : text.indexOf(close, start);
    if (end >= 0) return text.slice(start, end + 2);
  }
  return /%\(\w+\)[sd]/.exec(text)?.[0];
}
