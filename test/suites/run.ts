/**
 * What is proved for a release, and by whoever touches a wire, on top of `npm test`:
 *   npm run test:suites [-- --only SUITE…] [TEST FILE…]
 * and, of that, what is proved for every change: the oldest and the newest Node, and what may differ there.
 *   npm run test:versions
 * What failed or was skipped is told in full, then a table of all suites, and a line for all of them.
 */
import { parseArgs } from 'node:util';
import { allTests } from '../run/compile.js';
import { openRun } from '../run/open-run.js';
import { formatCounts, holds, type Result, sum } from '../run/result.js';
import { hangingDiskSuite } from './hanging-disk.js';
import { nodeVersionSuites } from './node-versions.js';
import { objectStorageSuite } from './object-storage.js';
import { LEAST, sizeSuites } from './sizes.js';
import type { Suite } from './suite.js';

const { values, positionals } = parseArgs({
  options: { only: { type: 'string', multiple: true }, versions: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const { tests, workplace, again } = await openRun(positionals.length > 0 ? positionals : allTests());
const suites = values.versions
  ? nodeVersionSuites(tests, workplace, { extent: 'short', env: LEAST, again })
  : [
      ...sizeSuites(tests, workplace),
      hangingDiskSuite(workplace),
      objectStorageSuite(workplace),
      ...nodeVersionSuites(tests, workplace, { extent: 'all' }),
    ];
const known = suites.map(({ id }) => id);
for (const id of values.only ?? []) {
  if (!known.includes(id)) throw new Error(`--only: there is no "${id}"; choose from ${known.join(', ')}`);
}

/** A suite that has been run. */
interface Row {
  readonly result: Result;
  readonly seconds: number;
}

const rows: Row[] = [];
for (const suite of suites.filter(({ id }) => values.only?.includes(id) ?? true)) {
  const start = performance.now();
  const result = await resultOf(suite);
  const seconds = Math.round((performance.now() - start) / 1000);
  for (const line of [...result.byChance, ...result.details]) console.log(line);
  rows.push({ result, seconds });
  console.log(lineOf({ result, seconds }));
}
if (rows.length > 1) console.log(['', ...rows.map(lineOf), ''].join('\n'));
const results = rows.map(({ result }) => result);
console.log(formatCounts(sum(results)));
process.exitCode = results.every(holds) ? 0 : 1;

function lineOf({ result, seconds }: Row): string {
  const told = result.leftOut ?? `${formatCounts(result)}, ${seconds} s`;
  return `${holds(result) ? 'ok    ' : 'not ok'}  ${result.title}: ${told}`;
}

/** A suite that cannot be run has failed; the others are run all the same. */
async function resultOf(suite: Suite): Promise<Result> {
  try {
    return await suite.run();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { title: suite.id, passed: 0, failed: 1, skipped: 0, details: [reason], byChance: [] };
  }
}
