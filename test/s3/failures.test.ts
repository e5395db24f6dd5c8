// What goes wrong with a store: which of it is tried again, and in which words the rest is told.
import t from 'tap';
import { type BucketLocation, locateBucket, parseEndpoint } from '../../src/config/bucket.js';
import type { S3Answer } from '../../src/s3/answer.js';
import type { S3Client } from '../../src/s3/client.js';
import { type Credentials, fixedCredentials } from '../../src/s3/credentials.js';
import type { S3Error } from '../../src/s3/errors.js';
import type { S3Request } from '../../src/s3/request.js';
import { deserted } from '../support/app.js';
import { bytesOf, type ClientOptions, clientOf, errorOf } from '../support/s3-client.js';
import {
  type Misbehaviour,
  type S3StandIn,
  startS3StandIn,
  TEST_CREDENTIALS,
} from '../support/s3-stand-in.js';
import { until } from '../support/until.js';

const get = (client: S3Client, more: Partial<S3Request> = {}): Promise<S3Answer> =>
  client.get({ key: 'x', method: 'GET', ...more });

const slowDown: Misbehaviour = { kind: 'refuse', status: 503, code: 'SlowDown' };
const SECRETS = [TEST_CREDENTIALS.secretAccessKey, 'secret-resource', 'session-secret', 'AWS4-HMAC'];

async function textOf(answer: S3Answer): Promise<string> {
  return (await bytesOf(answer.body)).toString();
}

t.test('what passes is tried again, within a bound', async (t) => {
  const passing: readonly Misbehaviour[] = [
    slowDown,
    { kind: 'refuse', status: 500, code: 'InternalError' },
    { kind: 'refuse', status: 502, code: '', text: '<html>Bad Gateway</html>' },
    { kind: 'refuse', status: 504, code: 'GatewayTimeout' },
    { kind: 'refuse', status: 429, code: 'TooManyRequests' },
    { kind: 'close' },
  ];
  const store = await startS3StandIn(t);
  store.put('x', 'hello');
  for (const method of ['GET', 'HEAD'] as const) {
    for (const misbehaviour of passing) {
      const client = clientOf(t, store);
      const before = store.requests.length;
      store.next(misbehaviour, misbehaviour);
      const answer = await get(client, { method });
      t.equal(answer.size, 5, `${method}: twice ${JSON.stringify(misbehaviour)}`);
      answer.body.close();
      t.equal(store.requests.length - before, 3);
      store.next(misbehaviour, misbehaviour, misbehaviour);
      const error = await errorOf(get(clientOf(t, store), { method }));
      t.ok(['busy', 'failed', 'unreachable'].includes(error.kind), `${method}: ${error.message}`);
      t.equal(store.requests.length - before, 6, 'no more often than that');
    }
  }
});

t.test('between two tries there is a pause, which grows', async (t) => {
  const store = await startS3StandIn(t);
  const { random } = Math;
  t.teardown(() => {
    Math.random = random;
  });
  Math.random = () => 1;
  store.next(slowDown, slowDown, slowDown);
  const begun = performance.now();
  t.match(await errorOf(get(clientOf(t, store, { limits: { backoff: 20 } }))), {
    kind: 'busy',
    code: 'SlowDown',
  });
  t.ok(performance.now() - begun >= 40 + 80 - 2, 'twice 20 ms, and twice that');
  store.next(slowDown);
  const hasty = clientOf(t, store, { limits: { backoff: 2000, totalTimeout: 1500 } });
  const at = performance.now();
  t.match(await errorOf(get(hasty)), { kind: 'busy' }, 'none that would end too late');
  t.ok(performance.now() - at < 1400);
});

t.test('a kept connection that the store has closed costs no try', async (t) => {
  const store = await startS3StandIn(t);
  store.put('x', 'hello');
  const client = clientOf(t, store, { limits: { attempts: 1 } });
  for (let times = 1; times <= 3; times++) {
    t.equal(await textOf(await get(client)), 'hello');
    store.next({ kind: 'close' });
  }
  t.equal(await textOf(await get(client)), 'hello');
  t.equal(store.connections, 4);
  // On a fresh one that is the store's failure.
  store.next({ kind: 'close' }, { kind: 'close' });
  t.match(await errorOf(get(client)), { kind: 'unreachable' });
});

t.test('kept connections that lead nowhere cost one try, however many there are', async (t) => {
  const store = await startS3StandIn(t);
  store.put('x', 'hello');
  const client = clientOf(t, store, { limits: { firstByteTimeout: 50 } });
  const kept = 4;
  // As long as none is answered, each needs a connection of its own.
  const all = Array.from({ length: kept }, () => get(client));
  t.same(await Promise.all((await Promise.all(all)).map(textOf)), Array(kept).fill('hello'));
  t.equal(store.connections, kept);
  store.onRequest = ({ connection }) => {
    if (connection <= kept) store.next({ kind: 'stall' });
  };
  t.equal(await textOf(await get(client)), 'hello');
  t.equal(store.requests.length, kept + 2);
  t.equal(store.connections, kept + 1, 'the next one is new');
});

t.test('what a store refuses is told in one sentence, with what to set', async (t) => {
  const cases: readonly (readonly [
    what: string,
    set: (store: S3StandIn) => void,
    expected: Partial<S3Error>,
    message: RegExp,
    options?: ClientOptions,
    /** To a HEAD. */
    head?: Partial<S3Error>,
  ])[] = [
    [
      'a key that is not there',
      () => {},
      { kind: 'not-found', status: 404, code: 'NoSuchKey' },
      /"s3:\/\/media\/x" is not there/,
      {},
      { kind: 'not-found' },
    ],
    [
      'a key that may not be listed',
      (store) => {
        store.mayList = false;
      },
      { kind: 'denied', status: 403, code: 'AccessDenied' },
      /s3:GetObject on media\/\*, and s3:ListBucket/,
      {},
      { kind: 'denied' },
    ],
    [
      'no credentials',
      () => {},
      { kind: 'denied' },
      /without credentials.*AWS_ACCESS_KEY_ID/,
      { credentials: undefined },
      { kind: 'denied' },
    ],
    [
      'another bucket',
      () => {},
      { kind: 'wrong-bucket', code: 'NoSuchBucket' },
      /has no bucket "other".*--s3-endpoint/,
      {
        location: locateBucket({
          url: { bucket: 'other', prefix: '' },
          endpoint: parseEndpoint('http://127.0.0.1:1'),
          region: 'us-east-1',
        }),
      },
    ],
    [
      'another region',
      (store) => {
        store.region = 'eu-west-1';
      },
      { kind: 'wrong-region', status: 400, code: 'AuthorizationHeaderMalformed', region: 'eu-west-1' },
      /"media" is in the region eu-west-1, and was asked for in us-east-1.*--s3-region=eu-west-1/,
      {},
      { kind: 'wrong-region', region: 'eu-west-1' },
    ],
    [
      'a redirect to another region',
      (store) => {
        store.region = 'eu-west-1';
        store.next({ kind: 'refuse', status: 301, code: 'PermanentRedirect' });
      },
      { kind: 'wrong-region', status: 301, region: 'eu-west-1' },
      /--s3-region=eu-west-1/,
      {},
      { kind: 'wrong-region', region: 'eu-west-1' },
    ],
    [
      'a redirect',
      (store) => store.next({ kind: 'refuse', status: 307, code: 'TemporaryRedirect' }),
      { kind: 'wrong-region' },
      /--s3-endpoint/,
      {},
      { kind: 'wrong-region' },
    ],
    [
      'an unknown key of access',
      () => {},
      { kind: 'bad-credentials', code: 'InvalidAccessKeyId' },
      /AWS_ACCESS_KEY_ID/,
      { credentials: fixedCredentials({ ...TEST_CREDENTIALS, accessKeyId: 'AKIAOTHER' }) },
      { kind: 'bad-credentials', code: 'InvalidAccessKeyId' },
    ],
    [
      'another secret',
      () => {},
      { kind: 'bad-credentials', code: 'SignatureDoesNotMatch' },
      /AWS_SECRET_ACCESS_KEY belongs to AWS_ACCESS_KEY_ID/,
      { credentials: fixedCredentials({ ...TEST_CREDENTIALS, secretAccessKey: 'other' }) },
      { kind: 'bad-credentials', code: 'SignatureDoesNotMatch' },
    ],
    [
      'a session that has ended',
      (store) => store.next({ kind: 'refuse', status: 400, code: 'ExpiredToken' }),
      { kind: 'bad-credentials' },
      /AWS_SESSION_TOKEN/,
    ],
    [
      'an archived object',
      (store) => store.next({ kind: 'refuse', status: 403, code: 'InvalidObjectState' }),
      { kind: 'denied' },
      /archived.*restore it/,
    ],
    [
      'something else',
      (store) => store.next({ kind: 'refuse', status: 400, code: 'Strange' }),
      { kind: 'failed', status: 400, code: 'Strange' },
      /answers 400 Strange: "It is <Strange>"/,
    ],
    [
      'a page',
      (store) =>
        store.next({ kind: 'refuse', status: 403, code: '', text: '<html>Forbidden by firewall</html>' }),
      { kind: 'denied', code: undefined },
      /403/,
    ],
    [
      'a document without an end',
      (store) =>
        store.next({
          kind: 'refuse',
          status: 400,
          code: '',
          text: `<Error><Code>Early</Code>${'x'.repeat(100_000)}`,
        }),
      { kind: 'failed', code: 'Early' },
      /400 Early/,
    ],
  ];
  for (const [what, set, expected, message, options = {}, head] of cases) {
    const store = await startS3StandIn(t);
    const port = store.port;
    const client = clientOf(t, store, {
      ...options,
      ...(options.location && { location: { ...options.location, port, authority: `127.0.0.1:${port}` } }),
    });
    for (const [method, wanted] of [
      ['GET', expected],
      ['HEAD', head],
    ] as const) {
      if (wanted === undefined) continue;
      set(store);
      const error = await errorOf(get(client, { method }));
      t.match(error, wanted, `${what}: ${method}`);
      if (method === 'GET') t.match(error.message, message, what);
      t.match(error.requestId, /^REQUEST\d+$/, what);
      const told = `${error.message} ${JSON.stringify(error)} ${error.stack}`;
      for (const secret of SECRETS) t.notOk(told.includes(secret), `${what}: no ${secret} in it`);
      t.notMatch(error.message, /[\r\n]/, 'one line');
    }
  }
});

t.test('a store that cannot be reached is told by what it is', async (t) => {
  const store = await startS3StandIn(t);
  const secure = await startS3StandIn(t, { secure: true });
  const nobody = await deserted();
  const at = (endpoint: string): ClientOptions => ({
    location: locateBucket({
      url: { bucket: 'media', prefix: '' },
      endpoint: parseEndpoint(endpoint),
      region: 'us-east-1',
    }),
  });
  const cases: readonly (readonly [what: string, ClientOptions, Partial<S3Error>, RegExp])[] = [
    [
      'nobody listens',
      at(`http://${nobody.address}`),
      { kind: 'unreachable', code: 'ECONNREFUSED' },
      /refuses the connection.*--s3-endpoint/,
    ],
    [
      'nobody vouches for it',
      { ...at(secure.endpoint), ca: undefined },
      { kind: 'unreachable', code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
      /NODE_EXTRA_CA_CERTS/,
    ],
    [
      'it is somebody else',
      at(`https://127.0.0.2:${secure.port}`),
      { kind: 'unreachable' },
      /certificate for other names|refuses the connection/,
    ],
    [
      'it speaks no TLS',
      at(`https://127.0.0.1:${store.port}`),
      { kind: 'unreachable' },
      /does not speak TLS.*http:\/\//,
    ],
  ];
  for (const [what, options, expected, message] of cases) {
    const error = await errorOf(get(clientOf(t, store, options)));
    t.match(error, expected, what);
    t.match(error.message, message, what);
  }
});

t.test('a store that speaks TLS, and is spoken to without, is told at the start', async (t) => {
  const hint = /; if it speaks TLS, write https:\/\/ in --s3-endpoint$/;
  const location = (endpoint: string): BucketLocation =>
    locateBucket({
      url: { bucket: 'media', prefix: '' },
      endpoint: parseEndpoint(endpoint),
      region: 'us-east-1',
    });
  const secure = await startS3StandIn(t, { secure: true });
  const closing = await clientOf(t, secure, {
    location: location(`http://127.0.0.1:${secure.port}`),
  }).probe('');
  t.match(closing, { kind: 'unreachable', message: hint });
  // As Go and nginx do.
  const plain = await startS3StandIn(t);
  const bytes = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';
  plain.next({ kind: 'raw', bytes, ends: true });
  t.match(await clientOf(t, plain).probe(''), { kind: 'failed', status: 400, message: hint });
  for (const [status, code] of [
    [400, 'Strange'],
    [403, 'AccessDenied'],
  ] as const) {
    plain.next({ kind: 'refuse', status, code });
    const error = await clientOf(t, plain).probe('');
    t.equal(error?.code, code);
    t.notMatch(error?.message, hint, 'one that answers does not');
  }
  secure.next({ kind: 'close' }, { kind: 'close' }, { kind: 'close' });
  t.notMatch((await clientOf(t, secure).probe(''))?.message, hint, 'nor one that speaks TLS');
});

t.test('an error whose document does not end is told by what is here of it', async (t) => {
  const store = await startS3StandIn(t);
  const document = `<Error><Code>Early</Code>${'x'.repeat(70_000)}`;
  store.next({
    kind: 'raw',
    bytes: `HTTP/1.1 400 Bad Request\r\nContent-Length: 9000000\r\n\r\n${document}`,
  });
  const begun = performance.now();
  t.match(await errorOf(get(clientOf(t, store))), { kind: 'failed', status: 400, code: 'Early' });
  t.ok(performance.now() - begun < 30_000, 'at once');
  await until(() => store.open === 0, 'no more of it is read');
  store.next({
    kind: 'raw',
    bytes: 'HTTP/1.1 403 Forbidden\r\nContent-Length: 900\r\n\r\n<Error><Co',
    ends: true,
  });
  t.match(await errorOf(get(clientOf(t, store))), { kind: 'denied', status: 403 }, 'one that breaks off');
});

t.test('a head that is too large is told by what holds for a store', async (t) => {
  const store = await startS3StandIn(t);
  const bytes = `HTTP/1.1 200 OK\r\nx-amz-meta-a: ${'a'.repeat(33_000)}\r\n\r\n`;
  store.next({ kind: 'raw', bytes });
  const { kind, message } = await errorOf(get(clientOf(t, store, { limits: { attempts: 1 } })));
  t.equal(kind, 'failed');
  t.match(message, /cannot be read: has a head larger than 32768 bytes$/, 'and by no option of the app');
});

t.test('a store that says nothing is not waited for for ever', async (t) => {
  const store = await startS3StandIn(t);
  store.put('x', 'x'.repeat(1000));
  const cases: readonly (readonly [what: string, Misbehaviour, ClientOptions['limits']])[] = [
    ['before its answer', { kind: 'stall' }, { firstByteTimeout: 50, connectTimeout: 50, attempts: 1 }],
    ['silent', { kind: 'stall' }, { silenceTimeout: 50, attempts: 1 }],
    ['in all', { kind: 'stall' }, { totalTimeout: 50 }],
    [
      'within a head',
      { kind: 'raw', bytes: 'HTTP/1.1 200 OK\r\nContent' },
      { firstByteTimeout: 50, connectTimeout: 50, attempts: 1 },
    ],
  ];
  for (const [what, misbehaviour, limits] of cases) {
    store.next(misbehaviour);
    const client = clientOf(t, store, { limits: limits ?? {} });
    t.match(await errorOf(get(client)), { kind: 'timeout' }, what);
    t.same(client.load, { underWay: 0, waiting: 0 }, what);
  }
  await until(() => store.open === 0, 'no connection is left');
  store.next({ kind: 'stall' });
  const client = clientOf(t, store, { limits: { firstByteTimeout: 50, connectTimeout: 0 } });
  t.equal(await textOf(await get(client)), 'x'.repeat(1000), 'another try may find it well');
});

t.test('a body that is cut, or falls silent, is an error, never an end', async (t) => {
  const store = await startS3StandIn(t);
  // With a strong tag its rest would be asked for.
  store.put('x', 'x'.repeat(100_000), {}, 'W/"weak"');
  const cases: readonly (readonly [
    what: string,
    Misbehaviour,
    RegExp,
    S3Error['kind'],
    ClientOptions['limits']?,
  ])[] = [
    [
      'cut',
      { kind: 'cut-in-body', after: 70_000 },
      /cut off while it was read: the connection broke/,
      'failed',
    ],
    ['cut at once', { kind: 'cut-in-body', after: 0 }, /cut off/, 'failed'],
    [
      'silent',
      { kind: 'stall-in-body', after: 70_000 },
      /no more of it comes/,
      'timeout',
      { silenceTimeout: 50 },
    ],
  ];
  for (const [what, misbehaviour, message, kind, limits = {}] of cases) {
    const client = clientOf(t, store, { limits: { ...limits, attempts: 1 } });
    store.next(misbehaviour);
    const asked = get(client);
    let length = 0;
    const error = await errorOf(
      (async () => {
        const { body } = await asked;
        for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
          length += piece.bytes.length;
          piece.release();
        }
      })(),
    );
    t.match(error.message, message, what);
    t.equal(error.kind, kind);
    t.ok(length <= 70_000);
    if (kind === 'timeout') t.equal(length, 70_000, 'what has come is to be had before');
    t.same(client.load, { underWay: 0, waiting: 0 }, what);
  }
});

t.test('a clock that is wrong is set by that of the store, and said once', async (t) => {
  for (const method of ['GET', 'HEAD'] as const) {
    const store = await startS3StandIn(t);
    store.put('x', 'hello');
    store.ahead = -3 * 3_600_000;
    const notices: string[] = [];
    const client = clientOf(t, store, { onNotice: (notice) => notices.push(notice) });
    const answers = await Promise.all([1, 2, 3].map(() => get(client, { method })));
    for (const { size, body } of answers) {
      t.equal(size, 5);
      body.close();
    }
    t.equal(store.requests.length, 6, 'each is asked for again');
    (await get(client, { method })).body.close();
    t.equal(store.requests.length, 7, 'and from then on signed by the right time');
    t.match(notices, [/clock is 180 minutes ahead of that of the store at .*NTP/]);
    t.equal(notices.length, 1);
    t.ok(Math.abs(client.now - Date.now() - store.ahead) < 5000);
  }
  // A store that says no time, or that goes on refusing.
  const store = await startS3StandIn(t);
  const client = clientOf(t, store);
  store.next({ kind: 'refuse', status: 403, code: 'RequestTimeTooSkewed' });
  const error = await errorOf(get(client));
  t.match(error, { kind: 'clock' });
  t.match(error.message, /this machine's time/);
});

t.test('a key that is refused is not refused for a clock by which nothing is signed any more', async (t) => {
  const store = await startS3StandIn(t);
  store.mayList = false;
  // Less than a store refuses by itself: it is the HEAD, of which it says no more than 403, that this is guessed of.
  store.ahead = 10 * 60_000;
  const notices: string[] = [];
  const client = clientOf(t, store, { onNotice: (notice) => notices.push(notice) });
  for (let times = 1; times <= 3; times++)
    t.match(await errorOf(get(client, { method: 'HEAD' })), { kind: 'denied', status: 403 });
  const methods = store.requests.map(({ method }) => method);
  t.same(
    methods,
    ['HEAD', 'HEAD', 'GET', 'HEAD', 'HEAD'],
    'the second by the right time, and once for its cause',
  );
  t.equal(notices.length, 1);
});

t.test('answers that tell another time than the store goes by break nothing', async (t) => {
  for (const minutes of [10, 20, -600]) {
    const store = await startS3StandIn(t);
    store.put('x', 'hello');
    store.dateAhead = minutes * 60_000;
    const notices: string[] = [];
    const client = clientOf(t, store, { onNotice: (notice) => notices.push(notice) });
    for (let times = 0; times < 8; times++) t.equal(await textOf(await get(client)), 'hello');
    // Within a quarter of an hour nothing shows that it is not the store's time.
    const isKnown = Math.abs(minutes) > 15;
    t.equal(store.requests.length, isKnown ? 9 : 8);
    t.equal(notices.length, isKnown ? 0 : 1);
    t.equal(await client.probe(''), undefined);
    if (isKnown) t.ok(Math.abs(client.now - Date.now()) < 5000);
  }
});

t.test('a page of something before the store says nothing of the time', async (t) => {
  const page: Misbehaviour = { kind: 'refuse', status: 403, code: '', text: '<html>Forbidden</html>' };
  const failed: Misbehaviour = { kind: 'refuse', status: 502, code: '', text: '<html>Bad Gateway</html>' };
  for (const misbehaviour of [page, failed]) {
    const store = await startS3StandIn(t);
    const client = clientOf(t, store);
    store.dateAhead = 20 * 60_000;
    for (let times = 0; times < 3; times++) {
      store.next(misbehaviour, misbehaviour, misbehaviour);
      await errorOf(get(client));
    }
    t.equal(store.requests.length, misbehaviour === page ? 3 : 9);
    t.ok(Math.abs(client.now - Date.now()) < 5000);
  }
});

t.test('what was asked of a cache says nothing of the time', async (t) => {
  const store = await startS3StandIn(t);
  const client = clientOf(t, store);
  store.dateAhead = -20 * 60_000;
  store.put('x', 'hello', { Age: '1200' });
  for (let times = 0; times < 3; times++) t.equal(await textOf(await get(client)), 'hello');
  t.ok(Math.abs(client.now - Date.now()) < 5000);
  store.put('x', 'hello', { Age: '0' });
  for (let times = 0; times < 2; times++) t.equal(await textOf(await get(client)), 'hello');
  t.ok(Math.abs(client.now - Date.now() - store.dateAhead) < 5000);
});

t.test('a clock that a store does not mind is noticed at the start', async (t) => {
  const store = await startS3StandIn(t);
  store.ahead = 14 * 60_000;
  const notices: string[] = [];
  const client = clientOf(t, store, { onNotice: (notice) => notices.push(notice) });
  await client.probe('');
  t.match(notices, [/clock is 14 minutes behind/]);
  t.equal(store.requests.length, 3);
  t.ok(Math.abs(client.now - Date.now() - store.ahead) < 5000);
  const unsigned = await startS3StandIn(t, { credentials: undefined });
  unsigned.ahead = store.ahead;
  const everybody = clientOf(t, unsigned, { credentials: undefined });
  await everybody.probe('');
  everybody.keepTime('');
  t.equal(unsigned.requests.length, 1, 'where nothing is signed, there is no time to be wrong');
});

t.test('credentials that the store takes no more are asked for anew', async (t) => {
  const store = await startS3StandIn(t, { credentials: { ...TEST_CREDENTIALS, sessionToken: 'new' } });
  store.put('x', 'hello');
  let current: Credentials = { ...TEST_CREDENTIALS, sessionToken: 'old' };
  const refused: Credentials[] = [];
  const client = clientOf(t, store, {
    credentials: {
      get: async () => current,
      refused: (credentials) => {
        refused.push(credentials);
        current = { ...TEST_CREDENTIALS, sessionToken: 'new' };
      },
    },
  });
  t.equal(await textOf(await get(client)), 'hello');
  t.match(refused, [{ sessionToken: 'old' }]);
  store.credentials = { ...TEST_CREDENTIALS, sessionToken: 'newer' };
  t.match(
    await errorOf(get(client)),
    { kind: 'bad-credentials', code: 'InvalidToken' },
    'the same again is no use',
  );
});

const whyNot = (wanted: Promise<unknown>): Promise<unknown> =>
  wanted.then(
    () => undefined,
    (error: unknown) => error,
  );

t.test('what is not wanted any more is not waited for', async (t) => {
  const store = await startS3StandIn(t);
  store.put('x', 'hello');
  const reason = new Error('the client left');
  const client = clientOf(t, store, { limits: { maxConnections: 1, attempts: 1 } });
  store.next({ kind: 'stall' });
  const first = new AbortController();
  const stalled = get(client, { signal: first.signal });
  await until(() => store.requests.length === 1, 'the first is with the store');
  const second = new AbortController();
  const waiting = get(client, { signal: second.signal });
  t.same(client.load, { underWay: 1, waiting: 1 });
  second.abort(reason);
  t.equal(await whyNot(waiting), reason);
  t.same(client.load, { underWay: 1, waiting: 0 });
  first.abort(reason);
  t.equal(await whyNot(stalled), reason);
  t.same(client.load, { underWay: 0, waiting: 0 });
  t.equal(await whyNot(get(client, { signal: AbortSignal.abort(reason) })), reason);
  const third = new AbortController();
  const atOnce = get(client, { signal: third.signal });
  third.abort(reason);
  t.equal(await whyNot(atOnce), reason);
  t.same(client.load, { underWay: 0, waiting: 0 });
  t.equal(store.requests.length, 1, 'the others were never asked for');
  t.equal(await textOf(await get(client, { signal: new AbortController().signal })), 'hello');
});

t.test('a client that is closed lets go of everything', async (t) => {
  const store = await startS3StandIn(t);
  store.put('x', 'x'.repeat(10_000_000));
  const client = clientOf(t, store, { limits: { maxConnections: 2 } });
  const { body } = await get(client);
  store.next({ kind: 'stall' });
  const others = [errorOf(get(client)), errorOf(get(client))];
  await until(() => store.requests.length === 2, 'one more is with the store');
  client.close();
  const closed = { kind: 'closed', message: 'this server is stopping' };
  t.match(await Promise.all(others), [closed, closed]);
  t.match(await errorOf(bytesOf(body)), closed);
  t.match(await errorOf(get(client)), closed);
  await until(() => store.open === 0, 'no connection is left');
  t.same(client.load, { underWay: 0, waiting: 0 });
});

t.test('no more requests than there are places are with the store, and no more wait than may', async (t) => {
  const store = await startS3StandIn(t);
  store.put('x', 'x'.repeat(5_000_000));
  const client = clientOf(t, store, { limits: { maxConnections: 2, maxWaiting: 1 } });
  const [first, second] = await Promise.all([get(client), get(client)]);
  const third = get(client);
  const error = await errorOf(get(client));
  t.match(error, { kind: 'busy' });
  t.match(error.message, /2 requests are with the store, and 1 wait/);
  t.equal(store.requests.length, 2);
  first.body.close();
  t.equal((await bytesOf((await third).body)).length, 5_000_000);
  second.body.close();
  second.body.close();
  t.same(client.load, { underWay: 0, waiting: 0 });
});

t.test('at the start it is told what is wrong, if anything is', async (t) => {
  const store = await startS3StandIn(t);
  const client = clientOf(t, store);
  t.equal(await client.probe(''), undefined);
  for (const bytes of [987, 988, 1023]) {
    const prefix = `${'p'.repeat(bytes - 1)}/`;
    t.equal(await client.probe(prefix), undefined, `behind a prefix of ${bytes} bytes`);
  }
  store.next({ kind: 'refuse', status: 404, code: '', text: '<html>Not Found</html>' });
  const page = await client.probe('');
  t.match(page, { kind: 'failed', status: 404 });
  t.match(page?.message, /does not answer as S3 does \(404\); check --s3-endpoint/);
  store.mayList = false;
  t.match(await client.probe(''), { kind: 'denied' });
  store.region = 'eu-west-1';
  t.match(await client.probe(''), { kind: 'wrong-region', region: 'eu-west-1' });
});
