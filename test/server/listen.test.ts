// Listening: on TCP and on unix sockets, and what is said when the address cannot be had.
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Server } from '../../src/http1/server.js';
import { startRecorder } from '../support/app.js';
import { runCommand } from '../support/command.js';
import { startHere } from '../support/here.js';
import { get, openConnection, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { skipUnless } from '../support/skip.js';
import { socketDirectory } from '../support/unix.js';
import { PLAIN_USER, withoutPlainUser } from '../support/user.js';

const root = t.testdir({ 'a.txt': 'hello' });
const ROOT = ['--root', root];
const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((own) => own?.address === '::1');

t.test('a unix socket is made, kept from a second server, and removed at the end', async (t) => {
  const path = join(socketDirectory(t), 'media.sock');
  const app = await startRecorder(t);
  const server = await startServer(t, [...ROOT, '--upstream', app.address], { listen: `unix:${path}` });
  const { code, stderr } = await runCommand([...ROOT, '--listen', `unix:${path}`]);
  t.equal(code, 2);
  t.match(stderr, /^media-serve: --listen: unix:[^\n]* is taken by another process; [^\n]*\n$/);
  t.equal((await rawRequest({ path }, get('/media/a.txt'))).body.toString(), 'hello');
  t.equal((await rawRequest({ path }, get('/page', ['X-Forwarded-For: 1.2.3.4']))).body.toString(), 'ok');
  t.notOk(app.received[0]?.headers['x-forwarded-for'], 'nobody is believed, and nobody is known');
  t.match(await server.logged(({ target }) => target === '/page'), { client: '' });
  t.equal(await server.stop(), 0);
  t.notOk(existsSync(path));
});

t.test('a socket file that a killed process left is replaced', async (t) => {
  const path = join(socketDirectory(t), 'media.sock');
  const first = await startServer(t, ROOT, { listen: `unix:${path}` });
  await first.stop('SIGKILL');
  t.ok(lstatSync(path).isSocket(), 'the file is left');
  await startServer(t, ROOT, { listen: `unix:${path}` });
  t.equal((await rawRequest({ path }, get('/media/a.txt'))).body.toString(), 'hello');
});

t.test(
  'a socket file that this user may not remove is named',
  { skip: PLAIN_USER === undefined ? 'only root leaves it to another user' : withoutPlainUser() },
  async (t) => {
    const directory = socketDirectory(t);
    chmodSync(directory, 0o1777);
    const path = join(directory, 'media.sock');
    const first = await startServer(t, ROOT, { listen: `unix:${path}` });
    await first.stop('SIGKILL');
    const { code, stderr } = await runCommand([...ROOT, '--listen', `unix:${path}`], { uid: PLAIN_USER });
    t.equal(code, 2);
    t.match(
      stderr,
      /^media-serve: --listen: unix:\S+ was left by a process that is gone, and user id \d+ may not remove it/,
    );
  },
);

t.test('a file that is no socket is not replaced', async (t) => {
  const REFUSED = /^--listen: unix:\S+ is a file that is no socket; remove it, or write another path$/;
  const directory = socketDirectory(t);
  const file = join(directory, 'notes.txt');
  writeFileSync(file, 'precious');
  symlinkSync(file, join(directory, 'link'));
  for (const name of ['notes.txt', 'link']) {
    const started = startHere(t, [...ROOT, '--listen', `unix:${join(directory, name)}`]);
    await t.rejects(started, { code: 'MEDIA_SERVE_BAD_VALUE', message: REFUSED }, name);
  }
  t.equal(readFileSync(file, 'utf8'), 'precious');
});

t.test('a port that is taken is refused in one line that names what gave it', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  t.teardown(() => taken.close());
  const { port } = taken.address() as { port: number };
  const { code, stderr } = await runCommand(ROOT, { env: { MEDIA_SERVE_LISTEN: `127.0.0.1:${port}` } });
  t.equal(code, 2);
  t.equal(
    stderr,
    `media-serve: MEDIA_SERVE_LISTEN: 127.0.0.1:${port} is taken by another process; stop it, or write another address\n`,
  );
});

t.test('an address that cannot be had is refused with the reason', async (t) => {
  const cases: readonly (readonly [listen: string, message: RegExp])[] = [
    ['192.0.2.1:0', /^--listen: 192\.0\.2\.1:0 is not an address of this machine; write :PORT/],
    [
      'unix:/nowhere/at/all.sock',
      /^--listen: unix:\/nowhere\/at\/all\.sock is in a directory that does not exist/,
    ],
    ['unix:/etc/passwd/media.sock', /^--listen: unix:\/etc\/passwd\/media\.sock /],
  ];
  for (const [listen, message] of cases) {
    const started = startHere(t, [...ROOT, '--listen', listen]);
    await t.rejects(started, { code: 'MEDIA_SERVE_BAD_VALUE', message }, listen);
  }
});

t.test('a port alone is one on every address of the machine', async (t) => {
  const { port } = await startHere(t, [...ROOT, '--listen', ':0']);
  for (const host of ['127.0.0.1', '127.0.0.2']) {
    t.equal((await rawRequest({ host, port }, get('/media/a.txt'))).status, 200, host);
  }
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;

t.test('whoever may write to a unix socket may connect: everybody, or whom the options name', async (t) => {
  const directory = socketDirectory(t);
  const groups = process.getgroups?.() ?? [];
  const other = process.getuid?.() === 0 ? '4' : String(groups.at(-1));
  const named = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((line) => line.split(':')[2] === other)
    ?.split(':')[0];
  const cases: readonly (readonly [args: readonly string[], mode: number, group?: string])[] = [
    [[], 0o666],
    [['--socket-mode', '660'], 0o660],
    [['--socket-mode', '0600', '--socket-group', other], 0o600, other],
    [['--socket-group', named ?? other], 0o666, other],
  ];
  for (const [index, [args, mode, group]] of cases.entries()) {
    const path = join(directory, `${index}.sock`);
    await startHere(t, [...ROOT, '--listen', `unix:${path}`, ...args]);
    t.equal(modeOf(path), mode, args.join(' '));
    if (group !== undefined) t.equal(statSync(path).gid, Number(group), args.join(' '));
  }
});

t.test('a group that cannot be had is refused, and nothing listens', async (t) => {
  const path = join(socketDirectory(t), 'media.sock');
  const listen = ['--listen', `unix:${path}`];
  const refused = (message: RegExp) => ({ code: 'MEDIA_SERVE_BAD_VALUE', message });
  await t.rejects(
    startHere(t, [...ROOT, ...listen, '--socket-group', 'no such group']),
    refused(
      /^--listen: unix:\S+ cannot be opened for others: there is no group "no such group" in \/etc\/group; /,
    ),
  );
  t.notOk(existsSync(path));
  await t.rejects(
    startHere(t, [...ROOT, ...listen, '--socket-mode', '888']),
    refused(/^--socket-mode: "888" is not a mode/),
  );
});

t.test('a name stands for all its addresses', async (t) => {
  const addresses = await lookup('localhost', { all: true });
  const { port, origin } = await startHere(t, [...ROOT, '--listen', 'localhost:0']);
  t.equal(origin, `http://localhost:${port}`);
  let reached = 0;
  for (const { address: host } of addresses) {
    if (host === '::1' && !hasIpv6) continue;
    t.equal((await rawRequest({ host, port }, get('/media/a.txt'))).status, 200, host);
    reached += 1;
  }
  t.ok(reached > 0);
});

t.test('a further address is closed with the first, and one that is taken is an error', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const answer = (): undefined => undefined;
  const listener = new Server({
    answer,
    introduction: undefined,
    maxHead: 1024,
    headTimeout: 1000,
    keepAliveTimeout: 1000,
    lingeringTimeout: 1000,
    lingeringTime: 1000,
    resetDelay: 1000,
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const { port } = listener.address() as AddressInfo;
  await listener.listenAlso({ host: '127.0.0.2', port });
  await t.rejects(listener.listenAlso({ host: '127.0.0.1', port: (taken.address() as AddressInfo).port }), {
    code: 'EADDRINUSE',
  });
  const reach = (host: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, host, () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  t.equal(await reach('127.0.0.2'), true);
  listener.closeAllConnections();
  await new Promise((resolve) => listener.close(resolve));
  t.equal(await reach('127.0.0.2'), false);
});

t.test('a connection is kept for as long as it is said', async (t) => {
  const brief = await startHere(t, [...ROOT, '--keep-alive-timeout', '50ms']);
  const connection = await openConnection(t, brief.port);
  connection.socket.write('GET /media/a.txt HTTP/1.1\r\nHost: x\r\n\r\n');
  t.match(
    await connection.closed(),
    /Connection: keep-alive[\s\S]*hello$/,
    'closed when it has been idle for so long',
  );
  const none = await startHere(t, [...ROOT, '--keep-alive-timeout', '0']);
  const single = await openConnection(t, none.port);
  single.socket.write('GET /media/a.txt HTTP/1.1\r\nHost: x\r\n\r\n');
  t.match(await single.closed(), /Connection: close[\s\S]*hello$/);
});

t.test(
  'an IPv6 address stands in brackets',
  { skip: skipUnless(hasIpv6, 'there is no IPv6 here') },
  async (t) => {
    const app = await startRecorder(t);
    const server = await startServer(t, [...ROOT, '--upstream', app.address], { listen: '[::1]:0' });
    const { port } = server;
    t.equal((await rawRequest({ host: '::1', port }, get('/page'))).status, 200);
    t.equal(app.received[0]?.headers['x-forwarded-for'], '::1');
    t.match(server.log[0], { address: `http://[::1]:${port}` });
  },
);
