/**
 * Memory of many connections on which no request is under way: it is bounded for each, and for all half heads together.
 * `CONNECTIONS` says how many; the suites do it with 10,000.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { openFileLimit } from '../../src/server/connection-places.js';
import { peakMemory, withoutProc } from '../support/proc.js';
import { get, rawRequest } from '../support/raw.js';
import { type RunningServer, startServer } from '../support/server.js';
import { skipUnless } from '../support/skip.js';
import { steady, until } from '../support/until.js';

const CONNECTIONS = Number(process.env['CONNECTIONS'] ?? 1000);
/** Opened at once: the queue of those that the system has not handed over yet holds 511. */
const AT_ONCE = 200;
/** What a connection may take besides its half head, in bytes; it takes about 6 KiB. */
const EACH = 16 * 1024;
/** What all half heads may take together, in bytes. */
const HEADS = 64 * 1024 * 1024;
/** What Node does not give back at once. */
const SPARE = 64 * 1024 * 1024;

const HALF = 'GET /media/a.txt HTTP/1.1\r\nHost: a\r\nCookie: ';
const LARGE_HALF = HALF + 'x'.repeat(31_000 - HALF.length);
const WHOLE = 'GET /media/a.txt HTTP/1.1\r\nHost: a\r\n\r\n';

const without = (): string | false =>
  withoutProc() ||
  // Each has a descriptor here, and one in the server.
  skipUnless(
    (openFileLimit() ?? 0) > CONNECTIONS + 1000,
    `ulimit -n is too low for ${CONNECTIONS} connections`,
  );

/** Opens connections that send this, and one byte more at least is heard of each for which an answer is awaited. */
async function openAll(t: Test, port: number, text: (index: number) => string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  while (sockets.length < CONNECTIONS) {
    const batch = Array.from({ length: Math.min(AT_ONCE, CONNECTIONS - sockets.length) }, (_, index) => {
      const socket = connect({ port, host: '127.0.0.1' });
      // Those with a half head may be given up.
      socket.on('error', () => {});
      const bytes = text(sockets.length + index);
      return { socket, sent: send(socket, bytes) };
    });
    sockets.push(...batch.map(({ socket }) => socket));
    await Promise.all(batch.map(({ sent }) => sent));
  }
  return sockets;
}

async function send(socket: Socket, bytes: string): Promise<void> {
  await once(socket, 'connect');
  if (bytes === '') return;
  const closed = once(socket, 'close');
  await Promise.race([new Promise<unknown>((resolve) => socket.write(bytes, 'latin1', resolve)), closed]);
  if (bytes === WHOLE) await once(socket, 'data');
  else socket.resume();
}

/** By how much the most memory that the server ever had has grown, in bytes, once it has read everything. */
async function grown({ process: { pid } }: RunningServer, before: number): Promise<number> {
  return (await steady(() => peakMemory(pid))) - before;
}

const report = (t: Test, bytes: number): void =>
  t.comment(
    `CONNECTIONS=${CONNECTIONS}: ${(bytes / 2 ** 20).toFixed(1)} MiB, ${(bytes / 1024 / CONNECTIONS).toFixed(1)} KiB each`,
  );

t.test('connections that are silent, idle, or have a small half head', { skip: without() }, async (t) => {
  const root = t.testdir({ 'a.txt': 'hello' });
  const server = await startServer(t, ['--root', root, '--max-connections', String(CONNECTIONS + 10)]);
  t.equal((await rawRequest(server.port, get('/media/a.txt'))).status, 200);
  const before = peakMemory(server.process.pid);
  const texts = ['', WHOLE, HALF + 'x'.repeat(500)];
  const sockets = await openAll(t, server.port, (index) => texts[index % texts.length] ?? '');
  const bytes = await grown(server, before);
  report(t, bytes);
  t.ok(bytes < CONNECTIONS * EACH + SPARE, `${bytes} bytes`);
  t.notOk(
    sockets.some(({ closed }) => closed),
    'all of them are open',
  );
  t.equal((await rawRequest(server.port, get('/media/a.txt'))).status, 200, 'and others are served');
});

t.test(
  'half heads of 31 KB: those that take too much together are given up',
  { skip: without() },
  async (t) => {
    const root = t.testdir({ 'a.txt': 'hello' });
    const server = await startServer(t, ['--root', root, '--max-connections', String(CONNECTIONS + 10)]);
    t.equal((await rawRequest(server.port, get('/media/a.txt'))).status, 200);
    const before = peakMemory(server.process.pid);
    const sockets = await openAll(t, server.port, () => LARGE_HALF);
    const bytes = await grown(server, before);
    report(t, bytes);
    const heads = Math.min(HEADS, CONNECTIONS * 32 * 1024);
    t.ok(bytes < CONNECTIONS * EACH + heads + SPARE, `${bytes} bytes`);
    const given = Math.max(0, CONNECTIONS - Math.floor(HEADS / LARGE_HALF.length));
    // One that comes in several pieces may take twice as much.
    const most = Math.max(0, CONNECTIONS - Math.floor(HEADS / LARGE_HALF.length / 2));
    const count = (): number => sockets.filter(({ bytesRead }) => bytesRead > 0).length;
    await until(() => count() >= given, `${given} have an answer`);
    t.ok(count() <= most, `and no more than ${most}: ${count()}`);
    t.equal((await rawRequest(server.port, get('/media/a.txt'))).status, 200, 'and others are served');
  },
);
