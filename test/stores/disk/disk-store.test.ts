// Files below a directory: what is opened, what is refused and as what, whatever a name or a link says.
import { execFileSync } from 'node:child_process';
import fs, {
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type DiskPolicy, DiskStore } from '../../../src/stores/disk/disk-store.js';
import { isSameVersion } from '../../../src/stores/disk/disk-version.js';
import { outcome } from '../../support/outcome.js';
import { openDescriptors, withoutProc } from '../../support/proc.js';

const INSIDE: DiskPolicy = { symlinks: 'inside' };

t.test('a regular file is opened, and everything else is refused', async (t) => {
  const root = t.testdir({ 'a.txt': 'content', empty: '', 'directory.d': { b: 'below' } });
  const store = new DiskStore(root, INSIDE);
  const cases: readonly (readonly [path: string, expected: string])[] = [
    ['a.txt', 'content'],
    ['empty', ''],
    ['directory.d/b', 'below'],
    ['missing', 'not-found'],
    ['directory.d', 'directory'],
    ['directory.d/missing', 'not-found'],
    ['missing/b', 'not-found'],
    ['a.txt/b', 'not-found'],
    ['x'.repeat(256), 'not-found'],
    ['y/'.repeat(3000), 'not-found'],
  ];
  for (const [path, expected] of cases) t.equal(outcome(store, path), expected, path.slice(0, 40));
});

t.test('a name is bytes: Unicode in any form, and what is no UTF-8 at all', async (t) => {
  const root = t.testdir({});
  const store = new DiskStore(root, INSIDE);
  for (const name of [
    Buffer.from('Grüße, 世界.txt'),
    Buffer.from('Gru\u0308n'),
    Buffer.from([0x61, 0xff, 0xfe]),
  ]) {
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), 'content');
    t.equal(outcome(store, name.toString('latin1')), 'content', name.toString('hex'));
  }
  t.equal(
    outcome(store, Buffer.from('Grün').toString('latin1')),
    'not-found',
    'another form is another name',
  );
});

t.test('special files are refused and never block', async (t) => {
  const root = t.testdir({});
  const store = new DiskStore(root, INSIDE);
  execFileSync('mkfifo', [join(root, 'fifo')]);
  symlinkSync('/dev/zero', join(root, 'device'));
  // The name of a socket must be short, so it is made relative to the working directory.
  const server = createServer();
  const before = process.cwd();
  process.chdir(root);
  await new Promise<void>((resolve) => server.listen('socket', resolve));
  process.chdir(before);
  t.teardown(() => server.close());
  for (const name of ['fifo', 'device', 'socket']) t.equal(outcome(store, name), 'not-found', name);
});

t.test('links are followed inside the root and nowhere else', async (t) => {
  const base = t.testdir({
    root: { 'a.txt': 'inside', directory: { b: 'below' } },
    'root-beside': { secret: 'secret' },
    secret: 'secret',
  });
  const root = join(base, 'root');
  const links: readonly (readonly [name: string, target: string, expected: string])[] = [
    ['to-file', 'a.txt', 'inside'],
    ['to-absolute', join(root, 'a.txt'), 'inside'],
    ['to-directory', 'directory', 'directory'],
    ['out-and-in', '../root/a.txt', 'inside'],
    ['to-link', 'to-file', 'inside'],
    ['out', '../secret', 'not-found'],
    ['out-absolute', join(base, 'secret'), 'not-found'],
    // A root's name is also the beginning of its neighbour's.
    ['out-beside', '../root-beside/secret', 'not-found'],
    ['out-by-link', 'out', 'not-found'],
    ['system', '/etc/passwd', 'not-found'],
    ['dangling', 'missing', 'not-found'],
    ['loop', 'loop', 'not-found'],
  ];
  for (const [name, target] of links) symlinkSync(target, join(root, name));
  symlinkSync('..', join(root, 'up'));
  const store = new DiskStore(root, INSIDE);
  for (const [name, target, expected] of links)
    t.equal(outcome(store, name), expected, `${name} → ${target}`);
  t.equal(outcome(store, 'to-directory/b'), 'below');
  t.equal(outcome(store, 'up/secret'), 'not-found');
  t.equal(outcome(store, 'up/root/a.txt'), 'inside');
});

t.test('links are followed everywhere or not at all when the operator says so', async (t) => {
  const base = t.testdir({ root: { 'a.txt': 'inside', '.env': 'denied' }, secret: 'secret' });
  const root = join(base, 'root');
  symlinkSync('a.txt', join(root, 'to-file'));
  symlinkSync('../secret', join(root, 'out'));
  symlinkSync('.env', join(root, 'plain.txt'));
  const cases: readonly (readonly [symlinks: DiskPolicy['symlinks'], expected: readonly string[]])[] = [
    ['inside', ['inside', 'inside', 'not-found', 'not-found']],
    ['never', ['inside', 'not-found', 'not-found', 'not-found']],
    ['follow', ['inside', 'inside', 'secret', 'denied']],
  ];
  for (const [symlinks, expected] of cases) {
    const store = new DiskStore(root, { symlinks, dotfiles: [] });
    t.same(
      ['a.txt', 'to-file', 'out', 'plain.txt'].map((name) => outcome(store, name)),
      expected,
      symlinks,
    );
  }
});

/** Lets something happen between the opening of a file and the look at where it is. */
function betweenOpenAndLook(t: Test, happen: () => void): void {
  const { readlinkSync } = fs;
  fs.readlinkSync = ((...args: Parameters<typeof readlinkSync>) => {
    happen();
    return readlinkSync(...args);
  }) as typeof readlinkSync;
  syncBuiltinESMExports();
  t.teardown(() => {
    fs.readlinkSync = readlinkSync;
    syncBuiltinESMExports();
  });
}

t.test('what is swapped while it is opened is not taken for missing', { skip: withoutProc() }, async (t) => {
  const kinds = ['inside', 'never'] as const;
  const swaps: Readonly<Record<string, (base: string, count: number) => void>> = {
    'a file is renamed over it': (base, count) => {
      writeFileSync(join(base, 'new'), `version ${count}`);
      renameSync(join(base, 'new'), join(base, 'root/way/a'));
    },
    'its directory is exchanged for another': (base, count) => {
      mkdirSync(join(base, 'new'));
      writeFileSync(join(base, 'new/a'), `version ${count}`);
      renameSync(join(base, 'root/way'), join(base, `old-${count}`));
      renameSync(join(base, 'new'), join(base, 'root/way'));
    },
  };
  for (const [what, swap] of Object.entries(swaps)) {
    for (const symlinks of kinds) {
      await t.test(`${what}: ${symlinks}`, async (t) => {
        const base = t.testdir({ root: { way: { a: 'version 0' } } });
        const store = new DiskStore(join(base, 'root'), { symlinks });
        let count = 0;
        let most = 3;
        betweenOpenAndLook(t, () => {
          if (count < most) swap(base, ++count);
        });
        t.match(outcome(store, 'way/a'), /^version [0-3]$/);
        if (symlinks === 'never') t.equal(count, 3, 'it was opened until it stayed');
        most = Number.POSITIVE_INFINITY;
        t.match(outcome(store, 'way/a'), /^version |^not-found$/, 'and not without end');
        const open = openDescriptors(process.pid).filter((name) => name.startsWith(base));
        t.same(open, [], 'nothing is left open');
      });
    }
  }
});

t.test('what is swapped for a link that leads out is never shown', { skip: withoutProc() }, async (t) => {
  for (const symlinks of ['inside', 'never'] as const) {
    await t.test(symlinks, async (t) => {
      const base = t.testdir({ root: { a: 'inside' }, secret: 'secret', other: 'secret' });
      const a = join(base, 'root/a');
      const store = new DiskStore(join(base, 'root'), { symlinks });
      const outcomes = new Set<string>();
      let count = 0;
      // At every look it is the other one.
      betweenOpenAndLook(t, () => {
        count += 1;
        if (count % 2 === 0) writeFileSync(join(base, 'next'), 'inside');
        else symlinkSync(count % 3 === 0 ? '../other' : '../secret', join(base, 'next'));
        renameSync(join(base, 'next'), a);
      });
      for (let round = 0; round < 50; round++) outcomes.add(outcome(store, 'a'));
      outcomes.delete('inside');
      t.same([...outcomes], ['not-found']);
    });
  }
});

t.test(
  'a link that leads out is refused after one look, and not looked at again and again',
  { skip: withoutProc() },
  async (t) => {
    const base = t.testdir({ root: { a: 'inside' }, secret: 'secret' });
    symlinkSync('../secret', join(base, 'root/out'));
    const store = new DiskStore(join(base, 'root'), INSIDE);
    let looks = 0;
    betweenOpenAndLook(t, () => {
      looks += 1;
    });
    t.equal(outcome(store, 'out'), 'not-found');
    t.equal(looks, 1);
  },
);

t.test(
  'a file that has lost its name is not judged by what the kernel calls it',
  { skip: withoutProc() },
  async (t) => {
    const suffix = ' (deleted)';
    const root = t.testdir({ [`a${suffix}`]: 'its name', '.secret': 'denied', other: 'other' });
    for (const symlinks of ['inside', 'never'] as const) {
      const store = new DiskStore(root, { symlinks, dotfiles: [] });
      t.equal(outcome(store, `a${suffix}`), 'its name', `${symlinks}: it may really be called that`);
    }
    symlinkSync('.secret', join(root, 'link'));
    linkSync(join(root, '.secret'), join(root, '.kept'));
    const store = new DiskStore(root, { symlinks: 'inside', dotfiles: [] });
    betweenOpenAndLook(t, () => rmSync(join(root, '.secret'), { force: true }));
    t.equal(outcome(store, 'link'), 'not-found');
  },
);

t.test('nothing is opened below an excluded directory, whichever name leads there', async (t) => {
  const root = t.testdir({
    'a.txt': 'inside',
    protected: { b: 'protected' },
    'protected-not': { c: 'open' },
  });
  symlinkSync('protected/b', join(root, 'link'));
  for (const symlinks of ['inside', 'follow'] as const) {
    const store = new DiskStore(root, { symlinks, excluded: [join(root, 'protected')] });
    const names = ['a.txt', 'protected/b', 'link', 'protected-not/c'];
    t.same(
      names.map((name) => outcome(store, name)),
      ['inside', 'not-found', 'not-found', 'open'],
      symlinks,
    );
  }
});

t.test('the root may itself be a link, and may be pointed elsewhere while the server runs', async (t) => {
  const base = t.testdir({ one: { a: 'first' }, two: { a: 'second' } });
  const current = join(base, 'current');
  symlinkSync('one', current);
  const store = new DiskStore(current, INSIDE);
  t.equal(outcome(store, 'a'), 'first');
  symlinkSync('two', join(base, 'next'));
  renameSync(join(base, 'next'), current);
  t.equal(outcome(store, 'a'), 'second');
  const later = new DiskStore(join(base, 'missing'), INSIDE);
  t.equal(outcome(later, 'a'), 'not-found');
  symlinkSync('one', join(base, 'missing'));
  t.equal(outcome(later, 'a'), 'first', 'it may come later');
});

t.test('an open file is the version that was opened, whatever happens to its name', async (t) => {
  const root = t.testdir({ a: 'old content', b: 'new', c: 'gone' });
  const store = new DiskStore(root, INSIDE);
  const replaced = store.open('a');
  const deleted = store.open('c');
  renameSync(join(root, 'b'), join(root, 'a'));
  unlinkSync(join(root, 'c'));
  t.equal((await replaced.read(4, 20)).bytes.toString(), 'content');
  t.equal((await replaced.read(4, 3)).bytes.toString(), 'con', 'no more than asked for');
  t.equal((await deleted.read(0, 20)).bytes.toString(), 'gone');
  t.equal((await replaced.read(11, 20)).bytes.length, 0, 'nothing is behind the end');
  replaced.close();
  deleted.close();
});

t.test('every change of a file is another version', async (t) => {
  const root = t.testdir({ a: 'aaaa', other: 'bbbb' });
  const store = new DiskStore(root, INSIDE);
  const changes: readonly (readonly [name: string, change: () => void])[] = [
    ['longer', () => writeFileSync(join(root, 'a'), 'aaaaa')],
    ['replaced', () => renameSync(join(root, 'other'), join(root, 'a'))],
    ['made unreadable', () => chmodSync(join(root, 'a'), 0)],
  ];
  for (const [name, change] of changes) {
    const before = store.stat('a');
    change();
    const after = store.stat('a');
    if (before === undefined || after === undefined) t.fail(`${name}: there is no file`);
    else t.notOk(isSameVersion(before, after), name);
  }
  const version = store.stat('a');
  if (version !== undefined) t.ok(isSameVersion(version, { ...version }), 'nothing changed');
  rmSync(join(root, 'a'));
  t.equal(store.stat('a'), undefined);
  t.equal(store.stat('a/b/c'), undefined);
});

t.test('descriptors are released, once, and not under a read', { skip: withoutProc() }, async (t) => {
  const root = t.testdir({ a: 'x'.repeat(100_000), directory: {} });
  mkdirSync(join(root, 'more'));
  symlinkSync('/etc/passwd', join(root, 'out'));
  const store = new DiskStore(root, INSIDE);
  const open = (): number =>
    openDescriptors(process.pid).filter((name) => name.startsWith(root) || name === '/etc/passwd').length;
  for (const name of ['directory', 'missing', 'out', 'more']) outcome(store, name);
  t.equal(open(), 0, 'what was refused is closed');
  const file = store.open('a');
  t.equal(open(), 1);
  const reading = file.read(0, 100_000);
  file.close();
  file.close();
  t.equal((await reading).bytes.length, 100_000);
  t.equal(open(), 0);
});

t.test(
  'a file is opened again by a snapshot as long as its name means the same, and not for longer',
  async (t) => {
    const base = t.testdir({ outside: {} });
    const changes: Readonly<Record<string, (directory: string) => void>> = {
      'rewritten in place': (directory) => writeFileSync(join(directory, 'a'), 'else'),
      'replaced by rename': (directory) => {
        writeFileSync(join(directory, 'b'), 'text');
        renameSync(join(directory, 'b'), join(directory, 'a'));
      },
      deleted: (directory) => rmSync(join(directory, 'a')),
      'given other permissions': (directory) => chmodSync(join(directory, 'a'), 0o600),
      'a link to itself elsewhere': (directory) => {
        renameSync(join(directory, 'a'), join(directory, 'c'));
        symlinkSync('c', join(directory, 'a'));
      },
      'its directory moved out, and a link there': (directory) => {
        renameSync(directory, join(base, 'outside/moved'));
        symlinkSync(join(base, 'outside/moved'), directory);
      },
      'a directory': (directory) => {
        rmSync(join(directory, 'a'));
        mkdirSync(join(directory, 'a'));
      },
    };
    for (const [number, [what, change]] of Object.entries(changes).entries()) {
      const directory = join(base, 'root', `${number}`);
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'a'), 'text');
      const store = new DiskStore(join(base, 'root'), INSIDE);
      const path = `${number}/a`;
      const opened = store.open(path);
      opened.close();
      const snapshot = store.snapshot(path, opened.version);
      if (snapshot === undefined) throw new Error('no snapshot');
      const again = store.reopen(snapshot);
      const buffer = Buffer.alloc(4);
      t.equal(again?.readSync(buffer, 0), 4, 'opened again');
      t.equal(buffer.toString(), 'text');
      again?.close();
      change(directory);
      t.equal(store.reopen(snapshot), undefined, what);
    }
  },
);

t.test('of what cannot be looked at there is no snapshot, and no error', async (t) => {
  const ways: Readonly<Record<string, (way: string) => void>> = {
    'nothing (ENOENT)': () => {},
    'a file (ENOTDIR)': (way) => writeFileSync(way, ''),
    // Stands for EACCES as well, which root never gets.
    'a link to itself (ELOOP)': (way) => symlinkSync('way', way),
  };
  for (const [what, replace] of Object.entries(ways)) {
    for (const symlinks of ['inside', 'follow'] as const) {
      const root = join(t.testdir({ root: { way: { deeper: { a: 'text' } } } }), 'root');
      const store = new DiskStore(root, { symlinks });
      const file = store.open('way/deeper/a');
      rmSync(join(root, 'way'), { recursive: true });
      replace(join(root, 'way'));
      t.equal(store.snapshot('way/deeper/a', file.version), undefined, `${what}, ${symlinks}`);
      file.close();
    }
  }
});
