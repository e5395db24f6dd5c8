// What is protected is a directory, not its name: whatever is done to names while the server runs, what lies in it is not
// opened by any of them, and what was found to be open before is looked at again.
import { once } from 'node:events';
import fs, {
  constants,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { DiskSnapshot } from '../../../src/stores/disk/disk-snapshot.js';
import { DiskStore } from '../../../src/stores/disk/disk-store.js';
import { ProtectedDirectories } from '../../../src/stores/disk/protected-directories.js';
import { spawnChild } from '../../support/child.js';
import { outcome } from '../../support/outcome.js';
import { openDescriptors } from '../../support/proc.js';

interface Case {
  readonly what: string;
  /** Below a directory of its own; `root` is served, and `protected` in it is not. */
  readonly before?: (base: string) => void;
  readonly root?: string;
  readonly excluded?: string;
  readonly change: (base: string) => void;
  /** What is seen by names in the root, behind the change; all that were open before are tried anew, too. */
  readonly after: Readonly<Record<string, string>>;
}

const put = (path: string, content: string): void => writeFileSync(path, content);
const move = (base: string, from: string, to: string): void => renameSync(join(base, from), join(base, to));
const link = (base: string, target: string, name: string): void => {
  symlinkSync(target, join(base, `${name}.new`));
  move(base, `${name}.new`, name);
};
const make = (base: string, name: string, file: string, content: string): void => {
  mkdirSync(join(base, name), { recursive: true });
  put(join(base, name, file), content);
};

/** The layout of most. */
function usual(base: string): void {
  make(base, 'root/protected', 's', 'secret');
  make(base, 'root/protected/deep', 'd', 'secret');
  make(base, 'root/public', 'p', 'open');
  put(join(base, 'root/a'), 'open');
}

function releases(base: string): void {
  for (const release of ['1', '2']) {
    make(base, `releases/${release}/media/protected`, 's', 'secret');
    make(base, `releases/${release}/media/public`, 'p', `open ${release}`);
  }
  symlinkSync('releases/1', join(base, 'current'));
}

const HIDDEN = 'not-found';

const CASES: readonly Case[] = [
  {
    what: 'nothing happens',
    change: () => {},
    after: {
      a: 'open',
      'public/p': 'open',
      'protected/s': HIDDEN,
      'protected/deep/d': HIDDEN,
      protected: HIDDEN,
    },
  },
  {
    what: 'a deployment points the link to both elsewhere',
    before: releases,
    root: 'current/media',
    excluded: 'current/media/protected',
    change: (base) => link(base, 'releases/2', 'current'),
    after: { 'protected/s': HIDDEN, 'public/p': 'open 2' },
  },
  {
    what: 'a deployment points the link to what is protected elsewhere in the root',
    before: releases,
    root: 'releases',
    excluded: 'current/media/protected',
    change: (base) => link(base, 'releases/2', 'current'),
    after: { '1/media/protected/s': HIDDEN, '2/media/protected/s': HIDDEN, '2/media/public/p': 'open 2' },
  },
  {
    what: 'it is moved',
    change: (base) => move(base, 'root/protected', 'root/moved'),
    after: { 'moved/s': HIDDEN, 'moved/deep/d': HIDDEN, 'protected/s': HIDDEN, 'public/p': 'open' },
  },
  {
    what: 'it is moved, and a link is left',
    change(base) {
      move(base, 'root/protected', 'root/public/moved');
      link(base, 'public/moved', 'root/protected');
    },
    after: { 'public/moved/s': HIDDEN, 'protected/s': HIDDEN, 'public/p': 'open' },
  },
  {
    what: 'it is moved, and another one made in its place',
    change(base) {
      move(base, 'root/protected', 'root/moved');
      make(base, 'root/protected', 's', 'secret too');
    },
    after: { 'moved/s': HIDDEN, 'moved/deep/d': HIDDEN, 'protected/s': HIDDEN },
  },
  {
    what: 'it is exchanged for a public one',
    change(base) {
      move(base, 'root/protected', 'root/x');
      move(base, 'root/public', 'root/protected');
      move(base, 'root/x', 'root/public');
    },
    after: { 'public/s': HIDDEN, 'protected/p': HIDDEN, a: 'open' },
  },
  {
    what: 'it is removed and made again',
    change(base) {
      rmSync(join(base, 'root/protected'), { recursive: true });
      make(base, 'root/protected', 's', 'secret again');
    },
    after: { 'protected/s': HIDDEN, 'public/p': 'open' },
  },
  {
    what: 'it is made after the start',
    before: (base) => make(base, 'root/public', 'p', 'open'),
    change: (base) => make(base, 'root/protected', 's', 'secret'),
    after: { 'protected/s': HIDDEN, 'public/p': 'open' },
  },
  {
    what: 'after the start, a link is made to what was open',
    before: (base) => make(base, 'root/public/deep', 'p', 'open'),
    change: (base) => link(base, 'public', 'root/protected'),
    after: { 'protected/deep/p': HIDDEN, 'public/deep/p': HIDDEN },
  },
  {
    what: 'a public one is moved into it, and a link is left',
    change(base) {
      move(base, 'root/public', 'root/protected/public');
      link(base, 'protected/public', 'root/public');
    },
    after: { 'public/p': HIDDEN, a: 'open' },
  },
  {
    what: 'the root is moved into it, and a link is left',
    excluded: 'protected',
    change(base) {
      mkdirSync(join(base, 'protected'));
      move(base, 'root', 'protected/root');
      link(base, 'protected/root', 'root');
    },
    after: { a: HIDDEN, 'public/p': HIDDEN },
  },
  {
    what: 'a directory around the root is moved into it, and a link is left',
    before(base) {
      make(base, 'site/root/public', 'p', 'open');
      mkdirSync(join(base, 'protected'));
    },
    root: 'site/root',
    excluded: 'protected',
    change(base) {
      move(base, 'site', 'protected/site');
      link(base, 'protected/site', 'site');
    },
    after: { 'public/p': HIDDEN },
  },
  {
    what: 'a root that was missing is a link into it',
    before: (base) => make(base, 'protected/deep', 'd', 'secret'),
    excluded: 'protected',
    change: (base) => link(base, 'protected/deep', 'root'),
    after: { d: HIDDEN },
  },
  {
    what: 'it becomes the root',
    change(base) {
      move(base, 'root', 'old');
      link(base, 'old/protected', 'root');
    },
    after: { s: HIDDEN, 'deep/d': HIDDEN, 'old/a': HIDDEN },
  },
  {
    what: 'the root comes to lead to it, and both have a file',
    before(base) {
      make(base, 'open', 'a', 'open');
      mkdirSync(join(base, 'protected'));
      linkSync(join(base, 'open/a'), join(base, 'protected/a'));
      symlinkSync('open', join(base, 'root'));
    },
    excluded: 'protected',
    change: (base) => link(base, 'protected', 'root'),
    after: { a: HIDDEN },
  },
  {
    what: 'a link to a directory in it lies in the root, by a way that case or a mount hides',
    before(base) {
      usual(base);
      symlinkSync('../root/./protected/deep', join(base, 'root/link'));
    },
    change: () => {},
    after: { 'link/d': HIDDEN },
  },
];

t.test('whatever happens to names', async (t) => {
  for (const symlinks of ['inside', 'follow', 'never'] as const) {
    for (const { what, before = usual, root = 'root', excluded = 'root/protected', change, after } of CASES) {
      const base = mkdtempSync(`${t.testdir({})}/`);
      before(base);
      const store = new DiskStore(join(base, root), { symlinks, excluded: [join(base, excluded)] });
      const snapshots = snapshotsOf(store, [...Object.keys(after), 'a', 'public/p', 'public/deep/p']);
      change(base);
      const seen = Object.fromEntries(Object.keys(after).map((name) => [name, outcome(store, name)]));
      t.same(seen, after, `${symlinks}: ${what}`);
      for (const [name, snapshot] of snapshots) {
        const reopened = store.reopen(snapshot);
        reopened?.close();
        const isOpen = reopened !== undefined || store.isCurrent(snapshot);
        if (isOpen) t.match(outcome(store, name), /^open/, `${symlinks}: ${what}: ${name} was remembered`);
      }
      const left = openDescriptors(process.pid).filter((name) => name.startsWith(base));
      t.same(left, [], `${symlinks}: ${what}: nothing is left open`);
    }
  }
});

function snapshotsOf(store: DiskStore, names: readonly string[]): [string, DiskSnapshot][] {
  return names.flatMap((name) => {
    try {
      const file = store.open(name);
      file.close();
      const snapshot = store.snapshot(name, file.version);
      return snapshot === undefined ? [] : [[name, snapshot] as [string, DiskSnapshot]];
    } catch {
      return [];
    }
  });
}

t.test('what was remembered stays so while the same directories are protected', async (t) => {
  const base = t.testdir({});
  usual(base);
  const store = new DiskStore(join(base, 'root'), {
    symlinks: 'inside',
    excluded: [join(base, 'root/protected')],
  });
  const snapshots = snapshotsOf(store, ['a', 'public/p']);
  t.equal(snapshots.length, 2);
  put(join(base, 'root/protected/more'), 'secret');
  put(join(base, 'root/protected/deep/more'), 'secret');
  for (const [name, snapshot] of snapshots) t.ok(store.isCurrent(snapshot), name);
  link(base, 'public', 'root/protected-too');
  const [[, first] = []] = snapshots;
  t.ok(first !== undefined && store.isCurrent(first), 'another link');
});

t.test('a public directory with the number of a removed one is open', async (t) => {
  const base = t.testdir({});
  usual(base);
  const store = new DiskStore(join(base, 'root'), {
    symlinks: 'inside',
    excluded: [join(base, 'root/protected')],
  });
  const { ino } = statSync(join(base, 'root/protected'));
  rmSync(join(base, 'root/protected'), { recursive: true });
  const hasNumber = await made(base, ino);
  if (hasNumber === undefined) t.comment('this file system gives no number twice');
  else t.equal(outcome(store, `${hasNumber}/p`), 'open');
  t.equal(outcome(store, 'public/p'), 'open');
});

/** Makes public directories until one has this inode number; its name. */
async function made(base: string, ino: number): Promise<string | undefined> {
  for (let count = 0; count < 64; count++) {
    make(base, `root/again-${count}`, 'p', 'open');
    if (statSync(join(base, `root/again-${count}`)).ino === ino) return `again-${count}`;
  }
  return undefined;
}

t.test('while it cannot be told what is protected nothing is opened', async (t) => {
  const base = t.testdir({});
  usual(base);
  mkdirSync(join(base, 'elsewhere'));
  symlinkSync('../elsewhere', join(base, 'root/x'));
  const excluded = join(base, 'loop/protected');
  const store = new DiskStore(join(base, 'root'), { symlinks: 'inside', excluded: [excluded] });
  t.equal(outcome(store, 'public/p'), 'open', 'nothing is there');
  const snapshots = snapshotsOf(store, ['a', 'public/p']);
  t.equal(snapshots.length, 2);
  symlinkSync('loop', join(base, 'loop'));
  t.equal(outcome(store, 'public/p'), HIDDEN, 'a link that leads to itself');
  t.same(
    snapshots.map(([, snapshot]) => store.isCurrent(snapshot)),
    [false, false],
  );
  rmSync(join(base, 'loop'));
  t.equal(outcome(store, 'public/p'), 'open');
});

t.test('what happens between opening and judging', async (t) => {
  const swap = (root: string): void => {
    for (const [from, to] of [
      ['protected', 'x'],
      ['public', 'protected'],
      ['x', 'public'],
    ] as const)
      move(root, from, to);
  };
  const layout = (t: Test): { root: string; store: DiskStore } => {
    const base = t.testdir({});
    usual(base);
    put(join(base, 'root/public/s'), 'open');
    const root = join(base, 'root');
    return { root, store: new DiskStore(root, { symlinks: 'inside', excluded: [join(root, 'protected')] }) };
  };

  await t.test('it is moved away, and another directory is where the file was', async (t) => {
    const { root, store } = layout(t);
    move(root, 'protected', 'moved');
    behind(t, 'readlinkSync', () => {
      move(root, 'moved', 'protected');
      move(root, 'public', 'moved');
    });
    t.equal(outcome(store, 'moved/s'), 'open', 'what the name means by then');
  });

  await t.test('it is exchanged, where nothing tells when a directory was made', async (t) => {
    const { root, store } = layout(t);
    const { statSync } = fs;
    behind(
      t,
      'statSync',
      () => {},
      (stats) => {
        if (typeof stats === 'object' && stats !== null)
          Object.assign(stats, { birthtimeNs: 0n, birthtimeMs: 0 });
      },
    );
    t.not(fs.statSync, statSync);
    t.equal(outcome(store, 'public/s'), 'open');
    behind(
      t,
      'openSync',
      () => swap(root),
      undefined,
      (_, flags) => (Number(flags) & constants.O_DIRECTORY) !== 0,
    );
    t.not(outcome(store, 'protected/s'), 'secret');
  });
});

type Call = (...args: unknown[]) => unknown;

/** Behind the first call of a function of the file system. */
function behind(
  t: Test,
  name: 'readlinkSync' | 'openSync' | 'statSync',
  happen: () => void,
  change: (result: unknown) => void = () => {},
  isMeant: Call = () => true,
): void {
  const functions = fs as unknown as Record<string, Call>;
  const original = functions[name] as Call;
  let hasHappened = false;
  functions[name] = (...args) => {
    const result = original(...args);
    change(result);
    if (!hasHappened && isMeant(...args)) {
      hasHappened = true;
      happen();
    }
    return result;
  };
  syncBuiltinESMExports();
  t.teardown(() => {
    functions[name] = original;
    syncBuiltinESMExports();
  });
}

t.test('a directory that goes round and round is open by none of its names', async (t) => {
  const base = t.testdir({});
  usual(base);
  const store = new DiskStore(join(base, 'root'), {
    symlinks: 'inside',
    excluded: [join(base, 'root/protected')],
  });
  const outcomes = new Set<string>();
  await whileMoving(join(base, 'root'), () => {
    for (let round = 0; round < 700; round++) {
      for (const name of ['protected/s', 'moved/s', 'public/s', 'public/p'])
        outcomes.add(outcome(store, name));
    }
  });
  t.notOk(outcomes.has('secret'), [...outcomes].join());
  const left = openDescriptors(process.pid).filter((name) => name.startsWith(base));
  t.same(left, [], 'nothing is left open');
});

/** Moves it, leaves a link, moves it back and exchanges it for the public one, as fast as it can, in another process. */
async function whileMoving(root: string, act: () => void): Promise<void> {
  const source = `
    const { renameSync: move, symlinkSync: link, unlinkSync: remove } = require('node:fs');
    process.chdir(${JSON.stringify(root)});
    for (let round = 0; ; round++) {
      move('protected', 'moved');
      link('moved', 'protected');
      remove('protected');
      move('moved', 'protected');
      move('protected', 'x'); move('public', 'protected'); move('x', 'public');
      move('protected', 'x'); move('public', 'protected'); move('x', 'public');
      if (round === 10) console.log('under way');
    }`;
  const child = spawnChild(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  // Also when it ends without a word, which is a failure.
  await Promise.race([once(child.stdout, 'data'), closed]);
  const isUnderWay = child.exitCode === null;
  if (isUnderWay) act();
  child.kill('SIGKILL');
  await closed;
  if (!isUnderWay || child.signalCode !== 'SIGKILL') throw new Error('it did not move all the while');
}

t.test('what was protected is remembered without end of memory', async (t) => {
  const base = t.testdir({});
  const name = join(base, 'protected');
  mkdirSync(name);
  const directories = new ProtectedDirectories([name]);
  const before = directories.state(undefined);
  t.equal(directories.state(undefined), before, 'nothing has changed');
  for (let round = 0; round < 100; round++) {
    renameSync(name, join(base, `${round}`));
    mkdirSync(name);
    directories.state(undefined);
  }
  const isProtected = (round: number): boolean => directories.mayHave(statSync(join(base, `${round}`)));
  t.equal(isProtected(99), true);
  t.equal(isProtected(0), false, 'the oldest is forgotten');
  t.not(directories.state(undefined), before);
});
