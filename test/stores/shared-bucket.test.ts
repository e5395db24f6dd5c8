// One bucket with several locations over it: it is asked once where that will do, and what is wrong is told once.
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { S3Error, type S3Failure } from '../../src/s3/errors.js';
import type { ObjectStore } from '../../src/stores/object-store.js';
import { SharedBucket, type SharedBucketOptions } from '../../src/stores/shared-bucket.js';
import { collectDefects } from '../support/defects.js';
import { clientOf } from '../support/s3-client.js';
import { type S3StandIn, startS3StandIn } from '../support/s3-stand-in.js';
import { until } from '../support/until.js';

/** Lines of a log from warnings on. */
type Lines = Record<string, unknown>[];

function logged(): { readonly lines: Lines; readonly log: SharedBucketOptions['log'] } {
  const lines: Lines = [];
  return {
    lines,
    log: pino({ level: 'warn', base: null }, { write: (line) => lines.push(JSON.parse(line)) }),
  };
}

interface Open {
  readonly bucket: SharedBucket;
  readonly standIn: S3StandIn;
  readonly lines: Lines;
  /** For each prefix a store. */
  readonly stores: readonly ObjectStore[];
}

async function openBucket(t: Test, ...prefixes: readonly string[]): Promise<Open> {
  const standIn = await startS3StandIn(t);
  const { lines, log } = logged();
  const client = clientOf(t, standIn, { limits: { attempts: 1 } });
  const bucket = new SharedBucket({ client, name: standIn.bucket, log });
  const stores = prefixes.map((prefix) => bucket.storeOf({ prefix, maxRanges: 64 }));
  return { bucket, standIn, lines, stores };
}

const ask = async (store: ObjectStore | undefined, path = 'a'): Promise<unknown> =>
  store
    ?.find({ path, siblings: [], request: { method: 'GET', headers: {} }, known: () => undefined })
    .catch(() => undefined);

/** Lines as they matter here. */
const told = (lines: Lines): unknown[] => lines.map(({ level, code, roots }) => [level, code, roots]);

t.test('at the start each prefix is asked for once, and nothing is told when all is well', async (t) => {
  const { bucket, standIn, lines } = await openBucket(t, 'media/', 'private/', 'media/');
  await bucket.check();
  t.same(standIn.requests.map(({ target }) => target.replace(/[^/]*$/, '')).sort(), [
    '/media/media/',
    '/media/private/',
  ]);
  t.same(lines, []);
});

t.test('what is wrong with the bucket is told once, whatever the prefixes', async (t) => {
  const { bucket, standIn, lines } = await openBucket(t, 'media/', 'private/', '');
  standIn.region = 'eu-west-1';
  await bucket.check();
  t.match(lines, [{ level: 50, msg: /--s3-region=eu-west-1/ }]);
  t.same(lines[0]?.['roots'], ['s3://media/media/', 's3://media/private/', 's3://media/']);
  t.equal(lines.length, 1);
  lines.length = 0;
  await standIn.stop();
  await bucket.check();
  t.match(lines, [{ level: 50, code: 'ECONNREFUSED', msg: /refuses the connection/ }]);
  t.equal(lines.length, 1);
});

t.test('what may be read below one prefix and not below another is told of that', async (t) => {
  const { bucket, standIn, lines, stores } = await openBucket(t, 'media/', 'private/', 'static/');
  standIn.onRequest = ({ target }) =>
    standIn.next({
      ...{ kind: 'refuse', status: target.startsWith('/media/private/') ? 403 : 404 },
      code: target.startsWith('/media/private/') ? 'AccessDenied' : 'NoSuchKey',
    });
  await bucket.check();
  t.match(lines, [{ level: 50, msg: /s3:GetObject/ }]);
  t.same(told(lines), [[50, 'AccessDenied', ['s3://media/private/']]]);

  await ask(stores[1]);
  t.equal(lines.length, 1, 'and not again when it is asked for');
  standIn.onRequest = () => standIn.next({ kind: 'refuse', status: 403, code: 'AccessDenied' });
  for (const path of ['a', 'b']) await ask(stores[0], path);
  t.same(told(lines).slice(1), [[40, 'AccessDenied', undefined]], 'of another one it is news, once');
  lines.length = 0;
  await ask(bucket.storeOf({ prefix: 'media/', maxRanges: 0 }));
  t.same(lines, [], 'also for another location with the same prefix');
});

t.test('a store that makes up codes does not fill the log, nor the memory', async (t) => {
  const { standIn, lines, stores } = await openBucket(t, 'media/');
  let number = 0;
  standIn.onRequest = () => standIn.next({ kind: 'refuse', status: 403, code: `MadeUp${number++}` });
  for (let times = 0; times < 50; times++) await ask(stores[0]);
  t.equal(number, 50);
  t.equal(lines.length, 32);
});

t.test('its end is that of all its stores', async (t) => {
  const { bucket, standIn, lines, stores } = await openBucket(t, 'media/', 'private/');
  standIn.next({ kind: 'stall' }, { kind: 'stall' }, { kind: 'stall' }, { kind: 'stall' });
  const checked = bucket.check();
  const asked = stores.map((store) => ask(store));
  await until(() => standIn.requests.length === 4, 'all are asked');
  bucket.end();
  await Promise.all([checked, ...asked]);
  await until(() => standIn.open === 0, 'no connection is left');
  t.same(lines, [], 'nothing is wrong');
});

t.test('a defect in what asks at the start is reported as one, and hides nothing else', async (t) => {
  const { lines, log } = logged();
  const answers: Readonly<Record<string, S3Failure>> = { 'b/': 'clock' };
  const client: SharedBucketOptions['client'] = {
    get: async () => Promise.reject(new Error('is not asked')),
    presign: async () => ({ url: '', expiresAt: 0 }),
    now: 0,
    keepTime() {},
    async probe(prefix) {
      const kind = answers[prefix];
      if (kind === undefined) throw new TypeError('a defect');
      return new S3Error(kind, 'the clock is wrong');
    },
    close() {},
  };
  const bucket = new SharedBucket({ client, name: 'media', log });
  for (const prefix of ['a/', 'b/']) bucket.storeOf({ prefix, maxRanges: 64 });
  const reported = collectDefects(t);
  await bucket.check();
  await until(() => reported.length > 0, 'it is reported');
  t.same(reported, ['a defect']);
  t.match(lines, [{ level: 50, msg: 'the clock is wrong', roots: ['s3://media/b/'] }]);
});
