// Names that begin with a dot are never served: .env, .git, .htpasswd and what editors leave behind.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../src/config/load.js';
import { converse } from '../support/conversation.js';
import { startHere } from '../support/here.js';
import { writeVolume } from '../support/kubelet.js';
import { startLocationsHere } from '../support/locations.js';
import { get, rawRequest } from '../support/raw.js';
import { startStandIn } from '../support/stand-in.js';

const HIDDEN = [
  '.env',
  '.git/config',
  '.htpasswd',
  'a/.hidden',
  'a/.b/c.txt',
  '..a',
  '.photo.jpg.swp',
  '...',
];

t.test('dotfiles are 404 at any depth and in any spelling, among uploads and static files', async (t) => {
  const base = t.testdir({ media: { 'a.txt': 'shown', 'a.b.txt': 'shown', 'a.': 'shown' }, static: {} });
  for (const path of HIDDEN) {
    for (const kind of ['media', 'static']) {
      mkdirSync(dirname(join(base, kind, path)), { recursive: true });
      writeFileSync(join(base, kind, path), 'HIDDEN');
    }
  }
  symlinkSync('.env', join(base, 'media/link.txt'));
  symlinkSync('.git', join(base, 'media/link'));
  const roots = ['--root', join(base, 'media'), '--static-root', join(base, 'static')];
  const { port } = await startHere(t, roots);

  const names = [...HIDDEN, 'a/../.env', 'link.txt', 'link/config'];
  for (const path of names) {
    const spellings = [
      path,
      path.replaceAll('.', '%2e'),
      path.replaceAll('/', '//'),
      path.replaceAll('/', '%2F'),
    ];
    for (const spelling of spellings) {
      for (const prefix of path.startsWith('link') ? ['/media/'] : ['/media/', '/static/']) {
        const { status, body } = await rawRequest(port, get(prefix + spelling));
        t.equal(status, 404, prefix + spelling);
        t.notMatch(body.toString(), 'HIDDEN');
      }
    }
  }
  for (const path of ['a.txt', 'a.b.txt', 'a.']) {
    t.equal((await rawRequest(port, get(`/media/${path}`))).body.toString(), 'shown', path);
  }
});

t.test('names that are made to be seen are served, and those that the operator names', async (t) => {
  const names = [
    '.thumbnails/a.jpg',
    'gallery/.thumbnails/a.jpg',
    '.well-known/a.txt',
    '.versions/a.txt',
    'x/.größe/a.txt',
  ];
  const hidden = [
    '.thumbnails/.env',
    '.thumbnails-not/a.jpg',
    '.thumbnailsx',
    'a/..thumbnails/a',
    '.cache/a.txt',
    '.versionsx/a',
    '.Versions/a',
  ];
  const base = t.testdir({ media: {}, other: {} });
  for (const root of ['media', 'other']) {
    for (const name of [...names, ...hidden]) {
      mkdirSync(dirname(join(base, root, name)), { recursive: true });
      writeFileSync(join(base, root, name), 'content');
    }
  }
  symlinkSync('.cache', join(base, 'media/to-cache'));
  symlinkSync('.versions', join(base, 'media/to-versions'));
  const { port, log, logged } = await startLocationsHere(t, [
    { kind: 'media', prefix: '/media/', root: join(base, 'media'), dotfiles: ['.versions', '.größe'] },
    { kind: 'media', prefix: '/other/', root: join(base, 'other') },
  ]);
  const statusOf = async (target: string): Promise<number> =>
    (await rawRequest(port, get(encodeURI(target)))).status;
  for (const name of [...names, 'to-versions/a.txt']) t.equal(await statusOf(`/media/${name}`), 200, name);
  for (const name of [...hidden, 'to-cache/a.txt']) t.equal(await statusOf(`/media/${name}`), 404, name);
  t.equal(await statusOf('/other/.thumbnails/a.jpg'), 200);
  t.equal(await statusOf('/other/.versions/a.txt'), 404, 'each location has its own');

  for (let times = 0; times < 3; times++) await statusOf('/other/.cache/a.txt');
  await statusOf('/other/.cache/not-there.txt');
  await statusOf('/other/.not-there');
  await logged(({ target }) => target === '/other/.not-there');
  const told = log.filter(({ path }) => String(path).includes('/other/'));
  t.same(
    told.map(({ name, level }) => [name, level]),
    [
      ['.versions', 40],
      ['.cache', 40],
    ],
    'once for each name by which something is there',
  );
  t.match(told[1], { msg: /write --dotfiles \.cache$/, path: join(base, 'other/.cache/a.txt') });
  const secret = log.find(({ name }) => name === '.env');
  t.match(secret, { msg: /may be secret/ });
  t.notMatch(secret, { msg: /--dotfiles/ });
});

t.test('no option lets out what is secret, nor a pattern', async (t) => {
  for (const name of [
    '.env',
    '.env.local',
    '.git',
    '.gitignore',
    '.htpasswd',
    '.ssh',
    '.ENV',
    '.',
    '..',
    '..data',
    'cache',
    '.a/b',
    '.*',
    '.',
    '',
  ])
    t.throws(
      () => loadConfig({ dotfiles: [name] }, {}),
      { code: 'MEDIA_SERVE_BAD_VALUE', message: /^--dotfiles: / },
      name,
    );
});

/** The name of a version's directory as the kubelet makes it. */
const version = (number: number): string => `..2026_11_29_03_30_00.${100_000_000 + number}`;

t.test('what a Kubernetes volume makes visible is served, and nothing else that it has', async (t) => {
  const base = t.testdir({ media: { config: {}, fake: {} }, static: {}, protected: {} });
  const files = {
    'robots.txt': 'User-agent: *',
    'app.css': 'a style that is longer than its siblings',
    'app.css.br': 'br',
    'app.css.gz': 'gz',
    'sub/deep/a.txt': 'deep',
    'sub/.hidden': 'HIDDEN',
    '.env': 'HIDDEN',
    '.dockerconfigjson': 'HIDDEN',
  };
  for (const directory of ['media', 'media/config', 'static', 'protected']) {
    writeVolume(join(base, directory), version(1), files);
  }
  const link = (name: string, target: string): void => symlinkSync(target, join(base, 'media', name));
  link('alias.txt', 'robots.txt');
  link('env.txt', '.env');
  link('env-of-version.txt', `${version(1)}/.env`);
  link('env-of-data.txt', '..data/.env');
  link('hidden.txt', 'sub/.hidden');
  // Before the links of the volume turned to another version, and what none of them made visible.
  mkdirSync(join(base, 'media/..2025_1'));
  writeFileSync(join(base, 'media/..2025_1/old.txt'), 'HIDDEN');
  link('old.txt', '..2025_1/old.txt');
  // Looks like a volume, and leads to a dotfile.
  mkdirSync(join(base, 'media/fake/.git'));
  writeFileSync(join(base, 'media/fake/.git/config'), 'HIDDEN');
  link('fake/..data', '.git');
  link('fake/config', '..data/config');
  link('protected', '../protected');
  symlinkSync('protected', join(base, 'other-name'));

  const app = await startStandIn(t, ({ target }, response) => {
    const [, kind = '', value = ''] = /^\/order\/([\w-]+)(.*)$/.exec(target) ?? [];
    response.writeHead(200, { [kind]: kind === 'x-sendfile' ? base + value : value }).end();
  });
  const place = { kind: 'media', root: join(base, 'media') };
  const { port } = await startLocationsHere(t, [
    { ...place, prefix: '/media/' },
    { ...place, prefix: '/never/', symlinks: 'never' },
    { ...place, prefix: '/config/', root: join(base, 'media/config') },
    { kind: 'static', root: join(base, 'static'), prefix: '/static/' },
    { kind: 'internal', root: join(base, 'protected'), prefix: '/protected/', precompressed: ['br'] },
    { kind: 'upstream', prefix: '/', upstream: app.address },
  ]);
  const conversation = await converse(t, port);
  const ways = ['/media/', '/media/config/', '/config/', '/static/'];
  const orders = [
    '/order/x-accel-redirect/protected/',
    '/order/x-sendfile/protected/',
    '/order/x-sendfile/other-name/',
    '/order/x-sendfile/media/protected/',
  ];
  for (const way of [...ways, ...orders]) {
    for (const [name, content] of Object.entries(files)) {
      const { status, body } = await conversation.ask(way + name);
      const isShown = content !== 'HIDDEN';
      t.equal(status, isShown ? 200 : 404, way + name);
      if (isShown) t.equal(body.toString(), content, way + name);
      else t.notMatch(body.toString(), 'HIDDEN');
    }
    for (const directory of ['..data', version(1), '%2e.data', 'sub/../..data', 'sub/..%2f..data']) {
      // An app that names the directory in another way has its path resolved, and that is the one of robots.txt itself.
      if (way === '/order/x-sendfile/other-name/' || way === '/order/x-sendfile/media/protected/') continue;
      const { status } = await conversation.ask(`${way}${directory}/robots.txt`);
      t.equal(status, 404, `${way}${directory}`);
    }
  }
  for (const way of ['/static/', '/order/x-accel-redirect/protected/']) {
    const { headers, body } = await conversation.ask(`${way}app.css`, ['Accept-Encoding: br']);
    t.equal(headers['content-encoding'], 'br', way);
    t.equal(body.toString(), 'br', way);
  }
  t.equal((await conversation.ask('/media/alias.txt')).body.toString(), 'User-agent: *');
  for (const name of [
    'env.txt',
    'env-of-version.txt',
    'env-of-data.txt',
    'hidden.txt',
    'old.txt',
    'fake/config',
    'protected/robots.txt',
  ]) {
    const { status, body } = await conversation.ask(`/media/${name}`);
    t.equal(status, 404, name);
    t.notMatch(body.toString(), 'HIDDEN');
  }
  t.equal((await conversation.ask('/never/robots.txt')).status, 404, 'where no link is followed');
});

t.test(
  'a volume that turns to its next version is never missing, and what is protected in it stays so',
  async (t) => {
    const base = t.testdir({ media: {} });
    const root = join(base, 'media');
    const write = (number: number): void => {
      const content = `version ${String(number).padStart(3, '0')}`;
      writeVolume(root, version(number), {
        'robots.txt': content,
        'style.css': `${content}, long enough to be compressed`,
        'style.css.gz': content,
        'private/secret.txt': 'SECRET',
        'public/a.txt': content,
        [number % 2 === 0 ? 'even.txt' : 'odd.txt']: content,
      });
    };
    write(1);
    const { port } = await startLocationsHere(t, [
      { kind: 'static', root, prefix: '/media/' },
      { kind: 'internal', root: join(root, 'private'), prefix: '/private/' },
      { kind: 'static', root: join(root, 'public'), prefix: '/linked/' },
    ]);
    const conversation = await converse(t, port);
    for (let number = 1; number <= 20; number++) {
      if (number > 1) write(number);
      const content = `version ${String(number).padStart(3, '0')}`;
      for (const target of [
        '/media/robots.txt',
        '/media/public/a.txt',
        '/linked/a.txt',
        `/media/${number % 2 === 0 ? 'even' : 'odd'}.txt`,
      ]) {
        t.equal((await conversation.ask(target)).body.toString(), content, target);
      }
      const style = await conversation.ask('/media/style.css', ['Accept-Encoding: gzip']);
      t.equal(style.body.toString(), content);
      t.equal((await conversation.ask(`/media/${number % 2 === 0 ? 'odd' : 'even'}.txt`)).status, 404);
      const secret = await conversation.ask('/media/private/secret.txt');
      t.equal(secret.status, 404, `what only the app hands out, in version ${number}`);
      t.notMatch(secret.body.toString(), 'SECRET');
    }
  },
);
