// From directives that hold somewhere to a configuration of our own, by a table of rows; the same for both languages.
import type { LocationKind, Option } from '../config/options/option.js';
import { OPTIONS, type OptionName } from '../config/options.js';
import { type Directive, type Place, showDirective } from './directive.js';
import type { Finding, Report } from './report.js';
import type { Outcome, Row } from './rows.js';

/** A location in the making. */
export interface Part {
  readonly kind: LocationKind;
  readonly prefix: string;
  /** What makes it what it is, beside kind and prefix: `root` or `upstream`. */
  readonly own: Readonly<Record<string, unknown>>;
  /** The directive that declares it. */
  readonly declared: Directive;
  /** The directives that hold in it, those of the blocks around it included. */
  readonly holding: readonly Directive[];
}

/** A configuration of our own, as our file would write it. */
export interface Draft {
  /** The options of the server. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly locations: readonly DraftLocation[];
}

/** What reading a file of another server gives. */
export interface Translation {
  readonly draft: Draft;
  readonly findings: readonly Finding[];
}

/** A location of our own file, and where it comes from. */
export interface DraftLocation {
  readonly entry: { readonly kind: LocationKind; readonly prefix: string } & Readonly<
    Record<string, unknown>
  >;
  readonly place: Place;
  /** What declared it, in one line. */
  readonly title: string;
}

/**
 * Asks the rows of all that hold. What a directive becomes is said in the report, once for each place it holds for.
 * @param find the row for a name
 * @param site the directives that hold for the server
 */
export function translate(
  find: (name: string) => Row | undefined,
  site: readonly Directive[],
  parts: readonly Part[],
  report: Report,
): Draft {
  const ask = (
    holding: readonly Directive[],
    which: 'site' | 'files' | 'app',
    part: Part | undefined,
  ): Record<string, unknown> => {
    const here = { kind: part?.kind, prefix: part?.prefix ?? '/', holding };
    const outcomes = holding.flatMap((directive) => {
      const outcome = find(directive.name)?.[which]?.(directive, here);
      if (outcome === undefined) return [];
      report.say(directive, outcome.verdict, outcome.words);
      return [outcome];
    });
    return gather(outcomes);
  };
  const locations = parts.map((part) => ({
    entry: {
      kind: part.kind,
      prefix: part.prefix,
      ...part.own,
      ...(part.kind === 'denied' ? {} : ask(part.holding, part.kind === 'upstream' ? 'app' : 'files', part)),
    },
    place: part.declared.place,
    title: showDirective(part.declared),
  }));
  return raiseCommon({ options: ask(site, 'site', undefined), locations });
}

/** Says of each directive of the tree what its row says wherever it stands, and of one without a row that it is not known. */
export function sayTheRest(
  find: (name: string) => Row | undefined,
  directives: Iterable<Directive>,
  report: Report,
): void {
  for (const directive of directives) {
    if (report.has(directive)) continue;
    const row = find(directive.name);
    if (row === undefined)
      report.say(directive, 'not known here', 'look up what it does, and whether it is missed');
    else if (row.says !== undefined) report.say(directive, row.says.verdict, row.says.words);
  }
}

/** What all outcomes set together; objects and lists add up, in copies of their own that grow in place. */
function gather(outcomes: readonly Outcome[]): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  const copies = new Set<unknown>();
  const ownCopy = <T extends object>(old: T, copy: () => T): T => {
    if (copies.has(old)) return old;
    const made = copy();
    copies.add(made);
    return made;
  };
  for (const { set = {} } of outcomes) {
    for (const [key, value] of Object.entries(set)) {
      const old = all[key];
      if (Array.isArray(old) && Array.isArray(value)) {
        const list = ownCopy(old, () => [...old]);
        list.push(...value);
        all[key] = list;
      } else if (isObject(old) && isObject(value)) {
        all[key] = Object.assign(
          ownCopy(old, () => ({ ...old })),
          value,
        );
      } else all[key] = value;
    }
  }
  return all;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What all locations say that may say it stands once, at the top. */
function raiseCommon({ options, locations }: Draft): Draft {
  const raised: Record<string, unknown> = { ...options };
  for (const [name, row] of Object.entries(OPTIONS) as [OptionName, Option<unknown>][]) {
    if (!row.contexts.includes('server') || Object.hasOwn(raised, name)) continue;
    const holders = locations.filter(({ entry }) => row.contexts.includes(entry.kind));
    const values = new Set(holders.map(({ entry }) => JSON.stringify(entry[name])));
    const [value] = holders;
    if (values.size === 1 && value?.entry[name] !== undefined) raised[name] = value.entry[name];
  }
  return {
    options: raised,
    locations: locations.map((location) => ({
      ...location,
      entry: Object.fromEntries(
        Object.entries(location.entry).filter(
          ([key, value]) =>
            !(Object.hasOwn(raised, key) && JSON.stringify(raised[key]) === JSON.stringify(value)),
        ),
      ) as DraftLocation['entry'],
    })),
  };
}
