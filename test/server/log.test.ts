// The log: JSON for machines, text for people; and whoever reads it cannot hold the server up.
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, fchmodSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { deserted } from '../support/app.js';
import { spawnChild } from '../support/child.js';
import { NODE, NODE_ARGUMENTS } from '../support/node.js';
import { get, rawRequest } from '../support/raw.js';
import { CLI } from '../support/server.js';
import { until } from '../support/until.js';
import { PLAIN_USER, withoutPlainUser } from '../support/user.js';

interface Running {
  readonly child: ChildProcess;
  readonly at: { readonly host: string; readonly port: number };
  /** Sends SIGTERM and resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** Starts the server on a port that is known beforehand, so that its log need not be read to find it. */
async function start(
  t: Test,
  args: readonly string[],
  stdout: 'pipe' | number,
  uid?: number,
): Promise<Running> {
  const { host, port, address } = await deserted();
  const at = { host, port };
  const root = t.testdir({ 'a.txt': 'hello' });
  const child = spawnChild(NODE, [...NODE_ARGUMENTS, CLI, '--root', root, '--listen', address, ...args], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', stdout, 'inherit'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const answers = (): Promise<boolean> =>
    rawRequest(at, get('/media/a.txt')).then(
      () => true,
      () => false,
    );
  await until(answers, 'the server answers');
  return {
    child,
    at,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      return child.exitCode;
    },
  };
}

/** The lines that a server with these arguments writes from its start to its end. */
async function linesOf(t: Test, args: readonly string[]): Promise<string[]> {
  const path = join(t.testdirName, '..', `${process.pid}.log`);
  const descriptor = openSync(path, 'w');
  const { at, stop } = await start(t, args, descriptor);
  closeSync(descriptor);
  await rawRequest(at, get('/media/missing'));
  t.equal(await stop(), 0);
  return readFileSync(path, 'utf8').split('\n').filter(Boolean);
}

t.test('json is one object a line, from the start to the end', async (t) => {
  const lines = (await linesOf(t, [])).map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const line of lines) {
    t.match(line, { level: Number, msg: String });
    t.match(line['time'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  }
  t.equal(lines[0]?.['msg'], 'listening');
  t.equal(lines.at(-1)?.['msg'], 'stopped');
  t.ok(lines.some(({ msg, status }) => msg === 'request' && status === 404));
});

t.test('pretty is text for people', async (t) => {
  const lines = await linesOf(t, ['--log-format', 'pretty']);
  t.match(lines[0], /INFO.*listening.*http:\/\/127\.[\d.]+:\d+/);
  t.ok(lines.some((line) => /request.*"?\/media\/missing/.test(line)));
  for (const line of lines) t.notMatch(line, /^\{/);
});

t.test('--log-level leaves out what is less important', async (t) => {
  const { address } = await deserted();
  const warnings = await linesOf(t, ['--log-level', 'warn', '--upstream', address]);
  t.match(warnings, [/"level":40.*the app does not answer yet/]);
  t.equal(warnings.length, 1);
});

/** Each of these requests makes a log line of 8 KiB. */
const LONG = `/media/missing?${'x'.repeat(8000)}`;

/** Sends so much that a pipe or a unix socket cannot hold the lines: a megabyte. */
async function fill(t: Test, at: Running['at']): Promise<void> {
  for (let index = 0; index < 125; index++) {
    const { status } = await rawRequest(at, get(LONG));
    if (status !== 404) t.fail(`request ${index} was answered with ${status}`);
  }
  t.equal((await rawRequest(at, get('/media/a.txt'))).body.toString(), 'hello');
}

/** A pipe that nobody reads, as a shell hands it over: whoever writes to it waits. */
function fifo(t: Test): number {
  const path = join(t.testdir(), '..', `${process.pid}.pipe`);
  execFileSync('mkfifo', [path]);
  const descriptor = openSync(path, constants.O_RDWR);
  t.teardown(() => {
    closeSync(descriptor);
    rmSync(path);
  });
  return descriptor;
}

for (const format of ['json', 'pretty']) {
  for (const [name, stdout] of [
    ['a socket', (): 'pipe' => 'pipe'],
    ['a pipe', fifo],
  ] as const) {
    t.test(`${format} in ${name} that nobody reads holds up neither requests nor the end`, async (t) => {
      const { at, stop } = await start(t, ['--log-format', format, '--shutdown-timeout', '1s'], stdout(t));
      await fill(t, at);
      t.equal(await stop(), 0);
    });
  }
}

t.test(
  'a pipe that cannot be opened once more holds up no requests, and the process ends in its time',
  { skip: withoutPlainUser() },
  async (t) => {
    const stdout = fifo(t);
    // As a container's pipes may belong to root.
    fchmodSync(stdout, 0);
    const { child, at, stop } = await start(t, ['--shutdown-timeout', '500ms'], stdout, PLAIN_USER);
    await fill(t, at);
    await stop();
    t.equal(child.signalCode, 'SIGKILL', 'it has to end itself: a thread is in a write');
  },
);

t.test('a terminal that is not read holds up neither requests nor the end', async (t) => {
  const { host, port, address } = await deserted();
  const root = t.testdir({ 'a.txt': 'hello' });
  // A terminal is made by Python, and is not read until the server has ended.
  const program = `
import os, pty, subprocess, sys
ours, theirs = pty.openpty()
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=theirs)
os.close(theirs)
sys.stdin.readline()
child.terminate()
print(child.wait())
`;
  const command = [
    NODE,
    ...NODE_ARGUMENTS,
    CLI,
    '--root',
    root,
    '--listen',
    address,
    '--shutdown-timeout',
    '1s',
  ];
  const child = spawnChild('python3', ['-c', program, ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const said = text(child.stdout);
  const at = { host, port };
  await until(
    () =>
      rawRequest(at, get('/media/a.txt')).then(
        () => true,
        () => false,
      ),
    'the server answers',
  );
  await fill(t, at);
  child.stdin.end('\n');
  await exited;
  t.equal((await said).trim(), '0');
});

t.test('a reader of the log that goes away does not end the server', async (t) => {
  for (const format of ['json', 'pretty']) {
    const { child, at, stop } = await start(t, ['--log-format', format], 'pipe');
    child.stdout?.destroy();
    for (let index = 0; index < 20; index++) {
      const { status } = await rawRequest(at, get(LONG));
      if (status !== 404) t.fail(`request ${index} was answered with ${status}`);
    }
    t.equal(child.exitCode, null, `${format}: still running`);
    t.equal(await stop(), 0, format);
  }
});
