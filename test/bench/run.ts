/**
 * The benchmark: media-serve beside nginx, Caddy and plain Fastify, on the same files and the same stub.
 *   npm run bench -- --help
 */
import { writeFileSync } from 'node:fs';
import { CASES } from './cases/index.js';
import { chooseCores, describeMachine } from './machine.js';
import { measureCase } from './measure.js';
import { type Options, parseOptions, select, USAGE } from './options.js';
import { PEERS } from './peers/index.js';
import { isInstalled, pinSelf } from './proc.js';
import { caseTable, heading, summaryTable, toJson } from './report.js';
import { probePeers } from './roster.js';
import { startStubs } from './stub/start.js';
import { createWorkspace } from './workspace.js';

const args = process.argv.slice(2);
if (args.includes('--help')) {
  console.log(USAGE);
} else {
  process.exitCode = await main(args);
}
// The stubs would keep this process alive; leaving it kills them and removes the temporary folder.
process.exit();

/** Resolves with the exit code: 1 when a server gave wrong answers, 2 when the benchmark cannot run like this. */
async function main(args: readonly string[]): Promise<number> {
  try {
    return await bench(parseOptions(args));
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  }
}

async function bench(options: Options): Promise<number> {
  const cases = select('--cases', options.cases, CASES);
  const wanted = select('--peers', options.peers, PEERS);
  if (options.list) {
    for (const { id, title } of cases) console.log(`${id.padEnd(20)}${title}`);
    return 0;
  }

  for (const tool of ['wrk', 'taskset']) {
    if (!isInstalled(tool)) {
      throw new Error(`${tool} is needed (Debian: apt-get install wrk util-linux nginx caddy)`);
    }
  }
  const machine = describeMachine();
  const cores = chooseCores(options.cores);
  await pinSelf(cores.load);
  const workspace = createWorkspace();
  const stubs = await startStubs(workspace, cores.load);
  const roster = await probePeers(wanted, workspace, stubs, cores);
  console.log(heading({ machine, cores, options, roster, stub: stubs.description }));

  const results = [];
  for (const what of cases) {
    const result = await measureCase(
      { workspace, stubs, cores, seconds: options.seconds },
      what,
      roster,
      options.rounds,
    );
    console.log(caseTable(result));
    results.push(result);
  }

  console.log(summaryTable({ machine, options, roster, results }));
  if (options.json !== undefined)
    writeFileSync(options.json, toJson({ machine, cores, options, roster, results }));
  const failed = results
    .flatMap(({ outcomes }) => [...outcomes.values()])
    .some(({ state }) => state === 'failed');
  return failed ? 1 : 0;
}
