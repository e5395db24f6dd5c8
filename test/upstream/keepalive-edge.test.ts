/**
 * A kept connection that the app closes at the very moment when a request goes out on it. The app here does so at
 * random, a few milliseconds after each answer; the real gunicorn and uvicorn are in test/e2e/keepalive.test.ts.
 */
import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { startTcpApp } from '../support/app.js';
import { startHere } from '../support/here.js';
import { get, openConnection, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';

/** What an app that speaks raw HTTP has seen. */
interface EdgeApp {
  readonly address: string;
  /** Requests carried out, by their X-Id. */
  readonly carriedOut: Map<string, number>;
  /** Requests that were the second or later on their connection. */
  reused(method: string): number;
}

/** Answers each request, and closes the connection after `idle()` milliseconds, without looking what has come in. */
async function startEdgeApp(t: Test, idle: () => number): Promise<EdgeApp> {
  const carriedOut = new Map<string, number>();
  const reused = new Map<string, number>();
  const address = await startTcpApp(t, (socket) => {
    let pending = '';
    let count = 0;
    let timer: NodeJS.Timeout | undefined;
    socket.on('close', () => clearTimeout(timer));
    socket.on('data', (chunk: Buffer) => {
      pending += chunk.toString('latin1');
      const end = pending.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = pending.slice(0, end);
      const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
      if (pending.length < end + 4 + length) return;
      pending = pending.slice(end + 4 + length);
      clearTimeout(timer);
      const [method = ''] = head.split(' ');
      const id = /^x-id: (.*)$/im.exec(head)?.[1] ?? '';
      carriedOut.set(id, (carriedOut.get(id) ?? 0) + 1);
      if (count++ > 0) reused.set(method, (reused.get(method) ?? 0) + 1);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      timer = setTimeout(() => socket.destroy(), idle());
    });
  });
  return { address, carriedOut, reused: (method) => reused.get(method) ?? 0 };
}

function ask(port: number, agent: Agent, method: string, id: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'X-Id': id, ...(method === 'GET' ? {} : { 'Content-Length': 3 }) };
    const request = httpRequest({ host: '127.0.0.1', port, agent, method, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
    request.end(method === 'GET' ? undefined : 'abc');
  });
}

t.test('1,500 requests at the edge: no 502, and none carried out twice', async (t) => {
  const app = await startEdgeApp(t, () => Math.random() * 4);
  const server = await startServer(t, [
    '--root',
    t.testdir({}),
    '--upstream',
    app.address,
    '--log-level',
    'debug',
  ]);
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  const total = 1500;
  const statuses = new Map<number, number>();
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < total) {
      const id = String(next++);
      const status = await ask(server.port, agent, ['GET', 'POST', 'PUT'][Number(id) % 3] ?? 'GET', id);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      await pause(Math.random() * 8);
    }
  };
  await Promise.all(Array.from({ length: 25 }, client));
  t.same([...statuses], [[200, total]]);
  t.equal(app.carriedOut.size, total);
  t.same(
    [...app.carriedOut].filter(([, times]) => times > 1),
    [],
    'none twice',
  );
  const again = server.log.filter((line) => line['msg'] === 'the request is tried again').length;
  t.comment(`${app.reused('GET')} GETs went over kept connections, ${again} requests were tried again`);
  t.ok(app.reused('GET') > 0, 'connections were kept');
  t.ok(again > 0, 'the edge was met');
  t.equal(app.reused('POST'), 0, 'and no POST ever went over a kept one');
});

const METHODS: [method: string, body: string, isRepeatable: boolean][] = [
  ['GET', '', true],
  ['HEAD', '', true],
  ['OPTIONS', '', true],
  ['PUT', 'abc', true],
  ['DELETE', '', true],
  ['POST', 'abc', false],
  ['PATCH', 'abc', false],
  ['PROPPATCH', 'abc', false],
];

const requestOf = (target: string, method: string, body: string): string =>
  get(target, body === '' ? [] : [`Content-Length: ${body.length}`], method) + body;

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** An app that notes each request, and says what it says to it before it breaks the connection off. */
async function startDyingApp(t: Test, seen: string[], says: () => string): Promise<string> {
  return startTcpApp(t, (socket) => {
    let asked = 0;
    socket.on('data', (chunk) => {
      const [method = '', target = ''] = chunk.toString('latin1').split(' ');
      if (target === '/warm') {
        socket.write(OK);
        return;
      }
      asked += 1;
      seen.push(method);
      const words = says();
      if (words === '') socket.destroy();
      else socket.write(words, () => socket.destroy());
      if (asked > 1) throw new Error('asked on a connection that is broken');
    });
  });
}

t.test('a fresh connection that closes under a request is asked once, whatever the method', async (t) => {
  const seen: string[] = [];
  const address = await startDyingApp(t, seen, () => '');
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', address]);
  for (const [method, body] of METHODS) {
    seen.length = 0;
    const answer = await rawRequest(server.port, requestOf('/', method, body));
    t.equal(answer.status, 502, method);
    t.same(seen, [method], `${method} reached the app once`);
  }
});

t.test('a kept one is asked, and then a fresh one, unless an answer had begun', async (t) => {
  const seen: string[] = [];
  let words = '';
  const address = await startDyingApp(t, seen, () => words);
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', address]);
  for (const begun of ['', 'HTTP/1.1 200 O', 'HTTP/1.1 103 Early Hints\r\n\r\n', OK.slice(0, -2)]) {
    words = begun;
    for (const [method, body, isRepeatable] of METHODS) {
      if (method === 'HEAD' && begun.includes('Content-Length')) continue;
      t.equal((await rawRequest(server.port, get('/warm'))).status, 200);
      seen.length = 0;
      const answer = await rawRequest(server.port, requestOf('/', method, body));
      t.match(answer.status, /^(?:502|103)$/, method);
      const times = isRepeatable && begun === '' ? 2 : 1;
      t.same(seen, Array(times).fill(method), `${method} after ${JSON.stringify(begun)}`);
    }
  }
});

t.test('an upload that is passed on as it comes is never tried again', async (t) => {
  let seen = 0;
  const address = await startTcpApp(t, (socket) => {
    socket.once('data', () => {
      seen += 1;
      socket.destroy();
    });
  });
  const server = await startHere(t, [
    '--root',
    t.testdir({}),
    '--upstream',
    address,
    '--no-request-buffering',
  ]);
  const client = await openConnection(t, server.port);
  client.socket.write('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc');
  await client.until((received) => received.startsWith('HTTP/1.1 502'));
  t.equal(seen, 1);
});
