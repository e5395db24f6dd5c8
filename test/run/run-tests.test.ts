// What CI says rests on this: how tests are run, that one which fails by chance is told apart, and that nothing stays.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import t, { type Test } from 'tap';
import { spawnChild } from '../support/child.js';
import { skipUnless } from '../support/skip.js';
import { until } from '../support/until.js';
import { BUNDLED, TEST_FILE } from './bundle.js';
import type { TestFile } from './compile.js';
import { plan } from './plan.js';
import { formatCounts } from './result.js';
import { runTests, type TestOptions } from './run-tests.js';
import { openWorkplace, type Workplace } from './workplace.js';

const onLinux = skipUnless(process.platform === 'linux', 'only Linux shows the processes of a run');
const workplace = openWorkplace();

/** Writes a test as it is compiled. */
function makeTest(name: string, code: string, isUnit = false): TestFile {
  const compiled = join(workplace.folder, `${name}.mjs`);
  writeFileSync(compiled, `import t from ${JSON.stringify(TEST_FILE)};\n${code}\n`);
  return { path: `test/${name}.test.ts`, compiled, isUnit, sharesProcess: isUnit };
}

const PASSES = `t.test('it adds', async (t) => t.equal(1 + 1, 2));`;
const FAILS = `t.equal(1, 2, 'one is two');`;
/** Fails as often as the number says, and then passes. */
const failsTimes = (name: string, times: number): string => `
  import { appendFileSync, readFileSync } from 'node:fs';
  const path = ${JSON.stringify(join(workplace.folder, `${name}-times`))};
  appendFileSync(path, '.');
  t.ok(readFileSync(path, 'utf8').length > ${times}, 'it is late enough');`;

const tests = (options: TestOptions, ...files: TestFile[]): ReturnType<typeof runTests> =>
  runTests('these', files, workplace, options);

t.test('what passed, failed and was skipped is counted, and told when it did not pass', async (t) => {
  const reported: string[] = [];
  const result = await tests(
    { report: (line) => reported.push(line) },
    makeTest('passes', PASSES),
    makeTest('fails', FAILS),
    makeTest('skips', `t.test('later', { skip: 'no nginx' }, async () => {});`),
  );
  t.equal(formatCounts(result), '1 passed, 1 failed, 1 skipped');
  t.match(result.details.join('\n'), /# test\/fails\.test\.ts\n *not ok 1 - one is two\n/);
  t.match(result.details.join('\n'), /ok 1 - later # SKIP no nginx/);
  t.same(result.byChance, []);
  t.equal(reported.length, 3);
  t.match(reported.sort().join('\n'), /not ok .* test\/fails\.test\.ts: 0 passed, 1 failed/);
});

t.test('a test that ends without saying how it went has failed', async (t) => {
  const cases: readonly (readonly [name: string, code: string, told: RegExp])[] = [
    ['throws', `throw new Error('thrown at once');`, /thrown at once/],
    ['exits', `t.pass('fine'); process.exit(3);`, /it ended with 3/],
    ['is-killed', `t.pass('fine'); process.kill(process.pid, 'SIGKILL');`, /it ended with a signal/],
    ['is-empty', '', /it ended with 0/],
    ['is-endless', 'setInterval(() => {}, 1000); await new Promise(() => {});', /./],
  ];
  for (const [name, code, told] of cases) {
    const result = await tests(name === 'is-endless' ? { seconds: 2 } : {}, makeTest(name, code));
    t.ok(result.failed > 0, name);
    t.match(result.details.join('\n'), told, name);
  }
});

t.test('a test that fails and passes when it is run again is told, and is no failure', async (t) => {
  for (const [times, again, failed] of [
    [1, 0, 1],
    [1, 2, 0],
    [2, 2, 0],
    [3, 2, 1],
  ] as const) {
    const name = `luck-${times}-${again}`;
    const result = await tests({ again }, makeTest(name, failsTimes(name, times)));
    t.equal(result.failed, failed, `fails ${times} times, run again ${again} times at most`);
    t.equal(result.passed, 1 - failed);
    if (failed > 0) {
      t.same(result.byChance, []);
      continue;
    }
    t.match(result.byChance.join('\n'), new RegExp(`^by chance: test/${name}\\.test\\.ts `));
    t.match(result.byChance.join('\n'), /not ok 1 - it is late enough/, 'with its first failure');
    t.same(result.details, []);
  }
});

t.test('of tests that share a process, each is run again by itself', async (t) => {
  const name = 'shared-luck';
  const files = [makeTest('shared-passes', PASSES, true), makeTest(name, failsTimes(name, 1), true)];
  const [unit, ...others] = plan(files, workplace.folder);
  t.same(others, []);
  t.equal(unit?.name, 'test/ 1-2 (shared-passes, shared-luck)');
  const result = await tests({ again: 1 }, ...files);
  t.equal(formatCounts(result), '2 passed, 0 failed, 0 skipped');
  t.match(result.byChance[0], /^by chance: test\/ 1-2 \(shared-passes, shared-luck\) /);
});

t.test('what a test leaves running fails the run', { skip: onLinux }, async (t) => {
  const code = `
    import { spawn } from 'node:child_process';
    spawn('sleep', ['300'], { detached: true, stdio: 'ignore' }).unref();
    t.pass('fine');`;
  const result = await tests({}, makeTest('leaves', code));
  t.equal(result.failed, 1);
  t.match(result.details.join('\n'), /left running behind the tests:\n {2}\d+ sleep 300$/);
  for (const line of workplace.leftRunning()) process.kill(Number.parseInt(line, 10), 'SIGKILL');
});

t.test('a run that is killed leaves no process and no folder', { skip: onLinux }, async (t) => {
  const script = join(workplace.folder, 'endless-run.mjs');
  await build({
    ...BUNDLED,
    entryPoints: [fileURLToPath(new URL('./endless-run.ts', import.meta.url))],
    outfile: script,
  });
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    const { folders, leftRunning } = await killedRun(t, script, signal);
    await until(() => leftRunning().length === 0, `${signal}: no process is left`);
    for (const folder of folders) await until(() => !existsSync(folder), `${signal}: ${folder} is gone`);
  }
});

/** A run of a test that never ends, and of what that has started, killed in the middle. */
async function killedRun(
  t: Test,
  script: string,
  signal: NodeJS.Signals,
): Promise<{ folders: readonly string[]; leftRunning: Workplace['leftRunning'] }> {
  const child = spawnChild(process.execPath, [script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  const lines = (): string[] => output.trim().split('\n');
  await until(() => lines().length === 2, 'it tells its folders');
  const folders = lines();
  const [folder = ''] = folders;
  const leftRunning = (): string[] => workplace.leftRunning(folder);
  await until(() => leftRunning().length >= 5, 'all of it runs');
  t.ok(folders.every((path) => existsSync(path)));
  t.ok(readFileSync(join(folder, 'endless.mjs')).length > 0);
  child.kill(signal);
  return { folders, leftRunning };
}
