// Which location nginx asks for which paths (ngx_http_core_find_location): the longest prefix, unless an expression matches;
// one within that prefix is asked before those beside it, and those beside it not at all after `^~`. Here the longest prefix
// wins. So each prefix of the file gets the location that nginx has for the paths right below it.
import type { Report } from '../report.js';
import { changed, notNeeded } from '../rows.js';
import { drop, prefixOf, type WrittenLocation } from './written-location.js';

/** The locations, each with the prefix that it has here. Of those that nginx never asks it is said which one it asks. */
export function askedLocations(all: readonly WrittenLocation[], report: Report): readonly WrittenLocation[] {
  const prefixes = all.filter(({ match }) => match === 'prefix');
  const regions = [...new Set(prefixes.flatMap((location) => prefixOf(location) ?? []))].sort(
    (a, b) => a.length - b.length,
  );
  const winners = new Map<string, WrittenLocation>();
  const asked: WrittenLocation[] = [];
  for (const region of regions) {
    const winner = find(`${region}\0`, undefined, prefixes)?.location;
    if (winner === undefined) continue;
    const around = [...winners].filter(([prefix]) => region.startsWith(prefix)).at(-1)?.[1];
    winners.set(region, winner);
    if (prefixOf(winner) === region) asked.push(winner);
    else if (winner !== around) asked.push(closed(winner, region));
  }
  for (const location of prefixes) {
    const prefix = prefixOf(location);
    const winner = prefix === undefined ? undefined : winners.get(prefix);
    if (winner === undefined || asked.includes(location)) continue;
    sayOfUnasked(location, winner, report);
  }
  // What cannot be a prefix here is told by its own words.
  return all
    .filter(
      (location) =>
        location.match !== 'prefix' || asked.includes(location) || prefixOf(location) === undefined,
    )
    .concat(asked.filter((location) => !all.includes(location)));
}

interface Found {
  readonly location: WrittenLocation;
  readonly isExpression: boolean;
}

/** What nginx has for a path among the locations of one block, and within them. */
function find(
  path: string,
  outer: WrittenLocation | undefined,
  all: readonly WrittenLocation[],
): Found | undefined {
  const here = all.filter((one) => one.outer === outer && path.startsWith(one.pattern));
  const [longest] = here
    .filter(({ expression }) => expression === undefined)
    .sort((a, b) => b.pattern.length - a.pattern.length);
  const within = longest === undefined ? undefined : find(path, longest, all);
  if (within?.isExpression === true) return within;
  const expression = here.find((one) => one.expression !== undefined);
  if (expression !== undefined && !(longest !== undefined && isBeforeExpressions(longest))) {
    return { location: find(path, expression, all)?.location ?? expression, isExpression: true };
  }
  return within ?? (longest === undefined ? undefined : { location: longest, isExpression: false });
}

function isBeforeExpressions({ directive }: WrittenLocation): boolean {
  return directive.args[0]?.startsWith('^~') === true;
}

/** An expression has these paths, and a prefix with `^~` those around them: here they are nobody's. */
function closed(location: WrittenLocation, pattern: string): WrittenLocation {
  const { directive, chain } = location;
  return {
    directive,
    match: 'prefix',
    pattern,
    chain: [...chain, [{ name: 'deny', args: ['all'], place: directive.place }]],
  };
}

function sayOfUnasked(location: WrittenLocation, winner: WrittenLocation, report: Report): void {
  const { directive, pattern } = location;
  const other = `location ${winner.directive.args.join(' ')}`;
  if (pattern.endsWith('/') || winner.directive === directive) {
    drop(directive, notNeeded(`nginx asks ${other} before it`), report);
    return;
  }
  const words = `${other} has the paths below ${pattern}/; what only begins like ${pattern} IS OPEN, where a location around it gives it out`;
  drop(directive, changed(words), report);
}
