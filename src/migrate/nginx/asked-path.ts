// Where `auth_request` leads: the path of the app that is asked.
import { isOutcome } from './upstreams.js';
import { hasVariable } from './values.js';
import {
  type LocationSource,
  locationFor,
  longestPrefixOf,
  type WrittenLocation,
} from './written-location.js';

/**
 * The path of the app that is asked at `uri`, if its own location leads to an app with that path.
 * @param isApp whether a location is one of the app here
 */
export function pathOfApp(
  uri: string,
  { all, upstreams, report }: LocationSource,
  isApp: (location: WrittenLocation) => boolean,
): string | undefined {
  const found = locationFor(uri, all);
  const own = found?.directive.block ?? [];
  const pass = own.find(({ name }) => name === 'proxy_pass');
  if (found === undefined || pass === undefined) return undefined;
  // The app would be asked something else, or not at all.
  if (own.some(({ name }) => ['if', 'rewrite', 'return'].includes(name))) return undefined;
  const app = upstreams.find(pass, found.chain.flat());
  if (isOutcome(app)) return undefined;
  const isExact = found.match === 'exact';
  const path = app.path === '' ? uri : isExact ? app.path : `${app.path}${uri.slice(found.pattern.length)}`;
  if (hasVariable(path)) return undefined;
  // It is asked through the location of the app that this path belongs to: that must be the same app.
  const location = longestPrefixOf(path, all);
  const there = location?.directive.block?.find(({ name }) => name === 'proxy_pass');
  if (location === undefined || !isApp(location)) return undefined;
  const other = there === undefined ? undefined : upstreams.find(there, location.chain.flat());
  if (other === undefined || isOutcome(other)) return undefined;
  if (JSON.stringify(other.own['upstream']) !== JSON.stringify(app.own['upstream'])) return undefined;
  if (isExact) {
    report.say(found.directive, 'kept', `as authRequest: ${path}`);
    report.say(pass, 'kept', `as authRequest: ${path}`);
  }
  return path;
}
