// The alias role through the real command: what is served, under which names, and what never is. The app behind it is
// a stand-in that records what reaches it, since no request for a file may.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Received, startRecorder } from '../support/app.js';
import { startHere } from '../support/here.js';
import { get, type RawResponse, rawRequest } from '../support/raw.js';

const LONG_AGO = new Date('2020-02-02T02:02:02Z');

interface Site {
  readonly root: string;
  /** One GET, or another method, on a connection of its own. */
  ask(target: string, fields?: readonly string[], method?: string): Promise<RawResponse>;
  /** What the app got. */
  readonly received: readonly Received[];
  readonly port: number;
}

async function startSite(t: Test): Promise<Site> {
  const base = t.testdir({
    'secret.txt': 'SECRET',
    'media-beside': { 'secret.txt': 'SECRET' },
    media: {
      'plain.txt': 'hello',
      'empty.txt': '',
      'a.d': { 'b.txt': 'below', c: { 'd.txt': 'deep' } },
    },
    static: { 'app.css': 'body {}' },
  });
  const root = join(base, 'media');
  // Its tag is weak as long as the file may change within the second of its time.
  for (const path of ['media/plain.txt', 'static/app.css']) utimesSync(join(base, path), LONG_AGO, LONG_AGO);
  const app = await startRecorder(t);
  const args = ['--root', root, '--static-root', join(base, 'static'), '--upstream', app.address];
  const { port } = await startHere(t, args);
  return {
    root,
    port,
    received: app.received,
    ask: (target, fields, method) => rawRequest(port, get(target, fields, method)),
  };
}

const site = await startSite(t);

t.test('a file is served with what a browser and a cache need to know', async (t) => {
  const { status, headers, body } = await site.ask('/media/plain.txt');
  t.equal(status, 200);
  t.equal(body.toString(), 'hello');
  t.match(headers, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': '5',
    'last-modified': / GMT$/,
    etag: /^(?:W\/)?"[0-9a-f]+-5"$/,
    'accept-ranges': 'bytes',
    'cache-control': 'public, max-age=60',
    'x-content-type-options': 'nosniff',
    date: / GMT$/,
  });
  t.notOk('transfer-encoding' in headers);
});

t.test('every spelling of a name that leads to the file gives the file', async (t) => {
  const names = ['Grüße, 世界.txt', 'a b+c.txt', '100%.txt', 'a%20b', "~!$&'()*,;=:@", 'quote".txt', 'a\\b'];
  for (const name of names) {
    writeFileSync(join(site.root, name), name);
    const answer = await site.ask(`/media/${encodeURIComponent(name)}`);
    t.equal(answer.status, 200, name);
    t.equal(answer.body.toString(), name);
  }
  const spellings = [
    '/media/a.d/b.txt',
    '/media//a.d///b.txt',
    '/media/./a.d/./b.txt',
    '/media/a.d/c/../b.txt',
    '/media/a.d/nothing/../b.txt',
    '/media/a.d%2Fb.txt',
    '/media/%61.d/%62.txt',
    '/x/../media/a.d/b.txt',
    '/media/a.d/b.txt?v=1/../../..',
    'http://example.org/media/a.d/b.txt',
  ];
  for (const target of spellings) t.equal((await site.ask(target)).body.toString(), 'below', target);
  const bytes = Buffer.concat([Buffer.from(`${site.root}/`), Buffer.from([0x66, 0xff])]);
  writeFileSync(bytes, 'no UTF-8');
  t.equal((await site.ask('/media/f%FF')).body.toString(), 'no UTF-8');
});

t.test('an empty file is a file', async (t) => {
  const { status, headers, body } = await site.ask('/media/empty.txt');
  t.equal(status, 200);
  t.equal(headers['content-length'], '0');
  t.equal(body.length, 0);
});

t.test('HEAD is answered as GET is, without the body', async (t) => {
  for (const [target, fields] of [
    ['/media/plain.txt', []],
    ['/media/plain.txt', ['If-Match: "other"']],
    ['/media/missing', []],
    ['/static/app.css', []],
  ] as const) {
    const [whole, head] = [await site.ask(target, fields), await site.ask(target, fields, 'HEAD')];
    const withoutDate = ({ headers: { date: _, ...rest } }: RawResponse): object => rest;
    t.equal(head.status, whole.status, target);
    t.same(withoutDate(head), withoutDate(whole));
    t.ok(whole.body.length > 0);
    t.equal(head.body.length, 0);
  }
});

t.test('what is no file is 404 from this server', async (t) => {
  execFileSync('mkfifo', [join(site.root, 'fifo')]);
  symlinkSync('/dev/zero', join(site.root, 'device'));
  symlinkSync('loop', join(site.root, 'loop'));
  const targets = [
    '/media/',
    '/media/missing.txt',
    '/media/a.d',
    '/media/a.d/',
    '/media/a.d/missing/b.txt',
    '/media/plain.txt/',
    '/media/plain.txt/b.txt',
    `/media/${'x'.repeat(256)}`,
    `/media/${'y/'.repeat(2500)}z`,
    '/media/fifo',
    '/media/device',
    '/media/loop',
    '/static/missing.css',
    '/static/',
  ];
  for (const target of targets) {
    const { status, headers, body } = await site.ask(target);
    t.equal(status, 404, target.slice(0, 40));
    t.notMatch(headers['cache-control'], /max-age|immutable/, 'it may be there in a second');
    t.notMatch(body.toString(), site.root, 'says nothing about the disk');
  }
});

t.test('nothing outside the root is served, however the way there is spelled', async (t) => {
  const up = [
    '..',
    '%2e%2e',
    '.%2e',
    '%2E.',
    '%252e%252e',
    '%c0%ae%c0%ae',
    '..%00',
    '...',
    '..;',
    '%u002e%u002e',
  ];
  const separators = ['/', '%2f', '%2F', '\\', '%5c', '//', '/./', '%252f', '%c0%af'];
  const targets = up.flatMap((dots) =>
    separators.flatMap((slash) => [
      `/media/${dots}${slash}secret.txt`,
      `/media/a.d/${dots}${slash}${dots}${slash}secret.txt`,
      `/media${slash}${dots}${slash}media-beside${slash}secret.txt`,
      `/static/${dots}${slash}secret.txt`,
    ]),
  );
  const absolute = [join(site.root, '../secret.txt'), '/etc/passwd'].flatMap((path) => [
    `/media/${path}`,
    `/media/${encodeURIComponent(path)}`,
    `/media/file:${path}`,
    `/media/..${path}`,
  ]);
  const nul = [
    '/media/plain.txt%00.png',
    '/media/%00',
    '/media/a.d%00/../secret.txt',
    '/media/secret.txt%00',
  ];
  for (const target of [...targets, ...absolute, ...nul]) {
    const { status, body } = await site.ask(target);
    // A target that leaves /media/ is another page of the site, and the app's.
    const fromApp = status === 200 && body.toString() === 'ok';
    t.ok(fromApp || status === 400 || status === 404, `${target} is ${status}`);
    t.notMatch(body.toString(), /SECRET|root:/, target);
  }
});

t.test('links are followed inside the root, and not out of it', async (t) => {
  const links = {
    inside: 'plain.txt',
    up: '..',
    out: '../secret.txt',
    beside: '../media-beside',
    system: '/etc',
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(site.root, name));
  t.equal((await site.ask('/media/inside')).body.toString(), 'hello');
  for (const path of ['out', 'up/secret.txt', 'beside/secret.txt', 'system/passwd']) {
    const { status, body } = await site.ask(`/media/${path}`);
    t.equal(status, 404, path);
    t.notMatch(body.toString(), /SECRET|root:/);
  }
});

t.test('other methods are 405, and change nothing', async (t) => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'MKCOL']) {
    for (const target of ['/media/plain.txt', '/media/missing', '/media/', '/static/app.css']) {
      const { status, headers } = await site.ask(target, ['Content-Length: 0'], method);
      t.equal(status, 405, `${method} ${target}`);
      t.equal(headers['allow'], 'GET, HEAD');
    }
  }
  t.equal(readFileSync(join(site.root, 'plain.txt'), 'utf8'), 'hello');
});

t.test('a client that uploads to a file location gets to read its 405', async (t) => {
  const body = Buffer.alloc(2_000_000);
  const head = Buffer.from(get('/media/plain.txt', [`Content-Length: ${body.length}`], 'POST'));
  t.equal((await rawRequest(site.port, Buffer.concat([head, body]))).status, 405);
});

t.test('every answer on a file location forbids guessing its type', async (t) => {
  const etag = (await site.ask('/media/plain.txt')).headers['etag'];
  const requests: readonly (readonly [status: number, target: string, fields?: string[], method?: string])[] =
    [
      [200, '/media/plain.txt'],
      [200, '/static/app.css'],
      [206, '/media/plain.txt', ['Range: bytes=0-0']],
      [304, '/media/plain.txt', [`If-None-Match: ${etag}`]],
      [400, '/media/%zz'],
      [404, '/media/missing'],
      [405, '/media/plain.txt', [], 'POST'],
      [412, '/media/plain.txt', ['If-Match: "other"']],
      [416, '/media/plain.txt', ['Range: bytes=9-']],
    ];
  for (const [expected, target, fields, method] of requests) {
    const { status, headers } = await site.ask(target, fields, method);
    t.equal(status, expected, target);
    t.equal(headers['x-content-type-options'], 'nosniff', `nosniff on ${status}`);
  }
});

t.test('a file that comes, changes or goes is seen by the next request', async (t) => {
  const path = join(site.root, 'changing.txt');
  const see = async (): Promise<string> => {
    const { status, body } = await site.ask('/media/changing.txt');
    return status === 200 ? body.toString() : String(status);
  };
  t.equal(await see(), '404');
  writeFileSync(path, 'one');
  t.equal(await see(), 'one');
  writeFileSync(path, 'two');
  t.equal(await see(), 'two');
  execFileSync('rm', [path]);
  t.equal(await see(), '404');
  mkdirSync(path);
  t.equal(await see(), '404');
});

t.test('of all these requests none for a file reached the app', async (t) => {
  const astray = site.received.filter(({ target }) =>
    /^\/(?:media|static)\/(?!.*(?:\.\.|%2e))/i.test(target),
  );
  t.same(
    astray.map(({ method, target }) => `${method} ${target}`),
    [],
  );
});
