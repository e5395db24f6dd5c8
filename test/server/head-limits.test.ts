// How large a head may be, on both sides of the real command, to the byte; and what is no request at all.
import t from 'tap';
import { startTcpApp } from '../support/app.js';
import { startHere } from '../support/here.js';
import { get, rawRequest } from '../support/raw.js';

/** A head of exactly so many bytes: `before` and an empty line around one long field. */
function sized(before: string, size: number): string {
  const start = `${before}X-Long: `;
  return `${start}${'x'.repeat(size - start.length - '\r\n\r\n'.length)}\r\n\r\n`;
}

let answer = '';
let asked = 0;
const upstream = await startTcpApp(t, (socket) => {
  socket.once('data', () => {
    asked += 1;
    socket.end(answer);
  });
});
const root = t.testdir({ 'a.txt': 'hello' });
const start = (...args: string[]) => startHere(t, ['--root', root, '--upstream', upstream, ...args]);

const CASES: readonly (readonly [request: number, response: number, args: readonly string[]])[] = [
  [32 * 1024, 64 * 1024, []],
  [2048, 4096, ['--max-request-head', '2kb', '--max-response-head', '4kb']],
];

for (const [request, response, args] of CASES) {
  t.test(`heads of ${request} and ${response} bytes are taken, and no larger ones`, async (t) => {
    const server = await start(...args);
    const line = 'GET /media/a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
    t.equal((await rawRequest(server.port, sized(line, request))).status, 200);
    t.equal((await rawRequest(server.port, sized(line, request + 1))).status, 431);
    t.equal((await rawRequest(server.port, get(`/${'a'.repeat(request)}`))).status, 414);
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n';
    answer = `${sized(head, response)}ok`;
    t.equal((await rawRequest(server.port, get('/'))).body.toString(), 'ok');
    answer = `${sized(head, response + 1)}ok`;
    t.equal((await rawRequest(server.port, get('/'))).status, 502);
    const said = JSON.stringify(await server.logged((line) => /its answer has/.test(JSON.stringify(line))));
    t.ok(said.includes(`its answer has a head larger than ${response} bytes (--max-response-head)`), said);
  });
}

t.test('a thousand fields are taken, and what stands behind more is not cut off but refused', async (t) => {
  const server = await start();
  answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  // `get` writes two.
  for (const [count, status] of [
    [1000, 200],
    [1001, 431],
    [2500, 431],
  ] as const) {
    const fields = Array.from({ length: count - 2 }, () => 'A:');
    t.equal((await rawRequest(server.port, get('/', fields))).status, status, `${count} fields`);
  }
});

t.test('nobody gets a tunnel, whatever the target, and the app hears nothing of it', async (t) => {
  const server = await start();
  asked = 0;
  for (const target of ['h:80', '[::1]:443', 'h', '/', '*', 'http://h/']) {
    const { status, headers } = await rawRequest(server.port, `${get(target, [], 'CONNECT')}more`);
    t.match({ status, allow: headers['allow'] }, { status: 405, allow: /GET/ }, target);
  }
  t.equal(asked, 0);
});
