// nginx's language, as its own reader has it (src/core/ngx_conf_file.c): words, quotes, blocks, and includes, which are read
// where they stand.
import { basename, isAbsolute, join } from 'node:path';
import { quote } from '../../config/errors.js';
import type { Directive, Place } from '../directive.js';
import { unreadable } from '../errors.js';
import { isPattern, pathsOf, type SourceFiles } from '../source-files.js';

/** The longest word, in characters (nginx: NGX_CONF_BUFFER). */
const MAX_WORD = 4096;
/** Blocks within blocks; http, server, location, if are four. */
const MAX_DEPTH = 32;

/** A configuration as it was read. */
export interface NginxFile {
  readonly tree: readonly Directive[];
  /** Includes that were not read, as what they would bring is known. */
  readonly leftOut: ReadonlySet<Directive>;
}

/** What the reader needs besides the text. */
interface Reading {
  readonly files: SourceFiles;
  /** Where relative includes start. */
  readonly base: string;
  readonly leftOut: Set<Directive>;
  /** Variables in capitals that the configuration makes itself: they are nobody's placeholders. */
  readonly capitals: Set<string>;
}

/** Files of nginx's own packages, and of certbot's, whose content is known: it is no loss when they are elsewhere. */
const WELL_KNOWN =
  /^(?:mime\.types|(?:proxy|fastcgi|uwsgi|scgi)_params|fastcgi\.conf|options-ssl-nginx\.conf|ssl-dhparams\.pem|(?:fastcgi-php|snakeoil)\.conf)$/;

/**
 * @param path the main file
 * @param from what named it, for messages
 * @param base where relative includes start
 * @throws {BadValueError} with file, line, column and what was expected there
 */
export function readNginx(path: string, from: string, base: string, files: SourceFiles): NginxFile {
  const leftOut = new Set<Directive>();
  const tree = files.read(path, from, (text) =>
    readText(text, path, { files, base, leftOut, capitals: new Set() }),
  );
  return { tree, leftOut };
}

/** @param depth of the include, in blocks */
function readText(text: string, file: string, reading: Reading, depth = 0): readonly Directive[] {
  refuseTemplate(text, file);
  for (const name of capitalsIn(text)) reading.capitals.add(name);
  const words = new Words(text, file, reading.capitals);
  const tree: Directive[] = [];
  const open: { readonly name: string; readonly list: Directive[]; readonly place: Place }[] = [];
  for (;;) {
    const list = open.at(-1)?.list ?? tree;
    const { args, end, place } = words.statement(open.at(-1));
    if (end === 'end') return tree;
    if (end === '}') {
      open.pop();
      continue;
    }
    const [name = '', ...rest] = args;
    if (end === '{') {
      if (depth + open.length >= MAX_DEPTH) {
        throw unreadable(place, `is in ${MAX_DEPTH} blocks already; no more are read`);
      }
      const block: Directive[] = [];
      list.push({ name, args: rest, place, block });
      if (/_by_lua_block$/.test(name)) words.skipCode(place);
      else open.push({ name, list: block, place });
      continue;
    }
    const directive: Directive = { name, args: rest, place };
    list.push(directive);
    if (name === 'include') list.push(...include(directive, reading, depth + open.length));
  }
}

function include(directive: Directive, reading: Reading, depth: number): readonly Directive[] {
  const { args, place } = directive;
  const [pattern, ...more] = args;
  if (pattern === undefined || more.length > 0) {
    throw unreadable(place, `include has ${args.length} arguments; a path is expected, and then ";"`);
  }
  const { files, base, leftOut } = reading;
  const name = basename(pattern);
  // Types are a table of this server's own, newer than any of these files.
  if (name === 'mime.types') {
    leftOut.add(directive);
    return [];
  }
  const path = isAbsolute(pattern) ? pattern : join(base, pattern);
  const paths = isPattern(pattern) ? pathsOf(pattern, base, place) : [path];
  try {
    return paths.flatMap((each) => files.read(each, place, (text) => readText(text, each, reading, depth)));
  } catch (error) {
    const isMissing = /\(ENOENT\)$/.test((error as Error).message);
    if (isMissing && !WELL_KNOWN.test(name)) {
      const where = isAbsolute(pattern) ? 'put it there' : 'name its directory with --config-prefix';
      throw unreadable(place, `${path} cannot be read (ENOENT); ${where}, or take the line out`);
    }
    if (!isMissing) throw error;
    leftOut.add(directive);
    return [];
  }
}

/** Text that a program fills in before nginx sees it; `${VAR}`, which nginx has too, is looked at word by word. */
function refuseTemplate(text: string, file: string): void {
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    // `'{{"a": …` begins JSON, in a log_format; a text in Jinja has a filter behind it.
    const found = /\{\{-?\s*(?:[\w.$]|["'][^{}]*\|)[^{}]*\}\}|\{%|<%|%\(\w+\)s/.exec(
      line.replace(/(^|\s)#.*$/, '$1'),
    );
    if (found === null) continue;
    throw unreadable(
      { file, line: index + 1, column: found.index + 1 },
      `${quote(found[0])} is a placeholder that another program (Ansible, Jinja, Helm, buildout) fills in; give the file as it is then`,
    );
  }
}

/** The variables in capitals that a text makes: by `set`, by `map` and its like, or as groups of an expression. */
function* capitalsIn(text: string): Generator<string> {
  const made =
    /\b(?:set|auth_request_set|js_set|perl_set)\s+\$([A-Z]\w*)|\b(?:map|geo|split_clients)\s[^;{}\n]{0,500}\$([A-Z]\w*)\s*\{|\(\?P?<([A-Z]\w*)>/g;
  for (const [, bySet, byMap, byGroup] of text.matchAll(made)) yield bySet ?? byMap ?? byGroup ?? '';
}

/** nginx's own variables whose names people write in capitals, too, are few; envsubst's are in capitals all the time. */
function refusePlaceholder(word: string, place: Place, made: ReadonlySet<string>): void {
  const found = [...word.matchAll(/\$\{([A-Z][A-Z0-9_]*)\}|\$([A-Z][A-Z0-9_]{2,})\b/g)].find(
    ([, braced, bare]) => !made.has(braced ?? bare ?? ''),
  );
  if (found === undefined) return;
  throw unreadable(
    place,
    `${quote(found[0])} is a placeholder that envsubst fills in (the nginx image does so for its templates); run envsubst < FILE > FILLED, or write the value in its place`,
  );
}

function refuseOmission(word: string, place: Place): void {
  if (!/^(?:\.{3,}|\u2026+)$/.test(word)) return;
  throw unreadable(
    place,
    `${quote(word)} stands for what a page of documentation leaves out; write what belongs there, or delete it`,
  );
}

/** One statement: its words, what ended it, and where it begins. */
interface Statement {
  readonly args: readonly string[];
  readonly end: ';' | '{' | '}' | 'end';
  readonly place: Place;
}

/** The words of one file. */
class Words {
  readonly #text: string;
  readonly #file: string;
  readonly #capitals: ReadonlySet<string>;
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string, file: string, capitals: ReadonlySet<string>) {
    this.#text = text;
    this.#file = file;
    this.#capitals = capitals;
  }

  /** @param block that is open, for what is missing at the end of the file */
  statement(block: { readonly name: string; readonly place: Place } | undefined): Statement {
    const args: string[] = [];
    let begin = this.#place();
    for (;;) {
      this.#skipBlanks();
      const place = this.#place();
      if (args.length === 0) begin = place;
      const letter = this.#text[this.#at];
      if (letter === undefined) return this.#end(args, block, place);
      if (letter === ';' || letter === '{') {
        if (args.length === 0)
          throw unreadable(place, `${quote(letter)} stands here without a directive before it`);
        this.#at += 1;
        return { args, end: letter, place: begin };
      }
      if (letter === '}') {
        if (args.length > 0) throw unreadable(place, `";" is expected before "}", to end ${quote(args[0])}`);
        if (block === undefined) throw unreadable(place, '"}" is one too many: no block is open here');
        this.#at += 1;
        return { args, end: letter, place };
      }
      const isQuoted = letter === '"' || letter === "'";
      const word = isQuoted ? this.#quoted(letter, place) : this.#bare(place);
      // In quotes it is a text like others.
      if (!isQuoted) refuseOmission(word, place);
      refusePlaceholder(word, place, this.#capitals);
      args.push(word);
    }
  }

  /** Goes past a block in another language, with all blocks within it. */
  skipCode(place: Place): void {
    for (let depth = 1; depth > 0; this.#at += 1) {
      const letter = this.#text[this.#at];
      if (letter === undefined)
        throw unreadable(place, 'the block that begins here does not end; "}" is expected');
      if (letter === '{') depth += 1;
      else if (letter === '}') depth -= 1;
      else if (letter === '\n') this.#newLine();
    }
  }

  #end(args: readonly string[], block: { name: string; place: Place } | undefined, place: Place): Statement {
    if (args.length > 0) {
      throw unreadable(place, `the file ends within ${quote(args[0])}; ";" or "{" is expected`);
    }
    if (block !== undefined) {
      const { name, place: from } = block;
      throw unreadable(place, `the file ends within ${quote(name)} of line ${from.line}; "}" is expected`);
    }
    return { args, end: 'end', place };
  }

  #skipBlanks(): void {
    for (; ; this.#at += 1) {
      const letter = this.#text[this.#at];
      if (letter === '#') {
        const end = this.#text.indexOf('\n', this.#at);
        this.#at = end < 0 ? this.#text.length : end;
        if (end < 0) return;
      } else if (letter !== ' ' && letter !== '\t' && letter !== '\r' && letter !== '\n') return;
      if (this.#text[this.#at] === '\n') this.#newLine();
    }
  }

  /** A word without quotes ends at a blank, a semicolon or a brace; `${name}` is a part of it. */
  #bare(place: Place): string {
    const start = this.#at;
    for (; this.#at < this.#text.length; this.#at += 1) {
      const letter = this.#text[this.#at];
      if (letter === '\\') {
        this.#at += 1;
        if (this.#text[this.#at] === '\n') this.#newLine();
      } else if (letter === '{' && this.#at > start && this.#text[this.#at - 1] === '$') continue;
      else if (letter === undefined || ' \t\r\n;{'.includes(letter)) break;
      this.#checkLength(start, place);
    }
    return withoutBackslashes(this.#text.slice(start, this.#at));
  }

  #quoted(mark: string, place: Place): string {
    const start = this.#at + 1;
    for (this.#at = start; this.#text[this.#at] !== mark; this.#at += 1) {
      if (this.#text[this.#at] === '\\') this.#at += 1;
      if (this.#at >= this.#text.length)
        throw unreadable(place, `the text that begins here does not end; ${mark} is expected`);
      if (this.#text[this.#at] === '\n') this.#newLine();
      this.#checkLength(start, place);
    }
    const word = withoutBackslashes(this.#text.slice(start, this.#at));
    this.#at += 1;
    const next = this.#text[this.#at];
    // As nginx: what follows a closing quote must not look like a part of the word.
    if (next !== undefined && !' \t\r\n;{)'.includes(next)) {
      throw unreadable(
        this.#place(),
        `${quote(next)} follows a closing ${mark}; a blank, ";" or "{" is expected`,
      );
    }
    return word;
  }

  #checkLength(start: number, place: Place): void {
    if (this.#at - start >= MAX_WORD) {
      throw unreadable(
        place,
        `the word that begins here is longer than ${MAX_WORD} characters; a quote may be missing`,
      );
    }
  }

  #newLine(): void {
    this.#line += 1;
    this.#lineStart = this.#at + 1;
  }

  #place(): Place {
    return { file: this.#file, line: this.#line, column: this.#at - this.#lineStart + 1 };
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  t: '\t',
  r: '\r',
  n: '\n',
  '"': '"',
  "'": "'",
  '\\': '\\',
};

/** A backslash before anything else stays: regular expressions are full of them. */
function withoutBackslashes(word: string): string {
  return word.replace(/\\([\s\S])/g, (whole, letter: string) => ESCAPES[letter] ?? whole);
}
