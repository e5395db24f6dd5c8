/** Runs the project's own tests, as `npm test` does, and tells what came of it. */
import { readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { PROJECT, run, withOutput } from './processes.js';
import type { Result } from './suite.js';
import { countsOf, detailsOf } from './tap-output.js';

/** A run takes three to five on two cores. */
const TEST_MINUTES = 12;

/** A file may take longer than with `npm test`, where more connections are made. */
const FILE_SECONDS = 600;

const TAP = join(PROJECT, 'node_modules/tap/dist/esm/run.mjs');

export interface TestOptions {
  readonly tests: readonly string[];
  /** Runs the tests and the server. tap starts the tests with the Node that runs it, and they the server with theirs. */
  readonly node?: string;
  /** Runs the server only. */
  readonly server?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs tests with tap; what it prints goes to the file at `path`.
 * @param title what its result is called
 */
export async function runTests(title: string, path: string, options: TestOptions): Promise<Result> {
  const { tests, node = process.execPath, server } = options;
  if (tests.length === 0) return { title, passed: 0, failed: 0, skipped: 0, details: [] };
  const env = {
    ...process.env,
    ...options.env,
    PATH: `${dirname(node)}${delimiter}${process.env['PATH'] ?? ''}`,
    ...(server === undefined ? {} : { SERVER_NODE: server }),
  };
  let status: number | null | Error;
  try {
    status = await withOutput(path, (stdout) =>
      run(node, [TAP, '--reporter=tap', `--timeout=${FILE_SECONDS}`, ...tests], {
        env,
        stdout,
        minutes: TEST_MINUTES,
      }),
    );
  } catch (error) {
    status = error instanceof Error ? error : new Error(String(error));
  }
  const output = readFileSync(path, 'utf8');
  const counts = countsOf(output) ?? { passed: 0, failed: 0, skipped: 0 };
  const details = detailsOf(output);
  if (counts.failed > 0 || (status === 0 && counts.passed > 0)) return { title, ...counts, details };
  // It ended badly without a test that says why, or nothing was run.
  const reason = status instanceof Error ? status.message : `tap ended with ${status ?? 'a signal'}`;
  return { title, ...counts, failed: 1, details: [...details, reason, ...output.split('\n').slice(-20)] };
}
