// Locations as they are written: what their first arguments say, and the blocks around them.
import { prefix as prefixType } from '../../config/values.js';
import type { Directive } from '../directive.js';
import { unreadable } from '../errors.js';
import type { Report } from '../report.js';
import type { Outcome } from '../rows.js';
import type { Upstreams } from './upstreams.js';

/** What a location's first argument says of its pattern. */
type Match = 'prefix' | 'exact' | 'expression' | 'named';

/** A location as it is written, with the blocks around it. */
export interface WrittenLocation {
  readonly directive: Directive;
  readonly match: Match;
  readonly pattern: string;
  /** The contents of the blocks from http to this one. */
  readonly chain: readonly (readonly Directive[])[];
  /** The location around it, if there is one. */
  readonly outer?: WrittenLocation | undefined;
}

/** What locations need to know of the site. */
export interface LocationSource {
  readonly all: readonly WrittenLocation[];
  readonly upstreams: Upstreams;
  /** Where relative paths start. */
  readonly base: string;
  readonly report: Report;
}

/** All locations of a block, with those within prefixes: what is within another one holds for a part of that alone. */
export function locationsIn(
  chain: readonly (readonly Directive[])[],
  outer?: WrittenLocation,
): WrittenLocation[] {
  return (chain.at(-1) ?? [])
    .filter(({ name }) => name === 'location')
    .flatMap((directive) => {
      const inner = [...chain, directive.block ?? []];
      const location = { directive, ...patternOf(directive), chain: inner, outer };
      return [location, ...(location.match === 'prefix' ? locationsIn(inner, location) : [])];
    });
}

function patternOf({ args, place }: Directive): { match: Match; pattern: string } {
  const [first = '', second] = args;
  if (args.length > 2 || first === '') {
    throw unreadable(place, `location has ${args.length} arguments; a path is expected, and then "{"`);
  }
  if (second !== undefined) {
    if (first === '=') return { match: 'exact', pattern: second };
    if (first === '^~') return { match: 'prefix', pattern: second };
    if (first === '~' || first === '~*') return ofExpression(first, second);
    throw unreadable(place, `"${first}" is no modifier of a location; =, ~, ~* or ^~ is expected`);
  }
  if (first.startsWith('@')) return { match: 'named', pattern: first };
  // They may be written together.
  const [, modifier, rest = ''] = /^(\^~|=|~\*|~)(.+)$/.exec(first) ?? [];
  if (modifier === undefined) return { match: 'prefix', pattern: first };
  if (modifier === '=') return { match: 'exact', pattern: rest };
  return modifier === '^~' ? { match: 'prefix', pattern: rest } : ofExpression(modifier, rest);
}

/** `~ ^/media/` says no more than `^~ /media/`. */
function ofExpression(modifier: string, expression: string): { match: Match; pattern: string } {
  const literal = /^\^((?:\/[\w-]+)+\/?)(?:\.\*\$?)?$/.exec(expression)?.[1];
  return modifier === '~' && literal !== undefined
    ? { match: 'prefix', pattern: literal }
    : { match: 'expression', pattern: expression };
}

/** Our prefix for a location with one; undefined where there is none. */
export function prefixOf({ pattern }: WrittenLocation): string | undefined {
  try {
    return prefixType.parse(pattern);
  } catch {
    return undefined;
  }
}

/** True for what keeps somebody out. */
export function isRefusal({ name, args }: Directive): boolean {
  const [first = ''] = args;
  if (name === 'return') return /^4/.test(first);
  if (name === 'auth_basic' || name === 'auth_request') return first !== 'off';
  return ['allow', 'deny', 'auth_jwt', 'limit_except', 'secure_link', 'internal'].includes(name);
}

/** Says of a location, and of all in it, that nothing stands for it. */
export function drop(directive: Directive, outcome: Outcome, report: Report): undefined {
  report.say(directive, outcome.verdict, outcome.words);
  report.sayWithin(directive, outcome.verdict, 'as the location around it');
  return undefined;
}
