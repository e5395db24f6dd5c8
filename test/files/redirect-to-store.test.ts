// Visitors are sent to the store with a signed URL: it works, it is the same for some minutes, and nobody keeps it for too long.

import { pino } from 'pino';
import t from 'tap';
import type { FileLocation } from '../../src/config/location.js';
import { redirectToStore, type SigningStore } from '../../src/files/redirect-to-store.js';
import type { Exchange } from '../../src/http/exchange.js';
import { startApp, startRecorder } from '../support/app.js';
import { laterBy, tellTime } from '../support/later.js';
import { get, type RawResponse, rawRequest } from '../support/raw.js';
import { startS3StandIn, TEST_CREDENTIALS } from '../support/s3-stand-in.js';
import { startServer } from '../support/server.js';
import { until } from '../support/until.js';

const MINUTE = 60_000;
const WINDOW = 15 * MINUTE;
const ENV = {
  AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
};

t.test('what the store sends is what was asked for, once it is allowed', async (t) => {
  const standIn = await startS3StandIn(t);
  standIn.put('media/a b+ü.txt', 'hello', { 'Content-Type': 'text/plain' });
  standIn.put('private/report', 'secret');
  const { address } = await startApp(t, ({ url = '' }, response) => {
    if (url === '/may-i') response.statusCode = 403;
    if (url === '/order') {
      response.setHeader('X-Accel-Redirect', '/protected/report');
      response.setHeader('Content-Type', 'application/pdf');
      response.setHeader('Content-Disposition', 'attachment; filename="a b.pdf"');
      response.setHeader('Set-Cookie', 'a=b');
    }
    response.end('of the app');
  });
  const roots = [
    '--root',
    `s3://${standIn.bucket}/media`,
    '--internal',
    `/protected/=s3://${standIn.bucket}/private`,
  ];
  const place = [
    '--s3-endpoint',
    standIn.endpoint,
    '--s3-region',
    standIn.region,
    '--store-mode',
    'redirect',
  ];
  const server = await startServer(t, [...roots, ...place, '--upstream', address], {
    env: ENV,
  });
  const ask = (target: string, fields: readonly string[] = [], method = 'GET'): Promise<RawResponse> =>
    rawRequest(server.port, get(target, fields, method));

  const answer = await ask('/media/a%20b+%C3%BC.txt', ['Range: bytes=0-1']);
  t.equal(answer.status, 302);
  t.equal(answer.body.length, 0);
  const location = answer.headers['location'] ?? '';
  t.ok(location.startsWith(`${standIn.endpoint}/${standIn.bucket}/media/`), 'it leads to the store');
  t.notOk(location.includes(TEST_CREDENTIALS.secretAccessKey));
  const got = await fetch(location);
  t.equal(`${got.status} ${await got.text()}`, '200 hello', 'the signature is right');
  t.equal((await fetch(location.replace('media/', 'private/'))).status, 403, 'for no other object');
  t.equal((await ask('/media/a%20b+%C3%BC.txt')).headers['location'], location, 'the same again');
  const head = (await ask('/media/a%20b+%C3%BC.txt', [], 'HEAD')).headers['location'] ?? '';
  t.equal((await fetch(head, { method: 'HEAD' })).status, 200, 'a HEAD may be asked with it');

  const ordered = await ask('/order');
  t.equal(ordered.status, 302);
  t.equal(ordered.headers['cache-control'], 'private, no-cache', 'the app is asked each time');
  t.equal(ordered.headers['set-cookie'], 'a=b', 'what the app says to the visitor');
  const handed = await fetch(ordered.headers['location'] ?? '');
  t.equal(await handed.text(), 'secret');
  t.equal(handed.headers.get('content-type'), 'application/pdf', 'what the app says of it');
  t.equal(handed.headers.get('content-disposition'), 'attachment; filename="a b.pdf"');

  for (const [target, status] of [
    ['/protected/report', 404],
    ['/media/.hidden', 404],
    ['/media/', 404],
    ['/page', 200],
  ] as const)
    t.equal((await ask(target)).status, status, target);
  t.equal((await ask('/media/a', [], 'DELETE')).status, 405);
  // Two locations, and each asks at the start whether all is well.
  const own = (): number =>
    standIn.requests.filter(({ headers }) => headers.authorization !== undefined).length;
  await until(() => own() >= 2, 'they have asked');
  t.equal(own(), 2, 'nothing else');
});

/** The quarters of an hour that two moments lie in, by their beginnings. */
function quartersOf(from: number, to: number): readonly number[] {
  const quarters: number[] = [];
  for (let at = Math.floor(from / WINDOW) * WINDOW; at <= to; at += WINDOW) quarters.push(at);
  return quarters;
}

/** When a signed URL begins to be good, in milliseconds since the epoch. */
function beginOf(url: string): number {
  const [, y, mo, d, h, mi, s] = /X-Amz-Date=(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(url) ?? [];
  return Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`);
}

t.test('URLs are signed by the time of the store, whatever the clock of this machine says', async (t) => {
  const { address } = await startRecorder(t);
  // The store takes requests whose time is out by less than a quarter of an hour.
  for (const minutes of [-14, -20, 20]) {
    const standIn = await startS3StandIn(t);
    standIn.put('media/a', 'hello');
    const place = ['--s3-endpoint', standIn.endpoint, '--s3-region', standIn.region, '--upstream', address];
    const server = await startServer(
      t,
      ['--root', `s3://${standIn.bucket}/media`, '--store-mode', 'redirect', '--max-age', '1h', ...place],
      { env: ENV, node: laterBy(minutes * MINUTE) },
    );
    const how = `is ${Math.abs(minutes)} minutes ${minutes < 0 ? 'behind' : 'ahead of'}`;
    await server.logged(({ msg }) => String(msg).includes(how));
    const checkRedirect = async (what: string): Promise<void> => {
      const from = Date.now();
      const { headers } = await rawRequest(server.port, get('/media/a'));
      const location = headers['location'] ?? '';
      const to = Date.now();
      const begin = beginOf(location);
      t.ok(quartersOf(from - 5000, to + 5000).includes(begin), `${minutes} minutes, ${what}: ${begin}`);
      const age = Number(/max-age=(\d+)/.exec(headers['cache-control'] ?? '')?.[1]);
      t.ok(from + age * 1000 < begin + 30 * MINUTE, `${what}: kept for ${age} s`);
      t.equal((await fetch(location)).status, 200, what);
    };
    await checkRedirect('as it is');
    await tellTime(server);
    const own = (): number =>
      standIn.requests.filter(({ headers }) => headers.authorization !== undefined).length;
    const before = own();
    await checkRedirect('when it is set right');
    await until(() => own() > before, 'the store is asked what time it is');
    await checkRedirect('and from then on');
    t.equal(own(), before + 1, 'not with each request');
    t.equal(server.log.filter(({ msg }) => String(msg).includes('clock')).length, 1, 'told once');
  }
});

/** What a redirect says at this moment: when its URL is made for, and how long it may be kept. */
async function redirectAt(
  now: number,
  location: Partial<FileLocation>,
  ends = Infinity,
): Promise<Record<string, unknown>> {
  const store: SigningStore = {
    now,
    presign: async (path, { at, expires }) => ({
      url: `https://store/${path}?at=${at}`,
      expiresAt: Math.min(at + expires * 1000, ends),
    }),
  };
  const kind = { kind: 'media', prefix: '/media/', access: {}, root: 's3://b', ...location } as FileLocation;
  let fields: readonly string[] = [];
  const exchange = {
    request: { method: 'GET', headers: {} },
    response: {
      writeHead: (_: number, given: readonly string[]) => {
        fields = given;
      },
      end: () => {},
    },
    corsFields: ['Access-Control-Allow-Origin', '*'],
    target: { path: '/media/a', raw: '/media/a', authority: undefined },
  } as unknown as Exchange;
  await redirectToStore(kind, store, pino({ level: 'silent' }))(exchange);
  const value = (name: string): string | undefined => fields[fields.indexOf(name) + 1];
  return {
    location: value('Location'),
    cacheControl: value('Cache-Control'),
    sharedWith: value('Access-Control-Allow-Origin'),
  };
}

t.test('the URL is the same for a quarter of an hour, and good for longer than it is kept', async (t) => {
  const start = Date.UTC(2024, 0, 1);
  const at = (
    minutes: number,
    location: Partial<FileLocation> = { maxAge: 7 * 24 * 60 * MINUTE },
    ends?: number,
  ) => redirectAt(start + minutes * MINUTE, location, ends);
  t.same(await at(0), {
    location: `https://store/a?at=${start}`,
    cacheControl: 'public, max-age=1740',
    sharedWith: '*',
  });
  t.match(await at(14), { location: `https://store/a?at=${start}`, cacheControl: 'public, max-age=900' });
  t.match(await at(15), {
    location: `https://store/a?at=${start + 15 * MINUTE}`,
    cacheControl: 'public, max-age=1740',
  });
  t.match(
    await at(0, { maxAge: MINUTE }),
    { cacheControl: 'public, max-age=60' },
    'no longer than is wanted',
  );
  t.match(await at(0, { kind: 'internal' }), { cacheControl: 'private, no-cache' });
  const rules = [
    {
      match: '.',
      value:
        'public, max-age=31536000, s-maxage=86400, immutable, stale-while-revalidate=86400, stale-if-error=9',
    },
  ];
  t.match(await at(0, { cacheControl: rules }), { cacheControl: 'public, max-age=1740, s-maxage=1740' });
  t.match(
    await at(10, undefined, start + 12 * MINUTE),
    { cacheControl: 'public, max-age=60' },
    'credentials that end',
  );
  t.match(await at(10, undefined, start + 10 * MINUTE), { cacheControl: 'public, max-age=0' });
});
