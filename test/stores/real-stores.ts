/**
 * Buckets of real servers: the answers of files on disk, and what the log says where bucket, keys, region or clock are wrong.
 * `npm run test:suites -- --only object-storage`
 */
import t, { type Test } from 'tap';
import { checkAnswers } from '../files/bucket-as-directory.js';
import { startMoto } from '../support/moto.js';
import { get, rawRequest } from '../support/raw.js';
import { environmentOf, head, placeOf, put, type RealStore } from '../support/real-store.js';
import { checkMistake, type Mistake, startSite } from '../support/store-mistakes.js';
import { startGateway } from '../support/versitygw.js';

t.setTimeout(600_000);

const WRONG_SECRET: Mistake = {
  what: 'a secret that is wrong',
  env: { AWS_SECRET_ACCESS_KEY: 'wrong' },
  said: [/SignatureDoesNotMatch/, /AWS_SECRET_ACCESS_KEY/],
};
const UNKNOWN_KEY: Mistake = {
  what: 'a key that nobody has',
  env: { AWS_ACCESS_KEY_ID: 'AKIANOBODYHASTHISKEY' },
  said: [/does not know the access key/, /AWS_ACCESS_KEY_ID/],
};
const WRONG_BUCKET: Mistake = {
  what: 'a bucket that is not there',
  bucket: 'no-such-bucket',
  said: [/NoSuchBucket/, /has no bucket "no-such-bucket"/, /s3:\/\//],
};
const NO_STORE: Mistake = {
  what: 'an address where nobody listens',
  args: ['--s3-endpoint', 'http://127.0.0.1:1'],
  said: [/ECONNREFUSED/, /--s3-endpoint/],
};
const WRONG_REGION: Mistake = {
  what: 'another region',
  args: ['--s3-region', 'ap-south-9'],
  said: [/ap-south-9/, /--s3-region/, /eu-test-1/],
};
/** The store's time is taken. */
const WRONG_CLOCK: Mistake = {
  what: 'a clock that is three hours ahead',
  node: ['--import', 'data:text/javascript,const{now}=Date;Date.now=()=>now()+108e5'],
  said: [/180 minutes ahead/, /NTP/],
  status: 200,
};
/** As if it were everybody's. */
const UNSIGNED: Mistake = {
  what: 'no keys for a bucket that needs them',
  args: ['--s3-anonymous'],
  said: [/AccessDenied/, /AWS_ACCESS_KEY_ID/],
  status: 404,
};

const STORES: readonly (readonly [
  name: string,
  start: (t: Test) => Promise<RealStore>,
  mistakes: readonly Mistake[],
])[] = [
  [
    "Versity's gateway",
    (t) => startGateway(t),
    [WRONG_SECRET, UNKNOWN_KEY, WRONG_BUCKET, NO_STORE, WRONG_REGION, WRONG_CLOCK, UNSIGNED],
  ],
  ["Versity's gateway, which keeps connections", (t) => startGateway(t, { keepsAlive: true }), []],
  ['moto', (t) => startMoto(t), [WRONG_SECRET, UNKNOWN_KEY, WRONG_BUCKET]],
];

for (const [name, start, mistakes] of STORES) {
  t.test(name, { timeout: 600_000 }, async (t) => {
    const store = await start(t);
    await t.test('a bucket answers as a directory does', { timeout: 600_000 }, (t) =>
      checkAnswers(t, {
        bucket: store.bucket,
        place: placeOf(store),
        env: environmentOf(store),
        put: (key, content) => put(store, key, content),
      }),
    );
    await t.test('what is stored with an object is said', (t) => checkFields(t, store));
    for (const mistake of mistakes) await t.test(mistake.what, (t) => checkMistake(t, store, mistake));
  });
}

async function checkFields(t: Test, store: RealStore): Promise<void> {
  await put(store, 'media/report', 'a report', {
    'Content-Type': 'text/plain; charset=iso-8859-1',
    'Content-Disposition': 'attachment; filename="report.txt"',
    'Content-Language': 'de',
    'Cache-Control': 'max-age=60',
    'x-amz-meta-secret': 'of the app',
  });
  const { etag } = (await head(store, 'media/report')).headers;
  const { port } = await startSite(t, store);
  for (const method of ['GET', 'HEAD']) {
    const { headers } = await rawRequest(port, get('/media/report', [], method));
    t.match(headers, {
      etag,
      'content-type': 'text/plain; charset=iso-8859-1',
      'content-disposition': 'attachment; filename="report.txt"',
      'content-language': 'de',
      'cache-control': 'max-age=60',
      'content-length': '8',
      'x-content-type-options': 'nosniff',
    });
    t.same(
      Object.keys(headers).filter((name) => name.startsWith('x-amz')),
      [],
      'nothing of the store itself',
    );
  }
}
