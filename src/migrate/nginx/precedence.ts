// Which location is asked first: an expression wins over all prefixes, but for those with `^~`, and over later expressions
// (ngx_http_core_find_location). Here the longest prefix wins, so that those which nginx never asks must be left out.
import type { Report } from '../report.js';
import { drop, type WrittenLocation } from './written-location.js';

/** Those that are asked. Of the others it is said which one is asked in their place. */
export function askedLocations(all: readonly WrittenLocation[], report: Report): readonly WrittenLocation[] {
  const first = new Map<WrittenLocation, WrittenLocation>();
  for (const location of all.filter(({ expression }) => expression !== undefined)) {
    const before = closedTo(location, all);
    if (before !== undefined) {
      first.set(location, before);
      continue;
    }
    for (const other of all) if (isBehind(other, location, all)) first.set(other, location);
  }
  for (const [location, { directive }] of first) {
    const words = `nginx asks location ${directive.args.join(' ')} before it`;
    drop(location.directive, { verdict: 'not needed', words }, report);
  }
  return all.filter((location) => {
    for (let at: WrittenLocation | undefined = location; at !== undefined; at = at.outer) {
      if (first.has(at)) return false;
    }
    return true;
  });
}

/** The prefix with `^~` that is found for all paths of the expression, so that it is never asked. */
function closedTo(
  { pattern, outer }: WrittenLocation,
  all: readonly WrittenLocation[],
): WrittenLocation | undefined {
  const [longest] = all
    .filter(
      (one) =>
        one.outer === outer &&
        one.match === 'prefix' &&
        one.expression === undefined &&
        pattern.startsWith(one.pattern),
    )
    .sort((a, b) => b.pattern.length - a.pattern.length);
  return longest !== undefined && isBeforeExpressions(longest) ? longest : undefined;
}

/** Whether all paths of a location match the expression, and it is asked first. */
function isBehind(
  location: WrittenLocation,
  expression: WrittenLocation,
  all: readonly WrittenLocation[],
): boolean {
  if (location.match !== 'prefix' || !location.pattern.startsWith(expression.pattern)) return false;
  // What is beside the expression, and has the location in it.
  let beside: WrittenLocation | undefined = location;
  while (beside !== undefined && beside.outer !== expression.outer) beside = beside.outer;
  if (beside === undefined || beside.directive === expression.directive) return false;
  if (beside.expression !== undefined) return all.indexOf(beside) > all.indexOf(expression);
  return !isBeforeExpressions(beside);
}

function isBeforeExpressions({ directive }: WrittenLocation): boolean {
  return directive.args[0]?.startsWith('^~') === true;
}
