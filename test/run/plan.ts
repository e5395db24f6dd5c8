/** Which tests are run together, and in which order. */
import { writeFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import type { TestFile } from './compile.js';

/** What one process runs. */
export interface Unit {
  /** What it is called: a test's path, or that of a folder. */
  readonly name: string;
  /** The module to run. */
  readonly compiled: string;
  readonly files: readonly TestFile[];
}

/**
 * Tests without another program that need a process of their own all the same: what one does to the process, or measures
 * of it, another would feel.
 */
const ALONE = [
  'test/http/linear.test.ts',
  'test/http1/turn.test.ts',
  'test/stores/cut.test.ts',
  'test/stores/disk.test.ts',
  'test/stores/kernel-send.test.ts',
];

/** What takes longest begins first, so that the others fill the time beside it. */
const LONGEST = [/^test\/browser\//, /^test\/http1\/(?:lifetimes|streams)/, /^test\/e2e\//, /^test\/nginx\//];

/**
 * Tests of functions are run in one process for each folder: to start one costs more than most of them do.
 * @param folder where a module can be written for them
 */
export function plan(tests: readonly TestFile[], folder: string): Unit[] {
  const together = new Map<string, TestFile[]>();
  const units: Unit[] = [];
  for (const test of tests) {
    const room = posix.dirname(test.path);
    if (!test.isUnit || ALONE.includes(test.path)) units.push(alone(test));
    else together.set(room, [...(together.get(room) ?? []), test]);
  }
  for (const [room, files] of together) units.push(...group(room, files, folder));
  return units.sort((one, other) => rank(one) - rank(other));
}

export function alone(test: TestFile): Unit {
  return { name: test.path, compiled: test.compiled, files: [test] };
}

function group(room: string, files: readonly TestFile[], folder: string): Unit[] {
  if (files.length < 2) return files.map(alone);
  const compiled = join(folder, `${room}.together.mjs`);
  const lines = files.map(
    (file) => `import ${JSON.stringify(`./${relative(dirname(compiled), file.compiled)}`)};`,
  );
  writeFileSync(compiled, `${lines.join('\n')}\n`);
  return [{ name: `${room}/ (${files.length} files)`, compiled, files }];
}

function rank({ name }: Unit): number {
  const found = LONGEST.findIndex((pattern) => pattern.test(name));
  return found < 0 ? LONGEST.length : found;
}
