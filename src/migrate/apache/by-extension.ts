// `<FilesMatch "\\.(css|js)$">` that says how long such files may be kept: the one thing that this server, too, says by name.
import type { Directive } from '../directive.js';
import { headerLine, plainValue } from './header-line.js';
import { isNamed } from './sections.js';
import { isOn, parseExpiry } from './values.js';

/** How long files of some extensions may be kept. */
export interface CacheRule {
  /** A regular expression of JavaScript, for paths. */
  readonly match: string;
  /** Of Cache-Control. */
  readonly value: string;
}

/** What the section says, where it says this and no more. */
export function cacheRuleOf(section: Directive): CacheRule | undefined {
  if (!isNamed(section, 'files', 'filesmatch')) return undefined;
  const match = patternOf(section);
  const lines = linesIn(section.block ?? []);
  const isOther = (one: Directive): boolean =>
    !isNamed(one, 'expiresactive', 'expiresdefault') && cacheControlOf(one) === undefined;
  if (match === undefined || lines.length === 0 || lines.some(isOther)) return undefined;
  const written = lines.map(cacheControlOf).findLast((value) => value !== undefined);
  if (written !== undefined) return { match, value: written };
  const isActive = isOn(lines.findLast((one) => isNamed(one, 'expiresactive'))?.args[0]);
  const expiry = parseExpiry(lines.findLast((one) => isNamed(one, 'expiresdefault'))?.args.join(' ') ?? '');
  if (!isActive || expiry === undefined || expiry.isFromChange) return undefined;
  return { match, value: `public, max-age=${expiry.seconds}` };
}

/** With what stands in conditions on modules, which all count as loaded. */
function linesIn(block: readonly Directive[]): Directive[] {
  return block.flatMap((one) => {
    if (!isNamed(one, 'ifmodule')) return [one];
    return one.args[0]?.startsWith('!') === true ? [] : linesIn(one.block ?? []);
  });
}

/** The value of `Header set Cache-Control "…"`. */
function cacheControlOf(directive: Directive): string | undefined {
  if (!isNamed(directive, 'header')) return undefined;
  const { action, lower, value, isConditional } = headerLine(directive);
  if (action !== 'set' || lower !== 'cache-control' || isConditional || value === undefined) return undefined;
  return plainValue(value);
}

/** Words with letters that may be left out, such as `jpe?g|png`, behind a dot and at the end of a name. */
function patternOf({ name, args }: Directive): string | undefined {
  const isGlob = name.toLowerCase() === 'files' && args[0] !== '~';
  if (isGlob) {
    const [, extension] = /^\*\.(\w+)$/.exec(args[0] ?? '') ?? [];
    return extension === undefined ? undefined : `\\.${extension}$`;
  }
  const [, anyCase, many, one] =
    /^(\(\?i\))?(?:\^?\.[*+])?\\\.(?:\((?:\?:)?(\w+(?:\?\w*)*(?:\|\w+(?:\?\w*)*)*)\)|(\w+))\$$/.exec(
      args[args[0] === '~' ? 1 : 0] ?? '',
    ) ?? [];
  const words = many ?? one;
  if (words === undefined) return undefined;
  const letters =
    anyCase === undefined
      ? words
      : words.replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
  return `\\.(?:${letters})$`;
}
