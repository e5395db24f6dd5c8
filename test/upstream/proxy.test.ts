// The proxy_pass role through the real command: every method, body and target reaches the app as the client sent it.
// The app is a stand-in that records what reaches it; the real Django is in test/e2e.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startRecorder } from '../support/app.js';
import { startHere } from '../support/here.js';
import { get, openConnection, rawExchange, rawRequest } from '../support/raw.js';

const app = await startRecorder(t);
const { port } = await startHere(t, ['--root', t.testdir({}), '--upstream', app.address]);
const last = (): (typeof app.received)[number] => {
  const request = app.received.at(-1);
  if (request === undefined) throw new Error('nothing reached the app');
  return request;
};

t.test('every method reaches the app', async (t) => {
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PURGE', 'REPORT', 'SEARCH'];
  const webdav = ['PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'MKCALENDAR'];
  for (const method of [...methods, ...webdav]) {
    const { status, body } = await rawRequest(port, get(`/${method}`, [], method));
    t.equal(status, 200, method);
    t.equal(body.toString(), method === 'HEAD' ? '' : 'ok');
    t.match(last(), { method, target: `/${method}` });
  }
});

t.test('the request target reaches the app byte for byte', async (t) => {
  const targets = [
    '/',
    '/?',
    '/a?b=c&d=%20+e',
    '/a%2Fb',
    '/%41%7e',
    '/a//b///c',
    '/a/../b/./c',
    '/media/../admin/',
    '/a;b=c/d,e',
    "/~!$&'()*+,;=:@",
    '/a?q=/../..&r=%zz%00?#x',
    '/a"<>\\^`{|}',
    `/${'x'.repeat(7000)}`,
  ];
  for (const target of targets) {
    const { status } = await rawRequest(port, get(target));
    t.equal(status, 200, target.slice(0, 40));
    t.equal(last().target, target);
  }
  await rawRequest(port, get('http://other.example/a/../b?c'));
  t.match(last(), { target: '/a/../b?c', headers: { host: 'other.example' } }, 'absolute form');
});

t.test('bodies of every kind reach the app unread', async (t) => {
  const bytes = randomBytes(3_000_000);
  const bodies: readonly (readonly [
    name: string,
    fields: readonly string[],
    body: string | Buffer,
    method?: string,
  ])[] = [
    ['a form', ['Content-Type: application/x-www-form-urlencoded'], 'a=b&c=%20'],
    ['JSON that is none', ['Content-Type: application/json'], '{"a":'],
    ['multipart that is none', ['Content-Type: multipart/form-data'], '--x\r\n'],
    ['a type that is none', ['Content-Type: garbage here'], 'abc'],
    ['an empty type', ['Content-Type:'], 'abc'],
    ['no type', [], 'abc'],
    ['bytes', ['Content-Type: application/octet-stream'], bytes],
    ['an empty body', ['Content-Type: text/plain'], ''],
    ['a body of GET', [], 'abc', 'GET'],
    ['a body of DELETE', [], 'abc', 'DELETE'],
    ['a body of PROPFIND', ['Content-Type: text/xml'], '<a/>', 'PROPFIND'],
    ['compressed bytes', ['Content-Encoding: gzip'], bytes.subarray(0, 100)],
  ];
  for (const [name, fields, body, method = 'POST'] of bodies) {
    const head = get('/body', [...fields, `Content-Length: ${body.length}`], method);
    const { status } = await rawRequest(port, Buffer.concat([Buffer.from(head), Buffer.from(body)]));
    t.equal(status, 200, name);
    t.equal(last().method, method);
    t.ok(last().body.equals(Buffer.from(body)), `${name} arrived: ${last().body.length} bytes`);
    for (const field of fields.filter((each) => !each.endsWith(':'))) {
      const [fieldName = '', value] = field.split(': ');
      t.equal(last().headers[fieldName.toLowerCase()], value, name);
    }
  }
});

t.test('a chunked body arrives whole', async (t) => {
  const chunks = ['5\r\nhello\r\n', 'A;extension=1\r\n, world: 1\r\n', '0\r\n', '\r\n'];
  const connection = await openConnection(t, port);
  connection.socket.setNoDelay(true);
  connection.socket.write(get('/chunked', ['Transfer-Encoding: chunked'], 'POST'));
  for (const chunk of chunks) {
    // Bytes that come one by one are the same message.
    for (const byte of chunk) connection.socket.write(byte);
  }
  t.match(await connection.closed(), /^HTTP\/1\.1 200 /);
  t.equal(last().body.toString(), 'hello, world: 1');
});

t.test('a client that asks whether to send its body is told to', async (t) => {
  const connection = await openConnection(t, port);
  connection.socket.write(get('/expect', ['Content-Length: 3', 'Expect: 100-continue'], 'POST'));
  await connection.until((received) => received === 'HTTP/1.1 100 Continue\r\n\r\n');
  connection.socket.write('abc');
  t.match(await connection.closed(), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  t.equal(last().body.toString(), 'abc');
  t.notOk('expect' in last().headers, 'the question has been answered');
});

t.test('requests on one connection do not mix', async (t) => {
  const before = app.received.length;
  const post = (text: string, close = ''): string =>
    `POST /${text} HTTP/1.1\r\nHost: x\r\n${close}Content-Length: ${text.length}\r\n\r\n${text}`;
  const texts = ['one', 'three', 'seventeen'];
  await rawExchange(
    port,
    [...texts.map((text) => post(text)), post('last', 'Connection: close\r\n')].join(''),
  );
  t.same(
    app.received.slice(before).map(({ target, body }) => [target, body.toString()]),
    [...texts, 'last'].map((text) => [`/${text}`, text]),
  );
});

t.test('the app may listen on a unix socket', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'media-serve-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const behind = await startRecorder(t, { path: join(directory, 'app.sock') });
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', behind.address]);
  const answer = await rawRequest(server.port, `${get('/a?b', ['Content-Length: 3'], 'POST')}abc`);
  t.equal(answer.body.toString(), 'ok');
  t.match(behind.received, [{ method: 'POST', target: '/a?b', headers: { host: 'example.org' } }]);
  t.equal(behind.received[0]?.body.toString(), 'abc');
});
