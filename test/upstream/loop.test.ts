/** Requests that come back: they end with 508 after a few rounds, whoever sends them round. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startRecorder } from '../support/app.js';
import { type ServerHere, startHere } from '../support/here.js';
import { openDescriptors, withoutProc } from '../support/proc.js';
import { get, rawRequest } from '../support/raw.js';
import { socketDirectory } from '../support/unix.js';

/** Hands connections on to servers, in turn; which these are can be said later, as where a name leads. */
interface Relay {
  readonly address: string;
  readonly ports: number[];
  /** Connections so far. */
  readonly connections: number;
}

async function startRelay(t: Test): Promise<Relay> {
  const ports: number[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    const other = connect(ports[connections++ % ports.length] ?? 0, '127.0.0.1');
    t.teardown(() => other.destroy());
    socket.on('error', () => other.destroy()).pipe(other);
    other.on('error', () => socket.destroy()).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    ports,
    get connections() {
      return connections;
    },
  };
}

/** Starts so many servers whose app is the relay, which leads to all of them. */
async function startCircle(t: Test, servers: number, args: readonly string[] = []) {
  const relay = await startRelay(t);
  const started: ServerHere[] = [];
  for (let index = 0; index < servers; index++) {
    started.push(await startHere(t, ['--root', t.testdir({}), '--upstream', relay.address, ...args]));
  }
  relay.ports.push(...started.map(({ port }) => port));
  const [first = { port: 0 }] = started;
  const lines = (code: string) => started.flatMap(({ log }) => log.filter((line) => line['code'] === code));
  return { relay, port: first.port, lines };
}

const UPGRADE = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAA\r\n';
const REQUESTS = {
  'a GET': get('/page'),
  'a HEAD': get('/page', [], 'HEAD'),
  'a request of HTTP/1.0': 'GET /page HTTP/1.0\r\n\r\n',
  'a POST': `${get('/page', ['Content-Length: 5'], 'POST')}hello`,
  'a body in chunks': `${get('/page', ['Transfer-Encoding: chunked'], 'POST')}5\r\nhello\r\n0\r\n\r\n`,
  'a WebSocket': `GET /ws HTTP/1.1\r\nHost: a\r\n${UPGRADE}Sec-WebSocket-Version: 13\r\n\r\n`,
};

for (const [what, request] of Object.entries(REQUESTS)) {
  t.test(`${what} that a relay sends back is refused when it comes for the third time`, async (t) => {
    const { relay, port, lines } = await startCircle(t, 1);
    const { status, headers } = await rawRequest(port, request);
    t.equal(status, 508);
    t.equal(headers['cache-control'], 'no-store');
    t.equal(relay.connections, 2);
    t.match(lines('MEDIA_SERVE_LOOP'), [{ level: 50, msg: /goes in a circle: .* 2 times; .*--upstream/ }]);
    t.equal(lines('MEDIA_SERVE_LOOP').length, 1, 'one line, whatever the rounds');
  });
}

t.test('bodies that are passed on as they come go round as often', async (t) => {
  const { relay, port } = await startCircle(t, 1, ['--no-request-buffering']);
  t.equal((await rawRequest(port, REQUESTS['a body in chunks'])).status, 508);
  t.equal(relay.connections, 2);
});

t.test('two servers that are each the app of the other', async (t) => {
  const relay = await startRelay(t);
  const one = await startHere(t, ['--root', t.testdir({}), '--upstream', relay.address]);
  const other = await startHere(t, ['--root', t.testdir({}), '--upstream', `127.0.0.1:${one.port}`]);
  relay.ports.push(other.port);
  t.equal((await rawRequest(one.port, get('/page'))).status, 508);
  const passed = [one, other].map(({ log }) => log.filter(({ msg }) => msg === 'request').length);
  t.same(passed, [3, 2]);
});

t.test('what goes round takes few descriptors, however much of it', { skip: withoutProc() }, async (t) => {
  const directory = socketDirectory(t);
  const [one, other] = ['one', 'other'].map((name) => `unix:${directory}/${name}`) as [string, string];
  const root = t.testdir({});
  await startHere(t, ['--root', root, '--listen', one, '--upstream', other]);
  await startHere(t, ['--root', root, '--listen', other, '--upstream', one]);
  const sockets = (): number =>
    openDescriptors(process.pid).filter((name) => name.startsWith('socket:')).length;
  const before = sockets();
  const ask = async (): Promise<number> =>
    (await rawRequest({ path: `${directory}/one` }, get('/page'))).status;
  t.equal(await ask(), 508);
  // Four rounds behind the client, with two ends each; connections are kept for a moment.
  t.ok(sockets() - before <= 10, `${sockets() - before} for one request`);
  t.same(await Promise.all(Array.from({ length: 50 }, ask)), Array(50).fill(508));
  t.ok(sockets() - before <= 10 * 50, `${sockets() - before} for 50 at a time`);
});

t.test('many that know each other by their name only', async (t) => {
  const { relay, port, lines } = await startCircle(t, 12);
  t.equal((await rawRequest(port, get('/page'))).status, 508);
  t.equal(relay.connections, 9);
  t.match(lines('MEDIA_SERVE_LOOP'), [{ msg: /goes in a circle: 9 servers of this kind/ }]);
});

t.test('the question whether a file may be had goes no further either', async (t) => {
  const relay = await startRelay(t);
  const base = t.testdir({ files: { 'a.txt': 'secret' } });
  const locations = [
    { kind: 'media', prefix: '/files/', root: './files', authRequest: '/may-i/' },
    { kind: 'upstream', prefix: '/', upstream: relay.address },
  ];
  writeFileSync(join(base, 'config.json'), JSON.stringify({ locations }));
  const server = await startHere(t, ['--config', join(base, 'config.json')]);
  relay.ports.push(server.port);
  const questions = (): number =>
    server.log.filter(({ target, msg }) => target === '/may-i/' && msg === 'request').length;
  const { status, body } = await rawRequest(server.port, get('/files/a.txt'));
  t.equal(status, 508);
  t.notMatch(body.toString(), /secret/);
  t.equal(questions(), 2);
  t.equal(server.log.filter(({ level }) => Number(level) >= 50).length, 1);
  // Where the question itself is one round too many.
  const mark = server.log.find(({ code }) => code === 'MEDIA_SERVE_LOOP');
  t.match(mark, { msg: /goes in a circle/ });
  const marks = `CDN-Loop: ${Array(9).fill('media-serve').join(',')}`;
  t.equal((await rawRequest(server.port, get('/files/a.txt', [marks]))).status, 508);
  t.equal(questions(), 2);
});

t.test('several servers in a row reach the app, which sees their marks', async (t) => {
  const app = await startRecorder(t);
  let upstream = app.address;
  for (let index = 0; index < 3; index++) {
    const { port } = await startHere(t, ['--root', t.testdir({}), '--upstream', upstream]);
    upstream = `127.0.0.1:${port}`;
  }
  const { status } = await rawRequest(Number(upstream.split(':')[1]), get('/page'));
  t.equal(status, 200);
  const marks = String(app.received[0]?.headers['cdn-loop']).split(', ');
  t.equal(marks.length, 3);
  t.equal(new Set(marks).size, 3, 'each has its own');
  for (const mark of marks) t.match(mark, /^media-serve;id=[0-9a-f]{16}$/);
});

t.test('marks', async (t) => {
  const app = await startRecorder(t);
  const { port } = await startHere(t, ['--root', t.testdir({ 'a.txt': 'hello' }), '--upstream', app.address]);
  /** What the app gets, or the status of the refusal. */
  const marksFor = async (...fields: string[]): Promise<string> => {
    const { status } = await rawRequest(port, get('/page', fields));
    return String(status === 200 ? app.received.at(-1)?.headers['cdn-loop'] : status);
  };
  const own = await marksFor();

  await t.test('of others are passed on as they came, and are not counted', async (t) => {
    for (const list of [
      'cloudflare; loops=99; subreqs=99',
      Array(40).fill('Fastly').join(', '),
      Array(40).fill('media-server').join(','),
      Array(40).fill('a; media-serve; b=media-serve').join(','),
      ',,;;,',
    ]) {
      t.equal(await marksFor(`CDN-Loop: ${list}`), `${list}, ${own}`, list);
    }
    t.equal(await marksFor('CDN-Loop: a', 'cdn-loop: b'), `a, b, ${own}`);
    t.equal(await marksFor('CDN-Loop: a', 'Connection: CDN-Loop'), `a, ${own}`, 'no client can remove them');
    t.equal(await marksFor('CDN_Loop: a'), own, 'which WSGI could not tell apart');
  });

  await t.test('of this kind are counted, however they are written', async (t) => {
    const eight = Array(8).fill('media-serve;id=0').join(',');
    t.equal(await marksFor(`CDN-Loop: ${eight}`), `${eight}, ${own}`);
    t.equal(await marksFor(`CDN-Loop: ${eight}`, 'CDN-Loop: media-serve'), '508');
    t.equal(await marksFor(`CDN-Loop: ${own}`), `${own}, ${own}`, 'once is no circle');
    t.equal(await marksFor(`CDN-Loop: ${own},${own}`), '508');
    t.equal(await marksFor(`CDN-Loop: ${own}`, `CDN-Loop:\t${own.replace(';', ' ; ')} ; a=b`), '508');
  });

  await t.test('that were forged are the trouble of who sends them', async (t) => {
    const [forged, answered] = [`CDN-Loop: ${Array(2000).fill(own).join(',')}`, app.received.length];
    // Too large for a head.
    t.equal(await marksFor(forged), '431');
    t.equal(await marksFor(forged.slice(0, 20_000)), '508');
    t.equal(app.received.length, answered);
    // Of a body nothing is here, and nothing is waited for.
    t.equal(
      (await rawRequest(port, get('/page', [forged.slice(0, 20_000), 'Content-Length: 5'], 'POST'))).status,
      508,
    );
    t.equal((await rawRequest(port, get('/media/a.txt', [forged.slice(0, 20_000)]))).status, 200, 'a file');
    t.equal(await marksFor(), own, 'the next one');
  });
});
