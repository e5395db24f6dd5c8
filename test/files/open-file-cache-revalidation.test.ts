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
import { MAX_CACHED_SIZE } from '../../src/files/open-file-cache.js';
import { type Conversation, converse, type Question, wasReady } from '../support/conversation.js';
import { startLocations } from '../support/locations.js';
import type { RawResponse } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { until } from '../support/until.js';
import { PLAIN_USER, withoutPlainUser } from '../support/user.js';

/** Files for each kind of change. */
const FILES = 80;
/** Connections on which others ask for the same files. */
const CROWD = 16;
/** Changes of one file in a row. */
const REWRITES = 1000;
/** Whole seconds, so that they can be put back exactly. */
const MODIFIED = 1_704_067_200;
const SIZE = 64;

/** Too large to be cached: of such files the metadata is, and they are read anew each time. */
const LARGE_SIZE = MAX_CACHED_SIZE + 2;
const LARGE_FILES = 10;

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

// A file must be some seconds old to be cached, so the files of all tests are made first and wait together.
const base = t.testdir({
  hammer: { root: {}, outside: {} },
  large: { root: {}, outside: {} },
  kinds: {},
  crowd: {},
  siblings: { root: {}, outside: {} },
  internal: { media: { sub: { 'a.txt': OLD } }, protected: {} },
});
for (const kind of KINDS) put(join(base, 'kinds', kind), OLD);
for (let number = 0; number < FILES; number++) put(join(base, 'crowd', `${number}`), OLD);
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

t.test('a cached file that changes in any way is seen by the very next request', async (t) => {
  const server = await startServer(t, ['--root', hammered, '--mount', `/large/=${large}`], { uid });
  const conversation = await converse(t, server.port);
  const last = `/media/${Object.keys(changes).length - 1}/${FILES - 1}/a.txt`;
  await until(async () => wasReady(await conversation.ask(last)), 'the files are old enough');
  for (const [kind, [what, steps]] of Object.entries(changes).entries()) {
    const failures: string[] = [];
    for (let number = 0; number < FILES; number++) {
      const failure = await hammer(conversation, hammered, `/media/${kind}/${number}/a.txt`, steps);
      if (failure !== undefined) failures.push(failure);
    }
    t.same(failures.slice(0, 3), [], `${what} (${failures.length} of ${FILES} went wrong)`);
  }
  // The metadata of a larger file is cached as early as a small file is; by now they are old enough.
  for (const [kind, [what, steps]] of Object.entries(changesOf(LARGE_SIZE)).entries()) {
    const failures: string[] = [];
    for (let number = 0; number < LARGE_FILES; number++) {
      const failure = await hammer(conversation, large, `/large/${kind}/${number}/a.txt`, steps);
      if (failure !== undefined) failures.push(failure);
    }
    t.same(
      failures.slice(0, 3),
      [],
      `a large file: ${what} (${failures.length} of ${LARGE_FILES} went wrong)`,
    );
  }
});

t.test('one that changes while many others ask for it is seen by the very next request', async (t) => {
  const root = join(base, 'crowd');
  const { port } = await startServer(t, ['--root', root]);
  const { ask } = await converse(t, port);
  await until(async () => wasReady(await ask(`/media/${FILES - 1}`)), 'the files are old enough');
  let number = 0;
  const crowd = Array.from({ length: CROWD }, async () => {
    const other = await converse(t, port);
    while (number < FILES) await other.ask(`/media/${number}`);
  });
  const stale: string[] = [];
  for (; number < FILES; number++) {
    await ask(`/media/${number}`);
    const before = await ask(`/media/${number}`);
    rewrite(join(root, `${number}`), NEW);
    const after = await ask(`/media/${number}`);
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
  await ask(target);
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
    const root = t.testdir({ 'a.txt': OLD });
    const path = join(root, 'a.txt');
    utimesSync(path, MODIFIED, MODIFIED);
    const server = await startServer(t, ['--root', root]);
    const { ask } = await converse(t, server.port);
    const stale: number[] = [];
    for (let round = 0; round < REWRITES; round++) {
      const content = text(`version ${round}`);
      rewrite(path, content);
      if ((await ask('/media/a.txt')).body.toString() !== content) stale.push(round);
    }
    t.same(stale, []);
  },
);

t.test('a conditional request, a range and a HEAD see the change of a cached file too', async (t) => {
  const root = join(base, 'kinds');
  const server = await startServer(t, ['--root', root]);
  const { ask } = await converse(t, server.port);
  await until(async () => wasReady(await ask('/media/head')), 'the files are old enough');
  const tags = await Promise.all(KINDS.map(async (name) => (await ask(`/media/${name}`)).headers['etag']));
  for (const name of KINDS) writeFileSync(join(root, name), 'shorter');
  t.equal((await ask('/media/etag', [`If-None-Match: ${tags[0]}`])).body.toString(), 'shorter');
  const part = await ask('/media/range', ['Range: bytes=0-1', `If-Range: ${tags[1]}`]);
  t.equal(part.status, 200);
  t.equal(part.body.toString(), 'shorter');
  t.equal((await ask('/media/head', [], 'HEAD')).headers['content-length'], '7');
});

t.test('a cached sibling counts only while its original may be seen', { skip: skipped }, async (t) => {
  const { port } = await startServer(t, ['--root', siblings, '--static-root', siblings], { uid });
  const { ask } = await converse(t, port);
  for (const [index, [what, [change, expected]]] of Object.entries(SIBLING_CHANGES).entries()) {
    const question: Question = [`/static/kind/${index}/a.txt`, ['Accept-Encoding: br']];
    await until(async () => wasReady(await ask(...question)), 'the sibling is cached');
    t.equal((await ask(...question)).body.toString(), SIBLING, what);
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
    const server = await startLocations(t, [
      { kind: 'media', prefix: '/media/', root: media, symlinks: 'follow' },
      { kind: 'internal', prefix: '/internal/', root: internal },
    ]);
    const { ask } = await converse(t, server.port);
    await until(async () => wasReady(await ask('/media/sub/a.txt')), 'the file is cached');
    renameSync(join(media, 'sub'), join(internal, 'sub'));
    symlinkSync(join(internal, 'sub'), join(media, 'sub'));
    t.equal((await ask('/media/sub/a.txt')).status, 404);
  },
);
