// limitRate: how the delay is reckoned, by property; and that a response keeps to it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { createRateLimiter } from '../../src/files/limit-rate.js';
import { converse } from '../support/conversation.js';
import { startLocations } from '../support/locations.js';
import { openDescriptors, readCalls, withoutProc } from '../support/proc.js';
import { get, openConnection } from '../support/raw.js';
import { until } from '../support/until.js';

const KB = 1024;
const RATE = 64 * KB;
const AFTER = 32 * KB;
const SIZE = 96 * KB;
/** What the limit costs this file, in milliseconds: the last of four pieces a second waits for nothing behind it. */
const LEAST = ((SIZE - AFTER - RATE / 4) / RATE) * 1000 - 20;

const directory = t.testdir({});
const content = Buffer.alloc(SIZE, 'abc');
writeFileSync(join(directory, 'a.bin'), content);
writeFileSync(join(directory, 'small.bin'), content.subarray(0, AFTER));
writeFileSync(join(directory, 'forever.bin'), Buffer.alloc(1000 * KB));
const place = { kind: 'media', root: directory };
const server = await startLocations(t, [
  { ...place, prefix: '/limited/', limitRate: '64kb', limitRateAfter: '32kb' },
  { ...place, prefix: '/crawling/', limitRate: 1 },
  { ...place, prefix: '/free/', limitRate: 100, limitRateAfter: '1000kb' },
  { ...place, prefix: '/off/', limitRate: 0 },
]);
const conversation = await converse(t, server.port);

t.test('a rate of 0 is no limit at all', async (t) => {
  t.equal(createRateLimiter(0, 0), undefined);
  t.equal(createRateLimiter(0, 1000), undefined);
});

t.test('at no time has more been sent than is free and the rate allows', async () => {
  const bytes = fc.integer({ min: 1, max: 1_000_000_000 });
  await fc.assert(
    fc.property(
      bytes,
      fc.nat(1_000_000),
      fc.nat(1_000_000_000),
      fc.nat(100_000),
      (rate, after, sent, elapsed) => {
        const delay = createRateLimiter(rate, after)?.delay(sent, elapsed);
        if (delay === undefined || delay < 0) return false;
        const allowed = after + ((elapsed + delay) / 1000) * rate;
        // Waiting brings it exactly to the limit, never beyond; what is free or within the limit does not wait.
        return delay === 0 ? sent <= allowed + 1 : Math.abs(sent - allowed) < 1 + sent * 1e-9;
      },
    ),
  );
});

t.test('what is sent in one go is all that is free, and then at most a second of the rate', async () => {
  const bytes = fc.integer({ min: 1, max: 1_000_000_000 });
  await fc.assert(
    fc.property(bytes, fc.nat(1_000_000), fc.nat(2_000_000), (rate, after, sent) => {
      const step = createRateLimiter(rate, after)?.step(sent) ?? 0;
      const free = Math.max(0, after - sent);
      return Number.isInteger(step) && step >= Math.max(1, free) && step <= Math.max(rate, free);
    }),
  );
});

t.test('what is free goes out in large pieces, also at a low rate', { skip: withoutProc() }, async (t) => {
  const before = readCalls(server.process.pid);
  const { body } = await conversation.ask('/free/forever.bin');
  t.equal(body.length, 1000 * KB);
  const calls = readCalls(server.process.pid) - before;
  // In pieces of a quarter of a second it would be forty thousand.
  t.ok(calls < 500, `${calls} calls`);
});

t.test('a response is sent at the rate, once its free bytes are gone', async (t) => {
  const startedAt = performance.now();
  const limited = await conversation.ask('/limited/a.bin');
  const took = performance.now() - startedAt;
  t.ok(limited.body.equals(content));
  t.ok(took >= LEAST, `${took} ms`);
  // Also when it comes from memory, and when it is a part.
  const partStartedAt = performance.now();
  const part = await conversation.ask('/limited/a.bin', ['Range: bytes=1-']);
  t.ok(part.body.equals(content.subarray(1)));
  t.ok(performance.now() - partStartedAt >= LEAST, 'a part too');
});

t.test('what has no content does not wait, nor does what is free', async (t) => {
  const { headers } = await conversation.ask('/limited/small.bin');
  // At one byte a second, waiting for any of these would take longer than this test may.
  t.equal((await conversation.ask('/crawling/forever.bin', [], 'HEAD')).status, 200);
  t.equal((await conversation.ask('/crawling/small.bin', [`If-None-Match: ${headers['etag']}`])).status, 304);
  t.equal((await conversation.ask('/crawling/missing')).status, 404);
  t.ok((await conversation.ask('/limited/small.bin')).body.equals(content.subarray(0, AFTER)));
  t.ok((await conversation.ask('/off/a.bin')).body.equals(content));
});

t.test(
  'a client that leaves while its response waits leaves nothing behind',
  { skip: withoutProc() },
  async (t) => {
    const path = join(directory, 'forever.bin');
    const open = (): boolean => openDescriptors(server.process.pid).includes(path);
    const connection = await openConnection(t, server.port);
    connection.socket.write(get('/crawling/forever.bin'));
    await connection.until((received) => received.includes('\r\n\r\n'));
    await until(open, 'the file is open');
    connection.socket.destroy();
    await until(() => !open(), 'the file is closed');
    await server.logged((line) => line['msg'] === 'request' && line['aborted'] === true);
  },
);
