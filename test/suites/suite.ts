/** What needs big programs from outside, and therefore is no part of `npm test`. */

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
  /** Why there was nothing to do; undefined when it was run. */
  readonly leftOut?: string;
}

export interface Suite {
  /** What `--only` takes. */
  readonly id: string;
  /** @throws Error when it cannot be run at all, which counts as a failure. */
  run(): Promise<Result>;
}

/** A suite in which nothing passed has shown nothing. */
export function holds({ passed, failed, skipped, leftOut }: Result): boolean {
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
