// Stopping: what is under way is finished, what is idle is closed, and the exit code is 0. The app is a stand-in that
// finishes its answers when it is told to.
import { closeSync, openSync, truncateSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import t, { type Test } from 'tap';
import type { Server } from '../../src/http1/server.js';
import { prepareShutdown } from '../../src/server/shutdown.js';
import { type RunningApp, startApp, startTcpApp } from '../support/app.js';
import { startHere } from '../support/here.js';
import { get, openConnection } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { until } from '../support/until.js';

/** More than the system takes for a client that reads nothing. */
const SIZE = 16 * 1024 * 1024;

interface Site<Server> {
  readonly server: Server;
  readonly app: RunningApp;
  /** Lets the app finish its answers. */
  finish(): void;
}

type Start<Server> = (t: Test, args: readonly string[]) => Promise<Server>;

async function startSite<Server>(t: Test, start: Start<Server>, ...args: string[]): Promise<Site<Server>> {
  const root = t.testdir({ 'a.txt': 'hello' });
  closeSync(openSync(join(root, 'large.bin'), 'w'));
  truncateSync(join(root, 'large.bin'), SIZE);
  const unfinished: (() => void)[] = [];
  const app = await startApp(t, (_request, response) => {
    response.writeHead(200, { 'Content-Length': 10 }).write('begun');
    unfinished.push(() => response.end('-done'));
  });
  const server = await start(t, ['--root', root, '--upstream', app.address, ...args]);
  return { server, app, finish: () => unfinished.forEach((end) => void end()) };
}

/** True when nobody accepts connections on the port any more. */
function isClosed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', () => resolve(true));
  });
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
  t.test(
    `${signal}: no new connections, what is under way is finished, and the exit code is 0`,
    async (t) => {
      // The longest there is.
      const { server, finish } = await startSite(t, startServer, '--shutdown-timeout', '24d');
      const idle = await openConnection(t, server.port);
      idle.socket.write('GET /media/a.txt HTTP/1.1\r\nHost: x\r\n\r\n');
      await idle.until((received) => received.endsWith('hello'));
      const unused = await openConnection(t, server.port);
      const proxied = await openConnection(t, server.port);
      // Without Connection: close, so that it is the server that must think of closing.
      proxied.socket.write('GET /page HTTP/1.1\r\nHost: x\r\n\r\n');
      await proxied.until((received) => received.endsWith('begun'));
      const download = await openConnection(t, server.port);
      download.socket.write(get('/media/large.bin'));
      await download.until((received) => received.includes('\r\n\r\n'));
      download.socket.pause();

      const stopped = server.stop(signal);
      // npm and a terminal say it both.
      server.process.kill(signal);
      server.process.kill('SIGINT');
      await idle.closed();
      await unused.closed();
      await until(() => isClosed(server.port), 'the port is closed');
      t.equal(server.process.exitCode, null, 'the server waits for what is under way');

      download.socket.resume();
      const received = await download.closed();
      t.equal(received.length - received.indexOf('\r\n\r\n') - 4, SIZE);
      t.equal(server.process.exitCode, null, 'the server waits for the app');
      finish();
      t.match(await proxied.closed(), /begun-done$/);
      t.equal(await stopped, 0);
      const stops = server.log.filter(({ msg }) => String(msg).startsWith('stopping'));
      t.equal(stops.length, 1);
      await until(() => server.log.some(({ msg }) => msg === 'stopped'), 'the last line is written');
    },
  );
}

t.test('what takes longer than --shutdown-timeout is cut off', async (t) => {
  const { server } = await startSite(t, startHere, '--shutdown-timeout', '100ms');
  const proxied = await openConnection(t, server.port);
  proxied.socket.write(get('/page'));
  await proxied.until((received) => received.endsWith('begun'));
  const download = await openConnection(t, server.port);
  download.socket.write(get('/media/large.bin'));
  await download.until((received) => received.includes('\r\n\r\n'));
  download.socket.pause();

  await server.stop();
  t.match(await proxied.closed(), /begun$/, 'and not ended as if it were complete');
  await until(
    () => server.log.some(({ level, msg }) => level === 40 && String(msg).includes('--shutdown-timeout')),
    'the log says that requests were cut off, and names the option',
  );
});

t.test(
  'a client that has asked for nothing yet does not hold the end up, however slowly it asks',
  async (t) => {
    const { server } = await startSite(t, startHere);
    const connection = await openConnection(t, server.port);
    connection.socket.write('GET /media/a.txt HTTP/1.1\r\nHost: x');
    // A later answer tells that the server has read what came before.
    const other = await openConnection(t, server.port);
    other.socket.write(get('/media/a.txt'));
    await other.closed();
    const stopped = server.stop();
    await until(() => isClosed(server.port), 'the port is closed');
    connection.socket.write('\r\n\r\n');
    await connection.closed();
    await stopped;
  },
);

t.test('a tunnel is cut off too, also when the app does not close its side', async (t) => {
  const upstream = await startTcpApp(t, (socket) => {
    socket.allowHalfOpen = true;
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    });
  });
  const args = ['--upstream', upstream, '--shutdown-timeout', '100ms', '--send-timeout', '1h'];
  const server = await startHere(t, ['--root', t.testdir({}), ...args]);
  const client = await openConnection(t, server.port);
  client.socket.write('GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await client.until((received) => received.endsWith('\r\n\r\n'));
  await server.stop();
  await client.closed();
});

t.test('small files whose bytes still wait in a socket arrive before it is closed', async (t) => {
  const count = 100;
  const size = 128 * 1024;
  const root = t.testdir({ 'a.bin': 'x'.repeat(size) });
  const server = await startServer(t, ['--root', root]);
  const late = await openConnection(t, server.port);
  late.socket.pause();
  late.socket.write('GET /media/a.bin HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(count));
  await server.logged(({ msg }) => msg === 'request');
  server.process.kill('SIGTERM');
  await server.logged(({ msg }) => String(msg).startsWith('stopping'));
  await until(() => isClosed(server.port), 'it takes no new connections');
  late.socket.resume();
  const received = await late.closed();
  // As with nginx, the first answer after the signal is the last; a client repeats what stood behind it elsewhere.
  const answers = received.split(/(?=HTTP\/1\.1 200 OK)/);
  for (const [index, answer] of answers.entries()) {
    t.match(answer, /\r\n\r\nx{131072}$/, `answer ${index + 1} is whole`);
    t.equal(/^Connection: close\r$/im.test(answer), index === answers.length - 1, 'the last says so');
  }
});

t.test('every answer that begins while it stops says that the connection is closed', async (t) => {
  const app = await startApp(t, (request, response) => {
    if (request.url === '/now') response.end('app');
    else waiting.push(() => response.end('app'));
  });
  const waiting: (() => void)[] = [];
  const root = t.testdir({ 'a.txt': 'hello' });
  const server = await startHere(t, ['--root', root, '--upstream', app.address]);
  const connection = await openConnection(t, server.port);
  connection.socket.write('GET /now HTTP/1.1\r\nHost: x\r\n\r\n');
  t.match(await connection.until((received) => received.endsWith('app')), /\r\nConnection: keep-alive\r\n/);
  connection.socket.write('GET /later HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => waiting.length === 1, 'the app has it');
  const stopped = server.stop();
  await until(() => isClosed(server.port), 'the port is closed');
  for (const end of waiting) end();
  t.match(await connection.closed(), /\r\nConnection: close\r\n[\s\S]*app$/);
  await stopped;
});

t.test('the second word to stop cuts off what is under way, unless it is the first one twice', async (t) => {
  const lines: string[] = [];
  const tell = (_fields: object, message: string): void => void lines.push(message);
  let end = (): void => {};
  let cutOff = 0;
  const server = { openConnections: 1, closeAllConnections: () => (cutOff += 1) } as unknown as Server;
  const app = { close: () => new Promise<void>((resolve) => (end = resolve)) } as unknown as FastifyInstance;
  const log = { info: tell, warn: tell } as unknown as Logger;
  let now = 1e6;
  const shutdown = prepareShutdown(app, server, 60_000, log, () => now);
  const stopped = shutdown.stop('SIGTERM');
  for (const later of [0, 50, 1900]) {
    now += later;
    t.equal(shutdown.stop('SIGINT'), stopped);
  }
  t.equal(cutOff, 0);
  now += 100;
  void shutdown.stop('SIGINT');
  t.equal(cutOff, 1);
  t.match(lines.at(-1), 'told to stop again');
  end();
  await stopped;
});
