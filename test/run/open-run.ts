/** What comes before any test: a place for the run, and everything compiled. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT } from './bundle.js';
import { compileSource, compileTests, type TestFile } from './compile.js';
import { endWithSignals } from './processes.js';
import { openWorkplace, type Workplace } from './workplace.js';

export interface Run {
  readonly tests: readonly TestFile[];
  readonly workplace: Workplace;
  /** Where CI is set, a skipped test is a failure, and what failed is run again by itself. */
  readonly isCi: boolean;
  /** How often what failed is run again. */
  readonly again: number;
}

/** @param paths of the tests, relative to the project */
export async function openRun(paths: readonly string[]): Promise<Run> {
  endWithSignals();
  const workplace = openWorkplace();
  const [tests] = await Promise.all([compileTests(paths, workplace.folder), compileSource()]);
  // Beside the compiled code, as `npm run build` has it.
  execFileSync(process.execPath, [join(PROJECT, 'dist/generate.js')]);
  const isCi = process.env['CI'] !== undefined;
  return { tests, workplace, isCi, again: isCi ? 2 : 0 };
}
