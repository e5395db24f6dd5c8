// The same file of nginx's on a real nginx and here. What is kept must answer alike; where the two differ on purpose, a rule
// below says so; and what has no counterpart is named by each case, as the report names it.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { readNginxSite } from '../../src/migrate/nginx/site.js';
import { isMissing } from '../../src/migrate/report.js';
import { startHere } from '../support/here.js';
import { startNginxIn, withoutNginx } from '../support/nginx.js';
import { type Answer, ask, type Request, startEcho } from './side-by-side.js';

const SITES = new URL('nginx/', import.meta.url);

/** A request, and what it is about. */
interface Asked extends Request {
  /** The difference on purpose that shows here. */
  readonly rule?: keyof typeof RULES;
}

/** The differences on purpose, as what they make of nginx's answer. */
const RULES = {
  'a directory of uploads is not shown, nor its name completed': (answer: Answer) => ({
    ...answer,
    status: 404,
    fields: {},
  }),
  'dotfiles are not served': (answer: Answer) => ({ ...answer, status: 404, fields: {} }),
  'what asks for a password is closed': (answer: Answer) => ({ ...answer, status: 403, fields: {} }),
  'what is gone or not there by decree is forbidden': (answer: Answer) => ({
    ...answer,
    status: 403,
    fields: {},
  }),
  'code among uploads is plain text': (answer: Answer) => ({
    ...answer,
    fields: { ...answer.fields, 'content-type': 'text/plain' },
  }),
  'what lies beside the directory is not given out': () => ({ status: 200, fields: {}, body: '{"url"' }),
  'endings that types does not name keep their type': ({
    fields: { 'content-type': _, ...fields },
    ...answer
  }: Answer) => ({ ...answer, fields }),
  'a single path is answered as all around it': () => ({ status: 200, fields: {}, body: '{"url"' }),
  'what is no file is for the app': () => ({ status: 200, fields: {}, body: '{"url"' }),
  'what nothing here stands for is closed': (answer: Answer) => ({
    ...answer,
    status: 403,
    fields: {},
    body: '',
  }),
  'what is missing is 404': (answer: Answer) => ({ ...answer, status: 404, fields: {}, body: '' }),
  'a page of an error has no validators': (answer: Answer) => ({ ...answer, fields: {} }),
  'JavaScript has the type of RFC 9239': (answer: Answer) => ({
    ...answer,
    fields: { ...answer.fields, 'content-type': 'text/javascript' },
  }),
  "nothing is added to the app's answers": ({
    fields: { 'referrer-policy': _, 'x-content-type-options': __, ...fields },
    ...answer
  }: Answer) => ({
    ...answer,
    fields,
  }),
} as const;

/** Fields that say when, by whom and on which connection. */
const NOT_COMPARED = new Set(['date', 'server', 'connection', 'keep-alive', 'transfer-encoding', 'expires']);

interface Case {
  readonly asked: readonly Asked[];
  /** What the report says of lines for which nothing stands here: their beginnings. */
  readonly missing?: readonly string[];
  readonly isTls?: true;
}

const get = (...paths: readonly string[]): Asked[] => paths.map((path) => ({ path }));
const FILES = [
  ...get('/media/a.txt', '/media/b.jpg', '/media/missing.jpg', '/media/sub/d.bin'),
  { path: '/media/a.txt', method: 'HEAD' },
  { path: '/media/b.jpg', headers: { Range: 'bytes=2-5' } },
  { path: '/media/b.jpg', headers: { Range: 'bytes=-3' } },
  { path: '/media/b.jpg', headers: { Range: 'bytes=99999-' } },
  { path: '/media/a.txt', headers: { 'If-Modified-Since': 'Mon, 06 May 2024 07:08:09 GMT' } },
  { path: '/media/', rule: 'a directory of uploads is not shown, nor its name completed' },
] as const satisfies readonly Asked[];
const APP = [
  ...get('/', '/some/page/?q=1&r=%2F', '/caf%C3%A9/'),
  { path: '/form/', method: 'POST', body: 'a=1&b=2' },
  { path: '/cookies/', headers: { Cookie: 'sessionid=x' } },
] as const satisfies readonly Asked[];

const CASES: Readonly<Record<string, Case>> = {
  'django-docs.conf': {
    asked: [
      { path: '/form/', method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) },
      ...FILES,
      ...APP,
      ...get('/static/app.css', '/static/missing.css'),
    ],
  },
  'gunicorn-docs.conf': {
    asked: [...APP, { path: '/broken-connection/', rule: 'a page of an error has no validators' }],
    missing: ['try_files $uri @proxy_to_app'],
  },
  'media-container.conf': { asked: [...FILES] },
  'wagtail.conf': {
    asked: [
      ...FILES,
      ...APP,
      ...get('/static/app.css'),
      { path: '/static/app.js', rule: 'JavaScript has the type of RFC 9239' },
    ],
  },
  'netbox.conf': { asked: [...APP, ...get('/static/app.css')], isTls: true },
  'paperless.conf': {
    asked: [...APP].map((one) => ({ ...one, rule: "nothing is added to the app's answers" })),
    missing: ['add_header Referrer-Policy'],
  },
  'taiga.conf': {
    asked: [
      ...FILES,
      ...get('/', '/index.html', '/api/v1/', '/admin/x', '/static/app.css', '/media/exports/d.bin'),
      // By the app's word.
      ...get('/api/hand-out', '/_protected/secret.pdf'),
    ],
    missing: ['try_files $uri $uri/ /index.html', 'proxy_pass_header Server'],
  },
  'tutorial.conf': { asked: [...FILES, ...APP, ...get('/static/app.css')] },
  'trap.conf': {
    asked: [
      ...FILES,
      ...APP,
      ...get('/static/app.css'),
      { path: '/media../beside.txt', rule: 'what lies beside the directory is not given out' },
    ],
  },
  'auth-request.conf': {
    asked: [
      ...APP,
      ...get('/media/a.txt'),
      { path: '/media/a.txt', headers: { Cookie: 'sessionid=good' } },
      { path: '/media/missing', headers: { Cookie: 'sessionid=good' } },
    ],
  },
  'secure-link.conf': {
    asked: [
      ...APP,
      ...get(signed('/media/a.txt', 4_000_000_000), signed('/media/a.txt', 1_000_000_000), '/media/a.txt'),
      ...get(`${signed('/media/a.txt', 4_000_000_000)}x`),
    ],
  },
  'fine-tuned.conf': {
    asked: [
      ...FILES.map((one): Asked => ({ rule: 'endings that types does not name keep their type', ...one })),
      ...get(
        '/static/app.css',
        '/static/',
        '/media/model.glb',
        '/media/x.log',
        '/download/b.jpg',
        '/download/c.html',
      ),
      { path: '/static/app.css', headers: { 'Accept-Encoding': 'gzip' } },
      {
        path: '/media/b.jpg',
        headers: { Range: 'bytes=0-1,3-4' },
        rule: 'endings that types does not name keep their type',
      },
    ],
  },
  'closed.conf': {
    asked: [
      ...APP,
      ...get(
        '/media/a.txt',
        '/media/sub/d.bin',
        '/media/sub/',
        '/internal-tools/x',
        '/media/.env',
        '/gone/x',
      ).map(
        (asked): Asked =>
          asked.path === '/media/.env'
            ? { ...asked, rule: 'dotfiles are not served' }
            : asked.path === '/gone/x'
              ? { ...asked, rule: 'what is gone or not there by decree is forbidden' }
              : asked,
      ),
      { path: '/drafts/a.txt', rule: 'what asks for a password is closed' },
      { path: '/old/x', rule: 'what is gone or not there by decree is forbidden' },
    ],
    missing: ['auth_basic Drafts', 'auth_basic_user_file', 'allow 192.0.2.0/24', 'deny all'],
  },
  'certbot.conf': {
    asked: [
      ...APP,
      ...get('/static/app.css'),
      { path: '/favicon.ico', rule: 'a single path is answered as all around it' },
    ],
    isTls: true,
  },
  'tickets.conf': {
    asked: [
      ...FILES.filter(({ path }) => !path.startsWith('/media/sub/')),
      ...APP.map((one) => ({ ...one, rule: "nothing is added to the app's answers" }) as const),
      ...get('/static/app.css', '/media/invoices/1.pdf', '/media/cachedfiles/x'),
      { path: '/media/sub/d.bin', rule: 'what is gone or not there by decree is forbidden' },
    ],
    missing: ['add_header X-Content-Type-Options'],
  },
  'maps.conf': { asked: [...APP, ...get('/geoserver/x', '/uploaded/a.txt', '/uploaded/missing')] },
  'expressions.conf': {
    asked: [
      ...FILES.filter(({ path }) => path !== '/media/'),
      ...APP,
      ...get('/static/app.css', '/html/500.html', '/drafts/x', '/.git/config').map(
        (asked): Asked =>
          asked.path === '/.git/config' ? { ...asked, rule: 'what is no file is for the app' } : asked,
      ),
    ],
    missing: ['location ~* \\.(?:sql|bak)$', 'deny all'],
  },
  'front-end.conf': {
    asked: [
      ...FILES.filter(({ path }) => path !== '/media/'),
      ...get('/', '/index.html', '/api/x', '/admin/x', '/django-static/app.css'),
      { path: '/rpc/x', rule: 'what nothing here stands for is closed' },
      { path: '/some/page', rule: 'what is missing is 404' },
    ],
    missing: ['try_files $uri $uri/ /index.html', 'location /rpc/', 'proxy_pass'],
  },
  'channels.conf': {
    asked: [...APP, ...get('/api/login/', '/ws/x', '/api/hand-out', '/_protected/secret.pdf')],
    missing: ['limit_req'],
  },
  'beside-default.conf': {
    asked: [...FILES, ...APP],
    missing: [
      ...['server', 'listen 80 default_server', 'root', 'index', 'location /', 'try_files'],
      'alias ',
    ],
  },
  'two-apps.conf': {
    asked: [...FILES, ...APP, { path: '/', headers: { 'X-Forwarded-For': '198.51.100.7' } }],
  },
};

/** nginx's form: the md5 of what the file's secure_link_md5 says. */
function signed(uri: string, expires: number): string {
  const md5 = createHash('md5').update(`${expires}${uri} not so secret`).digest('base64url');
  return `${uri}?md5=${md5}&expires=${expires}`;
}

/** The site's folder: what the files name as /srv/site. */
async function makeSite(t: Test): Promise<string> {
  // Its path is short: a socket's name has room for little more.
  const site = await mkdtemp(join(tmpdir(), 'media-serve-site-'));
  t.teardown(() => rm(site, { recursive: true, force: true }));
  // An nginx that root starts reads as another user.
  await chmod(site, 0o755);
  await writeTree(site, {
    media: {
      'a.txt': 'text of a',
      'b.jpg': '0123456789abcdef',
      'c.html': '<p>hello',
      'model.glb': 'glTF',
      'x.log': 'log',
      '.env': 'SECRET=1',
      sub: { 'd.bin': 'binary' },
    },
    static: {
      'app.css': 'body { color: red; margin: 0 }'.repeat(8),
      'app.css.gz': 'pretend',
      'app.js': 'let a = 1;',
      'index.html': '<p>static',
    },
    html: { 'index.html': '<p>front', '500.html': '<p>broken' },
    protected: { 'secret.pdf': '%PDF' },
    'beside.txt': 'beside',
    htpasswd: 'user:{PLAIN}password\n',
    log: {},
    run: {},
    tls: {},
    temp: {},
  });
  // Long ago, so that validators are strong on both sides.
  const then = new Date('2024-05-06T07:08:09Z');
  for (const entry of await readdir(site, { recursive: true })) await utimes(join(site, entry), then, then);
  for (const name of ['mime.types', 'proxy_params', 'uwsgi_params']) {
    await copyFile(join('/etc/nginx', name), join(site, name));
  }
  return site;
}

/** Files by name; an object is a directory. */
interface Files {
  readonly [name: string]: string | Files;
}

async function writeTree(folder: string, files: Files): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    if (typeof content === 'string') await writeFile(path, content);
    else {
      await mkdir(path);
      await writeTree(path, content);
    }
  }
}

/** What the app of some sites does. */
function answerOtherwise(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.url === '/broken-connection/') request.socket.destroy();
  else if (request.url === '/api/hand-out') {
    response.setHeader('X-Accel-Redirect', '/_protected/secret.pdf');
    response.end();
  } else if (request.url === '/may-i/') {
    response.statusCode = request.headers.cookie === 'sessionid=good' ? 204 : 401;
    response.end();
  } else return false;
  return true;
}

/** What an app is told of the client, where the file has it told. */
const TOLD = ['x-forwarded-for', 'x-real-ip', 'x-forwarded-proto', 'x-forwarded-host', 'cookie', 'upgrade'];

/** What both must agree in. Of our answer only what nginx's has: we say more for safety. */
function comparable(answer: Answer, { fields: names }: Answer): object {
  const fields = Object.fromEntries(
    Object.entries(answer.fields)
      .filter(([name]) => name in names)
      .map(([name, value]) => [name, shown(name, value)]),
  );
  // Pages of errors are each server's own, and an app's answer is told apart by what it says.
  const isOwnPage = answer.status >= 400 && !answer.body.startsWith('{') && !answer.body.startsWith('<p>');
  if (isOwnPage) return { status: answer.status };
  if (!answer.body.startsWith('{"url"')) return { status: answer.status, fields, body: answer.body };
  const { 'content-length': _, ...others } = fields;
  return { status: answer.status, fields: others };
}

function shown(name: string, value: string): string {
  // Whether caches may share it: what everyone may have says so here.
  if (name === 'cache-control')
    return value
      .split(/, */)
      .filter((word) => word !== 'public')
      .sort()
      .join(', ');
  // Text is marked as UTF-8 where the file says nothing.
  if (name === 'content-type') return value.replace(/; charset=utf-8$/i, '');
  return value;
}

/** What the app was told, of that which the other side told it. */
function told(body: string, other: string): object | undefined {
  if (!body.startsWith('{"url"') || !other.startsWith('{"url"')) return undefined;
  const [own, others] = [body, other].map((text) =>
    text.startsWith('{') ? (JSON.parse(text) as { headers: Record<string, string> }) : undefined,
  );
  const headers = Object.fromEntries(
    TOLD.filter((name) => others?.headers[name] !== undefined).map((name) => [
      name,
      // nginx names a client twice that a trusted proxy has named already.
      [...new Set(own?.headers[name]?.split(', '))].join(', '),
    ]),
  );
  return { ...own, headers };
}

const skip = await withoutNginx();

t.test('every file is in a case', async (t) => {
  const names = (await readdir(SITES)).sort();
  t.same(names, [...Object.keys(CASES), 'uwsgi.conf'].sort());
});

for (const [name, { asked, missing = [], isTls = false }] of Object.entries(CASES)) {
  t.test(name, { skip }, async (t) => {
    const site = await makeSite(t);
    const { port: app } = await startEcho(t, join(site, 'run/gunicorn.sock'), answerOtherwise);
    if (isTls) {
      await promisify(execFile)('openssl', [
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=example.com'],
        ...['-keyout', join(site, 'tls/site.key'), '-out', join(site, 'tls/site.crt')],
      ]);
    }
    const original = await readFile(new URL(name, SITES), 'utf8');
    const text = original.replaceAll('/srv/site', site).replaceAll('127.0.0.1:8000', `127.0.0.1:${app}`);
    const isWhole = /^http \{/m.test(text);
    const path = join(site, isWhole ? 'whole.conf' : 'site.conf');
    await writeFile(path, text);
    await mkdir(join(site, 'nginx-temp'));
    const nginx = await startNginxIn(
      t,
      site,
      async ([main = 0, other = 0, third = 0]) => {
        // On ports that are free; both families are listened at where the file says so, and the machine has both.
        const listening = text
          .replace(/listen \[::\]:\d+.*;\n/g, '')
          .replace(
            /listen (80|81|443)\b/g,
            (_, port: string) => `listen 127.0.0.1:${listens(port, isTls, [main, other, third])}`,
          );
        if (isWhole) return listening;
        await writeFile(join(site, 'listening.conf'), listening);
        return `events {}\npid nginx.pid;\nhttp {\n access_log off;\n include mime.types;\n include listening.conf;\n}\n`;
      },
      3,
      ['-g', 'daemon off; master_process off; error_log stderr notice;'],
    );
    const { origin, port } = await startHere(t, ['--nginx-config', path]);
    t.ok(origin);
    for (const one of asked) {
      const [theirs, ours] = await Promise.all([
        ask(nginx.ports[0] ?? 0, one, isTls, NOT_COMPARED),
        ask(port, one, false, NOT_COMPARED),
      ]);
      const expected = one.rule === undefined ? theirs : RULES[one.rule](theirs);
      const label = `${one.method ?? 'GET'} ${one.path} ${JSON.stringify(one.headers ?? {})}`;
      t.same(comparable(ours, expected), comparable(expected, expected), label);
      // What is closed here tells nobody anything.
      const isTold = !isTls && expected.status < 400;
      t.same(
        isTold ? told(ours.body, theirs.body) : undefined,
        isTold ? told(theirs.body, theirs.body) : undefined,
        `${label}: as the app is told`,
      );
    }
    const { findings } = readNginxSite(path, { from: name });
    const said = findings.filter(isMissing).map(({ directive }) => directive);
    for (const line of missing)
      t.ok(
        said.some((one) => one.startsWith(line)),
        `not supported: ${line}`,
      );
    t.same(
      said.filter((one) => !missing.some((line) => one.startsWith(line))),
      [],
      'and nothing else',
    );
  });
}

/** The port in place of the one that the file names: the site's is the first. */
function listens(port: string, isTls: boolean, [main = 0, other = 0, third = 0]: readonly number[]): number {
  if (port === '443') return main;
  if (port === '81') return third;
  return isTls ? other : main;
}

t.test('an app by another protocol is told how to start', async (t) => {
  const site = await makeSite(t);
  const text = (await readFile(new URL('uwsgi.conf', SITES), 'utf8')).replaceAll('/srv/site', site);
  await writeFile(join(site, 'site.conf'), text);
  const { draft, findings } = readNginxSite(join(site, 'site.conf'), { from: 'site.conf' });
  t.same(
    draft.locations.map(({ entry }) => [entry.kind, entry.prefix]),
    [
      ['media', '/media/'],
      ['static', '/static/'],
    ],
  );
  const [told] = findings.filter(({ directive }) => directive === 'uwsgi_pass django');
  t.match(told, { verdict: 'not supported', words: /gunicorn mysite\.wsgi --bind .*--upstream :8000/ });
});
