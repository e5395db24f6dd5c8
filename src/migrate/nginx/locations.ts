// Locations: what each becomes, from its prefix, its content and what holds in it.
import type { LocationKind } from '../../config/options.js';
import { Report } from '../report.js';
import { notSupported } from '../rows.js';
import type { Part } from '../translate.js';
import { accessOf } from './access.js';
import { pathOfApp } from './asked-path.js';
import { contentOf } from './content.js';
import { holdingIn } from './holding.js';
import { findNginxRow } from './table.js';
import { sayOfExact, sayOfExpression } from './without-prefix.js';
import { drop, type LocationSource, prefixOf, type WrittenLocation } from './written-location.js';

/** The part that a location becomes; undefined where nothing stands for it, which is then said. */
export function partOf(location: WrittenLocation, source: LocationSource): Part | undefined {
  const { directive, match } = location;
  const { report } = source;
  if (match === 'expression') return sayOfExpression(location, report);
  // Where they are led to, they are spoken of; else nothing needs them.
  if (match === 'named') return undefined;
  if (match === 'exact') return sayOfExact(location, report);
  const prefix = prefixOf(location);
  if (prefix === undefined) {
    return drop(directive, notSupported('its path has no prefix that this server can have'), report);
  }
  // What is said of a content that nobody gets is another thing.
  const ofContent = new Report();
  const made = contentOf(location, prefix, { ...source, report: ofContent });
  const holding = holdingIn(('chain' in made ? made.chain : undefined) ?? location.chain, findNginxRow);
  const isContent = 'kind' in made;
  // Also where nothing here stands for the content: what is closed must not become a part of what is around it.
  const access = accessOf(
    holding,
    {
      isApp: !isContent || made.kind === 'upstream',
      resolve: (uri) => pathOfApp(uri, source),
    },
    report,
  );
  if (!isContent && !access.isClosed) {
    report.take(ofContent);
    return drop(directive, made, report);
  }
  const kind = access.isClosed || !isContent ? 'denied' : made.kind;
  if (kind === 'denied' && isContent && made.kind !== 'denied') {
    report.takeAs(ofContent, 'not needed', 'nobody gets what is there');
  } else report.take(ofContent);
  const own =
    kind === 'denied' ? {} : { ...(isContent ? made.own : {}), ...(access.isClosed ? {} : access.set) };
  sayOfLocation(location, prefix, kind, report);
  return { kind, prefix, own, declared: directive, holding };
}

const KINDS: Readonly<Record<LocationKind, string>> = {
  media: 'media: uploads, which are not trusted',
  static: 'static: files of the site itself, by its name',
  internal: 'internal: the app hands these files out',
  denied: 'denied',
  upstream: 'upstream',
};

function sayOfLocation(
  { directive, pattern }: WrittenLocation,
  prefix: string,
  kind: LocationKind,
  report: Report,
): void {
  const as = `as the kind ${KINDS[kind]}`;
  if (pattern === prefix) report.say(directive, 'kept', as);
  else
    report.say(
      directive,
      'changed',
      `${as}; the prefix is ${prefix}, and ${pattern} and what only begins like it go elsewhere`,
    );
}
