// Files cached in memory: which they are, and that they are never more than the bound. That none is ever stale is tested
// in open-file-cache-revalidation.test.ts.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { type CachedFile, OpenFileCache } from '../../src/files/open-file-cache.js';
import { SMALL_FILE } from '../../src/stores/store.js';
import { converse, wasReady } from '../support/conversation.js';
import { startHere } from '../support/here.js';

const KB = 1024;

t.test('what is cached stays below --cache-size, and 0 caches nothing', async (t) => {
  const count = 100;
  const size = 20 * KB;
  const root = t.testdir({});
  const names = Array.from({ length: count }, (_, index) => `${index}.bin`);
  for (const name of names) writeFileSync(join(root, name), name.padEnd(size, '.'));
  writeFileSync(join(root, 'large.bin'), 'x'.repeat(SMALL_FILE + 1));
  const cases: readonly (readonly [args: readonly string[], most: number])[] = [
    [[], count],
    [['--cache-size', '1mb'], (1024 * KB) / size],
    [['--cache-size', '10kb'], 0],
    [['--cache-size', '0'], 0],
  ];
  // It is an hour later, so that the files have settled.
  const { now } = Date;
  Date.now = () => now() + 3_600_000;
  t.teardown(() => {
    Date.now = now;
  });
  for (const [args, most] of cases) {
    const server = await startHere(t, ['--root', root, ...args]);
    const { ask } = await converse(t, server.port);
    let ready = 0;
    for (const pass of ['first', 'second']) {
      for (const name of names) {
        const response = await ask(`/media/${name}`);
        if (response.body.toString() !== name.padEnd(size, '.')) t.fail(`${name} is wrong`);
        // In a pass each file is asked for once, so that only those count which were cached before it.
        if (pass === 'second' && wasReady(response)) ready += 1;
      }
    }
    t.ok(ready <= most, `${args.join(' ') || 'by default'}: ${ready} of ${count}, at most ${most}`);
    if (most === count) t.equal(ready, count, 'by default all of them fit');
    for (let round = 0; round < 3; round++)
      t.notOk(wasReady(await ask('/media/large.bin')), 'a larger file is never cached');
  }
});

type Versioned = Parameters<OpenFileCache['admits']>[0];

/** A version as the cache looks at it. */
function versioned(size: number, changed = 0): Versioned {
  const validators = { etag: undefined, lastModified: undefined, lastModifiedText: undefined };
  return { version: { size }, mark: { changed, validators: () => validators } };
}

/** Of a cached file, the cache looks at nothing but the version. */
function cachedFile(size: number): CachedFile {
  return { representation: { version: { size } } } as unknown as CachedFile;
}

t.test('the bytes that are cached never exceed the limit, whatever comes and goes', async () => {
  const key = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz');
  const operation = fc.oneof(
    fc.tuple(fc.constant('set'), key, fc.nat(SMALL_FILE)),
    fc.tuple(fc.constant('get'), key, fc.constant(0)),
    fc.tuple(fc.constant('delete'), key, fc.constant(0)),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), fc.nat(1024 * KB), (operations, limit) => {
      const cache = new OpenFileCache(limit);
      for (const [name, file, size] of operations) {
        if (name === 'set') setIfAdmitted(cache, file, size);
        else if (name === 'delete') cache.delete(file);
        else cache.get(file);
        if (cache.bytes > limit || cache.bytes < 0) return false;
      }
      // What is counted is what is there.
      const left = [...'abcdefghijklmnopqrstuvwxyz'].flatMap((name) => cache.get(name) ?? []);
      const content = left.reduce((sum, { representation }) => sum + representation.version.size, 0);
      for (const name of 'abcdefghijklmnopqrstuvwxyz') cache.delete(name);
      return content <= limit && cache.bytes === 0;
    }),
  );
});

/** What the file server does with a file that was not cached. */
function setIfAdmitted(cache: OpenFileCache, key: string, size: number): boolean {
  const admitted = cache.admits(versioned(size));
  if (admitted) cache.set(key, cachedFile(size));
  return admitted;
}

t.test('of two files the one that was asked for again is cached longer', async (t) => {
  const cache = new OpenFileCache(250 * KB);
  for (const key of ['once', 'often']) setIfAdmitted(cache, key, 100 * KB);
  cache.get('often');
  // A full cache considers every eighth.
  const attempts = Array.from({ length: 8 }, () => setIfAdmitted(cache, 'new', 100 * KB));
  t.strictSame(attempts, [false, false, false, false, false, false, false, true]);
  t.ok(cache.get('often'));
  t.equal(cache.get('once'), undefined);
  t.ok(cache.get('new'));
});

t.test(
  'a walk through all files leaves those that are in use, and a file that is asked for again comes in',
  async (t) => {
    const cache = new OpenFileCache(1100 * KB);
    const inUse = Array.from({ length: 9 }, (_, index) => `in use ${index}`);
    for (const key of inUse) setIfAdmitted(cache, key, 100 * KB);
    for (let step = 0; step < 100; step++) {
      for (const key of inUse) t.ok(cache.get(key), key);
      setIfAdmitted(cache, `step ${step}`, 100 * KB);
    }
    // Now they are not in use any more.
    const attempts = Array.from(
      { length: 100 },
      () => cache.get('new') ?? setIfAdmitted(cache, 'new', 100 * KB),
    );
    t.ok(attempts.includes(true));
  },
);

t.test(
  'a file is cached when it is small and its last change is older than a tick of any clock',
  async (t) => {
    const now = Date.now();
    interface Changes {
      readonly size?: number;
      readonly changed?: number;
    }
    const cases: readonly (readonly [expected: boolean, limit: number, changes: Changes])[] = [
      [true, 1024 * KB, {}],
      [true, 1024 * KB, { size: 0 }],
      [true, 1024 * KB, { size: SMALL_FILE }],
      [false, 1024 * KB, { size: SMALL_FILE + 1 }],
      // FAT's clock ticks every two seconds.
      [false, 1024 * KB, { changed: now - 2000 }],
      [false, 1024 * KB, { changed: now + 60_000 }],
      [false, 0, {}],
      [false, 0, { size: 0 }],
      [false, 100, {}],
    ];
    for (const [expected, limit, changes] of cases) {
      const { size = 100, changed = now - 60_000 } = changes;
      const admitted = new OpenFileCache(limit).admits(versioned(size, changed));
      t.equal(admitted, expected, JSON.stringify([limit, changes]));
    }
  },
);

t.test(
  'the metadata of files stays below an eighth of the limit, and gives way to the file when that is cached',
  async (t) => {
    const cache = new OpenFileCache(64 * KB);
    const metadata = { ...cachedFile(1024 * KB), isWhole: false } as const;
    const keys = Array.from({ length: 100 }, (_, index) => `${index}`);
    for (const key of keys) {
      if (cache.admitsMetadata(versioned(1024 * KB))) cache.setMetadata(key, metadata);
      t.ok(cache.bytes <= 8 * KB) || t.bailout();
    }
    const found = keys.filter((key) => cache.getMetadata(key) !== undefined);
    t.equal(found.length, 3, 'each is counted with 2.5 KiB');
    const [one = ''] = found;
    t.ok(setIfAdmitted(cache, one, KB));
    t.equal(cache.getMetadata(one), undefined);
    const now = Date.now();
    t.notOk(cache.admitsMetadata(versioned(1, now)), 'it may change again');
  },
);
