// Precompressed siblings: which one a client gets, what caches are told, and what does not count as one.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../src/config/load.js';
import { isOfFiles } from '../../src/config/location.js';
import { createWishReader } from '../../src/files/precompressed.js';
import { converse, wasReady } from '../support/conversation.js';
import { startLocations } from '../support/locations.js';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { until } from '../support/until.js';
import { PLAIN_USER, withoutPlainUser } from '../support/user.js';

const MODIFIED = 1_704_067_200;
/** Nobody looks into them here: each names the file it is. */
const CONTENTS: Readonly<Record<string, string>> = {
  'app.css': 'the style, as it is, long enough to be worth compressing',
  'app.css.br': 'br of style',
  'app.css.zst': 'zst of style',
  'app.css.gz': 'gz of the style',
};
const CODING: Readonly<Record<string, string>> = { br: 'br', zst: 'zstd', gz: 'gzip' };

const directory = t.testdir({
  root: {},
  media: {},
  'outside.css': 'what lies outside of the root is not for visitors',
});
const root = join(directory, 'root');
const outside = join(directory, 'outside.css');
const put = (name: string, content: string, age = 0): void => {
  writeFileSync(join(root, name), content);
  utimesSync(join(root, name), MODIFIED - age, MODIFIED - age);
};
for (const [name, content] of Object.entries(CONTENTS)) put(name, content);
utimesSync(outside, MODIFIED, MODIFIED);

/** The same files as uploads. */
const media = join(directory, 'media');
cpSync(root, media, { recursive: true, preserveTimestamps: true });

const place = { kind: 'static', root };
const server = await startLocations(t, [
  { ...place, prefix: '/static/' },
  { ...place, prefix: '/gz-only/', precompressed: ['gz'] },
  { ...place, prefix: '/off/', precompressed: [] },
  { ...place, prefix: '/cors/', cors: ['https://app.example.com'] },
  { ...place, prefix: '/encoded/', headers: { 'Content-Encoding': 'x-own' } },
  { ...place, prefix: '/unencoded/', headers: { 'Content-Encoding': '' } },
  { ...place, prefix: '/pictures/', headers: { 'Content-Type': 'image/x-own' } },
  { ...place, prefix: '/styles/', headers: { 'Content-Type': 'text/css' } },
  { kind: 'media', root: media, prefix: '/media/' },
  { kind: 'media', root: media, prefix: '/asked/', precompressed: ['gz'] },
]);
const conversation = await converse(t, server.port);
const ask = (target: string, accepted: string | undefined, ...fields: string[]) =>
  conversation.ask(target, [...(accepted === undefined ? [] : [`Accept-Encoding: ${accepted}`]), ...fields]);

t.test('the sibling that the client wants most is sent', async (t) => {
  const cases: readonly (readonly [accepted: string | undefined, suffix: string])[] = [
    [undefined, ''],
    ['', ''],
    ['deflate', ''],
    ['gzip', 'gz'],
    ['x-gzip', 'gz'],
    ['GZIP', 'gz'],
    ['br', 'br'],
    ['zstd', 'zst'],
    // Ties go to the smaller coding.
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, zstd', 'zst'],
    ['*', 'br'],
    ['*;q=0.1', 'br'],
    ['br;q=0.5, gzip;q=0.8', 'gz'],
    ['br;q=0.8, gzip;q=0.8, zstd;q=0.9', 'zst'],
    ['gzip;q=0.001', 'gz'],
    ['br;q=0, *', 'zst'],
    ['br;q=0, gzip;q=0', ''],
    // The file as it is has a weight too.
    ['identity;q=1, gzip;q=0.5', ''],
    ['identity;q=0.5, gzip;q=1', 'gz'],
    ['identity;q=0.5, *;q=0.1', ''],
    ['identity, gzip', 'gz'],
    ['identity;q=0, gzip;q=0.1', 'gz'],
    ['*;q=0, gzip', 'gz'],
  ];
  for (const [accepted, suffix] of cases) {
    const name = suffix === '' ? 'app.css' : `app.css.${suffix}`;
    const { status, headers, body } = await ask('/static/app.css', accepted);
    t.equal(status, 200, `${accepted}`);
    t.equal(body.toString(), CONTENTS[name], `${accepted}`);
    t.equal(headers['content-encoding'], CODING[suffix], `${accepted}`);
    t.equal(headers['content-type'], 'text/css; charset=utf-8', 'the type is that of the original');
    t.equal(headers['vary'], 'Accept-Encoding', `${accepted}`);
    t.equal(Number(headers['content-length']), body.length, `${accepted}`);
  }
});

t.test('a client that refuses every form there is gets a 406', async (t) => {
  put('plain.css', 'no sibling');
  for (const [target, accepted] of [
    ['/static/plain.css', 'identity;q=0'],
    ['/static/plain.css', 'gzip, br, identity;q=0'],
    ['/static/plain.css', '*;q=0'],
    ['/static/app.css', '*;q=0'],
    ['/static/app.css', 'deflate, identity;q=0'],
    ['/gz-only/app.css', 'br, identity;q=0'],
  ] as const)
    t.equal((await ask(target, accepted)).status, 406, `${target} ${accepted}`);
  t.equal((await ask('/static/missing.css', 'identity;q=0')).status, 404, 'what is not there is not there');
});

t.test('each form has a tag of its own, with which it is asked for again', async (t) => {
  const tags = new Map<string, string>();
  for (const accepted of ['identity', 'br', 'zstd', 'gzip']) {
    const { headers } = await ask('/static/app.css', accepted);
    tags.set(accepted, headers['etag'] ?? '');
  }
  t.equal(new Set(tags.values()).size, 4, [...tags.values()].join(' '));
  for (const [accepted, etag] of tags) {
    const { status, headers } = await ask('/static/app.css', accepted, `If-None-Match: ${etag}`);
    t.equal(status, 304, accepted);
    t.equal(headers['vary'], 'Accept-Encoding', accepted);
    const others = [...tags.values()].filter((other) => other !== etag).join(', ');
    t.equal((await ask('/static/app.css', accepted, `If-None-Match: ${others}`)).status, 200, accepted);
    t.equal((await ask('/static/app.css', accepted, `If-Match: ${others}`)).status, 412, accepted);
  }
});

t.test('siblings of the same size and time have tags of their own too', async (t) => {
  put('same.css', 'longer than any of its siblings');
  const tags = new Set<string | undefined>();
  for (const [suffix, coding] of Object.entries(CODING)) put(`same.css.${suffix}`, coding.padEnd(8, '.'));
  for (const coding of Object.values(CODING)) {
    const { headers, body } = await ask('/static/same.css', coding);
    t.equal(body.toString(), coding.padEnd(8, '.'));
    tags.add(headers['etag']);
  }
  t.equal(tags.size, 3, 'else a range of one is joined to a part of another');
});

t.test('ranges are those of the form that is sent', async (t) => {
  for (const [accepted, suffix] of [
    ['br', '.br'],
    ['gzip', '.gz'],
    ['identity', ''],
  ] as const) {
    const content = CONTENTS[`app.css${suffix}`] ?? '';
    const { headers } = await ask('/static/app.css', accepted);
    const part = await ask('/static/app.css', accepted, 'Range: bytes=1-3', `If-Range: ${headers['etag']}`);
    t.equal(part.status, 206, accepted);
    t.equal(part.body.toString(), content.slice(1, 4), accepted);
    t.equal(part.headers['content-range'], `bytes 1-3/${content.length}`, accepted);
    t.equal(part.headers['content-encoding'], headers['content-encoding'], accepted);
    t.equal(part.headers['vary'], 'Accept-Encoding', accepted);
  }
  const { headers } = await ask('/static/app.css', 'br');
  const other = await ask('/static/app.css', 'gzip', 'Range: bytes=1-3', `If-Range: ${headers['etag']}`);
  t.equal(other.status, 200, 'a part of one form is never continued with another');
});

t.test('what is older than the original, or no smaller, is ignored', async (t) => {
  put('older.css', 'a long original');
  put('older.css.gz', 'stale', 3);
  put('equal.css', 'a long original');
  put('equal.css.gz', 'a long, same sz');
  put('larger.css', 'short');
  put('larger.css.gz', 'not so short');
  put('newer.css', 'a long original');
  put('newer.css.gz', 'fresh', -1);
  for (const name of ['older.css', 'equal.css', 'larger.css']) {
    const { headers } = await ask(`/static/${name}`, 'gzip');
    t.notOk('content-encoding' in headers, name);
    t.equal(headers['vary'], 'Accept-Encoding', 'tomorrow there may be one');
  }
  t.equal((await ask('/static/newer.css', 'gzip')).body.toString(), 'fresh');
  // A better one that does not count leaves the next best.
  put('older.css.br', 'best', 3);
  put('older.css.zst', 'next');
  t.equal((await ask('/static/older.css', 'br, zstd, gzip')).body.toString(), 'next');
});

t.test('a sibling that was copied up to two seconds before its original is not stale', async (t) => {
  for (const [age, isSent] of [
    [-86_400, true],
    [0, true],
    [0.001, true],
    [0.25, true],
    [1, true],
    [2, true],
    [2.001, false],
    [3, false],
    [86_400, false],
  ] as const) {
    put('copied.css', 'a long original');
    put('copied.css.gz', 'copied', age);
    const { headers, body } = await ask('/static/copied.css', 'gzip');
    t.equal(headers['content-encoding'], isSent ? 'gzip' : undefined, `${age} s older`);
    t.equal(body.toString(), isSent ? 'copied' : 'a long original', `${age} s older`);
  }
});

t.test('a sibling that cannot be sent leaves the file as it is', async (t) => {
  const make: Readonly<Record<string, (path: string) => void>> = {
    'a directory': (path) => mkdirSync(path),
    'a FIFO': (path) => execFileSync('mkfifo', [path]),
    'a link to nothing': (path) => symlinkSync('missing', path),
    'a link that leads out of the root': (path) => symlinkSync(outside, path),
  };
  for (const [index, what] of Object.keys(make).entries()) {
    const content = `the original beside ${what}`.padEnd(8192, '.');
    put(`beside-${index}.css`, content);
    make[what]?.(join(root, `beside-${index}.css.gz`));
    const { status, headers, body } = await ask(`/static/beside-${index}.css`, 'gzip');
    t.equal(status, 200, what);
    t.notOk('content-encoding' in headers, what);
    t.ok(body.toString() === content, what);
  }
});

t.test('a sibling that cannot be sent leaves the next best, and is named in the log once', async (t) => {
  put('next.css', 'an original that is longer than its siblings, and than what lies outside of the root');
  symlinkSync(outside, join(root, 'next.css.br'));
  put('next.css.gz', 'gz of next');
  put('last.css', 'an original that is longer than its siblings, and than what lies outside of the root');
  for (const suffix of ['br', 'zst']) symlinkSync(outside, join(root, `last.css.${suffix}`));
  put('last.css.gz', 'gz of last');
  const cases: readonly (readonly [target: string, accepted: string, status: number, coding?: string])[] = [
    ['/static/next.css', '*', 200, 'gzip'],
    ['/static/next.css', 'identity;q=0, br, gzip', 200, 'gzip'],
    ['/static/next.css', 'gzip;q=0.1, br', 200, 'gzip'],
    ['/static/next.css', 'br', 200],
    ['/static/next.css', 'br, gzip;q=0', 200],
    ['/static/next.css', 'br, gzip;q=0.1, identity;q=0.5', 200],
    ['/static/next.css', 'br, identity;q=0', 406],
    ['/static/last.css', 'br, zstd, gzip', 200, 'gzip'],
    ['/static/last.css', 'zstd, *;q=0', 406],
  ];
  const check = async (): Promise<void> => {
    for (const [target, accepted, status, coding] of cases) {
      const response = await ask(target, accepted);
      t.equal(response.status, status, `${target} ${accepted}`);
      t.equal(response.headers['content-encoding'], coding, `${target} ${accepted}`);
      t.notMatch(response.body.toString(), /^what lies outside/);
      if (status === 200) t.equal(response.headers['vary'], 'Accept-Encoding', `${target} ${accepted}`);
    }
  };
  await check();
  await until(async () => wasReady(await ask('/static/next.css', 'br, gzip')), 'the sibling is cached');
  t.equal((await ask('/static/next.css', 'br, gzip')).body.toString(), 'gz of next');
  await until(async () => wasReady(await ask('/static/next.css', 'br')), 'so is the original');
  t.match((await ask('/static/next.css', 'br')).body.toString(), /^an original/);
  await check();
  t.equal((await ask('/static/marker', undefined)).status, 404);
  await server.logged(({ msg, target }) => msg === 'request' && target === '/static/marker');
  const named = server.log.filter(({ level, path }) => level === 40 && /(?:next|last)\.css/.test(`${path}`));
  t.same(
    named.map(({ path }) => path),
    ['next.css.br', 'last.css.br', 'last.css.zst'].map((name) => join(root, name)),
  );
  rmSync(join(root, 'next.css.br'));
  put('next.css.br', 'br of next');
  t.equal((await ask('/static/next.css', '*')).body.toString(), 'br of next', 'what is repaired is sent');
});

t.test(
  'a sibling that this process may not read leaves the file as it is',
  { skip: withoutPlainUser() },
  async (t) => {
    put('secret.css', 'the original');
    put('secret.css.gz', 'sibling');
    chmodSync(join(root, 'secret.css.gz'), 0);
    const args = ['--root', media, '--static-root', root];
    const { port } = await startServer(t, args, { uid: PLAIN_USER });
    const response = await rawRequest(port, get('/static/secret.css', ['Accept-Encoding: gzip']));
    t.equal(response.status, 200);
    t.equal(response.body.toString(), 'the original');
  },
);

t.test('a sibling without an original, or beside a directory, is not sent in its place', async (t) => {
  put('alone.css.gz', 'alone');
  t.equal((await ask('/static/alone.css', 'gzip')).status, 404);
  t.equal((await ask('/static/alone.css.gz', 'gzip')).status, 200, 'it can be asked for by its own name');
  mkdirSync(join(root, 'folder'));
  put('folder.gz', 'beside');
  utimesSync(join(root, 'folder'), MODIFIED - 1, MODIFIED - 1);
  t.equal((await ask('/static/folder', 'gzip')).status, 404, 'a directory has no compressed form');
});

t.test('an original that may not be seen is not seen compressed either', async (t) => {
  symlinkSync(outside, join(root, 'leads-out.css'));
  put('leads-out.css.gz', 'inside');
  t.equal((await ask('/static/leads-out.css', undefined)).status, 404);
  t.equal((await ask('/static/leads-out.css', 'gzip')).status, 404);
});

t.test('Vary stands on whatever is negotiated', async (t) => {
  // Nobody should compress an image again, but collectstatic does what it is told.
  put('photo.png', 'an image that somebody compressed');
  put('photo.png.gz', 'compressed image');
  const [plain, compressed] = [
    await ask('/static/photo.png', undefined),
    await ask('/static/photo.png', 'gzip'),
  ];
  const differ = plain.body.toString() !== compressed.body.toString();
  t.equal(plain.headers['vary'], differ ? 'Accept-Encoding' : undefined);
  t.equal(compressed.headers['vary'], differ ? 'Accept-Encoding' : undefined);
});

t.test('the type that the operator gives to all files decides, not the one of the name', async (t) => {
  const cases: readonly (readonly [target: string, coding: string | undefined, vary: string | undefined])[] =
    [
      ['/pictures/app.css', undefined, undefined],
      ['/styles/photo.png', 'gzip', 'Accept-Encoding'],
    ];
  for (const [target, coding, vary] of cases) {
    const { headers } = await ask(target, 'gzip');
    t.equal(headers['content-encoding'], coding, target);
    t.equal(headers['vary'], vary, target);
  }
});

t.test('a sibling has its own coding, whatever the operator says of the files', async (t) => {
  const cases: readonly (readonly [target: string, accepted: string | undefined, coding?: string])[] = [
    ['/encoded/app.css', undefined, 'x-own'],
    ['/encoded/app.css', 'br', 'br'],
    ['/unencoded/app.css', undefined],
    ['/unencoded/app.css', 'br', 'br'],
  ];
  for (const [target, accepted, coding] of cases) {
    const { fields } = await ask(target, accepted);
    const codings = fields.filter(([name]) => name === 'content-encoding').map(([, value]) => value);
    t.same(codings, coding === undefined ? [] : [coding], `${target} ${accepted}`);
  }
});

t.test('Vary names the origin beside the coding where both count', async (t) => {
  for (const origin of ['https://app.example.com', 'https://other.example']) {
    const { fields } = await ask('/cors/app.css', 'gzip', `Origin: ${origin}`);
    const named = fields.filter(([name]) => name === 'vary').flatMap(([, value]) => value.split(/\s*,\s*/));
    t.same(named.sort(), ['Accept-Encoding', 'Origin'], origin);
  }
});

t.test('static files have siblings, uploads only where the operator says so', async (t) => {
  const cases: readonly (readonly [target: string, accepted: string, coding: string | undefined])[] = [
    ['/media/app.css', 'br, gzip', undefined],
    ['/asked/app.css', 'br, gzip', 'gzip'],
    ['/gz-only/app.css', 'br, gzip', 'gzip'],
    ['/gz-only/app.css', 'br', undefined],
    ['/off/app.css', 'br, gzip', undefined],
  ];
  for (const [target, accepted, coding] of cases)
    t.equal((await ask(target, accepted)).headers['content-encoding'], coding, `${target} ${accepted}`);
  t.notOk('vary' in (await ask('/media/app.css', 'gzip')).headers, 'and nothing varies');
  t.notOk('vary' in (await ask('/off/app.css', 'gzip')).headers, 'and nothing varies');
  t.equal(
    (await ask('/media/app.css', 'identity;q=0')).status,
    200,
    'where nothing is negotiated nothing is refused',
  );
});

t.test('HEAD negotiates as GET does', async (t) => {
  const field = ['Accept-Encoding: br'];
  const [viaGet, viaHead] = await conversation.askAll([
    ['/static/app.css', field],
    ['/static/app.css', field, 'HEAD'],
  ]);
  for (const name of ['etag', 'content-encoding', 'content-length', 'vary', 'content-type'])
    t.equal(viaHead?.headers[name], viaGet?.headers[name], name);
});

t.test('in a bucket they are looked for where the location asks for them', async (t) => {
  const cases: readonly (readonly [kind: string, root: string, options: object, suffixes: string[]])[] = [
    ['static', '/srv/static', {}, ['.br', '.gz']],
    ['media', '/srv/media', {}, []],
    ['static', 's3://assets', {}, []],
    ['media', 's3://media', {}, []],
    ['static', 's3://assets', { precompressed: ['gz'] }, ['.gz']],
    ['media', 's3://media', { precompressed: ['gz', 'br'] }, ['.br', '.gz']],
    ['static', 's3://assets', { precompressed: [] }, []],
  ];
  const config = join(t.testdir({}), 'config.json');
  for (const [kind, root, options, suffixes] of cases) {
    writeFileSync(config, JSON.stringify({ locations: [{ kind, prefix: '/a/', root, ...options }] }));
    const [location] = loadConfig({ config }, { AWS_REGION: 'eu-west-1' }).locations.filter(isOfFiles);
    if (location === undefined) throw new Error('there is no location');
    const { hasSiblings, read } = createWishReader(location, () => 'text/css');
    const what = `${kind} ${root} ${JSON.stringify(options)}`;
    t.equal(hasSiblings, suffixes.length > 0, what);
    t.same(read('app.css', 'gzip, br').siblings, suffixes, what);
  }
});
