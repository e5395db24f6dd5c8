// A defect costs the connection that meets it, and no other: neither the process ends, nor does anybody wait for what will
// not come. There is no known one to test with, so that each is put into the process beside the server's code.
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startRawApp } from '../http1/raw-app.js';
import { get, openConnection, rawRequest } from '../support/raw.js';
import { startS3StandIn } from '../support/s3-stand-in.js';
import { type LogLine, type RunningServer, startServer } from '../support/server.js';
import { socketDirectory } from '../support/unix.js';
import { until } from '../support/until.js';

/** Has what the server calls throw, where these names and addresses are in the request. */
const SABOTAGE = `
  import { BlockList, Socket } from 'node:net';
  const { stringify } = JSON;
  JSON.stringify = (value, ...rest) => {
    if (typeof value === 'string' && value.startsWith('/media/listener')) throw new Error('in a listener');
    return stringify(value, ...rest);
  };
  Socket.prototype.resetAndDestroy = () => {
    throw new Error('in a timer');
  };
  const { toLowerCase } = String.prototype;
  const { now } = performance;
  let throwsNext = false;
  String.prototype.toLowerCase = function () {
    // Known names are not asked for again.
    if (String(this).startsWith('X-Read-')) throwsNext = true;
    return toLowerCase.call(this);
  };
  performance.now = () => {
    if (throwsNext) {
      throwsNext = false;
      throw new Error('in a read');
    }
    return now.call(performance);
  };
  const { check } = BlockList.prototype;
  BlockList.prototype.check = function (address, family) {
    if (address === '192.0.2.66') throw new Error('in a lookup');
    return check.call(this, address, family);
  };
  const { slice } = String.prototype;
  String.prototype.slice = function (...args) {
    if (String(this) === '.media-serve-asks-whether-it-may-read') throw new Error('in a probe');
    return slice.apply(this, args);
  };
  process.on('SIGWINCH', () => {
    Promise.reject(new Error('in a promise'));
  });`;

const isDefect = ({ msg }: LogLine): boolean => String(msg).startsWith('a defect');
const reasonOf = ({ err }: LogLine): unknown => (err as { message?: unknown } | undefined)?.message;

const SABOTAGED = ['--import', `data:text/javascript,${encodeURIComponent(SABOTAGE)}`];

async function start(t: Test): Promise<{ server: RunningServer; brokenOff(): Promise<void> }> {
  const app = await startRawApp(t);
  const root = t.testdir({ 'a.txt': 'hello' });
  const server = await startServer(
    t,
    ['--root', root, '--upstream', app.address, '--trust-proxy', 'loopback', '--no-response-buffering'],
    { node: SABOTAGED },
  );
  let id = 0;
  return {
    server,
    /** An answer in chunks to a client that knows none, broken off: only a reset can tell. */
    async brokenOff() {
      id += 1;
      const asked = app.expect(id, ({ socket }) => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', () =>
          socket.destroy(),
        );
      });
      const connection = await openConnection(t, server.port);
      connection.socket.write(`GET /${id} HTTP/1.0\r\n\r\n`);
      await asked;
    },
  };
}

const isWell = async ({ port, process: { exitCode } }: RunningServer): Promise<boolean> =>
  exitCode === null && (await rawRequest(port, get('/media/a.txt'))).body.toString() === 'hello';

t.test('what is thrown where nobody catches it is logged, and the server goes on', async (t) => {
  const { server, brokenOff } = await start(t);
  const kept = await openConnection(t, server.port);
  let count = 0;
  const strikes: Readonly<Record<string, () => Promise<unknown>>> = {
    'in a listener': () => rawRequest(server.port, get('/media/listener"')),
    'in a timer': brokenOff,
    // Its connection is closed, without an answer.
    'in a read': () => t.rejects(rawRequest(server.port, get('/media/a.txt', [`X-Read-${count++}: a`]))),
    'in a promise': async () => server.process.kill('SIGWINCH'),
  };
  for (const [where, strike] of Object.entries(strikes)) {
    // Not each is told: a second passes between two lines.
    const isTold = (): boolean => server.log.some((line) => isDefect(line) && reasonOf(line) === where);
    await until(
      async () => {
        if (!isTold()) await strike();
        return isTold();
      },
      `${where}: it is told`,
      undefined,
      100,
    );
    t.ok(await isWell(server), where);
  }
  kept.socket.write(get('/media/a.txt'));
  await kept.until((received) => received.endsWith('hello'));
  t.equal(server.errors, '');
});

t.test('a client that has found a defect does not fill the log with it', async (t) => {
  const { server } = await start(t);
  const told = (): LogLine[] => server.log.filter(isDefect);
  await until(async () => {
    await rawRequest(server.port, get('/media/listener"'));
    return told().some(({ times }) => Number(times) > 1);
  }, 'a line tells of several');
});

t.test('where a request comes from cannot be found out: it is answered, with 500', async (t) => {
  const { server } = await start(t);
  const { status } = await rawRequest(server.port, get('/media/a.txt', ['X-Forwarded-For: 192.0.2.66']));
  t.equal(status, 500);
  t.equal(reasonOf(await server.logged(isDefect)), 'in a lookup');
  t.ok(await isWell(server));
});

t.test('what is asked of buckets at the start fails: each is served', async (t) => {
  const standIn = await startS3StandIn(t, { credentials: undefined });
  standIn.put('media/a.txt', 'hello');
  const path = join(socketDirectory(t), 'socket');
  const root = `s3://${standIn.bucket}/media`;
  const bucket = ['--root', root, '--s3-endpoint', standIn.endpoint, '--s3-anonymous'];
  for (const listen of ['127.0.0.1:0', `unix:${path}`]) {
    const server = await startServer(t, bucket, { node: SABOTAGED, listen });
    t.equal(reasonOf(await server.logged(isDefect)), 'in a probe', listen);
    if (server.port > 0) t.ok(await isWell(server));
    t.equal(await server.stop(), 0, listen);
  }
});
