// When the app does not answer: 502 at once, 504 when it is too slow, and the cause in the log. The apps are stand-ins
// that fail in exactly one way each.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { deserted, startApp, startRecorder, startTcpApp } from '../support/app.js';
import { type ServerHere, startHere } from '../support/here.js';
import { get, openConnection, rawRequest } from '../support/raw.js';

const root = t.testdir({ 'a.txt': 'hello' });
const start = (upstream: string, ...args: string[]): Promise<ServerHere> =>
  startHere(t, ['--root', root, '--upstream', upstream, ...args]);

t.test('an app that is gone is 502, long before any time limit, and files are served on', async (t) => {
  const app = await startRecorder(t);
  const server = await start(app.address, '--connect-timeout', '1h', '--read-timeout', '1h');
  t.equal((await rawRequest(server.port, get('/page'))).status, 200);
  await app.stop();
  for (const method of ['GET', 'POST']) {
    const { status, body } = await rawRequest(server.port, get('/page', ['Content-Length: 0'], method));
    t.equal(status, 502, method);
    t.match(body.toString(), /^502 Bad Gateway\n[^\n]+\n/);
  }
  const withBody = await rawRequest(server.port, `${get('/page', ['Content-Length: 3'], 'POST')}abc`);
  t.equal(withBody.status, 502);
  const line = await server.logged(({ code }) => code === 'MEDIA_SERVE_BAD_GATEWAY');
  t.match(line, { level: 50, target: '/page' });
  t.match(line['msg'], app.address);
  t.match(line['msg'], /is it running/);
  t.match(await server.logged(({ msg, status }) => msg === 'request' && status === 502), { location: '/' });
  t.equal((await rawRequest(server.port, get('/media/a.txt'))).body.toString(), 'hello');
});

t.test('an app that comes later, or again, is found', async (t) => {
  const { host, port, address } = await deserted();
  const server = await start(address);
  const before = await rawRequest(server.port, get('/page'));
  t.ok([502, 503].includes(before.status), `${before.status} before it is there`);
  for (const time of ['first', 'second']) {
    const app = await startRecorder(t, { host, port });
    t.equal((await rawRequest(server.port, get('/page'))).status, 200, `found the ${time} time`);
    await app.stop();
    t.equal((await rawRequest(server.port, get('/page'))).status, 502);
  }
});

t.test('a unix socket that comes later is found', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'media-serve-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'app.sock');
  const server = await start(`unix:${path}`);
  const before = await rawRequest(server.port, get('/page'));
  t.ok([502, 503].includes(before.status), `${before.status} before it is there`);
  await startRecorder(t, { path });
  t.equal((await rawRequest(server.port, get('/page'))).status, 200);
});

t.test('an app that breaks off before its answer, or speaks no HTTP, is 502', async (t) => {
  const answers = new Map<string, string>([
    ['/nothing', ''],
    ['/half-a-head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['/no-http', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['/no-status', 'HTTP/1.1 OK\r\n\r\n'],
    ['/huge-head', `HTTP/1.1 200 OK\r\nX-A: ${'x'.repeat(200_000)}\r\nContent-Length: 0\r\n\r\n`],
    ['/page', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage'],
  ]);
  const upstream = await startTcpApp(t, (socket) => {
    socket.once('data', (request) => {
      const [, target = ''] = /^\S+ (\S+) /.exec(request.toString('latin1')) ?? [];
      socket.end(answers.get(target) ?? '');
    });
  });
  const server = await start(upstream);
  t.equal((await rawRequest(server.port, get('/page'))).body.toString(), 'page');
  for (const target of answers.keys()) {
    if (target === '/page') continue;
    // Not idempotent, so that nobody is tempted to ask twice.
    const { status } = await rawRequest(server.port, get(target, ['Content-Length: 0'], 'POST'));
    t.equal(status, 502, target);
    await server.logged(
      ({ code, target: logged }) => code === 'MEDIA_SERVE_BAD_GATEWAY' && logged === target,
    );
  }
  t.equal((await rawRequest(server.port, get('/page'))).body.toString(), 'page', 'the next one is answered');
});

t.test('an app that is silent is 504 before its answer, and a cut within it', async (t) => {
  const app = await startApp(t, (request, response) => {
    if (request.url === '/page') response.end('page');
    if (request.url === '/half') response.writeHead(200, { 'Content-Length': 10 }).write('begun');
  });
  const server = await start(app.address, '--read-timeout', '500ms');
  await rawRequest(server.port, get('/page'));
  // The body of this one comes while the time limit runs out for others, which does not concern it.
  const slow = await openConnection(t, server.port);
  slow.socket.write(get('/page', ['Content-Length: 6'], 'POST'));
  const half = await openConnection(t, server.port);
  half.socket.write('GET /half HTTP/1.1\r\nHost: x\r\n\r\n');

  const { status, body } = await rawRequest(server.port, get('/silent', ['Content-Length: 0'], 'POST'));
  t.equal(status, 504);
  t.match(body.toString(), /^504 Gateway Timeout\n[^\n]+\n/);
  const line = await server.logged(({ code }) => code === 'MEDIA_SERVE_GATEWAY_TIMEOUT');
  t.match(line['msg'], app.address);
  t.match(line['msg'], /--read-timeout/);
  t.match(await half.closed(), /begun$/);
  slow.socket.write('abcdef');
  t.match(await slow.closed(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*page/);
});
