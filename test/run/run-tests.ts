/** Runs tests, several at the same time, each in a process of its own, and tells what came of them. */
import { availableParallelism } from 'node:os';
import { delimiter, dirname } from 'node:path';
import type { TestFile } from './compile.js';
import { alone, plan, type Unit } from './plan.js';
import { type Ended, run } from './processes.js';
import { type Counts, formatCounts, type Result, sum } from './result.js';
import { countsOf, detailsOf, seedsOf, tableRowsOf } from './tap-output.js';
import type { Workplace } from './workplace.js';

/** Tests that start programs wait for them, more than the processors are busy; others only keep each other waiting. */
const AT_ONCE = 5;
const UNITS_AT_ONCE = availableParallelism() + 1;
/** Seconds that a test file may take; they take 30 at most, and a busy machine is several times slower. */
const FILE_SECONDS = 300;
/** Where so many fail, it is not by chance. */
const MOST_BY_CHANCE = 8;

export interface TestOptions {
  /** Runs the tests, and the server. */
  readonly node?: string;
  /** Runs the server only. */
  readonly server?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Seconds that a test file may take. */
  readonly seconds?: number;
  /** How often a test that has failed is run again by itself. */
  readonly again?: number;
  /** Is told of each test, as it ends, and of the rows of its table, if it prints one. */
  readonly report?: (line: string) => unknown;
}

/** @param title what the result is called */
export async function runTests(
  title: string,
  tests: readonly TestFile[],
  workplace: Workplace,
  options: TestOptions = {},
): Promise<Result> {
  const { again = 0, report = () => {} } = options;
  const waiting = plan(tests, workplace.folder);
  const outcomes: Outcome[] = [];
  const work = async (): Promise<void> => {
    for (let unit = waiting.shift(); unit !== undefined; unit = waiting.shift()) {
      const outcome = await runUnit(unit, workplace, options);
      outcomes.push(outcome);
      for (const line of [lineOf(outcome), ...outcome.rows]) report(line);
    }
  };
  const atOnce = tests.every(({ isUnit }) => isUnit) ? UNITS_AT_ONCE : AT_ONCE;
  await Promise.all(Array.from({ length: atOnce }, work));

  const failed = outcomes.filter(({ counts }) => counts.failed > 0);
  const final = new Map(outcomes.map((outcome) => [outcome.unit, outcome]));
  const byChance: string[] = [];
  if (failed.length <= MOST_BY_CHANCE) {
    for (const first of failed) {
      const second = await runAgain(first, again, workplace, options);
      if (second === undefined) continue;
      final.set(first.unit, second);
      byChance.push(
        `by chance: ${first.unit.name} failed, and passed when it was run again. It failed with:`,
      );
      byChance.push(...first.details.map((line) => `  ${line}`));
    }
  }
  const last = [...final.values()];
  const left = await stillRunning(workplace);
  return {
    title,
    ...sum([...last.map(({ counts }) => counts), { passed: 0, failed: left.length > 0 ? 1 : 0, skipped: 0 }]),
    details: [...last.flatMap(({ details }) => details), ...left],
    byChance,
  };
}

interface Outcome {
  readonly unit: Unit;
  readonly counts: Counts;
  readonly details: readonly string[];
  /** How it can be done again. */
  readonly seeds: readonly string[];
  /** Of its table. */
  readonly rows: readonly string[];
  readonly seconds: number;
}

async function runUnit(unit: Unit, { env }: Workplace, options: TestOptions): Promise<Outcome> {
  const { node = process.execPath, server, seconds = FILE_SECONDS } = options;
  // Those that share a process have it together.
  const limit = seconds * unit.files.length;
  const startedAt = performance.now();
  const ended = await run(node, ['--enable-source-maps', unit.compiled], {
    env: {
      ...process.env,
      ...options.env,
      ...env,
      PATH: `${dirname(node)}${delimiter}${process.env['PATH'] ?? ''}`,
      // Of each test within; the process gets a little longer, to tell which it was.
      TAP_TIMEOUT: String(limit),
      ...(server === undefined ? {} : { SERVER_NODE: server }),
    },
    seconds: limit * 1.2,
  });
  const took = (performance.now() - startedAt) / 1000;
  const [seeds, rows] = [seedsOf(ended.output), tableRowsOf(ended.output)];
  return { unit, seconds: took, seeds, rows, ...judge(unit, ended) };
}

function judge({ name }: Unit, { code, output, errors, isLate }: Ended): Pick<Outcome, 'counts' | 'details'> {
  const counts = countsOf(output) ?? { passed: 0, failed: 0, skipped: 0 };
  const details = detailsOf(output);
  const isBad = isLate || code !== 0 || counts.passed + counts.skipped === 0;
  if (counts.failed === 0 && !isBad) return { counts, details: heading(name, details) };
  // It may have ended badly without a test that says why, or have run nothing.
  const reason = isLate ? 'it took too long' : `it ended with ${code ?? 'a signal'}`;
  const rest = counts.failed > 0 ? [] : output.split('\n').slice(-20);
  return {
    counts: { ...counts, failed: Math.max(1, counts.failed) },
    details: heading(name, [...details, `${name}: ${reason}`, ...rest, ...errors.split('\n').slice(-40)]),
  };
}

function heading(name: string, details: readonly string[]): string[] {
  return details.length === 0 ? [] : [`# ${name}`, ...details];
}

/** Each file of what has failed by itself, with nothing beside it; undefined when it fails again. */
async function runAgain(
  { unit }: Outcome,
  times: number,
  workplace: Workplace,
  options: TestOptions,
): Promise<Outcome | undefined> {
  if (times === 0) return undefined;
  const outcomes: Outcome[] = [];
  for (const file of unit.files) {
    let outcome: Outcome | undefined;
    for (let time = 0; time < times && outcome === undefined; time++) {
      const result = await runUnit(alone(file), workplace, options);
      if (result.counts.failed === 0) outcome = result;
    }
    if (outcome === undefined) return undefined;
    outcomes.push(outcome);
  }
  return {
    unit,
    counts: sum(outcomes.map(({ counts }) => counts)),
    details: outcomes.flatMap(({ details }) => details),
    seeds: outcomes.flatMap(({ seeds }) => seeds),
    rows: outcomes.flatMap(({ rows }) => rows),
    seconds: outcomes.reduce((total, { seconds }) => total + seconds, 0),
  };
}

/** How long what ends behind its test may take for it, in milliseconds. */
const ENDING = 2000;
const LOOK_EVERY = 100;

async function stillRunning({ leftRunning }: Workplace): Promise<string[]> {
  const end = performance.now() + ENDING;
  let left = leftRunning();
  while (left.length > 0 && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    left = leftRunning();
  }
  return left.length === 0
    ? []
    : ['not ok - left running behind the tests:', ...left.map((line) => `  ${line}`)];
}

function lineOf({ unit: { name }, counts, seeds, seconds }: Outcome): string {
  const start = `${counts.failed > 0 ? 'not ok' : 'ok    '} ${seconds.toFixed(1).padStart(6)} s`;
  return [`${start}  ${name}: ${formatCounts(counts)}`, ...seeds].join(' · ');
}
