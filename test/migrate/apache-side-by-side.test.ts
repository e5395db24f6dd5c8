// The same file of Apache's on a real Apache and here. What is kept must answer alike; where the two differ on purpose, a
// rule below says so; and what has no counterpart is named by each case, as the report names it.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { readApache } from '../../src/migrate/apache/site.js';
import { isMissing } from '../../src/migrate/report.js';
import { startApache, withoutApache } from '../support/apache.js';
import { startHere } from '../support/here.js';
import { ACCESS_CASES } from './apache-access.js';
import { type Answer, ask, type Request, startEcho } from './side-by-side.js';

const SITES = new URL('apache/', import.meta.url);

/** A request, and the difference on purpose that shows there. */
interface Asked extends Request {
  readonly rule?: keyof typeof RULES;
}

const status = (wanted: number) => (answer: Answer) => ({ ...answer, status: wanted, fields: {}, body: '' });

/** The differences on purpose, as what they make of Apache's answer. */
const RULES = {
  'dotfiles are not served': status(404),
  'a directory is not shown, nor its name completed': status(404),
  'what lets in some is closed': status(403),
  'what is gone is forbidden': status(403),
  'a page that a location opens is closed without its slash': status(403),
  'a link that is not followed is not found': status(404),
  'the path of a location has a slash at its end': status(404),
  'the app answers in place of a single file': () => ({ status: 404, fields: {}, body: '' }),
} as const;

/** Fields that say when, by whom and on which connection; ETags have a form of their own. */
const NOT_COMPARED = new Set([
  'date',
  'server',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'expires',
  'etag',
  'upgrade',
]);

interface Case {
  readonly asked: readonly Asked[];
  /** What the report says of lines for which nothing stands here: their beginnings. */
  readonly missing?: readonly string[];
  readonly isTls?: true;
}

const get = (...paths: readonly string[]): Asked[] => paths.map((path) => ({ path }));
const MEDIA = [
  ...get(
    '/media/a.txt',
    '/media/b.jpg',
    '/media/missing.jpg',
    '/media/sub/d.bin',
    '/media/b.jpg?x=1',
    '/media//b.jpg',
  ),
  { path: '/media/a.txt', method: 'HEAD' },
  { path: '/media/b.jpg', headers: { Range: 'bytes=2-5' } },
  { path: '/media/b.jpg', headers: { Range: 'bytes=-3' } },
  { path: '/media/b.jpg', headers: { Range: 'bytes=99999-' } },
  { path: '/media/a.txt', headers: { 'If-Modified-Since': 'Mon, 06 May 2024 07:08:09 GMT' } },
  { path: '/media/a.txt', headers: { 'If-Unmodified-Since': 'Mon, 06 May 2000 07:08:09 GMT' } },
  { path: '/media/', rule: 'a directory is not shown, nor its name completed' },
  { path: '/media/.env', rule: 'dotfiles are not served' },
] as const satisfies readonly Asked[];
const APP = [
  ...get('/', '/some/page/?q=1&r=%2F', '/caf%C3%A9/'),
  { path: '/form/', method: 'POST', body: 'a=1&b=2' },
  { path: '/cookies/', headers: { Cookie: 'sessionid=x' } },
] as const satisfies readonly Asked[];

const CASES: Readonly<Record<string, Case>> = {
  'django-docs.conf': {
    asked: [
      ...MEDIA,
      ...get('/static/app.css', '/static/', '/other/'),
      { path: '/robots.txt', rule: 'the app answers in place of a single file' },
    ],
    missing: ['Alias /robots.txt', 'Alias /favicon.ico', 'WSGIScriptAlias /'],
  },
  'netbox.conf': {
    asked: [...APP, ...get('/static/app.css')],
    missing: ['Options FollowSymLinks MultiViews'],
    isTls: true,
  },
  'wagtail.conf': {
    asked: [...MEDIA, ...APP, ...get('/static/app.css', '/static/app.js', '/static/missing.js')],
  },
  'taiga.conf': {
    asked: [
      ...MEDIA,
      ...get(
        '/',
        '/index.html',
        '/api/',
        '/api/v1/?x=1',
        '/admin/',
        '/admin/x',
        '/static/app.css',
        '/missing',
      ),
      ...get('/media/private/p.txt', '/media/private', '/media/private/'),
      { path: '/api', rule: 'the path of a location has a slash at its end' },
    ],
  },
  'order-allow.conf': {
    asked: [
      ...MEDIA,
      ...APP,
      ...get('/static/app.css', '/media/private/p.txt', '/docs/index.html', '/admin', '/admin/x'),
    ],
    missing: ['Order deny,allow', 'Deny from all', 'Allow from 10.0.0.0/8'],
  },
  'alias-loses.conf': { asked: [...APP, ...get('/media/a.txt')] },
  'balancer.conf': { asked: [...MEDIA, ...APP] },
  'headers.conf': {
    asked: [
      ...get('/static/app.css', '/static/index.html', '/static/', '/static/model.glb', '/static/p.png'),
      ...get('/static/app.js', '/static/missing.css', '/static/fonts/f.woff2'),
      { path: '/static', rule: 'the path of a location has a slash at its end' },
    ],
  },
  'closed.conf': {
    asked: [
      ...APP,
      ...get(
        '/media/a.txt',
        '/media/sub/d.bin',
        '/closed/index.html',
        '/media/private/p.txt',
        '/media/private',
      ),
      ...get(
        '/metrics',
        '/metrics/',
        '/metrics/x',
        '/metricsx',
        '/admin',
        '/admin/x',
        '/admin/open/x',
        '/admin/opened',
      ),
      { path: '/login/app.css', rule: 'what lets in some is closed' },
      { path: '/media/old/x', rule: 'what is gone is forbidden' },
      { path: '/admin/open', rule: 'a page that a location opens is closed without its slash' },
    ],
    missing: [
      'Require valid-user',
      'RequireAll',
      'Require all granted',
      'Require not ip 127.0.0.1',
      'Require ip 192.0.2.1',
    ],
  },
  'links.conf': {
    asked: [
      ...get('/files/a.txt', '/files/link.txt', '/files/sub/d.bin', '/included/app.css'),
      { path: '/files/sub/link.bin', rule: 'a link that is not followed is not found' },
    ],
  },
};

interface Folder {
  readonly [name: string]: string | Folder;
}

async function writeTree(folder: string, entries: Folder): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(entries)) {
    if (typeof content === 'string') await writeFile(join(folder, name), content);
    else await writeTree(join(folder, name), content);
  }
}

/** The site's folder: what the files name as /srv/site. */
async function makeSite(t: Test): Promise<string> {
  // A name of a socket has 107 bytes at most.
  const site = await mkdtemp(join(tmpdir(), 'media-serve-apache-'));
  t.teardown(() => rm(site, { recursive: true, force: true }));
  await writeTree(site, {
    media: {
      'a.txt': 'text of a',
      'b.jpg': '0123456789abcdef',
      '.env': 'SECRET=1',
      sub: { 'd.bin': 'binary' },
      private: { 'p.txt': 'private' },
      old: { x: 'old' },
    },
    static: {
      'app.css': 'body { color: red; margin: 0 }',
      'app.js': 'let a = 1;',
      'index.html': '<p>static',
      'model.glb': 'glTF',
      'p.png': 'PNG',
      'robots.txt': 'User-agent: *',
      '404.html': '<p>not here',
      fonts: { 'f.woff2': 'wOF2' },
    },
    html: { 'index.html': '<p>front' },
    conf: {},
    log: {},
    run: {},
    tls: {},
  });
  await symlink('a.txt', join(site, 'media/link.txt'));
  await symlink('d.bin', join(site, 'media/sub/link.bin'));
  await writeFile(join(site, 'htpasswd'), 'user:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n');
  await writeFile(
    join(site, 'conf/static.inc'),
    `Alias /included ${site}/static\n<Directory ${site}/static>\nRequire all granted\n</Directory>\n`,
  );
  // Long ago, so that validators are strong on both sides.
  const then = new Date('2024-05-06T07:08:09Z');
  for (const entry of await readdir(site, { recursive: true })) await utimes(join(site, entry), then, then);
  return site;
}

/** What an app is told of the client. */
const TOLD = ['host', 'x-forwarded-for', 'x-forwarded-proto', 'cookie'];

/** What both must agree in. Of our answer only what Apache's has: we say more for safety. */
function comparable(answer: Answer, { fields: names, body: page }: Answer): object {
  // Pages of errors are each server's own, but for one that the file names.
  if (answer.status >= 400)
    return { status: answer.status, ...(page.startsWith('<p>') ? { body: answer.body } : {}) };
  if (answer.status >= 300 && answer.status !== 304) {
    return { status: answer.status, location: pathOf(answer.fields['location']) };
  }
  const fields = Object.fromEntries(
    Object.entries(answer.fields)
      .filter(([name]) => name in names && !(answer.status === 304 && name === 'accept-ranges'))
      .map(([name, value]) => [name, shown(name, value)]),
  );
  if (!answer.body.startsWith('{"url"')) return { status: answer.status, fields, body: answer.body };
  const { 'content-length': _, ...others } = fields;
  return { status: answer.status, fields: others };
}

/** A redirect is compared without scheme and host. */
function pathOf(location: string | undefined): string | undefined {
  return location === undefined ? undefined : new URL(location, 'http://example.com').pathname;
}

function shown(name: string, value: string): string {
  // Whether caches may share it: what everyone may have says so here.
  if (name === 'cache-control') return value.replace(/^public, /, '');
  // Text is marked as UTF-8 where the file says nothing.
  if (name === 'content-type') return value.replace(/; charset=utf-8$/i, '');
  return value;
}

/** What the app was asked and told, of that which the other side told it. */
function told(body: string, other: string): object | undefined {
  if (!body.startsWith('{"url"') || !other.startsWith('{"url"')) return undefined;
  const [own, others] = [body, other].map((text) => JSON.parse(text) as { headers: Record<string, string> });
  const headers = TOLD.filter((name) => others?.headers[name] !== undefined).map((name) => [
    name,
    own?.headers[name],
  ]);
  return { ...own, headers: Object.fromEntries(headers) };
}

const skip = await withoutApache();

t.test('every file is in a case', async (t) => {
  t.same((await readdir(SITES)).sort(), Object.keys(CASES).sort());
});

for (const [name, { asked, missing = [], isTls = false }] of Object.entries(CASES)) {
  t.test(name, { skip }, async (t) => {
    const site = await makeSite(t);
    const { port: app } = await startEcho(t, join(site, 'run/gunicorn.sock'));
    await promisify(execFile)('chmod', ['777', join(site, 'log'), join(site, 'run/gunicorn.sock')]);
    if (isTls) {
      await promisify(execFile)('openssl', [
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=example.com'],
        ...['-keyout', join(site, 'tls/site.key'), '-out', join(site, 'tls/site.crt')],
      ]);
    }
    const original = await readFile(new URL(name, SITES), 'utf8');
    const text = original.replaceAll('/srv/site', site).replaceAll('127.0.0.1:8000', `127.0.0.1:${app}`);
    const path = join(site, 'site.conf');
    await writeFile(path, text);
    const theirs = await startApache(
      t,
      site,
      ([main = 0, other = 0]) =>
        text
          .replace(/^Listen .*$/gm, '')
          // Python has no part in what is compared, and mod_wsgi is in no package that is asked for.
          .replace(/^\s*WSGI.*$/gm, '')
          // Apache 2.4 knows it no more, and says so.
          .replace(/^NameVirtualHost .*$/gm, '')
          .replaceAll('*:443', `*:${main}`)
          .replaceAll('*:80', `*:${isTls ? other : main}`),
      isTls ? 2 : 1,
    );
    const { port } = await startHere(t, ['--apache-config', path]);
    for (const one of asked) {
      const [other, ours] = await Promise.all([
        ask(theirs.ports[0] ?? 0, one, isTls, NOT_COMPARED),
        ask(port, one, false, NOT_COMPARED),
      ]);
      const expected = one.rule === undefined ? other : RULES[one.rule](other);
      const label = `${one.method ?? 'GET'} ${one.path} ${JSON.stringify(one.headers ?? {})}`;
      t.same(comparable(ours, expected), comparable(expected, expected), label);
      if (one.rule !== undefined)
        t.notSame(comparable(other, other), comparable(expected, expected), `${label} needs its rule`);
      if (!isTls && one.rule === undefined)
        t.same(told(ours.body, other.body), told(other.body, other.body), `${label}: as the app is told`);
    }
    const { findings } = readApache(path, { from: name });
    const said = findings.filter(isMissing).map(({ directive }) => directive);
    for (const line of missing)
      t.ok(
        said.some((one) => one.startsWith(line.replaceAll('/srv/site', site))),
        `not supported: ${line}`,
      );
    t.same(
      said.filter((one) => !missing.some((line) => one.startsWith(line))),
      [],
      'and nothing else',
    );
  });
}

t.test('whom Apache lets in everywhere, and nowhere', { skip }, async (t) => {
  const site = await makeSite(t);
  const cases = ACCESS_CASES.filter(([, outcome]) => outcome !== 'told');
  const lines = await Promise.all(
    cases.map(async ([inside], at) => {
      await writeTree(join(site, `case${at}`), { 'a.txt': 'a' });
      return `Alias /${at}/ ${site}/case${at}/\n<Directory ${site}/case${at}>\n${inside}\n</Directory>`;
    }),
  );
  const { ports } = await startApache(t, site, () => lines.join('\n'), 1);
  for (const [at, [inside, outcome]] of cases.entries()) {
    const answer = await ask(ports[0] ?? 0, { path: `/${at}/a.txt` }, false, NOT_COMPARED);
    t.equal(answer.status, outcome === 'open' ? 200 : 403, inside);
  }
});

/** Sections in any order, over directories and addresses that lie in each other. */
const SECTIONS = fc.array(
  fc.tuple(
    fc.constantFrom(
      ...[
        'Directory D',
        'Directory D/a',
        'Directory D/a/b',
        'Directory D/b/',
        'Directory "D/*"',
        'Directory "D/*/b"',
      ],
      ...['Location U', 'Location U/a', 'Location U/a/', 'Location U/a/b', 'Location U/b'],
    ),
    fc.constantFrom(
      ...[
        'Require all granted',
        'Require all denied',
        'Order deny,allow\nDeny from all',
        'Order allow,deny\nAllow from all',
      ],
      ...['Options FollowSymLinks', 'Require all denied\nSatisfy any', 'AuthMerging Or\nRequire all granted'],
      'AuthMerging And\nRequire all denied',
    ),
  ),
  { maxLength: 5 },
);
const ALIASES = fc.constantFrom(
  ...[
    'Alias U D',
    'Alias U/ D/',
    'Alias U/a/b D/b\nAlias U D',
    'Alias U D\nAlias U/a/b D/b',
    'Alias U D\nRedirect 403 U/b',
  ],
  ...['Alias U D\nRedirect gone U/a/b/', 'Alias U/a D/a/b\nAlias U/b D/a'],
);

t.test('any sections close what they close on a real Apache', { skip }, async (t) => {
  const site = await makeSite(t);
  const cases = fc.sample(fc.tuple(ALIASES, SECTIONS), { numRuns: 150, seed: 28 });
  const texts = await Promise.all(
    cases.map(async ([aliases, sections], at) => {
      const file = { 'f.txt': 'f' };
      await writeTree(join(site, `d${at}`), { ...file, a: { ...file, b: file }, b: { ...file, b: file } });
      const written = [
        aliases,
        ...sections.map(([head, inside]) => `<${head}>\n${inside}\n</${head.split(' ')[0]}>`),
      ];
      return written
        .join('\n')
        .replace(/\bU(?=[/\s>])/g, `/u${at}`)
        .replace(/\bD(?=[/\s>])/g, `${site}/d${at}`);
    }),
  );
  const { ports } = await startApache(t, site, () => texts.join('\n'), 1);
  const path = join(site, 'case.conf');
  for (const [at, text] of texts.entries()) {
    await writeFile(path, text);
    const { draft, findings } = readApache(path, { from: 'FILE' });
    const prefixes = draft.locations.toSorted((a, b) => b.entry.prefix.length - a.entry.prefix.length);
    const isTold = (word: string): boolean => findings.some(({ words }) => words.includes(word));
    for (const below of ['f.txt', 'a/f.txt', 'a/b/f.txt', 'b/f.txt', 'b/b/f.txt']) {
      const asked = `/u${at}/${below}`;
      const theirs = (await ask(ports[0] ?? 0, { path: asked }, false, NOT_COMPARED)).status;
      const entry = prefixes.find((one) => asked.startsWith(one.entry.prefix))?.entry;
      const file = join(String(entry?.['root']), asked.slice(entry?.prefix.length));
      const ours = entry?.kind === 'denied' ? 403 : entry?.kind === 'media' && existsSync(file) ? 200 : 404;
      // What is gone is forbidden; what is closed where nothing is, is not there; and what no prefix says is told.
      const isOther =
        (theirs === 410 && ours === 403) ||
        (theirs === 403 && entry === undefined) ||
        (theirs === 403 && ours === 200 && isTold('is OPEN here')) ||
        (theirs === 200 && ours === 403 && isTold('stays closed here'));
      const expected = isOther ? ours : theirs;
      t.equal(ours, expected, `${asked}\n${text}`);
    }
  }
});
