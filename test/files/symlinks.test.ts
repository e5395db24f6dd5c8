// Links: inside (the default), never, follow. Judged by where the open file really is.
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { converse } from '../support/conversation.js';
import { startLocationsHere } from '../support/locations.js';
import { startStandIn } from '../support/stand-in.js';

const directory = t.testdir({
  media: {
    'a.txt': 'inside',
    'ünïcödé.txt': 'inside',
    '.hidden': 'hidden',
    sub: { 'b.txt': 'inside', deeper: { 'c.txt': 'inside' } },
  },
  // Begins as the root does.
  'media-secret': { 'secret.txt': 'outside' },
  'outside.txt': 'outside',
});
const root = join(directory, 'media');
const link = (name: string, target: string): void => symlinkSync(target, join(root, name));
link('to-file', 'a.txt');
link('to-unicode', 'ünïcödé.txt');
link('to-absolute', join(root, 'a.txt'));
link('to-link', 'to-file');
link('to-directory', 'sub');
link('out-and-in', '../media/a.txt');
link('to-outside', '../outside.txt');
link('to-outside-absolute', join(directory, 'outside.txt'));
link('to-link-outside', 'to-outside');
link('to-directory-outside', '..');
link('to-sibling', '../media-secret/secret.txt');
link('sub/to-outside', '../../outside.txt');
link('to-hidden', '.hidden');
link('to-itself', 'to-itself');
link('to-nothing', 'missing');
link('to-root', '.');
symlinkSync('media', join(directory, 'root-link'));

const place = { kind: 'media', root };
const server = await startLocationsHere(t, [
  { ...place, prefix: '/usual/' },
  { ...place, prefix: '/inside/', symlinks: 'inside' },
  { ...place, prefix: '/never/', symlinks: 'never' },
  { ...place, prefix: '/follow/', symlinks: 'follow' },
  { ...place, prefix: '/linked/', root: join(directory, 'root-link') },
  { ...place, prefix: '/linked-never/', root: join(directory, 'root-link'), symlinks: 'never' },
]);
const conversation = await converse(t, server.port);

t.test('links lead where the policy lets them', async (t) => {
  const cases: readonly (readonly [name: string, inside: number, never: number, follow: number])[] = [
    ['a.txt', 200, 200, 200],
    ['sub/deeper/c.txt', 200, 200, 200],
    ['%C3%BCn%C3%AFc%C3%B6d%C3%A9.txt', 200, 200, 200],
    ['to-file', 200, 404, 200],
    ['to-unicode', 200, 404, 200],
    ['to-absolute', 200, 404, 200],
    ['to-link', 200, 404, 200],
    ['to-directory/b.txt', 200, 404, 200],
    ['to-directory/deeper/c.txt', 200, 404, 200],
    ['to-root/a.txt', 200, 404, 200],
    ['to-root/to-root/sub/b.txt', 200, 404, 200],
    ['out-and-in', 200, 404, 200],
    ['to-directory-outside/media/a.txt', 200, 404, 200],
    ['to-outside', 404, 404, 200],
    ['to-outside-absolute', 404, 404, 200],
    ['to-link-outside', 404, 404, 200],
    ['to-directory-outside/outside.txt', 404, 404, 200],
    ['to-sibling', 404, 404, 200],
    ['sub/to-outside', 404, 404, 200],
    ['to-directory/to-outside', 404, 404, 200],
    ['to-itself', 404, 404, 404],
    ['to-nothing', 404, 404, 404],
  ];
  for (const [name, inside, never, follow] of cases) {
    const expected = { usual: inside, inside, never, follow, linked: inside, 'linked-never': never };
    for (const [prefix, status] of Object.entries(expected)) {
      const response = await conversation.ask(`/${prefix}/${name}`);
      t.equal(response.status, status, `${prefix}: ${name}`);
      if (prefix !== 'follow') t.notMatch(response.body.toString(), 'outside', `${prefix}: ${name}`);
    }
  }
});

t.test('a link to a denied name is denied', async (t) => {
  for (const prefix of ['usual', 'never'])
    t.equal((await conversation.ask(`/${prefix}/to-hidden`)).status, 404, prefix);
});

t.test('a link that a visitor may not follow is told from nothing by no answer', async (t) => {
  const [outside, nothing] = await conversation.askAll([['/usual/to-outside'], ['/usual/missing']]);
  const withoutId = (body: Buffer | undefined): string | undefined =>
    body?.toString().replace(/Request .*/, '');
  t.equal(withoutId(outside?.body), withoutId(nothing?.body));
  t.same(
    outside?.fields.map(([name]) => name),
    nothing?.fields.map(([name]) => name),
  );
});

t.test('a root that is a link may be pointed elsewhere, as deployments do, and back', async (t) => {
  for (const name of ['one', 'two']) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'version.txt'), name);
  }
  const current = join(directory, 'current');
  symlinkSync('one', current);
  const deployed = await startLocationsHere(t, [{ kind: 'static', prefix: '/', root: current }]);
  const asker = await converse(t, deployed.port);
  for (const name of ['one', 'two', 'one', 'two']) {
    symlinkSync(name, `${current}.new`);
    renameSync(`${current}.new`, current);
    const { status, body } = await asker.ask('/version.txt');
    t.equal(status, 200);
    t.equal(body.toString(), name);
  }
});

t.test('the directory of a protected location is reached through no other one', async (t) => {
  const base = t.testdir({
    root: {
      'a.txt': 'open',
      asked: { 's.txt': 'protected', open: { 'o.txt': 'open' } },
      signed: { 's.txt': 'protected' },
      internal: { 's.txt': 'protected' },
      'asked-not': { 'o.txt': 'open' },
    },
    key: 'secret',
  });
  const below = (name: string): string => join(base, 'root', name);
  for (const name of ['asked', 'signed', 'internal']) symlinkSync(name, below(`to-${name}`));
  symlinkSync('asked/s.txt', below('to-file'));
  const app = await startStandIn(t, ({ headers }, response) => {
    response.writeHead(headers.cookie === 'let me in' ? 204 : 403).end();
  });
  const media = { kind: 'media', root: below('') };
  const server = await startLocationsHere(t, [
    { ...media, prefix: '/media/', index: 'index.html' },
    { ...media, prefix: '/follow/', symlinks: 'follow' },
    { ...media, prefix: '/media/asked/', root: below('asked'), authRequest: '/may-i/' },
    { ...media, prefix: '/media/asked/open/', root: below('asked/open') },
    { ...media, prefix: '/same/', root: below('asked') },
    {
      ...media,
      prefix: '/signed/',
      root: below('signed'),
      secureLink: 'hmac-sha256',
      secureLinkSecret: `file:${join(base, 'key')}`,
    },
    { kind: 'internal', prefix: '/internal/', root: below('internal') },
    { kind: 'upstream', prefix: '/', upstream: app.address },
  ]);
  const { ask } = await converse(t, server.port);
  const cases: readonly (readonly [target: string, status: number, cookie?: string])[] = [
    ['/media/asked/s.txt', 403],
    ['/media/asked/s.txt', 200, 'let me in'],
    ['/signed/s.txt', 403],
    ['/media/a.txt', 200],
    ['/follow/a.txt', 200],
    ['/media/asked-not/o.txt', 200],
    // Who names a directory himself, or one in it, wants it served.
    ['/same/s.txt', 200],
    ['/media/asked/open/o.txt', 200],
  ];
  for (const [target, status, cookie] of cases) {
    const fields = cookie === undefined ? [] : [`Cookie: ${cookie}`];
    t.equal((await ask(target, fields)).status, status, target);
  }
  for (const prefix of ['media', 'follow']) {
    for (const name of ['asked', 'signed', 'internal', 'to-asked', 'to-signed', 'to-internal']) {
      const target = `/${prefix}/${name}/s.txt`;
      if (target === '/media/asked/s.txt') continue;
      const { status, body } = await ask(target);
      t.equal(status, 404, target);
      t.notMatch(body.toString(), 'protected', target);
    }
    t.equal((await ask(`/${prefix}/to-file`)).status, 404, prefix);
  }
});

t.test('a file that is swapped for a link again and again never shows what the link leads to', async (t) => {
  const swapped = join(root, 'swapped.txt');
  const answers = new Set<number>();
  for (let round = 0; round < 200; round++) {
    rmSync(swapped, { force: true });
    if (round % 2 === 0) writeFileSync(swapped, 'inside');
    else symlinkSync('../outside.txt', swapped);
    const { status, body } = await conversation.ask('/usual/swapped.txt');
    t.equal(status, round % 2 === 0 ? 200 : 404);
    if (body.includes('outside')) t.fail('what lies outside was shown');
    answers.add(status);
  }
  t.same([...answers], [200, 404]);
});
