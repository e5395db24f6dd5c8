// Directories: the index file and the redirect to the slash, which never leads to another host.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { redirectToSlash } from '../../src/files/directory.js';
import type { Exchange } from '../../src/http/exchange.js';
import { fieldValue } from '../../src/http/fields.js';
import { parseTarget } from '../../src/http/target.js';
import { converse } from '../support/conversation.js';
import { startLocations } from '../support/locations.js';
import { get, rawRequest } from '../support/raw.js';

/** Names that would be something else in a URL, or in a header, if they were not encoded. */
const NAMES = [
  'plain',
  'evil.example',
  '\\evil.example',
  '\\\\evil.example',
  'two words',
  'question?mark',
  'hash#mark',
  'per%cent',
  '%2F%2Fevil.example',
  'ünïcödé',
  'javascript:alert(1)',
  'http:',
  '@evil.example',
  'line\r\nSet-Cookie: evil=1',
  '"quoted"',
];

const directory = t.testdir({ root: {}, outside: { inner: {} } });
const root = join(directory, 'root');
for (const name of NAMES) {
  mkdirSync(join(root, name));
  writeFileSync(join(root, name, 'index.html'), `index of ${name}`);
}
mkdirSync(join(root, 'plain', 'deep'));
mkdirSync(join(root, 'empty'));
mkdirSync(join(root, '.git'));
mkdirSync(join(root, 'odd', 'index.html'), { recursive: true });
symlinkSync('../outside', join(root, 'leads-out'));
symlinkSync('plain', join(root, 'link'));
symlinkSync('.git', join(root, 'to-hidden'));
symlinkSync('.', join(root, 'self'));
mkdirSync(join(root, 'internal', 'deep'), { recursive: true });
symlinkSync('internal', join(root, 'to-internal'));
writeFileSync(join(root, 'a.txt'), 'a file');
writeFileSync(join(root, 'index.html'), 'index of the root');
writeFileSync(join(root, 'plain', 'übersicht.html'), 'overview of plain');

const place = { kind: 'media', root, index: 'index.html' };
const server = await startLocations(t, [
  { ...place, prefix: '/' },
  { ...place, prefix: '/media/' },
  { ...place, prefix: '/never/', symlinks: 'never' },
  { kind: 'media', root, prefix: '/off/' },
  { ...place, prefix: '/named/', index: 'übersicht.html' },
  { kind: 'internal', root: join(root, 'internal'), prefix: '/protected/' },
]);
const conversation = await converse(t, server.port);

t.test('without the option a directory is nothing', async (t) => {
  for (const target of ['/off/', '/off/plain', '/off/plain/', '/off/empty', '/off/plain/deep'])
    t.equal((await conversation.ask(target)).status, 404, target);
});

t.test('a directory with its slash is its index file', async (t) => {
  const cases: readonly (readonly [target: string, status: number, body?: string])[] = [
    ['/', 200, 'index of the root'],
    ['/media/', 200, 'index of the root'],
    ['/media/plain/', 200, 'index of plain'],
    ['/media/plain/?x=1', 200, 'index of plain'],
    ['/media//plain//', 200, 'index of plain'],
    ['/media/plain/deep/..', 200, 'index of plain'],
    ['/media/plain/.', 200, 'index of plain'],
    ['/media/link/', 200, 'index of plain'],
    ['/media/plain/deep/', 404],
    ['/media/empty/', 404],
    ['/media/missing/', 404],
    ['/media/a.txt/', 404],
    ['/media/leads-out/', 404],
    ['/media/.git/', 404],
  ];
  for (const [target, status, body] of cases) {
    const response = await conversation.ask(target);
    t.equal(response.status, status, target);
    if (body === undefined) continue;
    t.equal(response.body.toString(), body, target);
    t.match(response.headers['content-type'], /^text\/html/, target);
    const { headers } = await conversation.ask(target, [`If-None-Match: ${response.headers['etag']}`]);
    // It is weak until two seconds have passed since the file was made.
    const opaque = (etag: string | undefined): string | undefined => etag?.replace('W/', '');
    t.match(response.headers['etag'], /^(?:W\/)?"[0-9a-f-]+"$/);
    t.equal(opaque(headers['etag']), opaque(response.headers['etag']), 'with validators as any file');
  }
});

t.test('the index file may have a name beyond ASCII', async (t) => {
  const { status, body } = await conversation.ask('/named/plain/');
  t.equal(status, 200);
  t.equal(body.toString(), 'overview of plain');
  t.equal((await conversation.ask('/named/plain')).headers['location'], '/named/plain/');
});

t.test('a directory without its slash is redirected to the same with one, query and all', async (t) => {
  const cases: readonly (readonly [target: string, location: string])[] = [
    ['/plain', '/plain/'],
    ['/media/plain', '/media/plain/'],
    ['/media/plain?a=1&b=//evil.example', '/media/plain/?a=1&b=//evil.example'],
    ['/media/plain?', '/media/plain/?'],
    ['/media/%70lain', '/media/plain/'],
    ['/media//plain', '/media/plain/'],
    ['/media/empty/../plain', '/media/plain/'],
    ['/media/plain/deep', '/media/plain/deep/'],
    ['/media/link', '/media/link/'],
    ['/media/self', '/media/self/'],
    ['/media/self/plain', '/media/self/plain/'],
    ['http://other.example/media/plain', '/media/plain/'],
  ];
  for (const [target, location] of cases) {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await conversation.ask(target, [], method);
      t.equal(status, 301, `${method} ${target}`);
      t.equal(headers['location'], location, `${method} ${target}`);
    }
  }
});

t.test('the redirect has only what may stand in a URI, whatever the client wrote', async (t) => {
  const cases: readonly (readonly [target: string, location: string])[] = [
    ['/\xc3\xa4', '/%C3%A4/'],
    ['/\xff', '/%FF/'],
    ['/plain?q=\xc3\xa4&r=\xff#\x80', '/plain/?q=%C3%A4&r=%FF#%80'],
    ['/plain?q=%c3%A4|"<>', '/plain/?q=%c3%A4|"<>'],
  ];
  for (const [received, location] of cases) {
    let fields: string[] = [];
    const response = {
      writeHead: (_status: number, written: string[]) => {
        fields = written;
      },
      end: () => {},
    };
    const target = parseTarget(received);
    redirectToSlash({ target, response } as unknown as Exchange, target.path);
    t.equal(fieldValue(fields, 'location'), location, location);
  }
});

t.test('the redirect of a directory with a strange name leads to that directory', async (t) => {
  for (const name of NAMES) {
    for (const prefix of ['/', '/media/']) {
      const { status, headers } = await conversation.ask(prefix + encodeURIComponent(name));
      t.equal(status, 301, name);
      t.notOk('set-cookie' in headers, name);
      const followed = new URL(headers['location'] ?? '', 'http://example.org/');
      t.equal(followed.origin, 'http://example.org', name);
      const there = await conversation.ask(followed.pathname);
      t.equal(there.body.toString(), `index of ${name}`, name);
    }
  }
});

t.test('however the target is written, the redirect is relative and names no host', async (t) => {
  const targets = [
    '//evil.example',
    '///evil.example',
    '////evil.example',
    '/%2Fevil.example',
    '/%2f%2fevil.example',
    '/.//evil.example',
    '/x/..//evil.example',
    '/%2e%2f/evil.example',
    '/\\evil.example',
    '/%5Cevil.example',
    '/%5c%5cevil.example',
    '//%5cevil.example',
    '//@evil.example',
    '/media/..//evil.example',
    '/media//evil.example/../evil.example',
    '/media/%2e%2e//evil.example',
    '/media/..%2f%2fevil.example',
    'http://other.example//evil.example',
    'http://other.example/%5cevil.example',
    'http://other.example\\@evil.example/plain',
  ];
  for (const target of targets) {
    // Some of these are no HTTP at all and cost the connection.
    const { status, headers } = await rawRequest(server.port, get(target));
    if (status !== 301) t.ok([400, 404].includes(status), `${target}: ${status}`);
    else t.match(headers['location'], /^\/(?![/\\])/, target);
  }
  // These go up again, to a directory that has its slash.
  for (const target of ['/media//evil.example/..', '//evil.example/..', '//evil.example/%2e%2e/'])
    t.equal((await conversation.ask(target)).status, 200, target);
});

t.test('no target at all is redirected to another host', async (t) => {
  const piece = fc.constantFrom(
    ...['/', '//', '%2f', '\\', '%5c', '..', '.', '%2e', '%09', '%0d%0a', '?', '@', ':', ';'],
    ...['evil.example', 'plain', 'media', 'http:'],
  );
  let redirects = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 8 }), async (pieces) => {
      const { status, headers } = await conversation.ask(`/${pieces.join('')}`);
      if (status !== 301) return;
      redirects += 1;
      const location = headers['location'] ?? '';
      // A browser drops tabs and line breaks, and takes a backslash for a slash.
      if (!/^\/(?![/\\])[!-~]*$/.test(location)) throw new Error(location);
      if (new URL(location, 'http://example.org/').host !== 'example.org') throw new Error(location);
    }),
    { numRuns: 600 },
  );
  t.ok(redirects > 0, 'some were redirected');
});

t.test('what may not be seen is not told to be a directory', async (t) => {
  const names = [
    '.git',
    'leads-out',
    'leads-out/inner',
    'to-hidden',
    'internal',
    'internal/deep',
    'to-internal',
  ];
  for (const target of [...names.map((name) => `/media/${name}`), '/never/self', '/never/link'])
    t.equal((await conversation.ask(target)).status, 404, target);
});

t.test('an index that is itself a directory is nothing, and no redirect without end', async (t) => {
  const { status, headers } = await conversation.ask('/media/odd/');
  t.equal(status, 404);
  t.notOk('location' in headers, 'else a browser goes round and round');
});

t.test('only GET and HEAD are redirected', async (t) => {
  t.equal((await conversation.ask('/media/plain', ['Content-Length: 0'], 'POST')).status, 405);
});
