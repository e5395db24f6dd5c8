/**
 * A real store with TLS, of which an authority of its own vouches, and with buckets in front of its host's name.
 * `npm run test:suites -- --only object-storage`
 */
import { createHash, randomBytes } from 'node:crypto';
import t from 'tap';
import { checkAnswers } from '../files/bucket-as-directory.js';
import { makeAuthority } from '../support/certificate-authority.js';
import { get, rawRequest } from '../support/raw.js';
import { environmentOf, placeOf, put, type RealStore } from '../support/real-store.js';
import { checkMistake, type Mistake, startSite } from '../support/store-mistakes.js';
import { startGateway } from '../support/versitygw.js';

const HOST = 's3.localhost';
const LARGE = randomBytes(100 * 1024 * 1024);

t.setTimeout(300_000);
const authority = await makeAuthority(t);
const other = await makeAuthority(t);
const own = { host: HOST, authority: authority.path };

const portOf = ({ endpoint }: RealStore): string => new URL(endpoint).port;

t.test('a bucket in front of the host answers as a directory does', { timeout: 300_000 }, async (t) => {
  const certificate = await authority.issue([HOST, `*.${HOST}`]);
  const store = await startGateway(t, { keepsAlive: true, tls: { ...own, ...certificate } });
  await checkAnswers(t, {
    bucket: store.bucket,
    place: placeOf({ ...store, addressing: 'virtual' }),
    env: environmentOf(store),
    put: (key, content) => put(store, key, content),
  });
});

t.test('a store that closes each connection, and the bucket in the path', { timeout: 300_000 }, async (t) => {
  const store = await startGateway(t, { tls: { ...own, ...(await authority.issue([HOST])) } });
  await put(store, 'media/large', LARGE);
  const { port, log } = await startSite(t, store);
  const whole = await rawRequest(port, get('/media/large'));
  const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  t.equal(hash(whole.body), hash(LARGE), '100 MiB, byte for byte');
  const { etag = '', 'last-modified': date = '' } = whole.headers;
  const cases: readonly (readonly [
    fields: readonly string[],
    method: string,
    status: number,
    body: Buffer,
  ])[] = [
    [['Range: bytes=50000000-50999999'], 'GET', 206, LARGE.subarray(50_000_000, 51_000_000)],
    [['Range: bytes=-5'], 'GET', 206, LARGE.subarray(-5)],
    [['Range: bytes=104857600-'], 'GET', 416, Buffer.alloc(0)],
    [[`If-None-Match: ${etag}`], 'GET', 304, Buffer.alloc(0)],
    [[`If-Modified-Since: ${date}`], 'GET', 304, Buffer.alloc(0)],
    [[], 'HEAD', 200, Buffer.alloc(0)],
  ];
  for (const [fields, method, status, body] of cases) {
    const answer = await rawRequest(port, get('/media/large', fields, method));
    t.equal(answer.status, status, `${method} ${fields.join()}`);
    if (status !== 416) t.ok(answer.body.equals(body));
  }
  const missing = await rawRequest(port, get('/media/missing'));
  t.equal(missing.status, 404);
  t.same(
    log.filter(({ level }) => Number(level) >= 40),
    [],
    'nothing is wrong',
  );
});

t.test('who cannot show who it is', { timeout: 300_000 }, async (t) => {
  const store = await startGateway(t, { tls: { ...own, ...(await authority.issue([HOST])) } });
  const untrusted = [/certificate that is not trusted/, /NODE_EXTRA_CA_CERTS/];
  const mistakes: readonly Mistake[] = [
    { what: 'nobody vouches for it', env: { NODE_EXTRA_CA_CERTS: '' }, said: untrusted },
    { what: 'somebody else does', env: { NODE_EXTRA_CA_CERTS: other.path }, said: untrusted },
    {
      what: 'it has another name',
      args: ['--s3-endpoint', `https://other.localhost:${portOf(store)}`],
      said: [/certificate for other names/, /--s3-endpoint/],
    },
    {
      what: 'it has no name for buckets',
      args: ['--s3-addressing', 'virtual'],
      said: [/certificate for other names/, /--s3-addressing path/],
    },
    {
      what: 'it is spoken to without TLS',
      args: ['--s3-endpoint', `http://${HOST}:${portOf(store)}`],
      said: [/if it speaks TLS, write https:/, /--s3-endpoint/],
    },
  ];
  for (const mistake of mistakes) await t.test(mistake.what, (t) => checkMistake(t, store, mistake));

  const certificate = await authority.issue([HOST], { hasExpired: true });
  const late = await startGateway(t, { tls: { ...own, ...certificate } });
  await t.test('its certificate has expired', (t) =>
    checkMistake(t, late, { what: 'its age', said: [/certificate that has expired/] }),
  );
  const plain = await startGateway(t);
  await t.test('it speaks no TLS', (t) =>
    checkMistake(t, plain, {
      what: 'its scheme',
      args: ['--s3-endpoint', `https://127.0.0.1:${plain.port}`],
      said: [/does not speak TLS/, /write http:/],
    }),
  );
});
