// The file system that hangs, of which other tests make use: it hangs where it is told to, and nowhere else.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { spawnChild } from './child.js';
import {
  type DiskCall,
  type Hang,
  type HangingDisk,
  startHangingDisk,
  withoutHangingDisk,
} from './hanging-disk.js';
import { until } from './until.js';

/** A file of several pages, of which no two are the same. */
const SIZE = 400_000;
const LONG = Array.from({ length: SIZE / 8 }, (_, index) => String(index).padStart(8)).join('');

const FILES = { 'a.txt': 'hello', 'long.txt': LONG, 'deep/er/b.txt': 'below' };

async function startDisk(t: Test): Promise<HangingDisk> {
  const of = t.testdir({ deep: { er: {} } });
  symlinkSync('deep/er/b.txt', join(of, 'link'));
  writeAnew(of);
  return startHangingDisk(t, { of });
}

/** What was read of a file once is not asked for again until it has changed. */
function writeAnew(directory: string): void {
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(directory, name), content);
}

interface Caller {
  /** What it has written, when it has ended. */
  readonly output: Promise<string>;
  isRunning(): boolean;
  kill(): void;
}

/** Runs a command where the disk can hang, in its directory. */
function call(t: Test, { within, path }: HangingDisk, command: string): Caller {
  const script = `cd "$0" && ${command}`;
  const [program = '', ...args] = [...within, 'sh', '-c', script, path];
  const child = spawnChild(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const output = Promise.all([text(child.stdout), text(child.stderr), closed]);
  return {
    output: output.then(([stdout, stderr]) => stdout + stderr),
    isRunning: () => child.exitCode === null && child.signalCode === null,
    kill: () => child.kill('SIGKILL'),
  };
}

t.test('a file system that hangs when it is told to', { skip: withoutHangingDisk() }, async (t) => {
  const disk = await startDisk(t);

  await t.test('is the directory, and a file system of its own to who is within it', async (t) => {
    t.equal(await call(t, disk, 'cat a.txt link').output, 'hellobelow');
    t.equal(await call(t, disk, 'cat long.txt').output, LONG);
    t.equal(
      await call(t, disk, 'ls -R').output,
      '.:\na.txt\ndeep\nlink\nlong.txt\n\n./deep:\ner\n\n./deep/er:\nb.txt\n',
    );
    t.match(await call(t, disk, 'stat -f -c %T .').output, /^fuse/);
    t.match(await call(t, disk, 'cat missing').output, 'No such file or directory');
    t.match(await call(t, disk, 'cat a.txt/x').output, 'Not a directory');
    t.match(await call(t, disk, 'echo new >new').output, 'cannot create new');
    t.equal(await call(t, disk, 'printf , >>deep/er/b.txt && cat deep/er/b.txt').output, 'below,');
    writeAnew(disk.path);
    writeFileSync(join(disk.path, 'a.txt'), 'longer than before');
    mkdirSync(join(disk.path, 'new'));
    t.equal(await call(t, disk, 'cat a.txt && ls new').output, 'longer than before', 'the change is seen');
    t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), disk.path, 'nobody else sees the mount');
    await until(async () => (await disk.state()).open === 0, 'what was opened is closed');
  });

  const cases: readonly (readonly [what: string, hang: Hang, command: string, output: string])[] = [
    ['opening a file', { call: 'open', below: 'a.txt' }, 'cat a.txt', 'hello'],
    ['what is asked of a file', { call: 'getattr', below: 'a.txt' }, 'stat -c %s a.txt', '5\n'],
    [
      'what is asked of a file that is open',
      { call: 'getattr', below: 'a.txt' },
      'exec <a.txt; stat -c %s /dev/fd/0 -L',
      '5\n',
    ],
    ['the way through a directory', { call: 'lookup', below: 'deep' }, 'cat deep/er/b.txt', 'below'],
    [
      'the way through a directory within',
      { call: 'lookup', below: 'deep/er' },
      'cat deep/er/b.txt',
      'below',
    ],
    ['a link', { call: 'readlink', below: 'link' }, 'cat link', 'below'],
    ['reading', { call: 'read', below: 'deep' }, 'cat link', 'below'],
    ['writing', { call: 'write', below: 'a.txt' }, 'printf , >>a.txt && cat a.txt', 'hello,'],
    ['closing', { call: 'flush', below: 'a.txt' }, 'cat a.txt', 'hello'],
    ['opening a directory', { call: 'opendir', below: 'deep' }, 'ls deep', 'er\n'],
    ['reading a directory', { call: 'readdir', below: 'deep' }, 'ls deep', 'er\n'],
    ['what kind it is', { call: 'statfs' }, 'stat -f -c %l .', '255\n'],
    ['everything', { call: 'any' }, 'cat a.txt', 'hello'],
  ];
  await t.test('lets each kind of call wait until it is released, and no other', async (t) => {
    for (const [what, hang, command, output] of cases) {
      writeAnew(disk.path);
      await disk.hang(hang);
      const caller = call(t, disk, command);
      await until(async () => (await disk.waiting()) === 1, `${what}: the call is there`);
      // It is cat that hangs in others, and what another file is asked does not hang.
      if (hang.below !== undefined)
        t.equal(await call(t, disk, 'head -c 8 long.txt').output, '       0', what);
      t.ok(caller.isRunning(), `${what} hangs`);
      await disk.release();
      t.equal(await caller.output, output, `${what} goes on`);
      t.equal(await disk.waiting(), 0);
    }
    const made = Object.keys((await disk.state()).calls).sort();
    t.same(made, [...new Set(cases.map(([, { call }]) => call))].filter((call) => call !== 'any').sort());
  });

  await t.test('lets a read wait in the middle of a file', async (t) => {
    writeAnew(disk.path);
    await disk.hang({ call: 'read', below: 'long.txt', from: SIZE / 2 });
    const caller = call(t, disk, 'head -c 8000 long.txt; cat long.txt | tail -c 8');
    await until(async () => (await disk.waiting()) > 0, 'it has come to the middle');
    t.ok(((await disk.state()).calls.read ?? 0) > 1, 'and has read what is before it');
    await disk.release();
    t.equal(await caller.output, LONG.slice(0, 8000) + LONG.slice(-8));
  });

  await t.test('lets a call wait for a while', async (t) => {
    await disk.hang({ call: 'open', forMs: 200 });
    const start = performance.now();
    t.equal(await call(t, disk, 'cat a.txt').output, 'hello');
    t.ok(performance.now() - start >= 200);
    await disk.release();
  });

  await t.test('lets forty calls wait at once', async (t) => {
    await disk.hang({ call: 'open', below: 'a.txt' });
    const caller = call(t, disk, 'for i in $(seq 40); do cat a.txt & done; wait');
    await until(async () => (await disk.waiting()) === 40, 'all are there');
    await disk.release();
    t.equal(await caller.output, 'hello'.repeat(40));
  });

  await t.test('lets a caller that is killed out, unless it is told not to', async (t) => {
    for (const which of ['lookup', 'open', 'read', 'flush'] satisfies DiskCall[]) {
      writeAnew(disk.path);
      await disk.hang({ call: which, below: 'a.txt' });
      const caller = call(t, disk, 'exec cat a.txt');
      await until(async () => (await disk.waiting()) === 1, 'it hangs');
      caller.kill();
      await caller.output;
      t.equal(await disk.waiting(), 0, which);
      await disk.release();
    }
    await disk.hang({ call: 'open', below: 'a.txt', isKillable: false });
    const caller = call(t, disk, 'exec cat a.txt');
    await until(async () => (await disk.waiting()) === 1, 'it hangs');
    caller.kill();
    // It would be gone by the time another one has come and gone.
    t.equal(await call(t, disk, 'head -c 8 long.txt').output, '       0');
    t.ok(caller.isRunning());
    await disk.release();
    await caller.output;
  });

  await t.test('ends with its process, and what hangs with it', async (t) => {
    let path = '';
    const caller: { output?: Promise<string> } = {};
    await t.test('a disk', async (t) => {
      const disk = await startDisk(t);
      path = disk.path;
      await disk.hang({ call: 'open', isKillable: false });
      // Not ended by its own teardown.
      const [program = '', ...args] = [...disk.within, 'cat', join(disk.path, 'a.txt')];
      const child = spawnChild(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      caller.output = text(child.stderr);
      await until(async () => (await disk.waiting()) === 1, 'it hangs');
    });
    t.match(await caller.output, /cat: .*a\.txt: /, 'what hung got an error');
    const { stdout } = spawnSync('sh', ['-c', 'grep -lsF -- "$0" /proc/[0-9]*/mounts', path], {
      encoding: 'utf8',
    });
    t.equal(stdout, '', 'no process sees it any more');
  });
});
