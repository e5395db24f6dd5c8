// A directory that cannot be entered, or would make uploads the app's own, is found at the start, not by a visitor; one that
// is missing is waited for.
import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import t from 'tap';
import type { Environment, Flags } from '../../src/config/sources.js';
import { createLog, createMediaServer, loadConfig } from '../../src/index.js';
import { rootsOf } from '../../src/server/roots.js';
import { runCommand } from '../support/command.js';
import { startHere } from '../support/here.js';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { startStandIn } from '../support/stand-in.js';
import { PLAIN_USER, PLAIN_USER_ID, withoutPlainUser } from '../support/user.js';

const base = t.testdir({ file: '' });

/** The message with which the server refuses to be made. */
async function refusal(flags: Flags, environment: Environment = {}): Promise<string> {
  const config = loadConfig({ logLevel: 'silent', ...flags }, environment);
  return createMediaServer(config, await createLog(config)).then(
    () => 'nothing was refused',
    (error: Error) => error.message,
  );
}

t.test('a root that is missing is served as soon as it is there, and the app meanwhile', async (t) => {
  const place = t.testdir({});
  const path = (name: string): string => join(place, name);
  const app = await startStandIn(t, ({ target }, response) => {
    if (target === '/handed-out') response.setHeader('X-Accel-Redirect', '/internal/a.txt');
    response.end('of the app');
  });
  const args = ['--root', path('media'), '--static-root', path('build/static')];
  args.push('--internal', `/internal/=${path('internal')}`, '--upstream', app.address);
  const server = await startServer(t, args);
  const ask = async (target: string): Promise<string> => {
    const { status, body } = await rawRequest(server.port, get(target));
    return status === 200 ? body.toString() : `${status}`;
  };
  const targets = ['/media/a.txt', '/static/a.txt', '/handed-out', '/page'];
  const answers = async (): Promise<string[]> => {
    const all = [];
    for (const target of targets) all.push(await ask(target));
    return all;
  };
  t.same(await answers(), ['404', '404', '404', 'of the app']);
  for (const [root, from, cure] of [
    ['media', '--root', `mkdir -p ${path('media')}`],
    ['build/static', '--static-root', 'python manage.py collectstatic makes it'],
    ['internal', '--internal', `mkdir -p ${path('internal')}`],
  ] as const) {
    const line = await server.logged((line) => line['root'] === path(root));
    t.match(line, { level: 40, from, user: process.getuid?.() });
    t.match(line['msg'], 'this directory is not there yet: all below /');
    t.ok(String(line['msg']).endsWith(cure), cure);
  }
  for (const root of ['media', 'build/static', 'internal']) {
    mkdirSync(path(root), { recursive: true });
    writeFileSync(join(path(root), 'a.txt'), root);
  }
  t.same(await answers(), ['media', 'build/static', 'internal', 'of the app']);
  renameSync(path('media'), path('gone'));
  t.equal(await ask('/media/a.txt'), '404');
  symlinkSync('gone', path('media'));
  t.equal(await ask('/media/a.txt'), 'media');
});

t.test('what comes into a protected directory that was missing is kept from other locations', async (t) => {
  const root = t.testdir({ 'a.txt': 'open' });
  const server = await startHere(t, ['--root', root, '--internal', `/internal/=${join(root, 'internal')}`]);
  const status = async (target: string): Promise<number> =>
    (await rawRequest(server.port, get(target))).status;
  t.equal(await status('/media/a.txt'), 200);
  mkdirSync(join(root, 'internal'));
  writeFileSync(join(root, 'internal/s.txt'), 'secret');
  t.equal(await status('/media/internal/s.txt'), 404);
});

t.test(
  'a root without names that may be read serves those that are known',
  { skip: withoutPlainUser() },
  async (t) => {
    const root = t.testdir({ 'a.txt': 'open' });
    chmodSync(root, 0o711);
    const server = await startServer(t, ['--root', root], { uid: PLAIN_USER });
    t.equal((await rawRequest(server.port, get('/media/a.txt'))).status, 200);
  },
);

t.test(
  'a protected directory that was closed after the start is as if it were not there; another one is forbidden',
  { skip: withoutPlainUser() },
  async (t) => {
    const root = t.testdir({
      protected: { 's.txt': 'secret', deep: { 'd.txt': 'secret' } },
      open: { 'p.txt': 'open' },
    });
    const args = ['--root', root, '--internal', `/internal/=${join(root, 'protected')}`];
    const server = await startServer(t, args, { uid: PLAIN_USER });
    for (const name of ['protected', 'open']) chmodSync(join(root, name), 0);
    for (const [name, expected] of [
      ['protected/s.txt', 404],
      ['protected/deep/d.txt', 404],
      ['protected/missing', 404],
      ['open/p.txt', 403],
    ] as const)
      t.equal((await rawRequest(server.port, get(`/media/${name}`))).status, expected, name);
    for (const name of ['protected', 'open']) chmodSync(join(root, name), 0o755);
  },
);

t.test('uploads that would be sent as static files are refused, by whatever name', async (t) => {
  const place = t.testdir({ uploads: { deep: { er: {} } }, apart: {}, 'uploads-too': {} });
  const [uploads, apart, link] = [join(place, 'uploads'), join(place, 'apart'), join(place, 'link')];
  symlinkSync('uploads', link);
  symlinkSync('uploads/deep/er', join(place, 'deep-link'));
  symlinkSync('../uploads/deep', join(apart, 'inner'));
  const deeper = join(uploads, 'deep/er');
  const told = (how: string, root: string, media: string): string =>
    `--static-root: ${root} ${how} the directory of uploads ${media} (--root): under /static/ they would be sent as the app's own files, and a stranger's page would run as part of the site; give the static files a directory of their own, with no uploads in it`;
  const cases: readonly (readonly [how: 'is' | 'contains' | undefined, staticRoot: string, media: string])[] =
    [
      ['is', uploads, uploads],
      ['is', uploads, link],
      ['is', link, uploads],
      ['is', deeper, join(link, 'deep/er')],
      ['is', deeper, join(place, 'deep-link')],
      ['is', join(apart, 'inner'), join(link, 'deep')],
      ['contains', uploads, deeper],
      ['contains', link, join(apart, 'inner')],
      ['contains', join(apart, 'inner'), join(place, 'deep-link')],
      ['contains', place, deeper],
      // Not there yet.
      ['is', join(place, 'later'), join(place, 'later')],
      ['is', join(link, 'later'), join(uploads, 'later')],
      ['contains', uploads, join(link, 'later/still')],
      ['contains', join(place, 'later'), join(place, 'later/uploads')],
      [undefined, join(place, 'later/static'), join(place, 'later/uploads')],
      [undefined, join(place, 'later'), join(place, 'later-uploads')],
      [undefined, join(uploads, 'later'), uploads],
      // Static files within a directory of uploads, or beside it.
      [undefined, deeper, uploads],
      [undefined, join(place, 'deep-link'), link],
      [undefined, apart, uploads],
      [undefined, apart, join(apart, 'inner')],
      [undefined, uploads, join(place, 'uploads-too')],
    ];
  for (const [how, staticRoot, media] of cases) {
    const expected = how === undefined ? 'nothing was refused' : told(how, staticRoot, media);
    t.equal(await refusal({ root: media, staticRoot }), expected);
  }
  // As it is written: config/ makes it absolute.
  for (const spelling of [`${uploads}/`, `${uploads}/../uploads/.`, relative(process.cwd(), uploads)])
    t.match(await refusal({ root: uploads, staticRoot: spelling }), /^--static-root: .* is the directory/);
  t.match(
    await refusal({ root: apart, mount: [`/more/=${deeper}`], staticRoot: uploads }),
    / contains the directory of uploads \S+ \(--mount\): /,
  );
  t.match(
    await refusal({}, { MEDIA_ROOT: deeper, STATIC_ROOT: uploads }),
    /^STATIC_ROOT: .*\(MEDIA_ROOT\): /,
  );
  t.equal(
    await refusal({ root: uploads, mount: [`/more/=${deeper}`], internal: [`/internal/=${uploads}`] }),
    'nothing was refused',
    'uploads may be mounted twice',
  );
});

t.test('a config file is not taken either when it has uploads sent as static files', async (t) => {
  const place = t.testdir({ 'config.json': '', site: { uploads: {} } });
  const config = join(place, 'config.json');
  const refusalOf = (uploads: object, files: object = {}): Promise<string> => {
    const locations = [
      { kind: 'media', prefix: '/media/', root: 'site/uploads', ...uploads },
      { kind: 'static', prefix: '/assets/', root: 'site', ...files },
      { kind: 'upstream', prefix: '/', upstream: ':9' },
    ];
    writeFileSync(config, JSON.stringify({ locations }));
    return refusal({ config });
  };
  const asked = { authRequest: '/may-i/' };
  t.match(
    await refusalOf({}),
    /config\.json: locations\[1\]: .* contains .* \(\S+ locations\[0\]\): under \/assets\//,
  );
  t.match(await refusalOf({}, asked), / contains /, 'whoever may see them');
  t.match(await refusalOf({ ...asked, root: 'site' }), / is the directory /);
  t.equal(await refusalOf(asked), 'nothing was refused', 'those are kept from other locations');
});

t.test('the root of the file system is refused, but for what the app hands out', async (t) => {
  t.match(await refusal({ root: '/' }), /^--root: \/ is all that this machine has, .*; name the directory/);
  t.match(await refusal({ root: '//' }), /^--root: \/ is all/);
  t.match(await refusal({ mount: ['/a/=/'] }), /^--mount: \/ is all/);
  t.match(await refusal({ staticRoot: '/' }), /^--static-root: \/ is all/);
  t.equal(await refusal({ root: base, internal: ['/protected/=/'] }), 'nothing was refused');
});

t.test('a root that is a file is refused', async (t) => {
  t.match(await refusal({ root: join(base, 'file') }), /^--root: \S*file is not a directory; [^\n]*$/);
});

t.test(
  'a root that cannot be entered is refused, with what is in the way',
  { skip: withoutPlainUser() },
  async (t) => {
    const place = t.testdir({ closed: { inner: {} } });
    const closed = join(place, 'closed');
    const owner = PLAIN_USER === undefined ? `${process.getuid?.()}:${process.getgid?.()}` : '0:0';
    const mode = PLAIN_USER === undefined ? 0 : 0o700;
    chmodSync(closed, mode);
    const what = `${closed} (mode 0${mode.toString(8).padStart(3, '0')}, owner ${owner}) may not be entered by user id ${PLAIN_USER_ID}; chmod a+x ${closed}; for directories that Django makes, set FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755`;
    for (const [root, message] of [
      [closed, what],
      [join(closed, 'inner'), `${join(closed, 'inner')} cannot be reached: ${what}`],
      [join(closed, 'missing'), `${join(closed, 'missing')} cannot be reached: ${what}`],
    ] as const) {
      const { code, stderr } = await runCommand(['--root', root], { uid: PLAIN_USER });
      t.equal(code, 2);
      t.equal(stderr, `media-serve: --root: ${message}\n`);
    }
    chmodSync(closed, 0o755);
  },
);

t.test('buckets are no directories, and are told apart by what is written', async (t) => {
  const region = { AWS_REGION: 'eu-west-1' };
  const config = loadConfig(
    {
      root: 's3://site/media',
      staticRoot: base,
      mount: ['/more/=s3://site/more'],
      internal: [`/a/=${base}/a`, '/b/=s3://site/b'],
    },
    region,
  );
  t.same(
    rootsOf(config).map(({ prefix, root }) => [prefix, root]),
    [
      ['/static/', base],
      ['/a/', `${base}/a`],
    ],
  );
  const refused = /^--static-root: s3:\/\/site contains the place of uploads s3:\/\/site\/media \(--root\): /;
  t.match(await refusal({ root: 's3://site/media', staticRoot: 's3://site' }, region), refused);
});
