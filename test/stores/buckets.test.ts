// The buckets of all locations: what is asked in the same way is asked by one client, and nothing else is.
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { locateBucket, parseEndpoint } from '../../src/config/bucket.js';
import { Buckets } from '../../src/stores/buckets.js';
import type { ObjectStore } from '../../src/stores/object-store.js';
import { type S3StandIn, startS3StandIn, TEST_CREDENTIALS } from '../support/s3-stand-in.js';
import { until } from '../support/until.js';

interface Place {
  readonly prefix?: string;
  readonly bucket?: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly s3Anonymous?: boolean;
}

interface Opened {
  readonly standIn: S3StandIn;
  readonly buckets: Buckets;
  /** Messages from warnings on. */
  readonly told: string[];
  storeOf(place: Place): ObjectStore;
}

async function open(t: Test): Promise<Opened> {
  const standIn = await startS3StandIn(t);
  const { accessKeyId, secretAccessKey } = TEST_CREDENTIALS;
  const told: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => told.push(JSON.parse(line).msg) });
  const buckets = new Buckets(
    { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    log,
  );
  t.teardown(() => buckets.end());
  const storeOf = ({
    prefix = '',
    bucket = standIn.bucket,
    region = standIn.region,
    endpoint = standIn.endpoint,
    s3Anonymous = false,
  }: Place): ObjectStore =>
    buckets.storeOf({
      bucket: locateBucket({ url: { bucket, prefix }, endpoint: parseEndpoint(endpoint), region }),
      s3Anonymous,
      maxRanges: 64,
      excluded: [],
    });
  return { standIn, buckets, told, storeOf };
}

const ask = async (store: ObjectStore): Promise<void> => {
  const request = { method: 'GET', headers: {} };
  const { file } = await store.find({ path: 'a', siblings: [], request, known: () => undefined });
  file?.close();
};

t.test('locations over one bucket share its client, and no others do', async (t) => {
  const { standIn, storeOf } = await open(t);
  for (const key of ['a', 'media/a', 'private/a']) standIn.put(key, 'hello');
  const store = storeOf({ prefix: 'media/' });
  await ask(store);
  const cases: readonly (readonly [isShared: boolean, place: Place])[] = [
    [true, { prefix: 'media/' }],
    [true, { prefix: 'private/' }],
    [true, {}],
    [false, { s3Anonymous: true }],
    [false, { region: 'eu-west-1' }],
    [false, { bucket: 'other' }],
    [false, { endpoint: standIn.endpoint.replace('127.0.0.1', 'localhost') }],
    [false, { endpoint: `${standIn.endpoint}/media` }],
  ];
  for (const [isShared, place] of cases) {
    const before = standIn.connections;
    // Some have no such object, or no such bucket.
    await ask(storeOf(place)).catch(() => {});
    t.equal(standIn.connections, before + (isShared ? 0 : 1), JSON.stringify(place));
  }
});

t.test('one bucket has one bound of connections, and one end', async (t) => {
  const { standIn, buckets, storeOf } = await open(t);
  const stores = [storeOf({ prefix: 'media/' }), storeOf({ prefix: 'private/' })];
  standIn.next(...Array.from({ length: 200 }, () => ({ kind: 'stall' }) as const));
  const asked = Array.from({ length: 50 }, () => stores.map(ask))
    .flat()
    .map((asking) => asking.catch(() => {}));
  await until(() => standIn.requests.length >= 64, 'as many as may are with the store');
  buckets.end();
  await Promise.all(asked);
  await until(() => standIn.open === 0, 'no connection is left');
  t.equal(standIn.requests.length, 64, 'the others were never asked');
});

t.test("a bucket's mistake is told once, and each bucket's by itself", async (t) => {
  const { standIn, buckets, told, storeOf } = await open(t);
  for (const prefix of ['media/', 'private/', 'media/']) storeOf({ prefix });
  storeOf({ bucket: 'missing' });
  standIn.ahead = 20 * 60_000;
  await buckets.check();
  t.equal(told.length, 3);
  t.equal(told.filter((text) => /clock/.test(text)).length, 2, 'the clock is set once for each client');
  t.equal(told.filter((text) => /has no bucket "missing"/.test(text)).length, 1);
});
