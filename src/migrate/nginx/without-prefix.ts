// Locations that are no prefix: expressions and single paths.

import type { Report } from '../report.js';
import { changed, notSupported } from '../rows.js';
import { drop, isRefusal, type WrittenLocation } from './written-location.js';

/** Says what becomes of a location with a regular expression. */
export function sayOfExpression({ directive, pattern, chain }: WrittenLocation, report: Report): undefined {
  const own = chain.at(-1) ?? [];
  const denies = own.some(isRefusal);
  // `/\.`, `/\.ht`, `/\.(?!well-known)`, `/\.git`: all such names.
  if (
    denies &&
    /^\^?(?:\/|\(\^\|\/\)|\.\*\/)?\\\.(?!\(?(?:php|py|html|svg|js|css|jsp|asp|cgi|pl|sh|exe|sql|bak|log))/i.test(
      pattern.replace(/\\\//g, '/'),
    )
  ) {
    report.say(directive, 'always so', 'dotfiles are not served, but for .well-known and .thumbnails');
    report.sayWithin(directive, 'always so', 'as the location around it');
    return undefined;
  }
  return drop(
    directive,
    notSupported(
      denies
        ? 'regular expressions are not read here yet: WHAT IT CLOSES IS OPEN, as all below the same prefix is'
        : 'regular expressions are not read here yet: its requests are answered as all below the same prefix',
    ),
    report,
  );
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
  const words = own.some(isRefusal)
    ? `a single path is not read here yet: ${pattern}, WHICH IT CLOSES, IS OPEN, as all below the same prefix is`
    : `a single path is not read here yet: ${pattern} is answered as all below the same prefix`;
  return drop(directive, notSupported(words), report);
}
