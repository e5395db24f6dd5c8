// Slow readers: a hundred clients that take nothing of a large file hold up nobody else, and cost no thread.
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { converse } from '../support/conversation.js';
import { openDescriptors, peakMemory, withoutProc } from '../support/proc.js';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { MORE_THAN_BUFFERS, readSlowly, type SlowReader } from '../support/slow-reader.js';
import { until } from '../support/until.js';

/** More than twenty for each of libuv's four threads. */
const READERS = 100;

t.test(
  'small, cold, large and missing files are answered while a hundred readers take nothing',
  async (t) => {
    const root = t.testdir({ 'small.txt': 'small' });
    const content = Buffer.alloc(MORE_THAN_BUFFERS, '0123456789abcdef');
    // Too much to be read in one go.
    const medium = content.subarray(0, 1024 * 1024);
    writeFileSync(join(root, 'large.bin'), content);
    writeFileSync(join(root, 'medium.bin'), medium);
    // A reader that is never cut off for its silence: what is answered below is answered beside all of them.
    const server = await startServer(t, ['--root', root, '--send-timeout', '1h']);
    const stalled: SlowReader[] = [];
    for (let index = 0; index < READERS; index++)
      stalled.push(await readSlowly(t, server.port, '/media/large.bin'));

    const conversation = await converse(t, server.port);
    for (let round = 0; round < 10; round++) {
      writeFileSync(join(root, `cold-${round}.txt`), `cold ${round}`);
      const [small, cold, large, missing, part] = await conversation.askAll([
        ['/media/small.txt'],
        [`/media/cold-${round}.txt`],
        ['/media/medium.bin'],
        ['/media/missing'],
        ['/media/large.bin', ['Range: bytes=1000000-1299999']],
      ]);
      t.equal(small?.body.toString(), 'small');
      t.equal(cold?.body.toString(), `cold ${round}`);
      t.ok(large?.body.equals(medium));
      t.equal(missing?.status, 404);
      t.ok(part?.body.equals(content.subarray(1_000_000, 1_300_000)));
    }
    const finished = server.log.filter(
      ({ target, status }) => target === '/media/large.bin' && status === 200,
    );
    t.same(finished, [], 'not one of the slow ones was done before');

    const [first, ...others] = stalled;
    const whole = await first?.finish();
    t.ok(whole?.body.equals(content), 'a reader that goes on gets the rest');
    for (const reader of others) reader.leave();
    await t.test('and nothing stays open when they leave', { skip: withoutProc() }, async () => {
      await until(
        () => !openDescriptors(server.process.pid).includes(join(root, 'large.bin')),
        'every descriptor is closed',
      );
    });
  },
);

t.test(
  'a client that sends requests without end while one is answered costs no memory without end',
  { skip: withoutProc() },
  async (t) => {
    const mebibyte = 1024 * 1024;
    const most = 128 * mebibyte;
    const root = t.testdir({ 'small.txt': 'small' });
    writeFileSync(join(root, 'large.bin'), Buffer.alloc(MORE_THAN_BUFFERS));
    const server = await startServer(t, ['--root', root]);
    const warm = await rawRequest(server.port, get('/media/large.bin'));
    t.equal(warm.body.length, MORE_THAN_BUFFERS);
    const before = peakMemory(server.process.pid);

    const socket = connect({ port: server.port, host: '127.0.0.1' });
    t.teardown(() => socket.destroy());
    const request = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: example.org\r\n\r\n`;
    socket.write(request('/media/large.bin'));
    const many = Buffer.from(request('/media/small.txt').repeat(1000));
    const sendOn = (): void => {
      if (!socket.destroyed) socket.write(many, sendOn);
    };
    sendOn();
    const growth = (): number => peakMemory(server.process.pid) - before;
    let received = 0;
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (received > 8 * mebibyte || growth() > most) resolve();
      });
    });
    socket.destroy();
    t.ok(growth() < most, `the server grew by ${Math.round(growth() / mebibyte)} MiB`);
  },
);
