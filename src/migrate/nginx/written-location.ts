// Locations as they are written: what their first arguments say, and the blocks around them.
import { prefix as prefixType } from '../../config/values.js';
import { type Directive, eachDirective } from '../directive.js';
import { unreadable } from '../errors.js';
import type { Report } from '../report.js';
import type { Outcome } from '../rows.js';
import { type Expression, prefixesOf } from './expression.js';
import { findNginxRow } from './table.js';
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
  /** Set for a prefix that is written as an expression, which is asked before all prefixes but those with `^~`. */
  readonly expression?: Expression | undefined;
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
      return patternsOf(directive).flatMap((pattern) => {
        const found = patternWithin(pattern, outer?.pattern ?? '');
        if (found === undefined) return [];
        const location = { directive, ...found, chain: inner, outer };
        return [location, ...(location.match === 'prefix' ? locationsIn(inner, location) : [])];
      });
    });
}

type Pattern = Pick<WrittenLocation, 'match' | 'pattern' | 'expression'>;

/** One for each path that it is for: an expression may name several. */
function patternsOf(directive: Directive): readonly Pattern[] {
  const { match, pattern, isAnyCase = false } = patternOf(directive);
  const found = match === 'expression' ? prefixesOf(pattern) : undefined;
  if (found === undefined) return [{ match, pattern }];
  const { prefixes, isRestCaptured } = found;
  return prefixes.map((prefix) => ({
    match: 'prefix',
    pattern: prefix,
    expression: { isAnyCase, isRestCaptured },
  }));
}

/** An expression is asked for the paths of the location around it alone; undefined where none of them can match. */
function patternWithin(found: Pattern, outer: string): Pattern | undefined {
  const { pattern, expression } = found;
  if (expression === undefined || pattern.startsWith(outer)) return found;
  if (!outer.startsWith(pattern)) return undefined;
  return { match: 'prefix', pattern: outer, expression: { ...expression, isRestCaptured: false } };
}

function patternOf({ args, place }: Directive): { match: Match; pattern: string; isAnyCase?: boolean } {
  const [first = '', second] = args;
  if (args.length > 2 || first === '') {
    throw unreadable(place, `location has ${args.length} arguments; a path is expected, and then "{"`);
  }
  if (second !== undefined) {
    if (first === '=') return { match: 'exact', pattern: second };
    if (first === '^~') return { match: 'prefix', pattern: second };
    if (first === '~' || first === '~*')
      return { match: 'expression', pattern: second, isAnyCase: first === '~*' };
    throw unreadable(place, `"${first}" is no modifier of a location; =, ~, ~* or ^~ is expected`);
  }
  if (first.startsWith('@')) return { match: 'named', pattern: first };
  // They may be written together.
  const [, modifier, rest = ''] = /^(\^~|=|~\*|~)(.*)$/.exec(first) ?? [];
  if (modifier === undefined) return { match: 'prefix', pattern: first };
  if (modifier === '=') return { match: 'exact', pattern: rest };
  return modifier === '^~'
    ? { match: 'prefix', pattern: rest }
    : { match: 'expression', pattern: rest, isAnyCase: modifier === '~*' };
}

/** The location of a path that another directive names, expressions left out: the one for that path alone, or the longest prefix. */
export function locationFor(path: string, all: readonly WrittenLocation[]): WrittenLocation | undefined {
  return (
    all.find(({ match, pattern }) => match === 'exact' && pattern === path) ?? longestPrefixOf(path, all)
  );
}

/** The location with the longest prefix that a path has. */
export function longestPrefixOf(path: string, all: readonly WrittenLocation[]): WrittenLocation | undefined {
  return all
    .filter(({ match, pattern }) => match === 'prefix' && path.startsWith(pattern))
    .sort((a, b) => b.pattern.length - a.pattern.length)[0];
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
  // Also a redirect: to a page of a login, say.
  if (name === 'return') return !/^2\d\d$/.test(first);
  if (name === 'auth_basic' || name === 'auth_request') return first !== 'off';
  return ['deny', 'limit_except', 'secure_link', 'internal'].includes(name) || isOtherLogin(name, first);
}

/** True where requests from outside get nothing; locations within have it, too. */
export function isInternal({ chain }: WrittenLocation): boolean {
  return chain.flat().some(({ name }) => name === 'internal');
}

/** Logins of modules that nginx is not built with, and of its subscription. */
export function isOtherLogin(name: string, value: string): boolean {
  return (
    value !== 'off' &&
    /^(?:auth_(?!basic$|request$|delay$|http$)[a-z]+|access_by_lua\w*|js_access|secure_link_secret)$/.test(
      name,
    )
  );
}

/** True for what keeps somebody out in some cases: a condition, or a rewrite to another path. */
export function isRefusingAtTimes({ name, block = [] }: Directive): boolean {
  if (name === 'rewrite') return true;
  return name === 'if' && block.some((one) => isRefusal(one) || /^rewrite$|_pass$/.test(one.name));
}

/** What is said of conditions and rewrites that are left out. */
export function wordsOfCondition(directive: Directive): string {
  return isRefusingAtTimes(directive)
    ? 'conditions and rewrites are not read here yet: what it keeps from clients IS OPEN'
    : 'conditions and rewrites are not read here yet: the site answers without them';
}

/** Says of directives within what nobody would miss, wherever they stand. */
export function sayOfNobody({ block = [] }: Directive, report: Report): void {
  for (const inner of eachDirective(block)) {
    const says = findNginxRow(inner.name)?.says;
    if (says?.verdict === 'not needed' && !report.has(inner)) report.say(inner, says.verdict, says.words);
  }
}

/** Says of a location, and of all in it, that nothing stands for it. */
export function drop(directive: Directive, outcome: Outcome, report: Report): undefined {
  report.say(directive, outcome.verdict, outcome.words);
  sayOfNobody(directive, report);
  report.sayWithin(directive, outcome.verdict, 'as the location around it');
  return undefined;
}
