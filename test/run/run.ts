/**
 * Runs the project's tests:
 *   npm test [-- TEST FILE…]      all of them, or these
 *   npm run test:quick            those that start no other program
 * A line for each as it ends; what failed or was skipped is told in full behind them. The last line has the totals.
 * Where CI is set, a skipped test is a failure, and what failed is run again by itself, twice at most: what passes then
 * is told (`by chance: …`), and is no failure of the run.
 */
import { parseArgs } from 'node:util';
import { allTests } from './compile.js';
import { openRun } from './open-run.js';
import { formatCounts } from './result.js';
import { runTests } from './run-tests.js';

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const { tests, workplace, isCi, again } = await openRun(positionals.length > 0 ? positionals : allTests());
const chosen = values.quick ? tests.filter(({ isUnit }) => isUnit) : tests;
const result = await runTests('tests', chosen, workplace, { again, report: (line) => console.log(line) });
for (const line of [...result.byChance, ...result.details]) console.log(line);
console.log(formatCounts(result));
process.exitCode = result.failed > 0 || result.passed === 0 || (isCi && result.skipped > 0) ? 1 : 0;
