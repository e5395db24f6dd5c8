/** Medians, and ratios taken round by round: neighbours in time met the same machine. */
import type { Sample } from './cases/case.js';

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return {
    median: sorted.length % 2 === 1 ? at(Math.floor(middle)) : (at(middle - 1) + at(middle)) / 2,
    least: at(0),
    most: at(sorted.length - 1),
  };
}

/** The values of one metric in all rounds. */
export function valuesOf(samples: readonly Sample[], key: string): number[] {
  return samples.map((sample) => sample[key] ?? Number.NaN);
}

/** What `samples` are to `base` in each round. */
export function ratiosOf(samples: readonly Sample[], base: readonly Sample[], key: string): Spread {
  const bases = valuesOf(base, key);
  return spread(valuesOf(samples, key).map((value, round) => value / (bases[round] ?? Number.NaN)));
}
