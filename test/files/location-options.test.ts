// Options of a location in the config file: response fields, types, charset, caching.
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Conversation, converse } from '../support/conversation.js';
import { startLocationsHere } from '../support/locations.js';

const FILES = {
  'a.txt': 'text',
  'a.glb': 'a model',
  'a.JS': 'alert(1)',
  'a.svg': '<svg/>',
  'a.unheard-of': 'what is it',
  'no-extension': 'what is it',
  'app.3f2a9c1b8d7e.css': 'hashed',
  'app.3f2a9c1b8d7e': 'hashed',
  'app.3f2a9c1b8d7.css': 'a digit too few',
  fonts: { 'a.woff2': 'a font' },
};
const base = t.testdir({ media: structuredClone(FILES), static: structuredClone(FILES) });
const [root, staticRoot] = [join(base, 'media'), join(base, 'static')];
for (const directory of [root, staticRoot]) {
  for (const name of ['bücher.txt', 'a.größe']) writeFileSync(join(directory, name), 'text');
  // In latin-1, as systems before UTF-8 wrote it.
  writeFileSync(Buffer.from(join(directory, 'caf\xe9.txt'), 'latin1'), 'text');
  for (const name of ['a.txt', 'a.svg']) utimesSync(join(directory, name), 1_704_067_200, 1_704_067_200);
}

const place = { kind: 'media', root };
const server = await startLocationsHere(
  t,
  [
    { ...place, prefix: '/usual/' },
    { kind: 'static', root: staticRoot, prefix: '/static/' },
    {
      ...place,
      prefix: '/fields/',
      headers: {
        'X-Robots-Tag': 'noindex',
        'cache-control': 'private',
        'CONTENT-SECURITY-POLICY': "default-src 'self'",
        'X-Content-Type-Options': '',
        'Accept-Ranges': '',
      },
    },
    { ...place, prefix: '/untyped/', headers: { 'content-type': '' } },
    { ...place, prefix: '/unvalidated/', headers: { ETag: '', 'Last-Modified': '' } },
    {
      ...place,
      prefix: '/typed/',
      types: { glb: 'model/own', js: 'text/javascript', SVG: 'text/x-own', GRÖßE: 'text/x-size' },
    },
    { ...place, prefix: '/default/', defaultType: 'text/x-unknown' },
    { ...place, prefix: '/default-code/', defaultType: 'text/javascript' },
    { ...place, prefix: '/no-charset/', charset: 'off' },
    { ...place, prefix: '/latin/', charset: 'iso-8859-1' },
    { ...place, prefix: '/aged/', maxAge: '1h' },
    {
      kind: 'static',
      root: staticRoot,
      prefix: '/patterns/',
      maxAge: '5m',
      cacheControl: [
        { match: '^fonts/', value: 'public, max-age=31536000' },
        { match: '\\.woff2$', value: 'never reached' },
        { match: '8d7e\\.css$', value: 'no-cache' },
        { match: 'no-ext', value: '' },
        { match: '^bü.her\\.txt$', value: 'as text' },
        { match: '^caf\\xe9\\.', value: 'as bytes' },
      ],
    },
  ],
  ['--max-age', '7s'],
);
const conversation = await converse(t, server.port);

t.test(
  'fields of the operator are added, replace what is sent by default, and remove it when empty',
  async (t) => {
    const { headers: usual } = await conversation.ask('/usual/a.svg');
    const etag = usual['etag'];
    const requests: readonly (readonly [status: number, method: string, ...fields: string[]])[] = [
      [200, 'GET'],
      [200, 'HEAD'],
      [206, 'GET', 'Range: bytes=0-0'],
      [304, 'GET', `If-None-Match: ${etag}`],
    ];
    for (const [status, method, ...fields] of requests) {
      const response = await conversation.ask('/fields/a.svg', fields, method);
      const of = (wanted: string): string[] =>
        response.fields.filter(([name]) => name === wanted).map(([, value]) => value);
      t.equal(response.status, status);
      t.same(of('x-robots-tag'), ['noindex'], `${status}: added`);
      t.same(of('cache-control'), ['private'], `${status}: replaced, in any case`);
      t.same(of('content-security-policy'), ["default-src 'self'"], `${status}: replaced, in any case`);
      t.same(of('x-content-type-options'), [], `${status}: removed`);
      t.same(of('accept-ranges'), [], `${status}: removed`);
      t.same(of('cross-origin-resource-policy'), ['cross-origin'], `${status}: what is not named stays`);
      t.same(of('etag'), [etag], `${status}: what is not named stays`);
    }
  },
);

t.test('a file can be sent without its type, and then is trusted with nothing', async (t) => {
  const requests: readonly (readonly [status: number, method: string, ...fields: string[]])[] = [
    [200, 'GET'],
    [200, 'HEAD'],
    [206, 'GET', 'Range: bytes=0-0'],
  ];
  for (const [status, method, ...fields] of requests) {
    // With its type a font goes without the policy.
    const response = await conversation.ask('/untyped/fonts/a.woff2', fields, method);
    t.equal(response.status, status);
    t.notOk('content-type' in response.headers, `${method} ${status}`);
    t.equal(response.headers['x-content-type-options'], 'nosniff');
    t.match(response.headers['content-security-policy'], /^sandbox;/);
  }
  const parts = await conversation.ask('/untyped/fonts/a.woff2', ['Range: bytes=0-0,5-5']);
  t.match(parts.headers['content-type'], /^multipart\/byteranges; boundary=/);
  t.equal(parts.body.toString().match(/Content-Range: /g)?.length, 2);
  t.notMatch(parts.body.toString(), /Content-Type/);
});

t.test('a file can be sent without its validators', async (t) => {
  for (const method of ['GET', 'HEAD']) {
    const { status, headers } = await conversation.ask('/unvalidated/a.svg', [], method);
    t.equal(status, 200);
    t.notOk('etag' in headers || 'last-modified' in headers, method);
  }
});

t.test('types of the operator come before the built-in ones and are sent as they are', async (t) => {
  await expectField(t, conversation, 'content-type', [
    ['/usual/a.glb', 'model/gltf-binary'],
    ['/typed/a.glb', 'model/own'],
    ['/usual/a.JS', 'text/plain; charset=utf-8'],
    ['/typed/a.JS', 'text/javascript'],
    ['/typed/a.svg', 'text/x-own'],
    ['/typed/a.txt', 'text/plain; charset=utf-8'],
    ['/typed/a.gr%C3%B6%C3%9Fe', 'text/x-size'],
  ]);
  const { headers } = await conversation.ask('/typed/a.JS');
  t.match(
    headers['content-security-policy'],
    /^sandbox;/,
    'a type that is not known to be harmless has the policy',
  );
});

t.test('the default type is for unknown extensions and for names without one', async (t) => {
  await expectField(t, conversation, 'content-type', [
    ['/usual/a.unheard-of', 'application/octet-stream'],
    ['/usual/no-extension', 'application/octet-stream'],
    ['/default/a.unheard-of', 'text/x-unknown; charset=utf-8'],
    ['/default/no-extension', 'text/x-unknown; charset=utf-8'],
    ['/default/a.glb', 'model/gltf-binary'],
    ['/default-code/no-extension', 'text/plain; charset=utf-8'],
  ]);
});

t.test('the charset is sent with text, unless it is off', async (t) => {
  await expectField(t, conversation, 'content-type', [
    ['/usual/a.txt', 'text/plain; charset=utf-8'],
    ['/usual/a.svg', 'image/svg+xml; charset=utf-8'],
    ['/usual/fonts/a.woff2', 'font/woff2'],
    ['/no-charset/a.txt', 'text/plain'],
    ['/no-charset/a.svg', 'image/svg+xml'],
    ['/latin/a.txt', 'text/plain; charset=iso-8859-1'],
  ]);
});

t.test(
  'caching is told by the first pattern, else by a hash in the name of a static file, else by the age',
  async (t) => {
    const immutable = 'public, max-age=31536000, immutable';
    await expectField(t, conversation, 'cache-control', [
      ['/usual/a.txt', 'public, max-age=7'],
      ['/aged/a.txt', 'public, max-age=3600'],
      ['/patterns/a.txt', 'public, max-age=300'],
      ['/patterns/fonts/a.woff2', 'public, max-age=31536000'],
      ['/patterns/app.3f2a9c1b8d7e.css', 'no-cache'],
      ['/patterns/app.3f2a9c1b8d7e', immutable],
      ['/static/app.3f2a9c1b8d7e.css', immutable],
      ['/static/app.3f2a9c1b8d7e', immutable],
      ['/static/app.3f2a9c1b8d7.css', 'public, max-age=7'],
      // Whoever uploads chooses the name: it promises nothing.
      ['/usual/app.3f2a9c1b8d7e.css', 'public, max-age=7'],
    ]);
  },
);

t.test('a pattern is matched with the name as text, where it is one', async (t) => {
  await expectField(t, conversation, 'cache-control', [
    ['/patterns/b%C3%BCcher.txt', 'as text'],
    ['/patterns/caf%E9.txt', 'as bytes'],
  ]);
});

t.test('caching is not told at all where the first pattern that matches has no value', async (t) => {
  const { status, headers } = await conversation.ask('/patterns/no-extension');
  t.equal(status, 200);
  t.notOk('cache-control' in headers);
});

t.test('a file that comes later has the same options', async (t) => {
  writeFileSync(join(root, 'later.glb'), 'a model');
  await expectField(t, conversation, 'content-type', [['/typed/later.glb', 'model/own']]);
});

async function expectField(
  t: Test,
  { ask }: Conversation,
  field: string,
  cases: readonly (readonly [target: string, value: string])[],
): Promise<void> {
  for (const [target, value] of cases) {
    const { status, headers } = await ask(target);
    t.equal(status, 200, target);
    t.equal(headers[field], value, target);
  }
}
