// Apache's configuration language → directives with their places (server/config.c: ap_build_config). Conditions are decided
// and included files are read here, as Apache does it while it reads; what is behind a condition that does not hold stays in
// the tree, so that it can be told.
import { existsSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { quote } from '../../config/errors.js';
import type { Directive, Place } from '../directive.js';
import { unreadable } from '../errors.js';
import { directoryOf, isPattern, pathsOf, SourceFiles } from '../source-files.js';
import { type LogicalLine, logicalLines, placeholderIn, resolveVariables, takeWord, words } from './line.js';

/** Sections within each other; those of real files are four deep. */
const MAX_DEPTH = 64;
/** Includes within each other, as in Apache (AP_MAX_INCLUDE_DEPTH). */
const MAX_INCLUDES_DEEP = 20;
/** Files and directories that includes may name altogether. */
const MAX_INCLUDED = 2000;
/** Of a line with what continues it, in characters. */
const MAX_LINE = 64 * 1024;
const MAX_DIRECTIVES = 20_000;

/** What has been read. */
export interface ApacheTree {
  /** An `Include` has what its files say as its block. */
  readonly tree: readonly Directive[];
  /** Sections whose condition does not hold, and why: nothing within them counts. */
  readonly skipped: ReadonlyMap<Directive, string>;
  /** Directives with a variable that nothing defines, as it is written. */
  readonly undefinedIn: ReadonlyMap<Directive, string>;
  /** Where relative paths start. */
  readonly serverRoot: string;
}

/** How a configuration is read. */
export interface ReadOptions {
  /** What named the file, for errors about it: a flag. */
  readonly from: string;
  /** Where relative includes start; the directory of Debian's or Red Hat's configuration when the file lies in it, else its own. */
  readonly prefix?: string | undefined;
  /** What reads them, and counts what it has read; a new one when absent. */
  readonly files?: SourceFiles;
  /** Variables that `${NAME}` may stand for, beside those that the files define. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** What Debian's `/etc/apache2/envvars` sets. */
const DEBIAN: Readonly<Record<string, string>> = {
  APACHE_CONFDIR: '/etc/apache2',
  APACHE_LOCK_DIR: '/var/lock/apache2',
  APACHE_LOG_DIR: '/var/log/apache2',
  APACHE_PID_FILE: '/var/run/apache2/apache2.pid',
  APACHE_RUN_DIR: '/var/run/apache2',
  APACHE_RUN_GROUP: 'www-data',
  APACHE_RUN_USER: 'www-data',
};

/**
 * Reads a file and all that it includes.
 * @throws {BadValueError} in one line, when it cannot be read as this language
 */
export function readTree(path: string, options: ReadOptions): ApacheTree {
  return new Reader(options, options.prefix ?? usualRoot(directoryOf(path))).read(path);
}

function usualRoot(directory: string): string {
  return /^\/etc\/(?:apache2|httpd)(?=\/|$)/.exec(directory)?.[0] ?? directory;
}

/** A section that is not closed yet. */
interface Open {
  readonly directive: Directive;
  readonly block: Directive[];
  /** False within a section that does not count. */
  readonly isLive: boolean;
}

class Reader {
  readonly #options: ReadOptions;
  readonly #files: SourceFiles;
  readonly #skipped = new Map<Directive, string>();
  readonly #undefinedIn = new Map<Directive, string>();
  /** By name; one without a value is defined, and `${NAME}` stays. */
  readonly #defined = new Map<string, string | undefined>();
  #serverRoot: string;
  #depth = 0;
  #includesDeep = 0;
  #included = 0;
  #directives = 0;

  constructor(options: ReadOptions, serverRoot: string) {
    this.#options = options;
    this.#files = options.files ?? new SourceFiles();
    this.#serverRoot = serverRoot;
  }

  read(path: string): ApacheTree {
    const tree: Directive[] = [];
    this.#readFile(path, this.#options.from, tree);
    return {
      tree,
      skipped: this.#skipped,
      undefinedIn: this.#undefinedIn,
      serverRoot: this.#serverRoot,
    };
  }

  /** @param into where its directives go */
  #readFile(path: string, from: string | Place, into: Directive[]): void {
    this.#files.read(path, from, (text) => {
      const open: Open[] = [];
      for (const line of logicalLines(text)) {
        const place = { file: path, line: line.line, column: line.column };
        this.#readLine(line, place, open, open.at(-1)?.block ?? into);
      }
      const last = open.at(-1);
      if (last !== undefined) {
        const { name, place } = last.directive;
        throw unreadable(
          place,
          `<${name}> is not closed; expected ${quote(`</${name}>`)} before the end of the file`,
        );
      }
    });
  }

  #readLine(line: LogicalLine, place: Place, open: Open[], into: Directive[]): void {
    if (line.text.length > MAX_LINE) throw tooLong(place);
    const isLive = open.at(-1)?.isLive ?? true;
    let unknown: string | undefined;
    let added = 0;
    // Variables are put in before the line is taken apart: a value with blanks makes several words.
    const text = isLive
      ? resolveVariables(
          line.text,
          (name) => {
            const value =
              this.#defined.get(name) ??
              this.#options.environment?.[name] ??
              (Object.hasOwn(DEBIAN, name) ? DEBIAN[name] : undefined);
            added += value?.length ?? 0;
            if (added > MAX_LINE) throw tooLong(place);
            return value;
          },
          (name) => {
            unknown ??= `\${${name}}`;
          },
        )
      : line.text;
    if (text.length > MAX_LINE) throw tooLong(place);
    const { word, rest } = takeWord(text);
    if (word.startsWith('</')) {
      this.#close(word, place, open);
      return;
    }
    this.#directives += 1;
    if (this.#directives > MAX_DIRECTIVES) {
      throw unreadable(
        place,
        `there are more than ${MAX_DIRECTIVES} directives; that is no configuration of a site`,
      );
    }
    if (isLive) refuseTemplates(text, word, place);
    if (word.startsWith('<')) {
      this.#openSection(word.slice(1), rest, unknown, place, open, into, isLive);
      return;
    }
    const { list, isOpen } = words(rest);
    // Apache 1.3 wrote a text with a quote before it alone, and that is still so.
    if (isOpen && isLive && word.toLowerCase() !== 'errordocument') {
      throw unreadable(
        place,
        `a quote in this line of ${word} is not closed; expected the same quote before its end`,
      );
    }
    const directive: Directive = { name: word, args: list, place };
    const act = isLive ? this.#onRead(directive, unknown) : undefined;
    const whole = act === undefined ? directive : { ...directive, block: act };
    into.push(whole);
    if (unknown !== undefined) this.#undefinedIn.set(whole, unknown);
  }

  #close(word: string, place: Place, open: Open[]): void {
    const name = word.slice(2).replace(/>$/, '');
    const last = open.at(-1);
    if (last === undefined) {
      throw unreadable(
        place,
        `${quote(word)} closes no section; expected a directive or the end of the file`,
      );
    }
    const expected = `</${last.directive.name}>`;
    if (!word.endsWith('>') || name.toLowerCase() !== last.directive.name.toLowerCase()) {
      const { line } = last.directive.place;
      throw unreadable(
        place,
        `${quote(word)} where ${quote(expected)} is expected, for the section of line ${line}`,
      );
    }
    open.pop();
    this.#depth -= 1;
  }

  #openSection(
    word: string,
    rest: string,
    unknown: string | undefined,
    place: Place,
    open: Open[],
    into: Directive[],
    isLive: boolean,
  ): void {
    const name = word.endsWith('>') ? word.slice(0, -1) : word;
    if (!/^\w+$/.test(name)) {
      throw unreadable(
        place,
        `${quote(`<${word}`)} is no section; expected a name right after "<", such as <Directory`,
      );
    }
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) {
      throw unreadable(place, `there are more than ${MAX_DEPTH} sections within each other; expected "</"`);
    }
    const end = word.endsWith('>') ? 0 : rest.lastIndexOf('>');
    if (end < 0 && isLive)
      throw unreadable(place, `<${name} has no end; expected ">" at the end of the line`);
    const { list, isOpen } = words(rest.slice(0, Math.max(end, 0)));
    if (isOpen && isLive) {
      throw unreadable(
        place,
        `a quote in this line of <${name}> is not closed; expected the same quote before ">"`,
      );
    }
    if (list.length === 0 && isLive && !WITHOUT_ARGUMENT.has(name.toLowerCase())) {
      throw unreadable(place, `<${name}> says nothing of what it is for; expected a word before ">"`);
    }
    const block: Directive[] = [];
    const directive: Directive = { name, args: list, place, block };
    into.push(directive);
    if (unknown !== undefined) this.#undefinedIn.set(directive, unknown);
    const reason = isLive ? this.#reasonToSkip(directive) : undefined;
    if (reason !== undefined) this.#skipped.set(directive, reason);
    open.push({ directive, block, isLive: isLive && reason === undefined && name.toLowerCase() !== 'macro' });
  }

  /** Why a condition does not hold; undefined where it does, and for other sections. */
  #reasonToSkip({ name, args, place }: Directive): string | undefined {
    const decide = CONDITIONS.get(name.toLowerCase());
    if (decide === undefined) return undefined;
    const isNegated = args[0]?.startsWith('!') === true;
    const first = isNegated ? (args[0] ?? '').slice(1) : (args[0] ?? '');
    const { holds, words: told } = decide([first, ...args.slice(1)], {
      place,
      isDefined: (variable) => this.#defined.has(variable),
      exists: (path) => existsSync(this.#absolute(path)),
    });
    return holds === isNegated ? told : undefined;
  }

  /** Does what Apache does while it reads; gives the block of an include. */
  #onRead(directive: Directive, unknown: string | undefined): Directive[] | undefined {
    const [first = '', value] = directive.args;
    switch (directive.name.toLowerCase()) {
      case 'define':
        this.#defined.set(first, value);
        return undefined;
      case 'undefine':
        this.#defined.delete(first);
        return undefined;
      case 'serverroot':
        this.#serverRoot = this.#absolute(first);
        return undefined;
      case 'include':
      case 'includeoptional':
        if (unknown !== undefined) throw unreadable(directive.place, explainUndefined(unknown));
        return this.#include(directive);
      default:
        return undefined;
    }
  }

  #include({ name, args, place }: Directive): Directive[] {
    const [written] = args;
    if (args.length !== 1 || written === undefined || written === '') {
      throw unreadable(place, `${name} takes one path; expected a file, a directory or a pattern`);
    }
    const isOptional = name.toLowerCase() === 'includeoptional';
    const block: Directive[] = [];
    const path = this.#absolute(written);
    const paths = isPattern(path) ? pathsOf(path, '/', place) : [path];
    if (isPattern(path) && paths.length === 0 && !isOptional) {
      throw unreadable(place, `nothing matches ${quote(written)}; expected files, or IncludeOptional`);
    }
    for (const found of paths) {
      if (isOptional && !existsSync(found)) continue;
      this.#includePath(found, place, block);
    }
    return block;
  }

  /** A file, or all that is in a directory and those within it. */
  #includePath(path: string, place: Place, into: Directive[]): void {
    this.#included += 1;
    if (this.#included > MAX_INCLUDED) {
      throw unreadable(place, `more than ${MAX_INCLUDED} files and directories are included`);
    }
    this.#includesDeep += 1;
    if (this.#includesDeep > MAX_INCLUDES_DEEP) {
      throw unreadable(
        place,
        `more than ${MAX_INCLUDES_DEEP} includes within each other, the last of ${path}`,
      );
    }
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
      for (const inner of pathsOf(join(path, '*'), '/', place)) this.#includePath(inner, place, into);
    } else {
      this.#readFile(path, place, into);
    }
    this.#includesDeep -= 1;
  }

  #absolute(path: string): string {
    return isAbsolute(path) ? path : join(this.#serverRoot, path);
  }
}

const WITHOUT_ARGUMENT: ReadonlySet<string> = new Set(['requireall', 'requireany', 'requirenone', 'else']);

function tooLong(place: Place): Error {
  return unreadable(place, `the line is longer than ${MAX_LINE / 1024} kB; expected a directive`);
}

/** Lines that stand for something that is not there yet. */
function refuseTemplates(text: string, word: string, place: Place): void {
  if (/^(?:\.{3,}|…)$/.test(word)) {
    throw unreadable(
      place,
      `${quote(word)} stands for lines that the documentation leaves out; expected your own directives in its place, or none`,
    );
  }
  const placeholder = placeholderIn(text);
  if (placeholder === undefined) return;
  throw unreadable(
    place,
    `${quote(placeholder)} is a placeholder of a template that has not been filled in; expected its value`,
  );
}

/** @param variable as it is written */
export function explainUndefined(variable: string): string {
  return `${variable} is not defined here; expected its value, or a line "Define ${variable.slice(2, -1)} VALUE" before it`;
}

interface Outside {
  readonly place: Place;
  isDefined(name: string): boolean;
  exists(path: string): boolean;
}

/** Whether a condition holds, and what is said where it does not count. */
type Decide = (
  args: readonly string[],
  outside: Outside,
) => { readonly holds: boolean; readonly words: string };

/** It is not known which modules there are: a site's file is written for those that it needs. */
const asIfThere: Decide = () => ({
  holds: true,
  words: 'every module counts as loaded, so this part is left out',
});

const CONDITIONS: ReadonlyMap<string, Decide> = new Map<string, Decide>(
  Object.entries({
    ifmodule: asIfThere,
    ifdirective: asIfThere,
    ifsection: asIfThere,
    ifdefine: ([name = ''], { isDefined }) => ({
      holds: isDefined(name),
      words: `${name} is ${isDefined(name) ? '' : 'not '}defined in these files, so this part is left out`,
    }),
    iffile: ([path = ''], { exists }) => ({
      holds: exists(path),
      words: `${path} is ${exists(path) ? '' : 'not '}there, so this part is left out`,
    }),
    ifversion: (args, { place }) => ({
      holds: isVersion(args, place),
      words: 'the file is read as by Apache 2.4, so this part is left out',
    }),
  }),
);

/** Apache 2.4 with all that came to it. */
const VERSION = [2, 4, 999] as const;

/** mod_version: a number that is left out is 0. */
function isVersion(args: readonly string[], place: Place): boolean {
  const [operator = '=', written = ''] = args.length === 1 ? ['=', args[0]] : args;
  const pattern = operator === '~' ? written : /^\/(.*)\/$/.exec(written)?.[1];
  if (pattern !== undefined) {
    // A longer one, or one with a repeated group, could take for ever.
    if (pattern.length > 40 || /\)[*+{]/.test(pattern)) {
      throw unreadable(place, `${quote(pattern)} is too much for a version; expected one such as ^2\\.4`);
    }
    try {
      return new RegExp(pattern).test(VERSION.join('.'));
    } catch {
      throw unreadable(place, `${quote(pattern)} is no regular expression; expected a version such as 2.4`);
    }
  }
  const numbers = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?$/.exec(written)?.slice(1);
  if (numbers === undefined)
    throw unreadable(place, `${quote(written)} is no version; expected one such as 2.4`);
  const order = VERSION.map((own, index) => Math.sign(own - Number(numbers[index] ?? 0))).find(Boolean) ?? 0;
  switch (operator) {
    case '=':
    case '==':
      return order === 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    default:
      throw unreadable(place, `${quote(operator)} compares no versions; expected one of = == > >= < <= ~`);
  }
}
