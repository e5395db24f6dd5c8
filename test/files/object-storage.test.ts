// Media in a bucket: the same answers as for the same files on disk, and the rules that hold for uploads. The store is a
// stand-in that checks each signature; a real one is in test/suites.
import t, { type Test } from 'tap';
import { startApp, startRecorder } from '../support/app.js';
import { startHere } from '../support/here.js';
import { get, openConnection, type RawResponse, rawRequest } from '../support/raw.js';
import { type S3StandIn, startS3StandIn, TEST_CREDENTIALS } from '../support/s3-stand-in.js';
import { type RunningServer, startServer } from '../support/server.js';
import { until } from '../support/until.js';
import { checkAnswers } from './bucket-as-directory.js';

/** What the environment of a server says of its credentials. */
const ENV = {
  AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
};
const LONG = Array.from({ length: 30_000 }, (_, index) => String(index).padStart(8)).join('');

function place(standIn: S3StandIn): string[] {
  return ['--s3-endpoint', standIn.endpoint, '--s3-region', standIn.region];
}

async function startSite(t: Test, standIn: S3StandIn, more: readonly string[] = []): Promise<RunningServer> {
  const { address } = await startRecorder(t);
  const args = ['--root', `s3://${standIn.bucket}/media`, ...place(standIn), '--upstream', address, ...more];
  const server = await startServer(t, args, { env: ENV });
  // At the start it is asked whether all is well, once for each prefix.
  const questions = new Set(args.flatMap((arg) => /s3:\/\/.*/.exec(arg) ?? [])).size;
  const isAnswered = (): boolean => standIn.requests.filter(({ status }) => status !== 0).length >= questions;
  await until(isAnswered, 'it knows its buckets');
  return server;
}

const ask = (server: RunningServer, target: string, fields: readonly string[] = []): Promise<RawResponse> =>
  rawRequest(server.port, get(target, fields));

t.test('a bucket answers as a directory does', async (t) => {
  const standIn = await startS3StandIn(t);
  await checkAnswers(t, {
    bucket: standIn.bucket,
    place: place(standIn),
    env: ENV,
    put: (key, content) => standIn.put(key, content).lastModified,
  });
});

t.test('one request is one request to the store', async (t) => {
  const standIn = await startS3StandIn(t);
  const { etag } = standIn.put('media/a', LONG);
  const server = await startSite(t, standIn);
  const cases: readonly (readonly [fields: readonly string[], asked: readonly string[]])[] = [
    [[], ['GET 200']],
    [['Range: bytes=0-9'], ['GET 206 bytes=0-9']],
    [['Range: bytes=-9'], ['GET 206 bytes=-9']],
    [[`If-None-Match: ${etag}`], ['GET 304']],
    [['If-Modified-Since: Thu, 29 Feb 2024 12:00:00 GMT'], ['GET 304']],
    [['Range: bytes=0-9', `If-Range: ${etag}`], ['GET 206 bytes=0-9']],
    // The store is not asked about If-Range, so that this costs a second one.
    [
      ['Range: bytes=5-9', 'If-Range: "other"'],
      ['GET 206 bytes=5-9', `GET 206 bytes=0-${LONG.length - 1}`],
    ],
    [['Range: bytes=0-9,20-29'], ['HEAD 200', 'GET 206 bytes=0-9', 'GET 206 bytes=20-29']],
  ];
  for (const [fields, asked] of cases) {
    const before = standIn.requests.length;
    await ask(server, '/media/a', fields);
    t.same(
      standIn.requests
        .slice(before)
        .map(({ method, status, headers: { range } }) => [method, status, range].filter(Boolean).join(' ')),
      asked,
      fields.join(', '),
    );
  }
});

t.test('an object that is replaced before anything of it is sent is sent as it is now', async (t) => {
  const standIn = await startS3StandIn(t);
  const server = await startSite(t, standIn);
  const cases: readonly (readonly [fields: readonly string[], body: RegExp])[] = [
    [['Range: bytes=0-1,500-501'], /bytes 0-1\/1000\r\n\r\nbb\r\n.*bytes 500-501\/1000\r\n\r\nbb/s],
    [['If-None-Match: "other", "another"'], /^b{1000}$/],
    [['Range: bytes=5-9', 'If-Range: "other"'], /^b{1000}$/],
  ];
  /** Replaces it before these requests, counted from 1, are answered. */
  const replaceAt = (...times: readonly number[]): void => {
    let asked = 0;
    standIn.put('media/a', 'a'.repeat(1000));
    standIn.onRequest = () => {
      asked += 1;
      if (times.includes(asked)) standIn.put('media/a', String.fromCharCode(97 + asked / 2).repeat(1000));
    };
  };
  for (const [fields, body] of cases) {
    const before = standIn.requests.length;
    replaceAt(2);
    const answer = await ask(server, '/media/a', fields);
    t.ok([200, 206].includes(answer.status), `${answer.status} ${fields.join(', ')}`);
    t.match(answer.body.toString(), body);
    t.ok(standIn.requests.length - before <= 5);
    replaceAt(2, 4);
    t.equal((await ask(server, '/media/a', fields)).status, 502, 'once');
  }
  replaceAt(3);
  const cut = await ask(server, '/media/a', ['Range: bytes=0-1,500-501']);
  t.equal(cut.status, 206);
  t.notMatch(cut.body.toString(), 'bytes 500-501', 'what has begun is cut off');
  replaceAt(2);
  standIn.next({ kind: 'cut-in-body', after: 0 });
  const broken = await ask(server, '/media/a');
  t.equal(broken.status, 200, 'its connection broke before its first byte');
  t.match(broken.body.toString(), /^b{1000}$/);
});

t.test('what is stored with an object is said, within the rules for uploads', async (t) => {
  const standIn = await startS3StandIn(t);
  standIn.put(
    'media/report',
    'a report',
    {
      'Content-Type': 'text/plain; charset=iso-8859-1',
      'Content-Disposition': 'attachment; filename="report.txt"',
      'Content-Language': 'de',
      'Cache-Control': 'max-age=60',
      'x-amz-meta-secret': 'of the app',
      'x-amz-version-id': '3',
    },
    '"0123-7"',
  );
  const server = await startSite(t, standIn, ['--internal', `/protected/=s3://${standIn.bucket}/media`]);
  const { headers } = await ask(server, '/media/report');
  t.match(headers, {
    etag: '"0123-7"',
    'last-modified': 'Thu, 29 Feb 2024 12:00:00 GMT',
    'content-type': 'text/plain; charset=iso-8859-1',
    'content-disposition': 'attachment; filename="report.txt"',
    'content-language': 'de',
    'cache-control': 'max-age=60',
    'x-content-type-options': 'nosniff',
  });
  t.same(
    Object.keys(headers).filter((name) => name.startsWith('x-amz')),
    [],
    'nothing of the store itself',
  );

  const { headers: kept } = await ask(server, '/media/report', ['If-None-Match: "0123-7"']);
  t.same(
    [kept['cache-control'], kept['content-security-policy'], kept['etag'], kept['x-content-type-options']],
    [undefined, undefined, '"0123-7"', 'nosniff'],
    'a 304 does not replace what is not known with it',
  );

  const types: readonly (readonly [stored: string, sent: string, isShown: boolean])[] = [
    ['image/png', 'image/png', true],
    ['IMAGE/PNG', 'image/png', true],
    ['text/html', 'text/html; charset=utf-8', false],
    ['image/svg+xml', 'image/svg+xml; charset=utf-8', false],
    // Code is no code of the site's.
    ['text/javascript', 'text/plain; charset=utf-8', false],
    ['TEXT/JavaScript; charset=utf-8', 'text/plain; charset=utf-8', false],
    ['application/wasm', 'text/plain; charset=utf-8', false],
    // What says nothing, or is not one type, is told by the name.
    ['binary/octet-stream', 'image/jpeg', true],
    ['application/octet-stream', 'image/jpeg', true],
    ['image/png, text/html', 'image/jpeg', true],
    ['png', 'image/jpeg', true],
  ];
  for (const [stored, sent, isShown] of types) {
    standIn.put('media/a.jpg', 'x', { 'Content-Type': stored });
    const { headers } = await ask(server, '/media/a.jpg');
    t.equal(headers['content-type'], sent, stored);
    t.equal(headers['content-security-policy'] === undefined, isShown, `${stored}: a browser may run it`);
  }
  t.equal((await ask(server, '/protected/report')).status, 404, 'only the app hands these out');
});

t.test('a 304 takes nothing back of what a client was told of an object', async (t) => {
  const standIn = await startS3StandIn(t);
  const { etag } = standIn.put('media/a.jpg', 'x', { 'Cache-Control': 'no-cache' });
  const protectedBy = JSON.stringify({
    locations: [
      { kind: 'media', prefix: '/asked/', root: `s3://${standIn.bucket}/media`, authRequest: '/may-i' },
    ],
  });
  const config = `${t.testdir({ 'media-serve.json': protectedBy })}/media-serve.json`;
  const server = await startSite(t, standIn, ['--config', config]);
  const cases: readonly (readonly [said: string | undefined, target: string, told: string | undefined])[] = [
    // The location's own, a minute for everybody, would stand in for the object's from then on.
    [undefined, '/media/a.jpg', undefined],
    ['no-cache', '/media/a.jpg', 'no-cache'],
    // What needs a permission has the location's in any case.
    [undefined, '/asked/a.jpg', 'private, no-cache'],
    ['public, max-age=60', '/asked/a.jpg', 'private, no-cache'],
  ];
  for (const [said, target, told] of cases) {
    const field = said === undefined ? '' : `Cache-Control: ${said}\r\n`;
    // As Versity's gateway answers it, without a validator.
    standIn.next({
      kind: 'raw',
      bytes: `HTTP/1.1 304 Not Modified\r\n${field}Content-Type: text/xml\r\n\r\n`,
    });
    const { status, headers } = await ask(server, target, [`If-None-Match: ${etag}`]);
    t.equal(status, 304);
    t.equal(headers['cache-control'], told, `${target}, of which the store says ${said}`);
    t.equal(headers['etag'], etag);
    t.notOk('content-type' in headers);
  }
});

t.test('the app hands out what is in a bucket', async (t) => {
  const standIn = await startS3StandIn(t);
  standIn.put('private/a b.txt', LONG, { 'Cache-Control': 'public, max-age=60' });
  const { address } = await startApp(t, ({ url = '' }, response) => {
    response.setHeader('X-Accel-Redirect', url.slice('/order?'.length)).end();
  });
  const args = [
    '--internal',
    `/protected/=s3://${standIn.bucket}/private`,
    ...place(standIn),
    '--upstream',
    address,
  ];
  const server = await startServer(t, args, { env: ENV });
  const answer = await ask(server, '/order?/protected/a%20b.txt', ['Range: bytes=10-19']);
  t.equal(answer.status, 206);
  t.equal(answer.body.toString(), LONG.slice(10, 20));
  t.match(answer.headers['cache-control'], /private/, "what needs a permission is not everybody's");
  t.equal((await ask(server, '/order?/protected/missing')).status, 404);
});

t.test("a store that fails is a status of its own, and never the store's page", async (t) => {
  const standIn = await startS3StandIn(t);
  standIn.put('media/a', LONG);
  const server = await startSite(t, standIn);
  const cases: readonly (readonly [status: number, code: string, answered: number])[] = [
    [404, 'NoSuchKey', 404],
    [403, 'AccessDenied', 404],
    [404, 'NoSuchBucket', 502],
    [403, 'SignatureDoesNotMatch', 502],
    [503, 'SlowDown', 503],
    [500, 'InternalError', 502],
  ];
  for (const [status, code, answered] of cases) {
    // As often as it is asked again.
    standIn.next(
      ...Array.from({ length: status >= 500 ? 3 : 1 }, () => ({ kind: 'refuse', status, code }) as const),
    );
    const answer = await ask(server, '/media/a');
    t.equal(answer.status, answered, code);
    t.notMatch(answer.body.toString(), new RegExp(`${code}|<\\?xml`), 'nothing of the store');
  }
  await server.logged(({ msg }) => /s3:GetObject/.test(String(msg)));
  for (const cause of ['NoSuchBucket', 'SignatureDoesNotMatch', 'SlowDown', 'InternalError']) {
    await server.logged(({ target, msg }) => target === '/media/a' && String(msg).includes(cause));
  }
  for (const line of server.log) {
    const text = JSON.stringify(line);
    t.notOk(
      text.includes(TEST_CREDENTIALS.secretAccessKey) || text.includes('Signature='),
      'no secret in the log',
    );
  }
  t.equal((await ask(server, '/media/a')).status, 200, 'and is back');
});

t.test('what breaks off in the middle is cut off', async (t) => {
  const standIn = await startS3StandIn(t);
  // With a strong tag the rest of it would be asked for.
  standIn.put('media/a', LONG, {}, 'W/"weak"');
  const server = await startSite(t, standIn);
  standIn.next({ kind: 'cut-in-body', after: 100_000 });
  const connection = await openConnection(t, server.port);
  connection.socket.write(get('/media/a'));
  const received = await connection.closed();
  t.match(received, /^HTTP\/1\.1 200 /);
  t.ok(received.length < LONG.length, 'it is not whole');
});

t.test('locations over one bucket ask it with the same connections', async (t) => {
  const standIn = await startS3StandIn(t);
  const bucket = `s3://${standIn.bucket}`;
  for (const key of ['media/a', 'more/a', 'a']) standIn.put(key, key);
  const more = ['media', 'more', ''].map((prefix) => [`/${prefix || 'all'}-again/`, `${bucket}/${prefix}`]);
  const server = await startSite(t, standIn, [
    ...more.flatMap(([prefix, root]) => ['--mount', `${prefix}=${root}`]),
    ...['--internal', `/protected/=${bucket}/more`],
  ]);
  t.equal(standIn.requests.length, 3, 'each prefix is asked for once');
  const { connections } = standIn;
  for (const [target, key] of [
    ['/media/a', 'media/a'],
    ['/media-again/a', 'media/a'],
    ['/more-again/a', 'more/a'],
    ['/all-again/a', 'a'],
  ] as const) {
    t.equal((await ask(server, target)).body.toString(), key, target);
  }
  t.equal((await ask(server, '/all-again/more/a')).status, 404, 'what is protected stays so');
  t.equal(standIn.connections, connections);
});

t.test('a server that ends closes its connections to the store', async (t) => {
  const standIn = await startS3StandIn(t, { credentials: undefined });
  standIn.put('media/a', 'hello');
  const bucket = ['--root', `s3://${standIn.bucket}/media`, '--s3-anonymous'];
  const server = await startHere(t, [...bucket, ...place(standIn)]);
  t.equal((await rawRequest(server.port, get('/media/a'))).status, 200);
  t.ok(standIn.open > 0);
  await server.stop();
  await until(() => standIn.open === 0, 'they are closed', 5000);
});

t.test("a client that leaves gives the store's connection back", async (t) => {
  const standIn = await startS3StandIn(t);
  standIn.put('media/a', Buffer.alloc(32 * 1024 * 1024));
  const server = await startSite(t, standIn);
  const connection = await openConnection(t, server.port);
  connection.socket.write(get('/media/a'));
  await connection.until((received) => received.startsWith('HTTP/1.1 200 '));
  connection.socket.destroy();
  await until(() => standIn.open === 0, "the store's is closed");
});

t.test('a store that is wrong is told at the start, and the app is served', async (t) => {
  const standIn = await startS3StandIn(t);
  const server = await startSite(t, standIn, ['--s3-region', 'eu-central-1']);
  await server.logged(({ msg }) => /--s3-region/.test(String(msg)));
  t.equal((await ask(server, '/page')).status, 200);
  t.equal(await server.stop(), 0);
});
