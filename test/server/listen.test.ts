// Listening: on TCP and on unix sockets, and what is said when the address cannot be had.
import { existsSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startRecorder } from '../support/app.js';
import { runCommand } from '../support/command.js';
import { startHere } from '../support/here.js';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { skipUnless } from '../support/skip.js';
import { socketDirectory } from '../support/unix.js';

const root = t.testdir({ 'a.txt': 'hello' });
const ROOT = ['--root', root];

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

t.test('a file that is no socket is not replaced', async (t) => {
  const directory = socketDirectory(t);
  const file = join(directory, 'notes.txt');
  writeFileSync(file, 'precious');
  symlinkSync(file, join(directory, 'link'));
  for (const name of ['notes.txt', 'link']) {
    const started = startHere(t, [...ROOT, '--listen', `unix:${join(directory, name)}`]);
    await t.rejects(started, { code: 'MEDIA_SERVE_BAD_VALUE', message: /^--listen: unix:[^\n]*$/ }, name);
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

const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((own) => own?.address === '::1');

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
