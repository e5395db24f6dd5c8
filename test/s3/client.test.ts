// Objects as a client gets them: what is asked of the store, what comes back, and what becomes of the connection.
import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { locateBucket, parseEndpoint } from '../../src/config/bucket.js';
import { toBytePath } from '../../src/http/target.js';
import type { S3Answer } from '../../src/s3/answer.js';
import type { S3Client } from '../../src/s3/client.js';
import { fixedCredentials } from '../../src/s3/credentials.js';
import type { S3Request } from '../../src/s3/request.js';
import { bytesOf, clientOf, errorOf } from '../support/s3-client.js';
import { startS3StandIn, TEST_CREDENTIALS } from '../support/s3-stand-in.js';
import { until } from '../support/until.js';

const get = (client: S3Client, key: string, more: Partial<S3Request> = {}): Promise<S3Answer> =>
  client.get({ key: toBytePath(key), method: 'GET', ...more });

t.test('an object comes with what is known of it, and nothing else', async (t) => {
  const store = await startS3StandIn(t);
  const object = store.put('a/b.txt', 'hello', {
    'Content-Type': 'text/plain',
    'Content-Disposition': 'inline',
    'Content-Language': 'en',
    'Content-Encoding': 'gzip, aws-chunked',
    'Cache-Control': 'max-age=60',
    'x-amz-storage-class': 'STANDARD_IA',
  });
  const client = clientOf(t, store);
  for (const method of ['GET', 'HEAD'] as const) {
    const answer = await get(client, 'a/b.txt', { method });
    const { body, ...rest } = answer;
    t.same(rest, {
      status: 200,
      etag: object.etag,
      lastModified: object.lastModified,
      size: 5,
      range: undefined,
      fields: {
        contentType: 'text/plain',
        contentDisposition: 'inline',
        contentLanguage: 'en',
        contentEncoding: 'gzip',
        cacheControl: 'max-age=60',
      },
      requestId: `REQUEST${store.requests.length}`,
    });
    t.equal((await bytesOf(body)).toString(), method === 'GET' ? 'hello' : '');
  }
  t.same(
    store.requests.map(({ method, target, connection }) => [method, target, connection]),
    [
      ['GET', '/media/a/b.txt', 1],
      ['HEAD', '/media/a/b.txt', 1],
    ],
    'one request each, on one connection',
  );
  t.match(store.requests[0]?.headers, { 'accept-encoding': 'identity' });
});

t.test('a field that is stored empty is none', async (t) => {
  const store = await startS3StandIn(t);
  const names = [
    'Content-Type',
    'Content-Disposition',
    'Content-Language',
    'Content-Encoding',
    'Cache-Control',
  ];
  store.put('x', 'hello', Object.fromEntries(names.map((name) => [name, ''])));
  const { fields, body } = await get(clientOf(t, store), 'x');
  body.close();
  for (const [name, value] of Object.entries(fields)) t.equal(value, undefined, name);
});

t.test('ranges and conditions are asked of the store', async (t) => {
  const store = await startS3StandIn(t);
  const { etag, lastModified } = store.put('x', '0123456789');
  store.put('empty', '');
  const cases: readonly (readonly [what: string, Partial<S3Request>, Partial<S3Answer>, body?: string])[] = [
    [
      'from one to another',
      { range: { first: 2, last: 4 } },
      { status: 206, size: 10, range: { first: 2, last: 4 } },
      '234',
    ],
    ['to the end', { range: { first: 7 } }, { status: 206, range: { first: 7, last: 9 } }, '789'],
    [
      'beyond the end',
      { range: { first: 7, last: 99 } },
      { status: 206, range: { first: 7, last: 9 } },
      '789',
    ],
    ['from the end', { range: { suffix: 3 } }, { status: 206, range: { first: 7, last: 9 } }, '789'],
    [
      'more from the end than there is',
      { range: { suffix: 30 } },
      { status: 206, range: { first: 0, last: 9 } },
      '0123456789',
    ],
    ['all of it', { range: { first: 0 } }, { status: 206, size: 10 }, '0123456789'],
    ['none of it', { range: { first: 10 } }, { status: 416, size: 10 }],
    [
      'of a HEAD',
      { method: 'HEAD', range: { first: 1, last: 2 } },
      { status: 206, size: 10, range: { first: 1, last: 2 } },
    ],
    [
      'the version that is known',
      { ifNoneMatch: etag },
      { status: 304, etag, size: undefined, lastModified },
    ],
    ['the version that is known, by HEAD', { method: 'HEAD', ifNoneMatch: etag }, { status: 304, etag }],
    ['another version than the known one', { ifNoneMatch: '"other"' }, { status: 200 }, '0123456789'],
    ['not changed since', { ifModifiedSince: lastModified }, { status: 304 }],
    ['changed since', { ifModifiedSince: lastModified - 1000 }, { status: 200 }, '0123456789'],
    [
      'the tag before the date',
      { ifNoneMatch: '"other"', ifModifiedSince: lastModified },
      { status: 200 },
      '0123456789',
    ],
    ['the version that is wanted', { ifMatch: etag, range: { first: 8 } }, { status: 206, etag }, '89'],
    ['not the version that is wanted', { ifMatch: '"other"', range: { first: 8 } }, { status: 412 }],
    ['the same by HEAD', { method: 'HEAD', ifMatch: '"other"' }, { status: 412 }],
    ['an empty object', { key: 'empty' }, { status: 200, size: 0 }],
    ['a range of an empty object', { key: 'empty', range: { first: 0 } }, { status: 416, size: 0 }],
  ];
  const client = clientOf(t, store);
  for (const [what, asked, expected, body = ''] of cases) {
    const answer = await get(client, 'x', asked);
    t.match(answer, expected, what);
    if (answer.status > 206) t.same(answer.fields, {}, `${what}: no fields of the object's`);
    t.equal((await bytesOf(answer.body)).toString(), body, what);
  }
  t.equal(store.requests.length, cases.length, 'one request each');
  for (const { headers } of store.requests) t.notOk(headers['if-none-match'] && headers['if-modified-since']);
  t.equal(store.connections, 1, 'all of them on one connection');
});

t.test('a store that knows no conditions never gives another version', async (t) => {
  const store = await startS3StandIn(t);
  store.put('x', '0123456789');
  store.next({ kind: 'ignore-conditions' });
  const client = clientOf(t, store);
  const { status, body } = await get(client, 'x', { ifMatch: '"other"', range: { first: 2 } });
  t.equal(status, 412);
  t.equal((await bytesOf(body)).length, 0);
  await until(() => client.load.underWay === 0, 'its place is free');
});

t.test('a version is told by its tag, whatever that has in it', async (t) => {
  const store = await startS3StandIn(t);
  const { etag } = store.put('x', '0123456789', {}, '"a,b,c"');
  const client = clientOf(t, store);
  for (const knowsConditions of [true, false]) {
    if (!knowsConditions) store.next({ kind: 'ignore-conditions' });
    const { status, body } = await get(client, 'x', { ifMatch: etag, range: { first: 8 } });
    t.equal(status, 206);
    t.equal((await bytesOf(body)).toString(), '89');
  }
});

t.test('a store that gives other bytes than it was asked for is not believed', async (t) => {
  const answers = [
    'HTTP/1.1 206 OK\r\nContent-Length: 2\r\nContent-Range: bytes 1-2/9\r\n\r\nab',
    'HTTP/1.1 206 OK\r\nContent-Length: 3\r\nContent-Range: bytes 0-1/9\r\n\r\nabc',
    'HTTP/1.1 206 OK\r\nContent-Length: 2\r\nContent-Range: bytes 0-1/*\r\n\r\nab',
    'HTTP/1.1 206 OK\r\nContent-Length: 2\r\n\r\nab',
    'HTTP/1.1 206 OK\r\nContent-Length: 0\r\nContent-Range: bytes 0--1/0\r\n\r\n',
    'HTTP/1.1 206 OK\r\nContent-Length: 12\r\nContent-Range: bytes 0-11/9\r\n\r\nabcdefghijkl',
    'HTTP/1.1 206 OK\r\nContent-Type: multipart/byteranges; boundary=x\r\nContent-Length: 2\r\n\r\n--',
    'HTTP/1.1 200 OK\r\n\r\nno end can be told from a cut',
  ];
  const store = await startS3StandIn(t);
  const client = clientOf(t, store);
  for (const bytes of answers) {
    store.next({ kind: 'raw', bytes });
    t.match(await errorOf(get(client, 'x', { range: { first: 0, last: 1 } })), { kind: 'failed' }, bytes);
  }
  const none = 'HTTP/1.1 206 OK\r\nContent-Length: 0\r\nContent-Range: bytes 9-8/9\r\n\r\n';
  store.next({ kind: 'raw', bytes: none });
  t.match(await errorOf(get(client, 'x', { range: { first: 9 } })), { kind: 'failed' }, 'no bytes at all');
  store.next({ kind: 'raw', bytes: answers[0] ?? '' });
  t.match(await errorOf(get(client, 'x')), { kind: 'failed' }, 'a part of what was asked for as a whole');
});

t.test('names are the same on both sides', async (t) => {
  const names = [
    'a b',
    'a+b',
    '100%',
    '%20',
    'Grüße/日本.jpg',
    'a//b',
    '.x/.y',
    "!*'()&=?#",
    'dir/',
    '\\"<>^`{|}',
    '/lead',
  ];
  const store = await startS3StandIn(t);
  const client = clientOf(t, store);
  for (const name of names) store.put(name, `it is ${name}`);
  for (const name of names) {
    t.equal((await bytesOf((await get(client, name)).body)).toString(), `it is ${name}`);
  }
  const before = store.requests.length;
  // What is answered for no key is a list of the bucket.
  for (const key of ['', 'x'.repeat(1025), 'a/../b', '..', './a', 'a/.']) {
    t.match(await errorOf(get(client, key)), { kind: 'not-found' });
    t.match(await errorOf(client.presign(key, { at: 0, expires: 60 })), { kind: 'not-found' });
  }
  // Bytes that are no UTF-8, or but the beginning of it, or half of a pair of UTF-16.
  for (const key of ['\xff\xfe', 'a\xc3', '\xed\xa0\x80']) {
    for (const method of ['GET', 'HEAD'] as const)
      t.match(await errorOf(client.get({ key, method })), { kind: 'not-found' });
    t.match(await errorOf(client.presign(key, { at: 0, expires: 60 })), { kind: 'not-found' });
  }
  t.equal(store.requests.length, before, 'those that can be no key are not asked for');
});

t.test('a bucket is found by its host name, with TLS, and by those who have a session', async (t) => {
  const large = randomBytes(3_000_000);
  const credentials = { ...TEST_CREDENTIALS, sessionToken: 'a+b/c==' };
  const cases = [
    { secure: false, style: 'path', host: '127.0.0.1' },
    { secure: false, style: 'virtual', host: 'media.localhost' },
    { secure: true, style: 'path', host: 'localhost' },
  ] as const;
  for (const { secure, style, host } of cases) {
    const store = await startS3StandIn(t, { secure, credentials, region: 'eu-central-1' });
    store.put('large', large);
    const endpoint = style === 'virtual' ? `http://localhost:${store.port}` : store.endpoint;
    const location = locateBucket({
      url: { bucket: 'media', prefix: '' },
      endpoint: parseEndpoint(endpoint),
      region: 'eu-central-1',
      style,
    });
    t.equal(location.host, host);
    const client = clientOf(t, store, {
      // A name below localhost is not known everywhere.
      location: style === 'virtual' ? { ...location, host: '127.0.0.1' } : location,
      credentials: fixedCredentials(credentials),
    });
    for (let times = 0; times < 3; times++) {
      t.ok((await bytesOf((await get(client, 'large')).body)).equals(large), `${host}, byte for byte`);
    }
    t.equal(store.connections, 1, 'on one connection');
    t.equal(store.requests[0]?.headers.host, `${host}:${store.port}`);
  }
});

t.test('what would end a field is never sent', async (t) => {
  const store = await startS3StandIn(t);
  const client = clientOf(t, store);
  for (const asked of [{ ifMatch: '"x"\r\nX: y' }, { ifNoneMatch: '"x"\n' }, { ifNoneMatch: '\u010d' }]) {
    await t.rejects(get(client, 'x', asked), { name: 'TypeError' });
  }
  t.equal(store.requests.length, 0);
  t.same(client.load, { underWay: 0, waiting: 0 });
});

t.test('a bucket that is open to all is asked without a signature', async (t) => {
  const store = await startS3StandIn(t, { credentials: undefined });
  store.put('x', 'open');
  const client = clientOf(t, store, { credentials: undefined });
  t.equal((await bytesOf((await get(client, 'x', { range: { first: 1 } })).body)).toString(), 'pen');
  t.notHas(store.requests[0]?.headers, { authorization: '' });
  const { url } = await client.presign('x', { at: 0, expires: 60 });
  t.equal(url, `${store.endpoint}/media/x`);
});

t.test(
  'a signed URL is good for anybody, says what it is told to, and is the same for the same moment',
  async (t) => {
    const store = await startS3StandIn(t);
    store.put('ä b.html', 'hello', { 'Content-Type': 'text/html' });
    const client = clientOf(t, store);
    const at = Math.floor(Date.now() / 60_000) * 60_000;
    const response = { contentType: 'text/plain', contentDisposition: 'attachment; filename="ä+b"' };
    const ask = () => client.presign(toBytePath('ä b.html'), { at, expires: 3600, response });
    const { url, expiresAt } = await ask();
    t.equal(expiresAt, at + 3_600_000);
    t.same(await ask(), { url, expiresAt });
    const answer = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      httpRequest(url, resolve).on('error', reject).end();
    });
    t.equal(answer.statusCode, 200);
    t.match(answer.headers, { 'content-type': 'text/plain' });
    t.equal((await buffer(answer)).toString(), 'hello');
    store.ahead = 3_700_000;
    const late = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      httpRequest(url, resolve).on('error', reject).end();
    });
    late.resume();
    t.equal(late.statusCode, 403, 'it ends');
  },
);

t.test('a signed URL is good for the method that it was made for, and no other', async (t) => {
  const store = await startS3StandIn(t);
  store.put('x', 'hello');
  const client = clientOf(t, store);
  const at = Math.floor(Date.now() / 60_000) * 60_000;
  for (const made of ['GET', 'HEAD'] as const) {
    const { url } = await client.presign('x', { method: made, at, expires: 3600 });
    for (const method of ['GET', 'HEAD'] as const) {
      const { status } = await fetch(url, { method });
      t.equal(status, method === made ? 200 : 403, `made for ${made}, asked with ${method}`);
    }
  }
});

t.test('a signed URL is good for no longer than S3 allows', async (t) => {
  const client = clientOf(t, await startS3StandIn(t));
  for (const expires of [0, -1, Number.NaN, 604_801]) {
    await t.rejects(client.presign('x', { at: 0, expires }), { name: 'RangeError' });
  }
});

t.test('a signed URL says when the credentials end before it', async (t) => {
  const store = await startS3StandIn(t);
  const credentials = fixedCredentials({ ...TEST_CREDENTIALS, expiresAt: 10_000 });
  t.match(await clientOf(t, store, { credentials }).presign('x', { at: 0, expires: 60 }), {
    expiresAt: 10_000,
  });
});
