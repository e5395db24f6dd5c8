// The way of a request to its location: longest prefix on the normalized path, answers in the order of the questions,
// and requests that are no HTTP. The app is a stand-in that can answer late.
import { once } from 'node:events';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { startApp, startRecorder } from '../support/app.js';
import { converse } from '../support/conversation.js';
import { startHere } from '../support/here.js';
import { get, openConnection, parseResponse, rawExchange, rawRequest } from '../support/raw.js';
import { until } from '../support/until.js';

/** An app that answers `/late` when it is told to, `/half` by half, and `/never` not at all. */
const asked: string[] = [];
const late: (() => void)[] = [];
const app = await startApp(t, (request, response) => {
  asked.push(request.url ?? '');
  if (request.url === '/late') late.push(() => response.end('late'));
  else if (request.url === '/half') response.writeHead(200, { 'Content-Length': 10 }).write('begun');
  else if (!request.url?.startsWith('/never')) response.end('page');
});
const root = t.testdir({ 'a.txt': 'file' });
const { port } = await startHere(t, ['--root', root, '--upstream', app.address]);

t.test('the longest prefix wins, on the normalized path', async (t) => {
  const base = t.testdir({});
  for (const name of ['media', 'more', 'deep', 'grün', 'static']) {
    mkdirSync(join(base, name));
    writeFileSync(join(base, name, 'a.txt'), name);
  }
  const app = await startRecorder(t);
  const { port } = await startHere(t, [
    ...['--root', join(base, 'media'), '--static-root', join(base, 'static'), '--upstream', app.address],
    ...['--mount', `/media/more/=${join(base, 'more')}`],
    ...['--mount', `/media/more/deep/=${join(base, 'deep')}`],
    ...['--mount', `/grün/=${join(base, 'grün')}`],
  ]);
  const cases: readonly (readonly [target: string, body: string])[] = [
    ['/media/a.txt', 'media'],
    ['/media/more/a.txt', 'more'],
    ['/media/more/deep/a.txt', 'deep'],
    ['/media/x/../more/a.txt', 'more'],
    ['/media/more/../a.txt', 'media'],
    ['/%6dedia/more%2fdeep//a.txt', 'deep'],
    ['/gr%C3%BCn/a.txt', 'grün'],
    ['/static/a.txt', 'static'],
    // Beside a prefix is not inside it.
    ['/media', 'ok'],
    ['/mediax/a.txt', 'ok'],
    ['/Media/a.txt', 'ok'],
    ['/static', 'ok'],
    ['/', 'ok'],
    ['/media/../a.txt', 'ok'],
  ];
  for (const [target, body] of cases) {
    t.equal((await rawRequest(port, get(target))).body.toString(), body, target);
  }
});

t.test('without an app, what is in no location is 404', async (t) => {
  const { port } = await startHere(t, ['--root', t.testdir({})]);
  for (const [target, method] of [
    ['/', 'GET'],
    ['/page', 'POST'],
    ['/media', 'GET'],
    ['/', 'OPTIONS'],
  ] as const) {
    const { status } = await rawRequest(port, get(target, ['Content-Length: 0'], method));
    t.equal(status, 404, `${method} ${target}`);
  }
});

t.test('the server as a whole is asked what it can do, and answers by itself', async (t) => {
  const app = await startRecorder(t);
  const { port, log, logged } = await startHere(t, ['--root', root, '--upstream', app.address]);
  const alone = await startHere(t, ['--root', root]);
  const conversation = await converse(t, port);
  const cases: readonly (readonly [target: string, fields: readonly string[]])[] = [
    ['*', []],
    ['*', ['Content-Length: 0']],
    ['*', ['Max-Forwards: 0']],
    ['*', ['Origin: https://a.example', 'Access-Control-Request-Method: GET']],
    // RFC 9112 §3.2.4: what a proxy would send on as an asterisk.
    ['http://example.org', []],
    ['HTTPS://example.org:8443', []],
  ];
  for (const [target, fields] of cases) {
    const { status, headers, body } = await conversation.ask(target, fields, 'OPTIONS');
    t.equal(status, 204, target);
    t.equal(headers['allow'], 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS', target);
    t.notOk('content-length' in headers || 'transfer-encoding' in headers, '§8.6: not with a 204');
    t.equal(body.length, 0);
    t.equal(
      (await rawRequest(alone.port, get(target, fields, 'OPTIONS'))).status,
      204,
      `${target} without an app`,
    );
  }
  t.equal(
    (await rawRequest(port, `${get('*', ['Content-Length: 3'], 'OPTIONS')}abc`)).status,
    204,
    'also with a body',
  );
  await logged(({ target, status }) => target === '*' && status === 204);
  t.same(app.received, [], 'the app is not asked');
  t.ok(log.every(({ location, target }) => target !== '*' || location === undefined));

  for (const [method, target, fields, status] of [
    // Of nothing else, and in no other form (RFC 9112 §3.2.4).
    ['GET', '*', [], 400],
    ['HEAD', '*', [], 400],
    ['POST', '*', ['Content-Length: 0'], 400],
    ['OPTIONS', '**', [], 400],
    ['OPTIONS', '*?', [], 400],
    ['OPTIONS', '*/', [], 400],
    ['OPTIONS', '%2A', [], 400],
    ['OPTIONS', 'http://user@example.org', [], 400],
    ['OPTIONS', 'http://exa mple.org', [], 400],
    ['OPTIONS', 'ftp://example.org', [], 400],
    ['options', '*', [], 400],
    // These have a path or a query: the app is asked.
    ['OPTIONS', '/', [], 200],
    ['OPTIONS', '/*', [], 200],
    ['OPTIONS', 'http://example.org/', [], 200],
    ['OPTIONS', 'http://example.org?a', [], 200],
    ['GET', 'http://example.org', [], 200],
  ] as const) {
    t.equal((await rawRequest(port, get(target, fields, method))).status, status, `${method} ${target}`);
  }
  for (const [head, status] of [
    ['OPTIONS * HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['OPTIONS * HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n', 400],
    ['OPTIONS * HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n', 400],
    ['OPTIONS * HTTP/1.0\r\n\r\n', 204],
  ] as const) {
    t.equal((await rawRequest(port, head)).status, status, JSON.stringify(head));
  }
});

/** Lets the app answer `/late`, once it has been asked. */
async function answerLate(): Promise<void> {
  await until(() => late.length > 0, 'the app is asked for /late');
  for (const end of late.splice(0)) end();
}

t.test('pipelined requests are answered in their order', async (t) => {
  const request = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const connection = await openConnection(t, port);
  const targets = ['/media/a.txt', '/late', '/media/a.txt', '/page', '/media/missing', '/media/a.txt'];
  connection.socket.write(`${targets.slice(0, -1).map(request).join('')}${get('/media/a.txt')}`);
  await connection.until((received) => received.endsWith('file'));
  t.equal(connection.received().split('HTTP/1.1 ').length - 1, 1, 'the second answer is waited for');
  await answerLate();

  const received = await connection.closed();
  const answers = received.split(/(?=HTTP\/1\.1 \d{3} )/);
  t.same(
    answers.map((each) => parseResponse(Buffer.from(each, 'latin1')).status),
    [200, 200, 200, 200, 404, 200],
  );
  t.match(answers, [/file$/, /late$/, /file$/, /page/, /404/, /file$/]);
});

t.test('many pipelined requests on many connections stay apart', async (t) => {
  const script = ['/media/a.txt', '/page', '/media/missing', '/page', '/media/a.txt'];
  const requests = Array.from({ length: 20 }, () => script).flat();
  const sent = [...requests.map((target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`), get('/page')].join(
    '',
  );
  const all = await Promise.all(Array.from({ length: 5 }, () => rawExchange(port, sent)));
  for (const bytes of all) {
    const statuses = [...bytes.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(
      ([, status]) => status,
    );
    t.same(
      statuses,
      [...requests, '/page'].map((target) => (target === '/media/missing' ? '404' : '200')),
    );
  }
});

t.test('what is no HTTP is 400 and the end of the connection', async (t) => {
  const cases: readonly (readonly [name: string, request: string, status?: number])[] = [
    ['no request', 'hello\r\n\r\n'],
    ['no method', '/media/a.txt HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a space in the target', 'GET /media/a b.txt HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['no Host', 'GET /media/a.txt HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET /media/a.txt HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n'],
    ['two Hosts for the app', 'GET /page HTTP/1.1\r\nHost: x\r\nHost: x\r\nConnection: close\r\n\r\n'],
    ['a folded field', 'GET /media/a.txt HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n'],
    ['a space before the colon', 'GET /page HTTP/1.1\r\nHost: x\r\nX-A : a\r\n\r\n'],
    ['two lengths', 'POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'a length and chunks',
      'POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a head without end', `GET /media/a.txt HTTP/1.1\r\nHost: x\r\nX-A: ${'x'.repeat(100_000)}`, 431],
  ];
  const before = asked.length;
  for (const [name, request, status = 400] of cases) {
    const bytes = await rawExchange(port, request);
    t.equal(parseResponse(bytes).status, status, name);
    t.equal(bytes.toString('latin1').split('HTTP/1.1 ').length, 2, `${name}: one answer`);
  }
  t.same(asked.slice(before), [], 'none of it reached the app');
});

t.test('malformed bytes behind a request never end up inside its answer', async (t) => {
  const half = await openConnection(t, port);
  half.socket.write('GET /half HTTP/1.1\r\nHost: x\r\n\r\n');
  await half.until((received) => received.endsWith('begun'));
  half.socket.write('hello\r\n\r\n');
  // Another request in between: the server has read the bytes above when it answers this one.
  await rawRequest(port, get('/media/a.txt'));
  t.match(half.received(), /begun$/);

  const late = await openConnection(t, port);
  late.socket.write('GET /late HTTP/1.1\r\nHost: x\r\n\r\nhello\r\n\r\n');
  await rawRequest(port, get('/media/a.txt'));
  t.notMatch(late.received(), /400/);
  await answerLate();
  t.match(await late.closed(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*late/);
});

t.test('HTTP/1.0 is answered, and the connection closed', async (t) => {
  for (const [target, body] of [
    ['/media/a.txt', 'file'],
    ['/page', 'page'],
  ] as const) {
    const answer = parseResponse(await rawExchange(port, `GET ${target} HTTP/1.0\r\n\r\n`));
    t.equal(answer.status, 200, target);
    t.equal(answer.body.toString(), body);
    t.notOk('transfer-encoding' in answer.headers, 'chunks are for HTTP/1.1');
  }
});

t.test('a connection is kept for the next request', async (t) => {
  const connection = await openConnection(t, port);
  for (const [target, end] of [
    ['/media/a.txt', 'file'],
    ['/page', 'page'],
    ['/media/missing', ''],
    ['/media/a.txt', 'file'],
  ] as const) {
    const before = connection.received().length;
    connection.socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await connection.until((received) => {
      const answer = received.slice(before);
      return answer.includes('\r\n\r\n') && answer.includes(end);
    });
  }
});

/** More than what is on its way between the two, while one does not read. */
const HALF_CLOSED_SIZE = 12 * 1024 * 1024;

/**
 * Sends the requests and says that these were all, before it takes any of the answers.
 * @returns how many answers came, and how many bytes in all
 */
async function askAndEnd(
  port: number,
  requests: readonly string[],
): Promise<{ answers: number; bytes: number }> {
  const socket = connect({ port, host: '127.0.0.1' });
  // Being cut off is what some of these tests are about; 'close' follows.
  socket.pause().on('error', () => {});
  socket.end(requests.join(''));
  await once(socket, 'finish');
  const closed = once(socket, 'close');
  let [answers, bytes] = [0, 0];
  let last = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    const all = Buffer.concat([last, chunk]);
    for (let at = all.indexOf(OK); at >= 0; at = all.indexOf(OK, at + 1)) answers += 1;
    last = all.subarray(Math.max(0, all.length - OK.length + 1));
  });
  socket.resume();
  await closed;
  return { answers, bytes };
}

const OK = Buffer.from('HTTP/1.1 200 OK\r\n');

const BODY = 'x'.repeat(20_000);

/** Requests to the app: without a body, with one in memory or in a temporary file, and in chunks. */
const askApp = (target: string): readonly string[] => [
  `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`,
  `GET ${target} HTTP/1.0\r\n\r\n`,
  `POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx`,
  `POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
  `POST ${target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`,
];
const INTO_FILES = ['--buffer-memory', '1kb', '--upload-memory', '0'];

/** More than what is on its way between the two: the server goes on to the next request once the client reads. */
function makeLargeFile(root: string): string {
  writeFileSync(join(root, 'large.bin'), '');
  truncateSync(join(root, 'large.bin'), HALF_CLOSED_SIZE);
  return 'GET /media/large.bin HTTP/1.1\r\nHost: x\r\n\r\n';
}

t.test('a client that has said its last byte gets all files that it asked for', async (t) => {
  const root = t.testdir({});
  const plain = makeLargeFile(root);
  const { port } = await startHere(t, ['--root', root, '--upstream', app.address]);
  const odd = plain.replace('\r\n\r\n', '\r\nAccept: a\r\nAccept: b\r\n\r\n');
  const old = 'GET /media/large.bin HTTP/1.0\r\n\r\n';
  const cases: readonly (readonly [what: string, requests: readonly string[]])[] = [
    ['HTTP/1.0', [old]],
    ['odd', [odd]],
    ['odd, and old', [odd, old]],
    ['odd between plain', [plain, odd, plain]],
  ];
  for (const [what, requests] of cases) {
    const { answers, bytes } = await askAndEnd(port, requests);
    t.equal(answers, requests.length, what);
    t.ok(bytes > requests.length * HALF_CLOSED_SIZE, `${what}: to the end`);
  }
});

t.test('a client that has said its last byte before the app was asked counts as gone there', async (t) => {
  const root = t.testdir({});
  const file = makeLargeFile(root);
  const server = await startHere(t, ['--root', root, '--upstream', app.address, ...INTO_FILES]);
  for (const [index, request] of askApp('/never').entries()) {
    const target = `/never?before=${index}`;
    const { answers } = await askAndEnd(server.port, [file, request.replace('/never', target)]);
    t.equal(answers, 1, request.slice(0, 100));
    t.match(await server.logged((line) => line['target'] === target), { status: 499, aborted: true });
  }
});

t.test('where the app may finish without its client, that gets all its answers', async (t) => {
  const root = t.testdir({});
  const file = makeLargeFile(root);
  const options = ['--root', root, '--upstream', app.address, '--no-abort-on-client-close'];
  const { port } = await startHere(t, [...options, ...INTO_FILES]);
  for (const request of askApp('/page')) {
    for (const requests of [[request], [file, request]]) {
      const { answers } = await askAndEnd(port, requests);
      t.equal(answers, requests.length, request.slice(0, 100));
    }
  }
});

t.test('a client that says its last byte while the app works is most likely gone', async (t) => {
  const server = await startHere(t, ['--root', root, '--upstream', app.address]);
  for (const [index, request] of askApp('/never').entries()) {
    const target = `/never?${index}`;
    const connection = await openConnection(t, server.port);
    connection.socket.write(request.replace('/never', target));
    await until(() => asked.includes(target), 'the app is asked');
    connection.socket.end();
    t.equal(await connection.closed(), '', 'the connection is cut');
    const line = await server.logged((line) => line['target'] === target);
    t.match(line, { status: 499, aborted: true });
  }
});

t.test('a body that the client waits with is never taken for a request', async (t) => {
  for (const fields of ['', 'Accept: a\r\nAccept: b\r\n']) {
    const head = `GET /media/a.txt HTTP/1.1\r\nHost: x\r\n${fields}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`;
    const waiting = await openConnection(t, port);
    waiting.socket.write(head);
    const answer = parseResponse(Buffer.from(await waiting.closed(), 'latin1'));
    t.equal(answer.status, 200);
    t.equal(answer.headers['connection'], 'close', 'the client need not send it, and may not go on');
  }
  const sent = await openConnection(t, port);
  sent.socket.write(
    'GET /media/a.txt HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n12345',
  );
  t.notMatch(await sent.until((received) => received.endsWith('file')), /Connection: close/);
  sent.socket.write(get('/media/a.txt'));
  t.match(await sent.closed(), /file[\s\S]*file$/, 'the next request');
});
