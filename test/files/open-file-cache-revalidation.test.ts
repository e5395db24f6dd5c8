// Files cached in memory are never stale: whatever happens to one between two requests, the second sees it.
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { SMALL_FILE } from '../../src/stores/store.js';
import { type Conversation, converse, type Question, wasReady } from '../support/conversation.js';
import { AN_HOUR_LATER, tellTime } from '../support/later.js';
import { startLocations } from '../support/locations.js';
import type { RawResponse } from '../support/raw.js';
import { PLAIN_USER, withoutPlainUser } from '../support/user.js';

/** Files for each kind of change. */
const FILES = 20;
/** Files that change while others ask for them, and on how many connections these do. */
const CROWDED = 80;
const CROWD = 16;
/** Changes of one file in a row. */
const REWRITES = 300;
/** Whole seconds, so that they can be put back exactly. */
const MODIFIED = 1_704_067_200;
const SIZE = 64;

/** Too large to be cached: of such files the metadata is, and they are read anew each time. */
const LARGE_SIZE = SMALL_FILE + 2;
const LARGE_FILES = 4;

const text = (word: string, size = SIZE): string => word.padEnd(size, '.');
const texts = (size: number) => [text('old', size), text('new', size), text('newer', size)] as const;
const [OLD, NEW] = texts(SIZE);

const skipped = withoutPlainUser();
if (skipped !== false) t.comment(`without changes of permissions: ${skipped}`);
/** The server's user, whom permissions bind. */
const uid = skipped === false ? PLAIN_USER : undefined;

/** Writes the bytes of a file in place: the same inode, size and time of modification as before. */
function rewrite(path: string, content: string): void {
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, content, 0);
  closeSync(descriptor);
  utimesSync(path, MODIFIED, MODIFIED);
}

function put(path: string, content: string): void {
  writeFileSync(path, content);
  utimesSync(path, MODIFIED, MODIFIED);
}

/** A change, and what the very next request must get: a status, or a body. */
type Step = readonly [change: (path: string) => void, expected: number | string];

/** All changes of files of this size. Each file lies in a directory of its own: `root/KIND/NUMBER/a.txt`. */
function changesOf(size: number): Readonly<Record<string, readonly Step[]>> {
  const [OLD, NEW, NEWER] = texts(size);
  const changes: Record<string, readonly Step[]> = {
    'replaced by rename, with the size and time of before': [
      [
        (path) => {
          put(`${path}.new`, NEW);
          renameSync(`${path}.new`, path);
        },
        NEW,
      ],
    ],
    'rewritten in place, with the size and time put back': [[(path) => rewrite(path, NEW), NEW]],
    'rewritten twice within one tick, and once more': [
      [
        (path) => {
          rewrite(path, NEW);
          rewrite(path, NEWER);
        },
        NEWER,
      ],
      [(path) => rewrite(path, NEW), NEW],
      [(path) => rewrite(path, NEWER), NEWER],
    ],
    truncated: [[(path) => truncateSync(path, size / 2), OLD.slice(0, size / 2)]],
    'emptied and filled again': [
      [(path) => truncateSync(path, 0), ''],
      [(path) => put(path, NEW), NEW],
    ],
    grown: [[(path) => writeFileSync(path, 'and more', { flag: 'a' }), `${OLD}and more`]],
    'deleted and made again': [
      [(path) => rmSync(path), 404],
      [(path) => put(path, NEW), NEW],
    ],
    'swapped with its neighbour': [
      [
        (path) => {
          put(`${path}.other`, NEW);
          renameSync(path, `${path}.aside`);
          renameSync(`${path}.other`, path);
        },
        NEW,
      ],
      [(path) => renameSync(`${path}.aside`, path), OLD],
    ],
    'made a directory': [
      [
        (path) => {
          rmSync(path);
          mkdirSync(path);
        },
        404,
      ],
    ],
    'made a link inside the root': [
      [
        (path) => {
          put(join(dirname(path), 'b.txt'), NEW);
          rmSync(path);
          symlinkSync('b.txt', path);
        },
        NEW,
      ],
    ],
    'made a link to itself, out of the root': [
      [
        (path) => {
          const outside = join(outsideOf(path), `${numberOf(path)}.txt`);
          renameSync(path, outside);
          symlinkSync(outside, path);
        },
        404,
      ],
    ],
    'moved out of the root with its directory, with a link in place of that': [
      [
        (path) => {
          const outside = join(outsideOf(path), numberOf(path));
          renameSync(dirname(path), outside);
          symlinkSync(outside, dirname(path));
        },
        404,
      ],
    ],
    'moved below a denied name with its directory, with a link in place of that': [
      [
        (path) => {
          const hidden = join(dirname(dirname(path)), `.${numberOf(path)}`);
          renameSync(dirname(path), hidden);
          symlinkSync(hidden, dirname(path));
        },
        404,
      ],
    ],
    'renamed away with its directory, and another one put there': [
      [(path) => renameSync(dirname(path), `${dirname(path)}-away`), 404],
      [
        (path) => {
          mkdirSync(`${dirname(path)}-next`);
          put(join(`${dirname(path)}-next`, 'a.txt'), NEW);
          renameSync(`${dirname(path)}-next`, dirname(path));
        },
        NEW,
      ],
    ],
  };

  if (skipped !== false) return changes;
  // These need a server that permissions bind.
  return {
    ...changes,
    'made unreadable, and readable again': [
      [(path) => chmodSync(path, 0), 403],
      [(path) => chmodSync(path, 0o644), OLD],
    ],
    'in a directory that is closed, and opened again': [
      [(path) => chmodSync(dirname(path), 0), 403],
      [(path) => chmodSync(dirname(path), 0o755), OLD],
    ],
  };
}

const numberOf = (path: string): string => dirname(path).split('/').at(-1) ?? '';
const outsideOf = (path: string): string => join(dirname(path), '../../../outside');

const SIBLING = 'compressed';
/** What is done to the original and its sibling, and what a client that accepts both gets then. */
const SIBLING_CHANGES: Readonly<Record<string, Step>> = {
  'the sibling is rewritten': [(path) => put(`${path}.br`, 'other'), 'other'],
  'the sibling is deleted': [(path) => rmSync(`${path}.br`), OLD],
  'the sibling is made unreadable': [(path) => chmodSync(`${path}.br`, 0), OLD],
  'the original is newer': [(path) => writeFileSync(path, NEW), NEW],
  'the original is deleted': [(path) => rmSync(path), 404],
  'the original is made unreadable': [(path) => chmodSync(path, 0), 403],
  'the original is a link that leads out': [
    (path) => {
      renameSync(path, join(outsideOf(path), numberOf(path)));
      symlinkSync(join(outsideOf(path), numberOf(path)), path);
    },
    404,
  ],
  'the original is a directory': [
    (path) => {
      rmSync(path);
      mkdirSync(path);
      utimesSync(path, MODIFIED, MODIFIED);
    },
    404,
  ],
};

const KINDS = ['etag', 'range', 'head'];

const changes = changesOf(SIZE);

const base = t.testdir({
  hammer: { root: {}, outside: {} },
  large: { root: {}, outside: {} },
  kinds: {},
  crowd: {},
  again: { 'a.txt': OLD },
  siblings: { root: {}, outside: {} },
  internal: { media: { sub: { 'a.txt': OLD } }, protected: {} },
});
for (const kind of KINDS) put(join(base, 'kinds', kind), OLD);
for (let number = 0; number < CROWDED; number++) put(join(base, 'crowd', `${number}`), OLD);
const siblings = join(base, 'siblings/root');
const hammered = join(base, 'hammer/root');
const large = join(base, 'large/root');
for (const kind of Object.keys(changes).keys()) {
  for (const [root, count, size] of [
    [hammered, FILES, SIZE],
    [large, LARGE_FILES, LARGE_SIZE],
  ] as const) {
    for (let number = 0; number < count; number++) {
      mkdirSync(join(root, `${kind}`, `${number}`), { recursive: true });
      put(join(root, `${kind}`, `${number}`, 'a.txt'), text('old', size));
    }
  }
}
const siblingPath = (index: number): string => join(siblings, 'kind', `${index}`, 'a.txt');
for (const index of Object.keys(SIBLING_CHANGES).keys()) {
  mkdirSync(dirname(siblingPath(index)), { recursive: true });
  put(siblingPath(index), OLD);
  put(`${siblingPath(index)}.br`, SIBLING);
}

const SIBLING_QUESTIONS = Object.keys(SIBLING_CHANGES).map(
  (_, index): Question => [`/static/kind/${index}/a.txt`, ['Accept-Encoding: br']],
);

const server = await startLocations(
  t,
  [
    { kind: 'media', prefix: '/media/', root: hammered },
    { kind: 'media', prefix: '/large/', root: large },
    { kind: 'media', prefix: '/crowd/', root: join(base, 'crowd') },
    { kind: 'media', prefix: '/again/', root: join(base, 'again') },
    { kind: 'media', prefix: '/kinds/', root: join(base, 'kinds') },
    { kind: 'static', prefix: '/static/', root: siblings },
    { kind: 'media', prefix: '/followed/', root: join(base, 'internal/media'), symlinks: 'follow' },
    { kind: 'internal', prefix: '/internal/', root: join(base, 'internal/protected') },
  ],
  [],
  { uid, node: AN_HOUR_LATER },
);
const conversation = await converse(t, server.port);
const { ask } = conversation;

// A file must have settled to be cached. All are cached in one go, and from then on the server knows the right time: what
// changes now changes just now.
for (const kind of Object.keys(changes).keys()) {
  for (let number = 0; number < FILES; number++) await ask(`/media/${kind}/${number}/a.txt`);
  for (let number = 0; number < LARGE_FILES; number++) await ask(`/large/${kind}/${number}/a.txt`);
}
for (let number = 0; number < CROWDED; number++) await ask(`/crowd/${number}`);
for (const kind of KINDS) await ask(`/kinds/${kind}`);
for (const question of SIBLING_QUESTIONS) await ask(...question);
await ask('/followed/sub/a.txt');
await tellTime(server);

t.test('a cached file that changes in any way is seen by the very next request', async (t) => {
  for (const [root, prefix, count, size] of [
    [hammered, '/media', FILES, SIZE],
    [large, '/large', LARGE_FILES, LARGE_SIZE],
  ] as const) {
    for (const [kind, [what, steps]] of Object.entries(changesOf(size)).entries()) {
      const failures: string[] = [];
      for (let number = 0; number < count; number++) {
        const failure = await hammer(conversation, root, `${prefix}/${kind}/${number}/a.txt`, steps);
        if (failure !== undefined) failures.push(failure);
      }
      t.same(failures.slice(0, 3), [], `${size} bytes: ${what} (${failures.length} of ${count} went wrong)`);
    }
  }
});

t.test('one that changes while many others ask for it is seen by the very next request', async (t) => {
  let number = 0;
  const crowd = Array.from({ length: CROWD }, async () => {
    const other = await converse(t, server.port);
    while (number < CROWDED) await other.ask(`/crowd/${number}`);
  });
  const stale: string[] = [];
  for (; number < CROWDED; number++) {
    const before = await ask(`/crowd/${number}`);
    rewrite(join(base, 'crowd', `${number}`), NEW);
    const after = await ask(`/crowd/${number}`);
    if (!wasReady(before) || after.body.toString() !== NEW) stale.push(`${number}: ${after.body}`);
  }
  t.same(stale, []);
  await Promise.all(crowd);
});

async function hammer(
  { ask }: Conversation,
  root: string,
  target: string,
  steps: readonly Step[],
): Promise<string | undefined> {
  const name = target.split('/').slice(2).join('/');
  const [size, isLarge] = root === large ? [LARGE_SIZE, true] : [SIZE, false];
  const before = await ask(target);
  if (wasReady(before) === isLarge || before.body.toString() !== text('old', size))
    return `${name} was not cached, or was, before`;
  for (const [index, [change, expected]] of steps.entries()) {
    change(join(root, name));
    const response = await ask(target);
    if (!isExpected(response, expected)) {
      return `${name}, step ${index}: ${response.status} ${response.body.toString('latin1', 0, 20)}`;
    }
  }
  return undefined;
}

function isExpected({ status, headers, body }: RawResponse, expected: number | string): boolean {
  if (typeof expected === 'number') return status === expected;
  return (
    status === 200 && body.toString() === expected && Number(headers['content-length']) === expected.length
  );
}

t.test(
  'a file that is rewritten again and again within the ticks of the clock is seen each time',
  async (t) => {
    const path = join(base, 'again/a.txt');
    const stale: number[] = [];
    for (let round = 0; round < REWRITES; round++) {
      const content = text(`version ${round}`);
      rewrite(path, content);
      if ((await ask('/again/a.txt')).body.toString() !== content) stale.push(round);
    }
    t.same(stale, []);
  },
);

t.test('a conditional request, a range and a HEAD see the change of a cached file too', async (t) => {
  const before = await Promise.all(KINDS.map((name) => ask(`/kinds/${name}`)));
  t.ok(before.every(wasReady));
  const tags = before.map(({ headers }) => headers['etag']);
  for (const name of KINDS) writeFileSync(join(base, 'kinds', name), 'shorter');
  t.equal((await ask('/kinds/etag', [`If-None-Match: ${tags[0]}`])).body.toString(), 'shorter');
  const part = await ask('/kinds/range', ['Range: bytes=0-1', `If-Range: ${tags[1]}`]);
  t.equal(part.status, 200);
  t.equal(part.body.toString(), 'shorter');
  t.equal((await ask('/kinds/head', [], 'HEAD')).headers['content-length'], '7');
});

t.test('a cached sibling counts only while its original may be seen', { skip: skipped }, async (t) => {
  for (const [index, [what, [change, expected]]] of Object.entries(SIBLING_CHANGES).entries()) {
    const question = SIBLING_QUESTIONS[index] ?? [''];
    const before = await ask(...question);
    t.ok(wasReady(before), what);
    t.equal(before.body.toString(), SIBLING, what);
    change(siblingPath(index));
    const response = await ask(...question);
    t.ok(
      isExpected(response, expected),
      `${what}: ${response.status} ${response.body.toString('latin1', 0, 20)}`,
    );
  }
});

t.test(
  'a file that came below an internal location is kept from everyone, also where links are followed',
  async (t) => {
    const [media, internal] = [join(base, 'internal/media'), join(base, 'internal/protected')];
    t.ok(wasReady(await ask('/followed/sub/a.txt')));
    renameSync(join(media, 'sub'), join(internal, 'sub'));
    symlinkSync(join(internal, 'sub'), join(media, 'sub'));
    t.equal((await ask('/followed/sub/a.txt')).status, 404);
  },
);
