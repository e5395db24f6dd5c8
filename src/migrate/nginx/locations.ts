// Locations: what each becomes, from its prefix, its content and what holds in it.
import type { LocationKind } from '../../config/options/option.js';
import { Report } from '../report.js';
import { notSupported } from '../rows.js';
import type { Part } from '../translate.js';
import { accessOf } from './access.js';
import { pathOfApp } from './asked-path.js';
import { contentOf } from './content.js';
import { holdingIn } from './holding.js';
import { findNginxRow } from './table.js';
import { sayOfExact, sayOfExpression } from './without-prefix.js';
import {
  drop,
  isInternal,
  isRefusal,
  type LocationSource,
  prefixOf,
  type WrittenLocation,
} from './written-location.js';

/** A part, and the location that it comes from. */
export interface Made {
  readonly location: WrittenLocation;
  readonly part: Part;
  /** Set where nothing here stands for the content: it is closed where files would be given out in its place. */
  readonly isMissing: boolean;
}

/**
 * What a location becomes; undefined where there is nothing at all for it, which is then said.
 * @param isAsked set where another location asks about it: one that asks in its turn, perhaps that very one, answers nobody
 */
export function partOf(location: WrittenLocation, source: LocationSource, isAsked = false): Made | undefined {
  const { directive, match } = location;
  const { report } = source;
  if (match === 'expression') return sayOfExpression(location, report);
  // Where they are led to, they are spoken of; else nothing needs them.
  if (match === 'named') return undefined;
  if (match === 'exact') return sayOfExact(location, report);
  const prefix = prefixOf(location);
  if (prefix === undefined) {
    const words = (location.chain.at(-1) ?? []).some(isRefusal) ? ': WHAT IT CLOSES IS OPEN' : '';
    return drop(directive, notSupported(`its path is no prefix that this server can have${words}`), report);
  }
  // What is said of a content that nobody gets is another thing.
  const ofContent = new Report();
  const made = contentOf(location, prefix, { ...source, report: ofContent });
  const isContent = 'kind' in made;
  const ledTo = isContent ? made.chain : undefined;
  const asked = holdingIn(location.chain, findNginxRow);
  const holding = ledTo === undefined ? asked : holdingIn(ledTo, findNginxRow);
  // Also where nothing here stands for the content: what is closed must not become a part of what is around it.
  const accesses = (ledTo === undefined ? [asked] : [asked, holding]).map((each) =>
    accessOf(
      each,
      {
        isApp: !isContent || made.kind === 'upstream',
        resolve: (uri) => (isAsked ? undefined : pathOfApp(uri, source, (other) => isApp(other, source))),
      },
      report,
    ),
  );
  const access = accesses.find(({ isClosed }) => isClosed) ?? accesses[0] ?? { isClosed: true };
  if (!isContent && !access.isClosed && !isInternal(location)) {
    report.take(ofContent);
    drop(directive, made, report);
    return {
      location,
      part: {
        kind: 'denied',
        prefix: deniedPrefixOf(location, prefix),
        own: {},
        declared: directive,
        holding,
      },
      isMissing: true,
    };
  }
  const kind = access.isClosed || !isContent ? 'denied' : made.kind;
  if (kind === 'denied' && isContent && made.kind !== 'denied') {
    report.takeAs(ofContent, 'not needed', 'nobody gets what is there');
  } else report.take(ofContent);
  const own =
    kind === 'denied' ? {} : { ...(isContent ? made.own : {}), ...(access.isClosed ? {} : access.set) };
  sayOfLocation(location, prefix, kind, kind === 'internal' || Object.keys(own).some(isOfAccess), report);
  const ours = kind === 'denied' ? deniedPrefixOf(location, prefix) : prefix;
  return { location, part: { kind, prefix: ours, own, declared: directive, holding }, isMissing: false };
}

/** What is denied may end without a slash, and holds for all that begins like it then. */
function deniedPrefixOf({ pattern }: WrittenLocation, prefix: string): string {
  return pattern.endsWith('/') || prefix === '/' ? prefix : prefix.slice(0, -1);
}

const isOfAccess = (option: string): boolean => option === 'authRequest' || option === 'secureLink';

/** Whether the app answers there. */
function isApp(location: WrittenLocation, source: LocationSource): boolean {
  return partOf(location, { ...source, report: new Report() }, true)?.part.kind === 'upstream';
}

const KINDS: Readonly<Record<LocationKind, string>> = {
  media: 'media: uploads, which are not trusted (write static where nobody uploads)',
  static: 'static: files of the site itself (write media where people upload)',
  internal: 'internal: the app hands these files out',
  denied: 'denied',
  upstream: 'upstream',
};

function sayOfLocation(
  { directive, pattern, expression }: WrittenLocation,
  prefix: string,
  kind: LocationKind,
  isAsked: boolean,
  report: Report,
): void {
  const as = `as the kind ${KINDS[kind]}`;
  const isGuarded = isAsked || kind === 'denied';
  if (kind === 'denied' && expression?.isAnyCase !== true) report.say(directive, 'kept', as);
  else if (pattern !== prefix && kind !== 'denied') {
    const words = isGuarded
      ? `what only begins like ${pattern} IS OPEN, where a location around it gives it out`
      : `${pattern} and what only begins like it go elsewhere`;
    report.say(directive, 'changed', `${as}; the prefix is ${prefix}, and ${words}`);
  } else if (expression?.isAnyCase === true) {
    const words = isGuarded
      ? 'IS OPEN, where a location around it gives it out'
      : 'goes to the location around it';
    report.say(directive, 'changed', `${as}; ${prefix} in other capitals ${words}`);
  } else report.say(directive, 'kept', as);
}
