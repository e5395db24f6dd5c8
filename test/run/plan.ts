/** Which tests are run together, and in which order. */
import { writeFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { TEST_FILE } from './bundle.js';
import type { TestFile } from './compile.js';

/** What one process runs. */
export interface Unit {
  /** What it is called: a test's path, or that of a folder. */
  readonly name: string;
  /** The module to run. */
  readonly compiled: string;
  readonly files: readonly TestFile[];
}

/** More in one process would run when others have nothing to do any more. */
const MOST_TOGETHER = 6;

/** What takes longest begins first, so that the others fill the time beside it; then what is of most files. */
const LONGEST = [
  /^test\/browser\//,
  /^test\/http1\/(?:answers|lifetimes|streams)/,
  /^test\/(?:e2e|run)\//,
  /^test\/(?:nginx|http\/linear|http1\/ )/,
];

/**
 * Those of a folder that can share a process do: to start one, and tap and the server in it, costs more than many tests do.
 * @param folder where a module can be written for them
 */
export function plan(tests: readonly TestFile[], folder: string): Unit[] {
  const together = new Map<string, TestFile[]>();
  const units: Unit[] = [];
  for (const test of tests) {
    const room = posix.dirname(test.path);
    if (!test.sharesProcess) units.push(alone(test));
    else together.set(room, [...(together.get(room) ?? []), test]);
  }
  for (const [room, files] of together) units.push(...group(room, files, folder));
  return units.sort((one, other) => rank(one) - rank(other) || other.files.length - one.files.length);
}

export function alone(test: TestFile): Unit {
  return { name: test.path, compiled: test.compiled, files: [test] };
}

function group(room: string, files: readonly TestFile[], folder: string): Unit[] {
  const units: Unit[] = [];
  for (let from = 0; from < files.length; from += MOST_TOGETHER) {
    const some = files.slice(from, from + MOST_TOGETHER);
    units.push(
      together(`${room}/ ${from + 1}-${from + some.length}`, some, join(folder, `${room}.${from}.mjs`)),
    );
  }
  return units;
}

/** Writes a module that runs them one after the other. */
function together(name: string, files: readonly TestFile[], compiled: string): Unit {
  const [first] = files;
  if (first !== undefined && files.length === 1) return alone(first);
  const calls = files.map((file) => {
    const module = JSON.stringify(`./${relative(dirname(compiled), file.compiled)}`);
    return `await runTestFile(${JSON.stringify(file.path)}, () => import(${module}));`;
  });
  const lines = [`import { runTestFile } from ${JSON.stringify(TEST_FILE)};`, ...calls];
  writeFileSync(compiled, `${lines.join('\n')}\n`);
  return {
    name: `${name} (${files.map(({ path }) => posix.basename(path, '.test.ts')).join(', ')})`,
    compiled,
    files,
  };
}

function rank({ name }: Unit): number {
  const found = LONGEST.findIndex((pattern) => pattern.test(name));
  return found < 0 ? LONGEST.length : found;
}
