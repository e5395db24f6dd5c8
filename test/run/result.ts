/** What came of tests. */

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface Result extends Counts {
  /** What was run, with the version that was found. */
  readonly title: string;
  /** What failed and what was skipped, as lines to print. */
  readonly details: readonly string[];
  /** What failed first, and then passed without any change: a defect of the test or of the product. Lines to print. */
  readonly byChance: readonly string[];
  /** Why there was nothing to do; undefined when it was run. */
  readonly leftOut?: string;
}

/** A run in which nothing passed has shown nothing. */
export function holds({
  passed,
  failed,
  skipped,
  leftOut,
}: Omit<Result, 'title' | 'details' | 'byChance'>): boolean {
  return failed === 0 && skipped === 0 && (passed > 0 || leftOut !== undefined);
}

export function sum(counts: readonly Counts[]): Counts {
  const add = (key: keyof Counts): number => counts.reduce((total, each) => total + each[key], 0);
  return { passed: add('passed'), failed: add('failed'), skipped: add('skipped') };
}

/** As .ci/run reads and writes it. */
export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
