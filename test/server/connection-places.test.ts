// How many connections there are places for, and what the log says when they are taken.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import t, { type Test } from 'tap';
import { connectionPlaces, openFileLimit } from '../../src/server/connection-places.js';
import { startRecorder } from '../support/app.js';
import { startHere } from '../support/here.js';
import { openDescriptors, withoutProc } from '../support/proc.js';
import { get, openConnection, type RawConnection, rawExchange, rawRequest } from '../support/raw.js';
import { type RunningServer, startServer } from '../support/server.js';
import { until } from '../support/until.js';

const KEPT = get('/media/a.txt').replace('Connection: close\r\n', '');

/** Requests that need a descriptor: for a file, a connection to the app, a temporary file. */
const IN_NEED = [
  KEPT,
  KEPT.replace('/media/a.txt', '/app'),
  'POST /app HTTP/1.1\r\nHost: example.org\r\nContent-Length: 10\r\n\r\n0123456789',
];

/** Runs the server with a limit on open files. */
const withOpenFiles = (limit: number): { wrap: readonly string[] } => ({
  wrap: ['sh', '-c', `ulimit -n ${limit} && exec "$@"`, 'sh'],
});

async function ask(connection: RawConnection, request: string): Promise<string> {
  const before = connection.received().length;
  connection.socket.write(request);
  const received = await connection.until((text) => text.endsWith('hello') && text.length > before);
  return received.slice(before + 9, before + 12);
}

/** Connections on which a request has been answered. */
async function openMany(t: Test, port: number, count: number): Promise<RawConnection[]> {
  const connections: RawConnection[] = [];
  for (let index = 0; index < count; index++) {
    const connection = await openConnection(t, port);
    await ask(connection, KEPT);
    connections.push(connection);
  }
  return connections;
}

t.test('by default there is room for as many files or connections to the app as for clients', async (t) => {
  for (const [openFiles, max, maxWaiting] of [
    [256, 88, 32],
    [1024, 424, 128],
    [4096, 1768, 511],
    [20_000, 9720, 511],
    [1_048_576, 16_384, 511],
    [40, 1, 5],
  ] as const) {
    t.same(connectionPlaces(undefined, openFiles), { max, maxWaiting, openFiles });
    t.ok(2 * max + maxWaiting < openFiles, `of ${openFiles}`);
    t.same(
      connectionPlaces(3000, openFiles),
      { max: 3000, maxWaiting, openFiles },
      'the operator knows best',
    );
  }
});

t.test('the limit on open files is what the shell says', async (t) => {
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' });
  const limit = openFileLimit();
  if (stdout.trim() === 'unlimited') t.equal(limit, undefined);
  else t.equal(limit, Number(stdout));
});

t.test(
  'the default follows ulimit -n, and files are served while it is reached',
  { skip: withoutProc() },
  async (t) => {
    const root = t.testdir({ 'a.txt': 'hello', 'b.txt': 'hello' });
    const server = await startServer(t, ['--root', root, '--cache-size', '0'], withOpenFiles(200));
    const { max, maxWaiting } = connectionPlaces(undefined, 200);
    t.match(server.log[0], { msg: 'listening', maxConnections: max });
    t.notOk(server.log.some(({ level }) => Number(level) > 30));

    const clients = await openMany(t, server.port, max);
    const late = Array.from({ length: maxWaiting }, () => rawExchange(server.port, get('/media/a.txt')));
    await server.logged(({ waited }) => waited === 1);
    const statuses = await Promise.all(
      clients.slice(-5).map((client) => ask(client, KEPT).catch(() => 'closed')),
    );
    t.notOk(statuses.includes('503'), `${statuses}`);
    for (const answer of await Promise.all(late))
      t.match(answer.toString('latin1'), /^HTTP\/1.1 200 .*hello$/s);
    t.equal((await rawRequest(server.port, get('/media/b.txt'))).status, 200);
    t.ok(openDescriptors(server.process.pid).length < 200);
    t.notOk(
      server.log.some(({ code }) => code === 'MEDIA_SERVE_BUSY'),
      'it never ran out of descriptors',
    );
  },
);

t.test('more connections than open files are a warning', async (t) => {
  const root = t.testdir({ 'a.txt': 'hello' });
  const args = ['--root', root, '--max-connections', '500'];
  const server = await startServer(t, args, withOpenFiles(256));
  const warned = await server.logged(({ level }) => level === 40);
  t.match(warned, { maxConnections: 500, openFiles: 256, msg: /ulimit -n.* to 1080 at least/ });
  t.equal((await rawRequest(server.port, get('/media/a.txt'))).status, 200);
});

t.test(
  'when descriptors run out all the same, that is said once a minute at most',
  { skip: withoutProc() },
  async (t) => {
    // A root that is a project's is warned of, last of all at the start.
    const root = t.testdir({ 'a.txt': 'hello', 'manage.py': '' });
    const app = await startRecorder(t);
    const probe = once(app.server, 'connection').then(([socket]) => once(socket as Socket, 'close'));
    const args = [
      '--root',
      root,
      '--cache-size',
      '0',
      '--max-connections',
      '500',
      '--upstream',
      app.address,
      '--upload-memory',
      '0',
      '--buffer-memory',
      '4',
    ];
    const limit = 100;
    const server = await startServer(t, args, withOpenFiles(limit));
    // What the start itself has open, a connection to the app and the root, would be free again a moment later.
    await Promise.all([probe, server.logged(({ found }) => found !== undefined)]);
    const clients = await fillDescriptors(t, server, limit);
    const failed = await openStatuses(clients);
    t.same(new Set(failed), new Set(['503']), `${failed.length} requests`);
    const lines = (): unknown[] => server.log.filter(({ code }) => code === 'MEDIA_SERVE_BUSY');
    const refusals = (): number => server.log.filter(({ status }) => status === 503).length;
    await until(() => refusals() === failed.length, 'the access log has them all');
    t.match(lines(), [{ level: 50, times: 1, msg: /EMFILE.*ulimit -n/ }]);
    t.equal(lines().length, 1);
    await server.stop();
    t.match(lines()[1], { times: failed.length - 1 });
    const others = server.log.filter(({ level, code }) => Number(level) > 30 && code !== 'MEDIA_SERVE_BUSY');
    t.same(
      others.map(({ openFiles, found }) => openFiles ?? found),
      [limit, ['manage.py']],
      'besides the warnings at the start nothing is said of them',
    );
  },
);

/** Opens so many connections that the server has none left of all the descriptors that it may have. */
async function fillDescriptors(
  t: Test,
  { port, process: { pid } }: RunningServer,
  limit: number,
): Promise<RawConnection[]> {
  const clients = await Promise.all(Array.from({ length: limit }, () => openConnection(t, port)));
  await until(() => openDescriptors(pid).length >= limit, 'all descriptors are in use');
  return clients;
}

/** Of requests on the connections that came first, which the server has. */
async function openStatuses(clients: readonly RawConnection[]): Promise<string[]> {
  const statuses: string[] = [];
  for (const [index, client] of clients.slice(0, 20).entries()) {
    client.socket.write(IN_NEED[index % IN_NEED.length] ?? '');
    statuses.push((await client.until((text) => text.includes('\r\n\r\n'))).slice(9, 12));
  }
  return statuses;
}

t.test('that all places are taken is said at once, and then once a minute', async (t) => {
  const root = t.testdir({ 'a.txt': 'hello' });
  const server = await startHere(t, ['--root', root, '--max-connections', '5']);
  await openMany(t, server.port, 5);
  await Promise.all(Array.from({ length: 30 }, () => rawExchange(server.port, get('/media/a.txt'))));
  const lines = (): object[] => server.log.filter(({ level }) => Number(level) > 30);
  t.match(lines(), [{ level: 40, maxConnections: 5, waited: 1, msg: /--max-connections/ }]);
  t.equal(lines().length, 1);
  await server.stop();
  t.equal(lines().length, 2);
  t.match(lines()[1], { waited: Number, idleClosed: Number });
  const { waited = 0 } = lines()[1] as { waited?: number };
  // Whoever comes when one of the others has been answered already finds a place.
  t.ok(waited > 0 && waited < 30, `${waited} have waited since`);
});
