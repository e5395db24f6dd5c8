// A row of a language's table: what becomes of one directive. Adding a directive is adding a row.
import type { LocationKind } from '../config/options/option.js';
import type { Directive } from './directive.js';
import type { Verdict } from './report.js';

/** What becomes of a directive where it holds. */
export interface Outcome {
  readonly verdict: Verdict;
  /** As what it is kept, what differs and why, or what to do instead; may be empty for `kept` and `always so`. */
  readonly words: string;
  /** Options of our own file that it sets: of the location, or of the server. Objects and lists add up. */
  readonly set?: Readonly<Record<string, unknown>>;
}

/** Where a directive holds: a location in the making, or the server. */
export interface Here {
  /** The location's kind; undefined for the server. */
  readonly kind: LocationKind | undefined;
  /** The location's prefix; `/` for the server. */
  readonly prefix: string;
  /** All directives that hold here, those of the blocks around it included. */
  readonly holding: readonly Directive[];
}

/** What a directive becomes. */
export type Translate = (directive: Directive, here: Here) => Outcome;

/** One row. Where it has neither `says` nor a function for a place, others speak of it, or it holds for nothing there. */
export interface Row {
  /** The directives it is for, as their documentation spells them: one, or several that the same is said of. */
  readonly names: readonly string[];
  /** The blocks it may stand in; absent where any will do. Elsewhere the language has no such directive. */
  readonly within?: readonly string[];
  /** Set when it holds for the block it stands in alone, and not for those within it. */
  readonly isLocal?: true;
  /** The same wherever it stands. */
  readonly says?: Outcome;
  /** For the server as a whole: once. */
  readonly site?: Translate;
  /** For each location of files that it holds for. */
  readonly files?: Translate;
  /** For each location of the app that it holds for. */
  readonly app?: Translate;
  /** What the documentation shows in place of the names, where these are very many; Markdown. */
  readonly shown?: string;
  /** In one line for the documentation: what becomes of it. */
  readonly doc: string;
  /** Lines of the README's short table: how it is written there, and how here; both in Markdown. */
  readonly examples?: readonly (readonly [theirs: string, ours: string])[];
}

/** @param as the option, with its value perhaps */
export const kept = (as: string, set?: Outcome['set']): Outcome => ({
  verdict: 'kept',
  words: as === '' ? '' : `as ${as}`,
  ...(set === undefined ? {} : { set }),
});
export const alwaysSo = (words = ''): Outcome => ({ verdict: 'always so', words });
export const notNeeded = (words: string): Outcome => ({ verdict: 'not needed', words });
export const changed = (words: string, set?: Outcome['set']): Outcome => ({
  verdict: 'changed',
  words,
  ...(set === undefined ? {} : { set }),
});
export const notSupported = (words: string): Outcome => ({ verdict: 'not supported', words });

/** The rows by the names of their directives. */
export type Table = ReadonlyMap<string, Row>;

/**
 * @param compared how names are compared: Apache's are the same in capitals
 * @throws {Error} when two rows have the same name, which is a mistake in the table
 */
export function tableOf(rows: readonly Row[], compared: (name: string) => string = String): Table {
  const table = new Map<string, Row>();
  for (const row of rows) {
    for (const name of row.names.map(compared)) {
      if (table.has(name)) throw new Error(`two rows for ${name}`);
      table.set(name, row);
    }
  }
  return table;
}
