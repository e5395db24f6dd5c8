// Readers that are slow, and others who want to read as well: connections are few, and nobody keeps one for nothing.
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { type BodySource, ObjectBody, type S3Body } from '../../src/s3/body.js';
import type { S3Client } from '../../src/s3/client.js';
import { S3Error } from '../../src/s3/errors.js';
import { LentBody, type Loan } from '../../src/s3/lent-body.js';
import { bytesOf, clientOf, errorOf } from '../support/s3-client.js';
import { type Misbehaviour, startS3StandIn } from '../support/s3-stand-in.js';
import { until } from '../support/until.js';

const KIB = 1024;
/** More than the sockets of both sides hold. */
const CONTENT = randomBytes(20 * 1024 * KIB);
const LIMITS = { maxConnections: 1, maxBuffered: 128 * KIB, part: 128 * KIB, idleFor: 20, lentFor: 20 };
/** Takes some of a body: its reader is under way. */
async function begin(body: S3Body): Promise<Buffer> {
  const piece = await body.read();
  if (piece === undefined) throw new Error('nothing came');
  const bytes = Buffer.from(piece.bytes);
  piece.release();
  return bytes;
}

async function open(client: S3Client, key: string, first?: number): Promise<S3Body> {
  return (await client.get({ key, method: 'GET', ...(first !== undefined && { range: { first } }) })).body;
}

t.test('a slow reader gives its connection up when another one waits, and reads on in parts', async (t) => {
  const store = await startS3StandIn(t);
  store.put('large', CONTENT);
  store.put('small', 'hello');
  const client = clientOf(t, store, { limits: LIMITS });
  for (const first of [undefined, CONTENT.length - 500 * KIB]) {
    const before = store.requests.length;
    const slow = await open(client, 'large', first);
    const begun = await begin(slow);
    t.equal((await bytesOf(await open(client, 'small'))).toString(), 'hello');
    const rest = await bytesOf(slow);
    t.ok(Buffer.concat([begun, rest]).equals(CONTENT.subarray(first ?? 0)), 'byte for byte');
    const parts = store.requests.slice(before + 2);
    t.ok(parts.length > 2, `${parts.length} parts`);
    const { etag } = store.objects.get('large') ?? {};
    for (const { headers, status } of parts)
      t.match({ headers, status }, { headers: { 'if-match': etag }, status: 206 });
    t.same(client.load, { underWay: 0, waiting: 0 });
  }
});

t.test(
  'a reader that goes on taking gives its connection up, too, when it has had it for a while',
  async (t) => {
    const store = await startS3StandIn(t);
    store.put('large', CONTENT);
    store.put('small', 'hello');
    const client = clientOf(t, store, { limits: { ...LIMITS, partsFor: 1 } });
    const reader = await open(client, 'large');
    const taken = [await begin(reader)];
    const small = open(client, 'small');
    let isServed = false;
    const served = small.then(() => {
      isServed = true;
    });
    // As often as it may, and never all of it at once.
    while (!isServed) {
      taken.push(await begin(reader));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await served;
    t.ok(Buffer.concat(taken).length < CONTENT.length, 'it is not at its end');
    t.equal((await bytesOf(await small)).toString(), 'hello');
    await until(() => client.load.waiting === 0, 'nobody waits');
    await new Promise((resolve) => setTimeout(resolve, 2));
    taken.push(await bytesOf(reader));
    t.ok(Buffer.concat(taken).equals(CONTENT), 'byte for byte');
    t.ok(store.requests.length <= 5, `${store.requests.length} requests: what is left comes as a whole`);
  },
);

t.test('many slow readers and few connections: all get everything, and nobody waits for them', async (t) => {
  const store = await startS3StandIn(t);
  store.put('large', CONTENT.subarray(0, 3000 * KIB));
  const client = clientOf(t, store, { limits: { ...LIMITS, maxConnections: 3 } });
  const bodies = await Promise.all(Array.from({ length: 12 }, () => open(client, 'large')));
  t.ok(store.open <= 4, `${store.open} connections`);
  const whole = await Promise.all(bodies.map(bytesOf));
  for (const bytes of whole) t.ok(bytes.equals(CONTENT.subarray(0, 3000 * KIB)));
  t.same(client.load, { underWay: 0, waiting: 0 });
});

t.test('while nobody waits a slow reader keeps its connection', async (t) => {
  const store = await startS3StandIn(t);
  store.put('large', CONTENT);
  const client = clientOf(t, store, { limits: { ...LIMITS, maxConnections: 2 } });
  const slow = await open(client, 'large');
  (await open(client, 'large')).close();
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.equal((await bytesOf(slow)).length, CONTENT.length);
  t.equal(store.requests.length, 2);
});

t.test('a reader that has taken something just now keeps its connection, too', async (t) => {
  const store = await startS3StandIn(t);
  store.put('large', CONTENT);
  store.put('small', 'hello');
  const client = clientOf(t, store, { limits: { ...LIMITS, idleFor: 60_000, lentFor: 60_000 } });
  const reader = await open(client, 'large');
  const waiting = open(client, 'small');
  await new Promise((resolve) => setTimeout(resolve, 600));
  t.equal(client.load.waiting, 1);
  t.equal((await bytesOf(reader)).length, CONTENT.length);
  t.equal((await bytesOf(await waiting)).toString(), 'hello');
  t.equal(store.requests.length, 2);
});

t.test('a part that comes when nobody wants it any more is closed', async (t) => {
  const told: string[] = [];
  let come = (_loan: Loan): void => {};
  const source = (name: string): BodySource => ({
    pause: () => {},
    resume: () => {},
    cut: () => told.push(`${name} is cut`),
  });
  const loan = (name: string): Loan => ({
    body: new ObjectBody(source(name), 1000, 0, 100),
    cut: () => told.push(`${name} is taken back`),
  });
  const body = new LentBody(
    loan('the first'),
    { first: 0, last: 99 },
    {
      ask: () =>
        new Promise((resolve) => {
          come = resolve;
        }),
    },
  );
  body.takeBack();
  const reading = body.read();
  await new Promise((resolve) => setImmediate(resolve));
  body.close();
  come(loan('the second'));
  t.equal(await reading, undefined);
  t.same(told, ['the first is taken back', 'the second is cut']);
});

t.test('an object that has changed meanwhile is never read on', async (t) => {
  const store = await startS3StandIn(t);
  const client = clientOf(t, store, { limits: LIMITS });
  const changes: readonly (readonly [what: string, change: () => void, kind: string, message: RegExp])[] = [
    [
      'another',
      () => store.put('large', randomBytes(CONTENT.length)),
      'changed',
      /was changed while it was read/,
    ],
    ['none', () => store.remove('large'), 'not-found', /is not there/],
    [
      'another, at a store that knows no conditions',
      () => {
        store.put('large', randomBytes(CONTENT.length));
        store.next({ kind: 'ignore-conditions' }, { kind: 'ignore-conditions' });
      },
      'changed',
      /was changed while it was read/,
    ],
  ];
  for (const [what, change, kind, message] of changes) {
    store.put('large', CONTENT);
    const slow = await open(client, 'large');
    await errorOf(open(client, 'missing'));
    change();
    const error = await errorOf(bytesOf(slow));
    t.equal(error.kind, kind, what);
    t.match(error.message, message, what);
    slow.close();
    t.same(client.load, { underWay: 0, waiting: 0 }, what);
  }
});

t.test('an object whose versions nothing tells apart keeps its connection', async (t) => {
  const store = await startS3StandIn(t);
  store.put('large', CONTENT, {}, 'W/"weak"');
  const client = clientOf(t, store, { limits: { ...LIMITS, totalTimeout: 500 } });
  const slow = await open(client, 'large');
  t.match(await errorOf(open(client, 'large')), { kind: 'busy' });
  t.equal((await bytesOf(slow)).length, CONTENT.length);
});

t.test('readers of such objects that take nothing keep half of the connections, and no more', async (t) => {
  const store = await startS3StandIn(t);
  store.put('large', CONTENT, {}, 'W/"weak"');
  store.put('small', 'hello');
  const client = clientOf(t, store, { limits: { ...LIMITS, maxConnections: 4, keptFor: 20 } });
  const slow = await Promise.all([1, 2, 3, 4].map(() => open(client, 'large')));
  const small = await Promise.all([1, 2, 3].map(() => open(client, 'small')));
  for (const body of small) t.equal((await bytesOf(body)).toString(), 'hello');
  const results = await Promise.allSettled(slow.map(bytesOf));
  const cut = results.filter(({ status }) => status === 'rejected');
  t.match(cut, [{ reason: { kind: 'busy', message: /no strong ETag/ } }, { reason: { kind: 'busy' } }]);
  t.equal(cut.length, 2);
  t.same(client.load, { underWay: 0, waiting: 0 });
});

t.test('the rest of what was begun is not turned away where nobody else is taken on', async (t) => {
  const store = await startS3StandIn(t);
  store.put('large', CONTENT);
  store.put('small', 'hello');
  const client = clientOf(t, store, { limits: { ...LIMITS, maxWaiting: 1 } });
  const reader = await open(client, 'large');
  const begun = await begin(reader);
  store.next({ kind: 'stall' });
  const leaving = new AbortController();
  const stalled = errorOf(client.get({ key: 'small', method: 'GET', signal: leaving.signal }));
  await until(() => store.requests.length === 2, 'it has got the connection');
  const waiting = open(client, 'small');
  t.match(await errorOf(open(client, 'small')), { kind: 'busy' }, 'no more are taken on');
  const rest = bytesOf(reader);
  await until(() => client.load.waiting === 2, 'the reader waits for its rest');
  leaving.abort(new S3Error('closed', 'it left'));
  await stalled;
  t.ok(Buffer.concat([begun, await rest]).equals(CONTENT), 'byte for byte');
  t.equal((await bytesOf(await waiting)).toString(), 'hello');
});

t.test('a store that gives no parts is told of, and asked for none any more', async (t) => {
  const store = await startS3StandIn(t);
  const { etag } = store.put('large', CONTENT);
  const client = clientOf(t, store, { limits: { ...LIMITS, totalTimeout: 500 } });
  const whole = {
    kind: 'raw',
    bytes: `HTTP/1.1 200 OK\r\nConnection: close\r\nETag: ${etag}\r\nContent-Length: 5\r\n\r\nhello`,
  } as const;
  store.next({ kind: 'cut-in-body', after: 300 * KIB }, whole);
  const { kind, message } = await errorOf(bytesOf(await open(client, 'large')));
  t.equal(kind, 'failed');
  t.match(message, /the store gives no parts of objects/);
  const reader = await open(client, 'large');
  t.match(
    await errorOf(open(client, 'large')),
    { kind: 'busy' },
    'a connection that cannot be taken back is kept',
  );
  t.equal((await bytesOf(reader)).length, CONTENT.length);
});

t.test('a connection that breaks is not the end of an object, as long as it goes on', async (t) => {
  const store = await startS3StandIn(t);
  const { etag } = store.put('large', CONTENT.subarray(0, 1000 * KIB));
  const client = clientOf(t, store, { limits: LIMITS });
  const cut = (after: number): Misbehaviour => ({ kind: 'cut-in-body', after });
  const cases: readonly (readonly [
    what: string,
    misbehaviours: readonly Misbehaviour[],
    isWhole: boolean,
  ])[] = [
    ['once', [cut(300 * KIB)], true],
    ['before its first byte', [cut(0)], true],
    ['in its rest, too', [cut(300 * KIB), cut(1 * KIB), cut(2 * KIB)], true],
    ['twice at the same byte', [cut(0), cut(0)], false],
  ];
  const small = store.put('small', CONTENT.subarray(0, 9000));
  for (const [what, misbehaviours, isWhole] of cases) {
    const before = store.requests.length;
    store.next(...misbehaviours);
    const body = await open(client, 'large');
    if (isWhole) t.ok((await bytesOf(body)).equals(CONTENT.subarray(0, 1000 * KIB)), what);
    else t.match(await errorOf(bytesOf(body)), { kind: 'failed', message: /the connection broke/ }, what);
    body.close();
    const rest = store.requests.slice(before + 1);
    t.equal(
      rest.length,
      misbehaviours.length - (isWhole ? 0 : 1),
      `${what}: no more is asked for than is lost`,
    );
    for (const { headers } of rest) t.equal(headers['if-match'], etag, what);
    t.same(client.load, { underWay: 0, waiting: 0 }, what);
  }
  for (const after of [0, 4000]) {
    store.next(cut(after));
    const bytes = await bytesOf(await open(client, 'small'));
    t.ok(bytes.equals(CONTENT.subarray(0, 9000)), `a small one, cut behind ${after} bytes`);
    t.match(store.requests.at(-1)?.headers, { range: `bytes=${after}-8999`, 'if-match': small.etag });
  }
  // What has no tag cannot go on.
  store.put('large', CONTENT.subarray(0, 1000 * KIB), {}, 'W/"weak"');
  store.next(cut(300 * KIB));
  t.match(await errorOf(bytesOf(await open(client, 'large'))), { kind: 'failed' });
});

t.test('a body that is closed while its next part is waited for lets go of it', async (t) => {
  const store = await startS3StandIn(t);
  store.put('large', CONTENT);
  const client = clientOf(t, store, { limits: LIMITS });
  const slow = await open(client, 'large');
  await errorOf(open(client, 'missing'));
  store.next({ kind: 'stall' });
  const reading = bytesOf(slow);
  await until(() => store.requests.length === 3, 'the next part is asked for');
  slow.close();
  t.ok((await reading).length < CONTENT.length);
  t.same(client.load, { underWay: 0, waiting: 0 });
  t.equal(await slow.read(), undefined);
});
