// A bucket as a tree of files: what is found, which bytes come, what it costs the store, and what its errors come to.
import { EventEmitter } from 'node:events';
import t, { type Test } from 'tap';
import type { S3Answer } from '../../src/s3/answer.js';
import { NO_BODY, type S3Body } from '../../src/s3/body.js';
import type { S3Limits } from '../../src/s3/limits.js';
import type { S3Request } from '../../src/s3/request.js';
import { ObjectStore } from '../../src/stores/object-store.js';
import { type Found, type Known, type StoredFile, StoreError } from '../../src/stores/store.js';
import { clientOf } from '../support/s3-client.js';
import { type S3StandIn, startS3StandIn } from '../support/s3-stand-in.js';
import { until } from '../support/until.js';

interface Bucket {
  readonly store: ObjectStore;
  readonly standIn: S3StandIn;
  /** Codes of what the store refused. */
  readonly denied: (string | undefined)[];
}

async function openBucket(t: Test, limits: Partial<S3Limits> = {}): Promise<Bucket> {
  const standIn = await startS3StandIn(t);
  const denied: (string | undefined)[] = [];
  const store = new ObjectStore({
    client: clientOf(t, standIn, { limits }),
    location: { bucket: standIn.bucket, prefix: 'media/' },
    maxRanges: 64,
    onDenied: ({ code }) => denied.push(code),
  });
  return { store, standIn, denied };
}

interface Asking {
  readonly headers?: Record<string, string>;
  readonly method?: string;
  readonly siblings?: readonly string[];
}

const find = (
  { store }: Bucket,
  path: string,
  { headers = {}, method = 'GET', siblings = [] }: Asking = {},
): Promise<Found<Known>> =>
  store.find({ path, siblings, request: { method, headers }, known: () => undefined });

async function open(bucket: Bucket, path: string, asking?: Asking): Promise<StoredFile> {
  const { file } = await find(bucket, path, asking);
  if (file === undefined) throw new Error('nothing was opened');
  return file;
}

/** Reads as files/stream does. */
async function read(file: StoredFile, first: number, end: number, most = 1000): Promise<string> {
  let text = '';
  while (first + text.length < end) {
    const { bytes, release } = await file.read(
      first + text.length,
      Math.min(most, end - first - text.length),
      end,
    );
    text += bytes.toString('latin1');
    release();
  }
  return text;
}

const failure = (wanted: Promise<unknown> | undefined): Promise<string> =>
  Promise.resolve(wanted).then(
    () => 'found',
    (error: unknown) => (error instanceof StoreError ? error.failure : String(error)),
  );

const asked = ({ standIn }: Bucket): string[] =>
  standIn.requests.map(({ method, target, headers: { range } }) =>
    [method, target, range].filter((part) => part !== undefined).join(' '),
  );

const LONG = Array.from({ length: 1000 }, (_, index) => String(index).padStart(10)).join('');

t.test('an object is found and read with one request, whatever its name', async (t) => {
  const bucket = await openBucket(t);
  for (const name of ['a.txt', 'with space', 'a+b', '100%', 'ü/ß', '..x', '%41', "it's(!)*"]) {
    bucket.standIn.put(`media/${name}`, `content of ${name}`, { 'Content-Type': 'text/plain' });
    const before = bucket.standIn.requests.length;
    const file = await open(bucket, Buffer.from(name).toString('latin1'));
    const { size } = file.version;
    t.equal(Buffer.from(await read(file, 0, size), 'latin1').toString(), `content of ${name}`, name);
    t.equal(file.said?.contentType, 'text/plain');
    file.close();
    t.equal(bucket.standIn.requests.length, before + 1, 'one request');
  }
  t.equal(await failure(open(bucket, 'missing')), 'not-found');
  t.equal(bucket.standIn.connections, 1, 'a connection is used again');
});

t.test('what is asked for is what is fetched, and other bytes are of the same version', async (t) => {
  const bucket = await openBucket(t);
  const { etag } = bucket.standIn.put('media/long', LONG);
  const file = await open(bucket, 'long', { headers: { range: 'bytes=100-199' } });
  t.equal(file.version.size, LONG.length);
  t.equal(await read(file, 100, 200, 7), LONG.slice(100, 200), 'in pieces of any size');
  t.equal(await read(file, 500, 520), LONG.slice(500, 520), 'elsewhere');
  t.equal(await read(file, 0, 20), LONG.slice(0, 20), 'before it');
  t.same(asked(bucket), [
    'GET /media/media/long bytes=100-199',
    'GET /media/media/long bytes=500-519',
    'GET /media/media/long bytes=0-19',
  ]);
  t.same(
    bucket.standIn.requests.map(({ headers }) => headers['if-match']),
    [undefined, etag, etag],
  );
  bucket.standIn.put('media/long', LONG.toUpperCase().replace('0', 'X'));
  t.equal(await failure(read(file, 700, 710)), 'changed', 'never two versions in one answer');
  file.close();
});

t.test('a HEAD, and what is not modified, have no bytes', async (t) => {
  const bucket = await openBucket(t);
  const { etag, lastModified } = bucket.standIn.put('media/a', 'hello');
  const head = await open(bucket, 'a', { method: 'HEAD' });
  t.match(head, { version: { size: 5, etag, lastModified } });
  const kept = await open(bucket, 'a', { headers: { 'if-none-match': etag } });
  t.match(kept.version, { etag });
  bucket.standIn.next({ kind: 'ignore-conditions' });
  const whole = await open(bucket, 'a', { headers: { 'if-none-match': etag } });
  t.equal(whole.version.size, 5, 'a store that knows no conditions sends the whole');
  const past = await open(bucket, 'a', { headers: { range: 'bytes=10-' } });
  t.equal(past.version.size, 5, 'the size of what has not so many bytes');
  for (const file of [head, kept, whole, past]) file.close();
  t.same(
    bucket.standIn.requests.map(({ method, status }) => `${method} ${status}`),
    ['HEAD 200', 'GET 304', 'GET 200', 'GET 416', 'HEAD 200'],
  );
});

t.test('what a client has is not fetched, in whichever form it says so', async (t) => {
  const bucket = await openBucket(t);
  const { etag } = bucket.standIn.put('media/long', LONG);
  const cases: readonly (readonly [ifNoneMatch: string, requests: readonly string[]])[] = [
    [etag, ['GET 304']],
    // As compressing on the way makes of each tag.
    [`W/${etag}`, ['GET 304']],
    [`"other", W/${etag}`, ['HEAD 200']],
    ['*', ['HEAD 200']],
    ['W/"other"', ['GET 200']],
    ['"other", "another"', ['HEAD 200', 'GET 206']],
  ];
  for (const [tags, requests] of cases) {
    const before = bucket.standIn.requests.length;
    const file = await open(bucket, 'long', { headers: { 'if-none-match': tags } });
    t.match(file.version, { etag }, 'the tag is that of the object');
    if (requests.at(-1)?.startsWith('GET 2')) t.equal(await read(file, 0, LONG.length), LONG, tags);
    file.close();
    const made = bucket.standIn.requests.slice(before);
    t.same(
      made.map(({ method, status }) => `${method} ${status}`),
      requests,
      tags,
    );
    t.equal(bucket.standIn.connections, 1, 'no connection is cut');
  }
});

t.test('a 304 that HTTP would not give is asked for once more', async (t) => {
  const bucket = await openBucket(t);
  bucket.standIn.put('media/a', 'hello');
  bucket.standIn.next({
    kind: 'raw',
    bytes: 'HTTP/1.1 304 Not Modified\r\nETag: "other"\r\nConnection: close\r\n\r\n',
  });
  const file = await open(bucket, 'a', { headers: { 'if-none-match': '"mine"' } });
  t.equal(await read(file, 0, 5), 'hello');
  file.close();
});

t.test('what is cut off by its reader gives its connection up', async (t) => {
  const bucket = await openBucket(t);
  bucket.standIn.put('media/large', Buffer.alloc(4 * 1024 * 1024));
  const file = await open(bucket, 'large');
  await read(file, 0, 10);
  file.close();
  file.close();
  await until(() => bucket.standIn.open === 0, 'it is closed');
  t.equal(await failure(file.read(10, 10, 20)), 'store-failed');
});

t.test('each error of the store comes to what a client may know, and what is refused is told', async (t) => {
  const bucket = await openBucket(t, { attempts: 1 });
  bucket.standIn.put('media/a', 'hello');
  const cases: readonly (readonly [status: number, code: string, failure: string])[] = [
    [404, 'NoSuchKey', 'not-found'],
    [403, 'AccessDenied', 'not-found'],
    [404, 'NoSuchBucket', 'store-failed'],
    [403, 'SignatureDoesNotMatch', 'store-failed'],
    [503, 'SlowDown', 'store-busy'],
    [500, 'InternalError', 'store-failed'],
    [301, 'PermanentRedirect', 'store-failed'],
  ];
  for (const [status, code, expected] of cases) {
    bucket.standIn.next({ kind: 'refuse', status, code });
    t.equal(await failure(open(bucket, 'a')), expected, code);
  }
  t.same(bucket.denied, ['AccessDenied']);
  await bucket.standIn.stop();
  t.equal(await failure(open(bucket, 'a')), 'store-failed');
});

t.test('a sibling is taken that belongs to what is there', async (t) => {
  const bucket = await openBucket(t);
  const siblings = ['.br', '.gz'];
  bucket.standIn.put('media/a.css', 'a long style sheet');
  const suffix = async (): Promise<string> => {
    const found = await find(bucket, 'a.css', { siblings });
    found.file?.close();
    return found.suffix;
  };
  t.equal(await suffix(), '', 'there is none');
  bucket.standIn.put('media/a.css.gz', 'short');
  t.equal(await suffix(), '.gz');
  bucket.standIn.put('media/a.css.br', 'longer than the original is');
  t.equal(await suffix(), '.gz', 'one that is not smaller saves nothing');
  bucket.standIn.remove('media/a.css');
  t.equal(await failure(find(bucket, 'a.css', { siblings })), 'not-found', 'without the original');
});

/** What a store answers, one answer after another, the last one for ever. */
type Scripted = Partial<Omit<S3Answer, 'body'>> & {
  readonly status: S3Answer['status'];
  readonly text?: string;
};

/** A bucket whose store answers what no store of tests does. */
function scriptedBucket(script: readonly Scripted[]): { store: ObjectStore; asked: string[] } {
  const asked: string[] = [];
  const get = async ({ method, range, ifMatch }: S3Request): Promise<S3Answer> => {
    const answer = script[Math.min(asked.length, script.length - 1)];
    if (asked.length > 9 || answer === undefined) throw new Error('it is asked without end');
    asked.push([method, range && JSON.stringify(range), ifMatch].filter(Boolean).join(' '));
    const { text = '', ...rest } = answer;
    return {
      ...{
        etag: undefined,
        lastModified: 1000,
        size: undefined,
        range: undefined,
        fields: {},
        requestId: undefined,
      },
      ...rest,
      body: method === 'HEAD' ? NO_BODY : bodyOf(text),
    };
  };
  const client = {
    get,
    now: 0,
    keepTime() {},
    presign: async () => ({ url: '', expiresAt: 0 }),
  };
  const location = { bucket: 'b', prefix: '' };
  return {
    store: new ObjectStore({ client, location, maxRanges: 9, onDenied() {} }),
    asked,
  };
}

function bodyOf(text: string): S3Body {
  const pieces = text.match(/.{1,3}/g) ?? [];
  return {
    read: async () => {
      const bytes = pieces.shift();
      return bytes === undefined ? undefined : { bytes: Buffer.from(bytes), release: () => {} };
    },
    close() {},
  };
}

t.test(
  'what a store must not answer is a failure, and never an empty file or a request without end',
  async (t) => {
    const cases: readonly (readonly [
      script: readonly Scripted[],
      headers: Record<string, string>,
      requests: number,
    ])[] = [
      [[{ status: 304 }], {}, 1],
      [[{ status: 304 }], { 'if-none-match': '*' }, 1],
      [[{ status: 304, etag: '"other"' }], { 'if-none-match': '"a"' }, 2],
      [[{ status: 412 }], {}, 1],
      [[{ status: 416 }], { range: 'bytes=5-' }, 2],
      [[{ status: 416 }, { status: 412 }], { range: 'bytes=5-' }, 2],
      [[{ status: 416 }, { status: 200 }], { range: 'bytes=5-' }, 2],
      [[{ status: 200 }], {}, 1],
    ];
    for (const [script, headers, requests] of cases) {
      const { store, asked } = scriptedBucket(script);
      const wanted = store.find({
        path: 'a',
        siblings: [],
        request: { method: 'GET', headers },
        known: () => undefined,
      });
      t.equal(await failure(wanted), 'store-failed', JSON.stringify(script));
      t.equal(asked.length, requests);
    }
  },
);

t.test('without a strong tag the version is told by time and size', async (t) => {
  const whole = 'abcdefghij';
  const part = (first: number, last: number, more: Partial<Scripted> = {}): Scripted => ({
    ...{ status: 206, size: 10, range: { first, last }, text: whole.slice(first, last + 1) },
    ...more,
  });
  const cases: readonly (readonly [what: string, script: readonly Scripted[], read: string])[] = [
    ['no tag', [part(0, 1), part(5, 6)], 'fg'],
    ['a weak tag is not asked for', [part(0, 1, { etag: 'W/"a"' }), part(5, 6, { etag: 'W/"a"' })], 'fg'],
    ['a store that gives no parts', [{ status: 200, size: 10, text: whole }], 'fg'],
    ['one that gives none behind the first', [part(0, 1), { status: 200, size: 10, text: whole }], 'fg'],
    ['another time', [part(0, 1), part(5, 6, { lastModified: 2000 })], 'changed'],
    ['another size', [part(0, 1), part(5, 6, { size: 11 })], 'changed'],
    ['another tag', [part(0, 1), part(5, 6, { etag: '"b"' })], 'changed'],
  ];
  for (const [what, script, expected] of cases) {
    const { store, asked } = scriptedBucket(script);
    const headers = { range: 'bytes=0-1' };
    const { file } = await store.find({
      path: 'a',
      siblings: [],
      request: { method: 'GET', headers },
      known: () => undefined,
    });
    if (file === undefined) throw new Error('nothing was opened');
    t.equal(await read(file, 5, 7).catch((error: StoreError) => error.failure), expected, what);
    t.notOk(
      asked.some((line) => line.includes('"a"')),
      'no weak tag is asked for',
    );
    file.close();
  }
});

t.test('when nobody waits any more, nothing is asked for', async (t) => {
  const bucket = await openBucket(t);
  bucket.standIn.put('media/a', LONG);
  bucket.standIn.next({ kind: 'stall' });
  const client = Object.assign(new EventEmitter(), { destroyed: false });
  const request = { method: 'GET', headers: {} };
  const wanted = failure(
    bucket.store.find({ path: 'a', siblings: [], request, client, known: () => undefined }),
  );
  await until(() => bucket.standIn.requests.length === 1, 'it is asked');
  client.emit('close');
  t.equal(await wanted, 'gone');
  await until(() => bucket.standIn.open === 0, 'the connection is closed');
  t.equal(bucket.standIn.requests.length, 1, 'and it is not asked again');
  const file = await bucket.store.find({ path: 'a', siblings: [], request, client, known: () => undefined });
  t.equal(client.listenerCount('close'), 1);
  file.file?.close();
  t.equal(client.listenerCount('close'), 0, 'what is closed waits for nobody');
  client.destroyed = true;
  t.equal(
    await failure(bucket.store.find({ path: 'a', siblings: [], request, client, known: () => undefined })),
    'gone',
  );
});

t.test('who leaves in the middle does not wait for a store that has fallen silent', async (t) => {
  const bucket = await openBucket(t);
  bucket.standIn.put('media/a', LONG);
  bucket.standIn.next({ kind: 'stall-in-body', after: 1000 });
  const client = Object.assign(new EventEmitter(), { destroyed: false });
  const request = { method: 'GET', headers: {} };
  const { file } = await bucket.store.find({
    path: 'a',
    siblings: [],
    request,
    client,
    known: () => undefined,
  });
  const first = await file?.read(0, 1000, LONG.length);
  t.equal(first?.bytes.length, 1000);
  first?.release();
  const wanted = failure(file?.read(1000, 1000, LONG.length));
  client.emit('close');
  t.equal(await wanted, 'gone');
  await until(() => bucket.standIn.open === 0, "the store's connection is closed");
  file?.close();
  t.equal(client.listenerCount('close'), 0);
});

t.test('of a sibling is said what is said of its original', async (t) => {
  const bucket = await openBucket(t);
  const fields = {
    'Content-Type': 'text/x',
    'Cache-Control': 'no-store',
    'Content-Disposition': 'attachment',
  };
  bucket.standIn.put('media/a.css', 'a long style sheet', { ...fields, 'Content-Encoding': 'identity' });
  const { etag } = bucket.standIn.put('media/a.css.br', 'short', { 'Content-Type': 'application/x-br' });
  const { suffix, file } = await find(bucket, 'a.css', { siblings: ['.br'] });
  t.equal(suffix, '.br');
  t.match(file?.version, { etag });
  t.match(file?.said, {
    ...{ contentType: 'text/x', cacheControl: 'no-store', contentDisposition: 'attachment' },
    contentEncoding: undefined,
  });
  file?.close();
});
