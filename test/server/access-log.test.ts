// The access log: one JSON line for each request. The app is a stand-in, so that it can answer late or not at all.
import { EventEmitter, once } from 'node:events';
import t, { type Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import type { Exchange } from '../../src/http/exchange.js';
import { logWhenClosed } from '../../src/server/access-log.js';
import { startApp } from '../support/app.js';
import { get, openConnection, rawExchange, rawRequest } from '../support/raw.js';
import { type LogLine, type RunningServer, startServer } from '../support/server.js';
import { until } from '../support/until.js';

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

interface Site extends RunningServer {
  /** X-Request-ID of each request at the app, by target. */
  readonly ids: ReadonlyMap<string, string>;
  lineOf(target: string): Promise<LogLine>;
}

async function startSite(t: Test): Promise<Site> {
  const ids = new Map<string, string>();
  const app = await startApp(t, (request, response) => {
    ids.set(request.url ?? '', String(request.headers['x-request-id']));
    if (request.url === '/never') return;
    if (request.url === '/half') {
      response.writeHead(200, { 'Content-Length': 10 }).write('half.');
      return;
    }
    response.statusCode = 201;
    response.end('from the app');
  });
  const sockets = new WebSocketServer({ server: app.server });
  sockets.on('connection', (socket) => socket.on('message', (message) => socket.send(message)));
  const root = t.testdir({ 'a.txt': 'hello' });
  const server = await startServer(t, ['--root', root, '--upstream', app.address]);
  const lineOf = (target: string): Promise<LogLine> =>
    server.logged((line) => line['msg'] === 'request' && line['target'] === target);
  return { ...server, ids, lineOf };
}

const shared = await startSite(t);

t.test('a line tells what was asked, what was answered, and by what', async (t) => {
  const { port, lineOf, ids } = shared;
  const cases: readonly (readonly [target: string, line: object, method?: string])[] = [
    ['/media/a.txt', { method: 'GET', status: 200, bytes: 5, location: '/media/', upstreamMs: undefined }],
    ['/media/a.txt?head', { method: 'HEAD', status: 200, bytes: 0, location: '/media/' }, 'HEAD'],
    ['/media/missing', { status: 404, location: '/media/' }],
    ['/media/../media//a.txt', { status: 200, bytes: 5, location: '/media/' }],
    ['/page?q="\\', { method: 'GET', status: 201, bytes: 12, location: '/', upstreamMs: Number }],
    ['/form', { method: 'DELETE', status: 201, location: '/', upstreamMs: Number }, 'DELETE'],
    ['/%zz', { status: 400, location: undefined, upstreamMs: undefined }],
    ['/..', { status: 400, location: undefined }],
  ];
  const startedAt = Date.now();
  for (const [target, expected, method] of cases) {
    await rawRequest(port, get(target, [], method));
    const line = await lineOf(target);
    t.match(line, { ...expected, level: 30, ms: Number, client: '127.0.0.1', requestId: UUID }, target);
    t.ok(Date.parse(String(line['time'])) >= startedAt);
    t.notOk('aborted' in line);
  }
  t.equal((await lineOf('/form'))['requestId'], ids.get('/form'), 'the app has the same request id');
});

t.test('a target is told as text, and no byte of it is an order to a terminal', async (t) => {
  const cases: readonly (readonly [received: string, told: string])[] = [
    ['/a', '"/a"'],
    ['/"\\', '"/\\"\\\\"'],
    ['/\xc3\xa4', '"/ä"'],
    ['/\xe6\x97\xa5?\xf0\x9f\x98\x80', '"/日?😀"'],
    // No UTF-8: a character for each byte.
    ['/\xe4', '"/ä"'],
    ['/\xc3\xa4\xff', '"/Ã¤ÿ"'],
    // CSI, in UTF-8 and by itself, and others that some terminals obey.
    ['/\xc2\x9b2J', '"/\\u009b2J"'],
    ['/\x9b2J', '"/\\u009b2J"'],
    ['/\x80\x9f\xa0', '"/\\u0080\\u009f\xa0"'],
    ['/\x7f\x1b\x01', '"/\\u007f\\u001b\\u0001"'],
  ];
  for (const [received, told] of cases) {
    const response = Object.assign(new EventEmitter(), { statusCode: 200, headersSent: true });
    const exchange = {
      request: { method: 'GET', target: received },
      response,
      origin: { address: '192.0.2.1' },
      bytes: 0,
    } as unknown as Exchange;
    const lines: string[] = [];
    logWhenClosed(exchange, 0, (line) => lines.push(line));
    response.emit('close');
    t.match(lines.join(), `"target":${told},"status"`, told);
    t.type(JSON.parse(lines.join()), 'object');
  }
});

t.test('a client that leaves is told from an answer that is complete', async (t) => {
  const { port, lineOf } = shared;
  const waiting = await openConnection(t, port);
  waiting.socket.write(get('/never'));
  const reading = await openConnection(t, port);
  reading.socket.write(get('/half'));
  await reading.until((received) => received.endsWith('half.'));
  reading.socket.destroy();
  t.match(await lineOf('/half'), { status: 200, bytes: 5, aborted: true });
  waiting.socket.destroy();
  t.match(await lineOf('/never'), { status: 499, bytes: 0, aborted: true });
});

t.test('a WebSocket is one line, when it is closed', async (t) => {
  const { port, log, lineOf } = shared;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`);
  await once(socket, 'open');
  socket.send('hello');
  await once(socket, 'message');
  // A later request has its line, the socket none yet.
  await rawRequest(port, get('/later'));
  await lineOf('/later');
  t.notOk(log.some(({ target }) => target === '/socket'));
  socket.close();
  const line = await lineOf('/socket');
  t.match(line, { method: 'GET', status: 101, location: '/', upstreamMs: Number });
  t.ok(Number(line['bytes']) >= 5);
  t.notOk('aborted' in line);
});

t.test('every request has exactly one line, also when the server ends at once', async (t) => {
  const { port, log, process: child } = await startSite(t);
  const requests = 1000;
  const one = (index: number): string =>
    `GET /media/a.txt?${index} HTTP/1.1\r\nHost: x\r\n${index === requests - 1 ? 'Connection: close\r\n' : ''}\r\n`;
  const sent = Array.from({ length: requests }, (_, index) => one(index));
  await rawExchange(port, sent.join(''));
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  await ended;
  await until(() => log.some(({ msg }) => msg === 'stopped'), 'the last line is here');
  const targets = log.flatMap(({ msg, target }) => (msg === 'request' ? [String(target)] : []));
  t.equal(targets.length, requests);
  t.equal(new Set(targets).size, requests);
});
