// Misspelt names: which of the known ones was meant.

/** The name as it is compared: `max_age`, `--max-age`, `MAX_AGE` and `maxAge` are one. */
function bare(name: string): string {
  return name.replace(/[-_.\s]/g, '').toLowerCase();
}

/** The known names, the one that is most like the word first; where two are as like, the order is kept. */
export function byLikeness<T extends string>(word: string, names: readonly T[]): readonly T[] {
  return ranked(word, names).map(({ name }) => name);
}

/** The one name that was meant, if one is so like the word that it may be told. */
export function nearest<T extends string>(word: string, names: readonly T[]): T | undefined {
  return closest(word, names)?.name;
}

/**
 * The one that was meant of the names and of other words besides, which are told for a slip of the finger alone: there are so
 * many that one of them is like almost any short word (`kind` and `bind`), and only where no name is as like.
 */
export function nearestWithWords<T extends string>(
  word: string,
  names: readonly T[],
  words: readonly T[],
): T | undefined {
  const name = closest(word, names);
  const [other] = ranked(word, words);
  const wanted = wantedOf(word);
  const isSlip =
    other !== undefined &&
    wanted.length >= 4 &&
    other.mistakes <= (wanted.length > 12 ? 2 : 1) &&
    // Hardly anybody misses the first letter, unless it changes places with the next one.
    [other.name[0], other.name[1]].includes(wanted[0]) &&
    [wanted[0], wanted[1]].includes(other.name[0]);
  return isSlip && other.mistakes < (name?.mistakes ?? Number.POSITIVE_INFINITY) ? other.name : name?.name;
}

function closest<T extends string>(
  word: string,
  names: readonly T[],
): { name: T; mistakes: number } | undefined {
  const [best] = ranked(word, names);
  // One mistake in a word of four letters, and one more for each three that follow, up to three; beyond that it is another word.
  const allowed = Math.min(3, Math.max(0, Math.floor((wantedOf(word).length - 1) / 3)));
  return best !== undefined && best.mistakes <= allowed ? best : undefined;
}

/** What somebody typed is short; of anything longer the rest tells nothing. */
function wantedOf(word: string): string {
  return bare(word).slice(0, 64);
}

function ranked<T extends string>(word: string, names: readonly T[]): { name: T; mistakes: number }[] {
  const wanted = wantedOf(word);
  return names
    .map((name) => ({ name, mistakes: mistakesBetween(wanted, bare(name)) }))
    .sort((a, b) => a.mistakes - b.mistakes);
}

/** Letters that are missing, too many, other ones, or in the wrong order (optimal string alignment distance). */
function mistakesBetween(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const other = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((row[j - 1] ?? 0) + 1, (last[j] ?? 0) + 1, (last[j - 1] ?? 0) + other);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(least);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
