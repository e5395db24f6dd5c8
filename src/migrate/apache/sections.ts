// Apache's sections: which of them hold for a path of the URL, a directory, or an address of the app, and what counts of
// what stands in them.
import { isAbsolute, posix } from 'node:path';
import type { Directive } from '../directive.js';
import { isPattern, segmentTest } from '../source-files.js';
import type { ApacheTree } from './reader.js';

/** Sections and includes that stand for what is in them. */
const TRANSPARENT = /^(?:if(?:module|directive|section|define|version|file)|include(?:optional)?)$/i;

/** What counts of a tree or a block: conditions and includes give way to what is in them, or to nothing. */
export function live(
  directives: readonly Directive[],
  { skipped }: Pick<ApacheTree, 'skipped'>,
): Directive[] {
  // The reader bounds the depth.
  return directives.flatMap((directive) => {
    if (skipped.has(directive)) return [];
    return TRANSPARENT.test(directive.name) ? live(directive.block ?? [], { skipped }) : [directive];
  });
}

/** @param name in lower case */
export function isNamed(directive: Directive, ...names: readonly string[]): boolean {
  return names.includes(directive.name.toLowerCase());
}

/** A path of the URL as the beginning of others: with one slash at its end, and none doubled. */
export function asPrefix(path: string): string {
  return `/${path}/`.replace(/\/{2,}/g, '/');
}

/** A directory as others are compared with it: absolute, without a slash at its end. */
export function asDirectory(path: string, serverRoot: string): string {
  const whole = posix.normalize(isAbsolute(path) ? path : posix.join(serverRoot, path));
  return whole.length > 1 ? whole.replace(/\/+$/, '') : whole;
}

/** True for sections that go by a pattern: `<Directory ~ "…">`, `<Location "/x/*">`. */
export function isByPattern({ args }: Directive): boolean {
  return args[0] === '~' || /[*?[]/.test(args[0] ?? '');
}

/** `<Directory>` sections in the order in which Apache asks them: the shorter paths first. */
export function byDepth(sections: readonly Directive[], serverRoot: string): Directive[] {
  const depth = ({ args }: Directive): number => {
    const path = asDirectory(args[0] ?? '', serverRoot);
    return path === '/' ? 0 : path.split('/').length;
  };
  return [...sections].sort((a, b) => depth(a) - depth(b));
}

/**
 * Whether a `<Directory>`, with wildcards perhaps, holds for a directory and all in it; `below` where it may hold for a part
 * of it.
 */
export function holdsFor(path: string, directory: string): 'all' | 'below' | 'none' {
  const wanted = path.split('/').filter(Boolean);
  const given = directory.split('/').filter(Boolean);
  const matches = wanted.every((segment, index) => {
    const name = given[index];
    return name === undefined || segment === name || (isPattern(segment) && segmentTest(segment)(name));
  });
  if (!matches) return 'none';
  // A star at the end holds for the directory before it, too: Apache compares that with its slash.
  const least = /^\*+$/.test(wanted.at(-1) ?? '') ? wanted.length - 1 : wanted.length;
  return least <= given.length ? 'all' : 'below';
}

/** True for a pattern that matches names which begin with a dot and no others: nobody gets such files here. */
export function isOfDotfiles({ name, args }: Directive): boolean {
  const isExpression = args[0] === '~' || /match$/i.test(name);
  const pattern =
    args[0] === '~'
      ? (args[1] ?? '')
      : (args.at(isNamed({ name } as Directive, 'redirectmatch') ? -1 : 0) ?? '');
  if (!isExpression) return pattern.startsWith('.') && !/^\.(?:[*?[]|$)/.test(pattern);
  return /^(?:\^|\^?\/|\^?\.\*\/|\(\^\|\/\)|\(\?:\^\|\/\))(?:\\\.|\[\.\])(?:[^|()]*|\((?:\?:)?[^()]*\)[^|()]*)$/.test(
    pattern,
  );
}
