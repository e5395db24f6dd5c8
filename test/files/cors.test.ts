// Cross-origin reading: who may, on which responses, what caches are told, and what a preflight gets.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { converse } from '../support/conversation.js';
import { startLocations, startLocationsHere } from '../support/locations.js';
import type { RawResponse } from '../support/raw.js';
import { startStandIn } from '../support/stand-in.js';

const APP = 'https://app.example.com';
const OTHER = 'https://evil.example';

const root = t.testdir({ secret: 'a secret of the links, long enough' });
const SECRET = `file:${join(root, 'secret')}`;
writeFileSync(join(root, 'font.woff2'), 'a font');
const place = { kind: 'static', root };
const server = await startLocations(t, [
  { ...place, prefix: '/anyone/', cors: '*' },
  { ...place, prefix: '/some/', cors: [APP, 'http://localhost:3000'] },
  { ...place, prefix: '/none/' },
]);
const conversation = await converse(t, server.port);
const allowed = ({ headers }: RawResponse): string | undefined => headers['access-control-allow-origin'];
const varies = ({ headers }: RawResponse): boolean => /\borigin\b/i.test(headers['vary'] ?? '');

t.test('a page of an allowed origin may read a file, whole, in part, or known already', async (t) => {
  const { headers } = await conversation.ask('/some/font.woff2');
  const forms: readonly (readonly [status: number, ...fields: string[]])[] = [
    [200],
    [206, 'Range: bytes=0-0'],
    [304, `If-None-Match: ${headers['etag']}`],
  ];
  const cases: readonly (readonly [
    prefix: string,
    origin: string,
    allowed: string | undefined,
    varies: boolean,
  ])[] = [
    ['/anyone/', APP, '*', false],
    ['/anyone/', OTHER, '*', false],
    ['/anyone/', 'null', '*', false],
    ['/some/', APP, APP, true],
    ['/some/', 'http://localhost:3000', 'http://localhost:3000', true],
    ['/some/', OTHER, undefined, true],
    ['/some/', 'null', undefined, true],
    ['/some/', 'https://app.example.com.evil.example', undefined, true],
    ['/some/', 'http://app.example.com', undefined, true],
    ['/some/', 'https://app.example.com:8443', undefined, true],
    ['/none/', APP, undefined, false],
  ];
  for (const method of ['GET', 'HEAD']) {
    for (const [prefix, origin, expected, vary] of cases) {
      for (const [status, ...fields] of forms) {
        const response = await conversation.ask(
          `${prefix}font.woff2`,
          [`Origin: ${origin}`, ...fields],
          method,
        );
        const what = `${method} ${prefix} ${origin} ${status}`;
        t.equal(response.status, method === 'HEAD' && status === 206 ? 200 : status, what);
        t.equal(allowed(response), expected, what);
        t.equal(varies(response), vary, what);
        t.notOk('access-control-allow-credentials' in response.headers, what);
        const exposed = response.headers['access-control-expose-headers'];
        if (expected === undefined) t.equal(exposed, undefined, what);
        else for (const name of ['ETag', 'Content-Range', 'Content-Length']) t.match(exposed, name, what);
      }
    }
  }
});

t.test('a cache learns from a request without an origin too that the answer depends on it', async (t) => {
  const response = await conversation.ask('/some/font.woff2');
  t.equal(allowed(response), undefined);
  t.ok(varies(response));
});

t.test('a preflight may ask for ranges and preconditions, and for reading only', async (t) => {
  const preflight = (prefix: string, origin: string, ...fields: string[]) =>
    conversation.ask(`${prefix}font.woff2`, [`Origin: ${origin}`, ...fields], 'OPTIONS');
  const wish = ['Access-Control-Request-Method: GET', 'Access-Control-Request-Headers: range, if-range'];
  for (const [prefix, origin, expected] of [
    ['/anyone/', OTHER, '*'],
    ['/some/', APP, APP],
  ] as const) {
    const response = await preflight(prefix, origin, ...wish);
    t.equal(response.status, 204, prefix);
    t.equal(allowed(response), expected, prefix);
    t.same(response.headers['access-control-allow-methods']?.split(/, */), ['GET', 'HEAD'], prefix);
    const fields = response.headers['access-control-allow-headers']?.split(/, */) ?? [];
    for (const name of ['Range', 'If-Range', 'If-None-Match', 'If-Match']) t.ok(fields.includes(name), name);
  }
  t.equal(allowed(await preflight('/some/', OTHER, ...wish)), undefined, 'a stranger is not let in');
  t.equal((await preflight('/none/', APP, ...wish)).status, 405, 'where nothing is shared');
  t.equal((await preflight('/some/', APP)).status, 405, 'OPTIONS that is no preflight');
});

t.test('writing stays refused, whoever asks', async (t) => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
    const fields = [`Origin: ${APP}`, 'Content-Length: 0'];
    t.equal((await conversation.ask('/anyone/font.woff2', fields, method)).status, 405, method);
  }
});

t.test('a page may read why it does not get a file', async (t) => {
  mkdirSync(join(root, 'folder'));
  const { port } = await startLocationsHere(t, [
    { ...place, prefix: '/some/', cors: [APP], index: 'index.html', precompressed: ['gz'] },
    { ...place, prefix: '/anyone/', cors: '*' },
    { ...place, prefix: '/signed/', cors: [APP], secureLink: 'hmac-sha256', secureLinkSecret: SECRET },
    { ...place, prefix: '/none/' },
  ]);
  const conversation = await converse(t, port);
  const cases: readonly (readonly [status: number, target: string, method?: string, ...fields: string[]])[] =
    [
      [404, 'missing'],
      [404, '.env'],
      [301, 'folder'],
      [405, 'font.woff2', 'POST', 'Content-Length: 0'],
      [405, 'font.woff2', 'OPTIONS'],
      [406, 'missing.css', 'GET', 'Accept-Encoding: identity;q=0'],
      [412, 'font.woff2', 'GET', 'If-Match: "other"'],
      [416, 'font.woff2', 'GET', 'Range: bytes=100-'],
    ];
  writeFileSync(join(root, 'missing.css'), 'no sibling');
  for (const [status, name, method = 'GET', ...fields] of cases) {
    for (const [origin, expected] of [
      [APP, APP],
      [OTHER, undefined],
    ] as const) {
      const response = await conversation.ask(`/some/${name}`, [`Origin: ${origin}`, ...fields], method);
      t.equal(response.status, status, `${method} ${name}`);
      t.equal(allowed(response), expected, `${method} ${name} ${origin}`);
      t.ok(varies(response), `${method} ${name} ${origin}`);
    }
  }
  t.equal(allowed(await conversation.ask('/anyone/missing', [`Origin: ${OTHER}`])), '*');
  t.equal(allowed(await conversation.ask('/none/missing', [`Origin: ${APP}`])), undefined);
  for (const target of ['/signed/font.woff2', '/signed/font.woff2?expires=1&signature=x']) {
    const response = await conversation.ask(target, [`Origin: ${APP}`]);
    t.equal(response.status, 403);
    t.equal(allowed(response), APP, 'of a link that is not good');
    const wish = [`Origin: ${APP}`, 'Access-Control-Request-Method: GET'];
    t.equal((await conversation.ask(target, wish, 'OPTIONS')).status, 204, 'a preflight needs no signature');
  }
});

t.test('where the app decides, a preflight is answered before it, and its refusal can be read', async (t) => {
  const app = await startStandIn(t, ({ headers }, response) => {
    const { authorization = '401' } = headers;
    const own = authorization.includes('own')
      ? ['Access-Control-Allow-Origin', OTHER, 'Access-Control-Allow-Credentials', 'true', 'Vary', 'Origin']
      : [];
    const status = Number(/\d+/.exec(authorization)?.[0]);
    response.writeHead(status, [...own, 'WWW-Authenticate', 'Bearer', 'Location', '/login/']);
    response.end(status === 204 ? undefined : 'who are you?');
  });
  const asked = { ...place, authRequest: '/may-i/' };
  const { port } = await startLocationsHere(t, [
    { ...asked, prefix: '/some/', cors: [APP] },
    { ...asked, prefix: '/anyone/', cors: '*' },
    { ...asked, prefix: '/none/' },
    { kind: 'upstream', prefix: '/', upstream: app.address },
  ]);
  const conversation = await converse(t, port);
  const ask = (target: string, fields: readonly string[], method?: string) =>
    conversation.ask(`${target}font.woff2`, fields, method);

  const wish = [
    `Origin: ${APP}`,
    'Access-Control-Request-Method: GET',
    'Access-Control-Request-Headers: authorization',
  ];
  for (const [prefix, expected] of [
    ['/some/', APP],
    ['/anyone/', '*'],
  ] as const) {
    const preflight = await ask(prefix, wish, 'OPTIONS');
    t.equal(preflight.status, 204, prefix);
    t.equal(allowed(preflight), expected, prefix);
    t.match(preflight.headers['access-control-allow-headers'], /\bAuthorization\b/, prefix);
  }
  t.same(app.seen, [], 'nobody was asked');
  t.equal((await ask('/none/', wish, 'OPTIONS')).status, 401, 'where nothing is shared, the app decides');
  t.equal((await ask('/some/', [`Origin: ${APP}`], 'OPTIONS')).status, 401, 'so it does of another OPTIONS');

  for (const status of [401, 403, 302]) {
    for (const [prefix, origin, expected, vary] of [
      ['/some/', APP, APP, true],
      ['/some/', OTHER, undefined, true],
      ['/anyone/', OTHER, '*', false],
      ['/none/', APP, undefined, false],
    ] as const) {
      const response = await ask(prefix, [`Origin: ${origin}`, `Authorization: ${status}`]);
      t.equal(response.status, status, `${prefix} ${origin}`);
      t.equal(allowed(response), expected, `${prefix} ${origin} ${status}`);
      t.equal(varies(response), vary, `${prefix} ${origin} ${status}`);
      t.equal(response.headers['www-authenticate'], 'Bearer');
    }
  }
  const own = await ask('/some/', [`Origin: ${APP}`, 'Authorization: own 401']);
  t.same(
    own.fields.filter(([name]) => name === 'access-control-allow-origin').map(([, value]) => value),
    [OTHER],
    'what the app says itself is not said twice',
  );
  const broken = await ask('/some/', [`Origin: ${APP}`, 'Authorization: 500']);
  t.equal(broken.status, 500);
  t.equal(allowed(broken), APP);
  const file = await ask('/some/', [`Origin: ${APP}`, 'Authorization: 204']);
  t.equal(file.status, 200);
  t.equal(allowed(file), APP);
});
