/**
 * A real store that is killed, changed and kept waiting while media-serve sends what is in it.
 * `npm run test:suites -- --only object-storage`
 */
import { createHash, randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { startRecorder } from '../support/app.js';
import { get, rawRequest } from '../support/raw.js';
import { environmentOf, placeOf, put } from '../support/real-store.js';
import { type RunningServer, startServer } from '../support/server.js';
import { MORE_THAN_BUFFERS, readSlowly, type SlowReader } from '../support/slow-reader.js';
import { until } from '../support/until.js';
import { type Gateway, requestsTo, startGateway } from '../support/versitygw.js';

/** More than there are connections to a store. */
const READERS = 70;
/** Of them, those that are looked at to the end. */
const FIRST = 3;

const LONG = randomBytes(MORE_THAN_BUFFERS);
const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

async function startSite(t: Test, store: Gateway): Promise<RunningServer> {
  const { address } = await startRecorder(t);
  const args = ['--root', `s3://${store.bucket}/media`, ...placeOf(store), '--upstream', address];
  return startServer(t, args, { env: environmentOf(store) });
}

t.setTimeout(300_000);
for (const keepsAlive of [false, true]) {
  const kind = keepsAlive ? 'one that keeps connections' : 'one that closes them';
  t.test(`slow readers keep nobody waiting, with ${kind}`, { timeout: 300_000 }, async (t) => {
    const store = await startGateway(t, { keepsAlive });
    await put(store, 'media/long', LONG);
    await put(store, 'media/changed', LONG);
    await put(store, 'media/short', 'hello');
    const { port } = await startSite(t, store);
    const changed = await readSlowly(t, port, '/media/changed');
    const readers: SlowReader[] = [];
    // One after the other: those that wait longest lose their connections first.
    for (let count = 0; count < FIRST; count++) readers.push(await readSlowly(t, port, '/media/long'));
    readers.push(
      ...(await Promise.all(
        Array.from({ length: READERS - FIRST }, () => readSlowly(t, port, '/media/long')),
      )),
    );
    const hurried = await rawRequest(port, get('/media/short'));
    t.equal(hurried.body.toString(), 'hello', 'another is served');

    await put(store, 'media/changed', Buffer.from(LONG).reverse());
    const { body } = await changed.finish();
    t.ok(body.equals(LONG.subarray(0, body.length)), 'nothing of another version is put behind');
    t.comment(`${body.length} of ${LONG.length} bytes came of the one that was changed`);

    const before = (await requestsTo(store)).length;
    // They get the rest in parts.
    for (const reader of readers.slice(0, FIRST)) {
      const answer = await reader.finish();
      t.equal(answer.status, 200);
      t.equal(hash(answer.body), hash(LONG), 'all of it, and nothing twice');
    }
    const parts = (await requestsTo(store)).slice(before).filter(({ status }) => status === 206);
    t.ok(parts.length > 0, `in ${parts.length} parts`);
    for (const reader of readers) reader.leave();
  });
}

t.test('a store that is killed, and comes back', { timeout: 300_000 }, async (t) => {
  const store = await startGateway(t);
  await put(store, 'media/long', LONG);
  const server = await startSite(t, store);
  const reader = await readSlowly(t, server.port, '/media/long');
  await store.kill();
  const { status, body } = await reader.finish();
  t.equal(status, 200);
  t.ok(body.length < LONG.length, `the connection is cut, after ${body.length} bytes`);
  t.ok(body.equals(LONG.subarray(0, body.length)));
  t.equal((await rawRequest(server.port, get('/media/long'))).status, 502);
  t.equal((await rawRequest(server.port, get('/page'))).status, 200, 'the app is served meanwhile');
  // The rest was asked for once more, of nobody.
  await server.logged(({ msg }) => /refuses the connection/.test(String(msg)));

  const again = await startGateway(t, { port: store.port });
  await put(again, 'media/long', 'is back');
  await until(
    async () => (await rawRequest(server.port, get('/media/long'))).body.toString() === 'is back',
    'it is asked again',
  );
});
