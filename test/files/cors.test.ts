// Cross-origin reading: who may, on which responses, what caches are told, and what a preflight gets.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { converse } from '../support/conversation.js';
import { startLocations } from '../support/locations.js';
import type { RawResponse } from '../support/raw.js';

const APP = 'https://app.example.com';
const OTHER = 'https://evil.example';

const root = t.testdir({});
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
