// A HEAD that is refused is looked into: what its status hides is found out, told and mended as for a GET, and at what cost.
import t from 'tap';
import type { S3Answer } from '../../src/s3/answer.js';
import type { S3Client } from '../../src/s3/client.js';
import type { Credentials } from '../../src/s3/credentials.js';
import { S3Error } from '../../src/s3/errors.js';
import { PlainDenials } from '../../src/s3/refused-head.js';
import type { S3Request } from '../../src/s3/request.js';
import { clientOf, errorOf } from '../support/s3-client.js';
import {
  type Misbehaviour,
  type S3StandIn,
  startS3StandIn,
  TEST_CREDENTIALS,
} from '../support/s3-stand-in.js';

const head = (client: S3Client, more: Partial<S3Request> = {}): Promise<S3Answer> =>
  client.get({ key: 'x', method: 'HEAD', ...more });

const asked = (store: S3StandIn, from = 0): string[] =>
  store.requests.slice(from).map(({ method, status }) => `${method} ${status}`);

const refusal = (status: number, code: string): Misbehaviour => ({ kind: 'refuse', status, code });

t.test('keys that were replaced are renewed by a HEAD, too', async (t) => {
  const store = await startS3StandIn(t);
  store.put('x', 'hello');
  let current: Credentials = { ...TEST_CREDENTIALS };
  const client = clientOf(t, store, {
    credentials: {
      get: () => current,
      refused: () => {
        current = { accessKeyId: 'AKIANEW', secretAccessKey: 'new' };
      },
    },
  });
  t.equal((await head(client)).size, 5);
  store.credentials = { accessKeyId: 'AKIANEW', secretAccessKey: 'new' };
  t.equal((await head(client)).size, 5);
  t.equal((await head(client)).size, 5);
  t.same(asked(store), ['HEAD 200', 'HEAD 403', 'GET 403', 'HEAD 200', 'HEAD 200']);
  t.equal(store.requests[2]?.headers.range, 'bytes=0-0', 'no more than a byte is asked for');
  t.equal(store.connections, 1);
});

t.test('what a HEAD does not say is told as for a GET', async (t) => {
  const cases: readonly (readonly [status: number, code: string, kind: S3Error['kind'], message: RegExp])[] =
    [
      [400, 'ExpiredToken', 'bad-credentials', /renew AWS_SESSION_TOKEN/],
      [403, 'SignatureDoesNotMatch', 'bad-credentials', /AWS_SECRET_ACCESS_KEY belongs to/],
      [403, 'RequestTimeTooSkewed', 'clock', /set the clock/],
      [403, 'AccessDenied', 'denied', /s3:GetObject/],
      [400, 'KeyTooLongError', 'not-found', /is not there/],
      [400, 'InvalidURI', 'not-found', /is not there/],
      [400, 'XMinioInvalidObjectName', 'not-found', /is not there/],
      [400, 'Strange', 'failed', /400 Strange/],
    ];
  const store = await startS3StandIn(t);
  for (const [status, code, kind, message] of cases) {
    const before = store.requests.length;
    store.next(refusal(status, code), refusal(status, code));
    const error = await errorOf(head(clientOf(t, store)));
    t.match(error, { kind, code, status, message }, code);
    t.same(asked(store, before), [`HEAD ${status}`, `GET ${status}`]);
  }
});

t.test('what a HEAD does say is not asked for again', async (t) => {
  const store = await startS3StandIn(t);
  for (const [status, code] of [
    [404, 'NoSuchKey'],
    [301, 'PermanentRedirect'],
    [429, 'TooManyRequests'],
    [503, 'SlowDown'],
  ] as const) {
    const before = store.requests.length;
    store.next(refusal(status, code));
    await errorOf(head(clientOf(t, store, { limits: { attempts: 1 } })));
    t.same(asked(store, before), [`HEAD ${status}`], code);
  }
  const client = clientOf(t, store);
  const before = store.requests.length;
  store.region = 'eu-west-1';
  t.match(await errorOf(head(client)), { kind: 'wrong-region', region: 'eu-west-1' });
  t.same(asked(store, before), ['HEAD 400'], 'the region that is said');
});

t.test('where GET alone is let pass, it answers in the place of a HEAD', async (t) => {
  const store = await startS3StandIn(t);
  const { etag, lastModified } = store.put('x', 'hello', { 'Content-Type': 'text/plain' });
  store.put('empty', '');
  store.onRequest = ({ method }) => {
    if (method === 'HEAD') store.next(refusal(405, 'MethodNotAllowed'));
  };
  const client = clientOf(t, store);
  const answer = await head(client);
  t.match(answer, { status: 200, size: 5, etag, lastModified, fields: { contentType: 'text/plain' } });
  t.equal(answer.range, undefined);
  t.equal(await answer.body.read(), undefined, 'and has no bytes');
  t.match(await head(client, { key: 'empty' }), { status: 200, size: 0 });
  t.match(await head(client, { ifNoneMatch: etag }), { status: 304, etag });
  t.match(await head(client, { ifMatch: '"other"' }), { status: 412 });
  t.match(await errorOf(head(client, { key: 'missing' })), { kind: 'not-found' });
  t.same(client.load, { underWay: 0, waiting: 0 });
});

t.test(
  'keys that are missing and may not be listed are not asked for twice by whoever asks for many',
  async (t) => {
    const store = await startS3StandIn(t);
    store.mayList = false;
    const client = clientOf(t, store);
    for (let index = 0; index < 20; index++)
      t.match(await errorOf(head(client, { key: `missing-${index}` })), { kind: 'denied', status: 403 });
    const looks = store.requests.filter(({ method }) => method === 'GET').length;
    t.ok(looks >= 1 && looks < 5, `${looks} looks`);
  },
);

t.test('a denial is taken for the same as the last one for a second, and no other refusal is', (t) => {
  const denials = new PlainDenials();
  const denied = new S3Error('denied', '');
  const failed = new S3Error('failed', '');
  t.ok(denials.needsCause(denied, 1000));
  t.ok(denials.needsCause(denied, 1000), 'as long as nothing is known');
  denials.learn(denied);
  t.notOk(denials.needsCause(denied, 1999));
  t.ok(denials.needsCause(failed, 1999));
  t.ok(denials.needsCause(denied, 2999));
  t.notOk(denials.needsCause(denied, 3000), 'one at a time');
  for (const other of [undefined, new S3Error('bad-credentials', '')]) {
    denials.learn(other);
    t.ok(denials.needsCause(denied, 3000));
  }
  t.end();
});
