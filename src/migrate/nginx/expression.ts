// Regular expressions of locations that say no more than a prefix, or a few.

/** What an expression says besides its prefix. */
export interface Expression {
  /** `~*`: in capitals, too. */
  readonly isAnyCase: boolean;
  /** Whether `$1` is all that follows the prefix. */
  readonly isRestCaptured: boolean;
}

/** Paths that one expression may stand for; more are no list that somebody wrote. */
const MOST = 100;

/** A letter, or words of which one must be there: `(media|static)`, `(?:a|b)`. */
const PART = String.raw`\\[/.\-]|[\w/-]|\((?:\?:)?[\w/-]+(?:\|[\w/-]+)*\)`;
/** What may follow and says no more: `.*`, `(.*)$`, `/?`, `(/|$)`. */
const REST = String.raw`(?:\.[*+]\$?|(\(\.[*+]\)\$?)|\/\?(?:\.\*\$?)?|(\((?:\?:)?\/\|\$\)))?`;
const WHOLE = new RegExp(`^\\^((?:${PART})+?)${REST}$`);

/** The prefixes that it stands for: `^/media/`, `^/(media|static)/.*$`; undefined where it says more than that. */
export function prefixesOf(
  expression: string,
): { readonly prefixes: readonly string[]; readonly isRestCaptured: boolean } | undefined {
  // It matches whatever there is.
  if (/^\^?(?:\.\*)?\$?$/.test(expression) && expression !== '^$' && expression !== '$') {
    return { prefixes: ['/'], isRestCaptured: false };
  }
  const [, parts, captured, end] = WHOLE.exec(expression) ?? [];
  if (parts === undefined) return undefined;
  let prefixes = [''];
  let hasGroup = false;
  for (const [part] of parts.matchAll(new RegExp(PART, 'g'))) {
    hasGroup ||= /^\((?!\?)/.test(part);
    const words = part.startsWith('(')
      ? part.replace(/^\((?:\?:)?|\)$/g, '').split('|')
      : [part.replace(/^\\/, '')];
    prefixes = prefixes.flatMap((prefix) => words.map((word) => prefix + word));
    if (prefixes.length > MOST) return undefined;
  }
  if (end !== undefined) prefixes = prefixes.map((prefix) => `${prefix}/`);
  if (prefixes.some((prefix) => !prefix.startsWith('/'))) return undefined;
  return { prefixes: [...new Set(prefixes)], isRestCaptured: captured !== undefined && !hasGroup };
}
