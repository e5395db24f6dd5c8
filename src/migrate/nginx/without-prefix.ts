// Locations that are no prefix: expressions and single paths.

import type { Report } from '../report.js';
import { changed, notSupported } from '../rows.js';
import { drop, isRefusal, isRefusingAtTimes, type WrittenLocation } from './written-location.js';

/** Says what becomes of a location with a regular expression. */
export function sayOfExpression({ directive, pattern, chain }: WrittenLocation, report: Report): undefined {
  const own = chain.at(-1) ?? [];
  const denies = own.some(isRefusal) || own.some(isRefusingAtTimes);
  const dotfiles = denies ? dotfilesOf(pattern) : undefined;
  if (dotfiles !== undefined) {
    const [verdict, words] = WORDS_OF_DOTFILES[dotfiles];
    report.say(directive, verdict, words);
    report.sayWithin(directive, verdict, 'as the location around it');
    return undefined;
  }
  const words = denies
    ? 'WHAT IT CLOSES IS OPEN, as all below the same prefix is'
    : own.some(({ name }) => /_pass$/.test(name))
      ? 'files that it has handed to a program ARE OPEN, where they lie below a prefix that is served'
      : 'its requests are answered as all below the same prefix';
  return drop(directive, notSupported(`regular expressions are not read here yet: ${words}`), report);
}

const WORDS_OF_DOTFILES = {
  some: ['always so', 'dotfiles are not served'],
  unknown: ['always so', 'dotfiles are not served, but for .well-known and .thumbnails'],
  all: [
    'changed',
    'dotfiles are not served, but .well-known and .thumbnails ARE OPEN, where a prefix has them',
  ],
} as const;

/** Which dotfiles an expression is for: `/\.git` some, `/\.` all, `/\.(?!well-known)` those but one; undefined for others. */
function dotfilesOf(expression: string): keyof typeof WORDS_OF_DOTFILES | undefined {
  const plain = expression.replace(/\\\//g, '/');
  const rest = /^\^?(?:\.\*)?(?:\/|\((?:\?:)?\^\|\/\))\\\.(.*)$/.exec(plain)?.[1];
  // With a choice at its top, the other half is for something else.
  if (rest === undefined || rest.replace(/\([^()]*\)/g, '').includes('|')) return undefined;
  if (rest.startsWith('(?!')) return /well-known/.test(rest) ? 'unknown' : 'all';
  if (/well-known|thumbnails/.test(rest)) return undefined;
  return /^(?:\w|\((?:\?:)?\w)/.test(rest) ? 'some' : 'all';
}

/** Says what becomes of a location for a single path. */
export function sayOfExact(location: WrittenLocation, report: Report): undefined {
  const { directive, pattern, chain } = location;
  const own = chain.at(-1) ?? [];
  // Spoken of already: as the page of an error, or as what auth_request asks.
  if (report.has(directive)) {
    report.sayWithin(directive, 'not needed', 'as the location around it');
    return undefined;
  }
  const isQuietOnly = own.every(({ name }) => /^(?:access_log|log_not_found|error_log)$/.test(name));
  if (isQuietOnly) {
    return drop(directive, changed(`${pattern} is answered as all below the same prefix`), report);
  }
  const words =
    own.some(isRefusal) || own.some(isRefusingAtTimes)
      ? `a single path is not read here yet: ${pattern}, WHICH IT CLOSES, IS OPEN, as all below the same prefix is`
      : `a single path is not read here yet: ${pattern} is answered as all below the same prefix${
          own.some(({ name }) => /_pass$/.test(name))
            ? '; a file of this name, which nginx hides, IS OPEN'
            : ''
        }`;
  return drop(directive, notSupported(words), report);
}
