// What became of each directive: the report that `media-serve migrate` prints and that a start from a file logs.
import { type Directive, eachDirective, plain, showDirective, showPlace } from './directive.js';

/** What can become of a directive, from good to bad. */
export const VERDICTS = [
  /** An option of this server says the same. */
  'kept',
  /** This server does so without being told. */
  'always so',
  /** It has no counterpart, and no client will notice. */
  'not needed',
  /** It has a counterpart that differs in something the words name. */
  'changed',
  /** Clients will see something else: nothing here stands for it. */
  'not supported',
  /** A directive that no table has. */
  'not known here',
] as const;

/** See {@link VERDICTS}. */
export type Verdict = (typeof VERDICTS)[number];

/** One line of the report. */
export interface Finding {
  /** `FILE:LINE`. */
  readonly place: string;
  /** The directive in one line. */
  readonly directive: string;
  readonly verdict: Verdict;
  /** As what it is kept, what differs and why, or what to do instead. */
  readonly words: string;
}

/** Collects what is said of directives, and lists it in the order of the file. */
export class Report {
  readonly #said = new Map<Directive, { verdict: Verdict; words: string }[]>();

  /** A directive may be said several things of: one that holds for many locations, for each. The same twice counts once. */
  say(directive: Directive, verdict: Verdict, words: string): void {
    const before = this.#said.get(directive) ?? [];
    if (before.some((one) => one.verdict === verdict && one.words === words)) return;
    this.#said.set(directive, [...before, { verdict, words }]);
  }

  /** Says the same of all that stands within a directive, where nothing is said yet. */
  sayWithin(directive: Directive, verdict: Verdict, words: string): void {
    for (const inner of eachDirective(directive.block ?? [])) {
      if (!this.#said.has(inner)) this.say(inner, verdict, words);
    }
  }

  has(directive: Directive): boolean {
    return this.#said.has(directive);
  }

  /** Takes over what another one has been told. */
  take(other: Report): void {
    for (const [directive, said] of other.#said) {
      for (const { verdict, words } of said) this.say(directive, verdict, words);
    }
  }

  /** Says the same of each directive that another one has been told of. */
  takeAs(other: Report, verdict: Verdict, words: string): void {
    for (const directive of other.#said.keys()) this.say(directive, verdict, words);
  }

  /**
   * A line or several for each directive of the tree.
   * @param rest what is said of those that nothing has been said of
   * @param isTable whether a block's lines are no directives
   */
  list(
    tree: readonly Directive[],
    rest: { verdict: Verdict; words: string },
    isTable?: (directive: Directive) => boolean,
  ): Finding[] {
    return [...eachDirective(tree, isTable)].flatMap((directive) =>
      telling(this.#said.get(directive) ?? [rest]).map((said) => ({
        place: showPlace(directive.place),
        directive: showDirective(directive),
        ...said,
      })),
    );
  }
}

/** A directive that means something in one place is not said to mean nothing in another. */
function telling<T extends { readonly verdict: Verdict }>(said: readonly T[]): readonly T[] {
  const more = said.filter(({ verdict }) => verdict !== 'not needed');
  return more.length > 0 ? more : said;
}

/** True for what a start with `--strict-config` refuses, and every start logs. */
export function isDifference({ verdict }: Finding): boolean {
  return VERDICTS.indexOf(verdict) >= VERDICTS.indexOf('changed');
}

/** True for what clients will see, and nothing here stands for: `migrate` exits 1. */
export function isMissing({ verdict }: Finding): boolean {
  return VERDICTS.indexOf(verdict) >= VERDICTS.indexOf('not supported');
}

/** The finding in one line. */
export function showFinding({ place, directive, verdict, words }: Finding): string {
  return plain(`${place}: ${directive}: ${verdict}${words === '' ? '' : `: ${words}`}`);
}
