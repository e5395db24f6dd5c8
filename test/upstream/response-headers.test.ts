// The head of the app's answer as the client gets it. The app is a stand-in that writes exactly these bytes.
import t from 'tap';
import { startTcpApp } from '../support/app.js';
import { startHere } from '../support/here.js';
import { get, openConnection, type RawResponse, rawRequest } from '../support/raw.js';

const answers = new Map<string, string>();
const upstream = await startTcpApp(t, (socket) => {
  socket.once('data', (request) => {
    const [, target = ''] = /^\S+ (\S+) /.exec(request.toString('latin1')) ?? [];
    socket.end(answers.get(target) ?? 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', 'latin1');
  });
});
const { port } = await startHere(t, ['--root', t.testdir({}), '--upstream', upstream]);

let count = 0;
function answerOf(
  statusLine: string,
  fields: readonly string[],
  body = '',
  method = 'GET',
): Promise<RawResponse> {
  count += 1;
  const target = `/${count}`;
  answers.set(target, [`HTTP/1.1 ${statusLine}`, ...fields, '', body].join('\r\n'));
  return rawRequest(port, get(target, [], method));
}

t.test("references to the app's own address lead here", async (t) => {
  const fields = [`Location: http://${upstream}/next?a=b`, `Refresh: 0; url=http://${upstream}/other`];
  const { headers } = await answerOf('302 Found', [...fields, 'Content-Length: 0']);
  t.equal(headers['location'], '/next?a=b');
  t.equal(headers['refresh'], '0; url=/other');
});

const OWN = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length']);

t.test('what the app says reaches the client, in its order and as often', async (t) => {
  const fields = [
    'Content-Type: text/html; charset=utf-8',
    'Set-Cookie: csrftoken=a; Path=/; SameSite=Lax',
    'Set-Cookie: sessionid=b; HttpOnly; Path=/',
    'Location: /next/?a=b',
    'Vary: Cookie',
    'Vary: Accept-Language',
    'ETag: W/"x"',
    'Cache-Control: no-store',
    'X-Frame-Options: DENY',
    'X-Own: one',
    'X-Empty: ',
    'WWW-Authenticate: Basic realm="a, b"',
    'Content-Disposition: attachment; filename="gr\xfcn.txt"',
  ];
  const answer = await answerOf('302 Found', [...fields, 'Content-Length: 2'], 'ok');
  t.equal(answer.status, 302);
  t.same(
    answer.fields.filter(([name]) => !OWN.has(name)).map(([name, value]) => `${name}: ${value}`.trim()),
    fields.map((field) => field.replace(/^[^:]+/, (name) => name.toLowerCase()).trim()),
  );
  t.equal(answer.headers['content-length'], '2');
});

t.test('fields of the connection to the app stay on it', async (t) => {
  const { headers, body } = await answerOf(
    '200 OK',
    [
      'Connection: close, X-Nominated',
      'X-Nominated: a',
      'Keep-Alive: timeout=1',
      'Proxy-Connection: close',
      'Upgrade: h2c',
      'Content-Length: 2',
      'X-Own: kept',
    ],
    'ok',
  );
  for (const name of ['x-nominated', 'proxy-connection', 'upgrade']) t.notOk(name in headers, name);
  t.notMatch(headers['connection'], 'X-Nominated');
  t.notMatch(headers['keep-alive'], 'timeout=1');
  t.equal(headers['x-own'], 'kept');
  t.equal(body.toString(), 'ok');
});

t.test('426 says which protocol it asks for, on the connection of the client as well', async (t) => {
  const connections = ['Connection: Upgrade', 'Connection: close, upgrade', 'connection: UPGRADE, X-Own', ''];
  for (const connection of connections) {
    const fields = [connection, 'Upgrade: TLS/1.0, HTTP/1.1', 'uPGRADE: websocket', 'Content-Length: 2'];
    const {
      status,
      headers,
      fields: got,
      body,
    } = await answerOf('426 Upgrade Required', fields.filter(Boolean), 'no');
    t.equal(status, 426);
    t.same(
      got.filter(([name]) => name === 'upgrade').map(([, value]) => value),
      ['TLS/1.0, HTTP/1.1', 'websocket'],
      connection,
    );
    t.equal(headers['connection'], 'close, Upgrade');
    t.equal(body.toString(), 'no');
  }
  await t.test('a connection that is kept says both', async (t) => {
    answers.set('/kept', 'HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n');
    const connection = await openConnection(t, port);
    connection.socket.write('GET /kept HTTP/1.1\r\nHost: a\r\n\r\n');
    const answer = await connection.until((received) => received.endsWith('\r\n\r\n'));
    t.match(answer, /\r\nUpgrade: websocket\r\n/);
    t.match(answer, /\r\nConnection: keep-alive, Upgrade\r\n/);
    connection.socket.write(get('/other'));
    t.match(await connection.closed(), /HTTP\/1\.1 404 .*\r\nConnection: close\r\n/s);
  });
  await t.test('one that asks for nothing, and any other answer, say nothing of it', async (t) => {
    for (const [status, ...fields] of [
      ['426 Upgrade Required', 'Connection: Upgrade'],
      ['200 OK', 'Upgrade: h2,h2c', 'Connection: Upgrade'],
      ['400 Bad Request', 'Upgrade: websocket'],
    ] as const) {
      const { headers } = await answerOf(status, [...fields, 'Content-Length: 0']);
      t.notOk('upgrade' in headers, status);
      t.equal(headers['connection'], 'close', status);
    }
  });
});

t.test('instructions to the server and the name of the app server are not for the client', async (t) => {
  const { headers } = await answerOf('200 OK', [
    'Server: gunicorn',
    'X-Accel-Buffering: no',
    'X-Accel-Limit-Rate: 1000',
    'X-Accel-Expires: 0',
    'Content-Length: 0',
  ]);
  t.same(
    Object.keys(headers).filter((name) => name === 'server' || name.startsWith('x-accel')),
    [],
  );
});

t.test('there is one Date: the one of the app, or else ours', async (t) => {
  const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
  const theirs = await answerOf('200 OK', [`Date: ${date}`, 'Content-Length: 0']);
  t.same(
    theirs.fields.filter(([name]) => name === 'date'),
    [['date', date]],
  );
  const ours = await answerOf('200 OK', ['Content-Length: 0']);
  t.equal(ours.fields.filter(([name]) => name === 'date').length, 1);
});

t.test('status and body length are those of the app', async (t) => {
  const cases: readonly (readonly [statusLine: string, fields: readonly string[], method?: string])[] = [
    ['201 Created', ['Content-Length: 0']],
    ['204 No Content', []],
    ['301 Moved Permanently', ['Location: /x', 'Content-Length: 0']],
    ['304 Not Modified', ['ETag: "a"']],
    ['404 Not Found', ['Content-Length: 0']],
    ['418 I am a Teapot', ['Content-Length: 0']],
    ['500 Internal Server Error', ['Content-Length: 0']],
    ['503 Service Unavailable', ['Retry-After: 5', 'Content-Length: 0']],
    ['599 Own', ['Content-Length: 0']],
    ['200 OK', ['Content-Length: 1234'], 'HEAD'],
  ];
  for (const [statusLine, fields, method] of cases) {
    const answer = await answerOf(statusLine, fields, '', method);
    t.equal(`${answer.status} ${answer.reason}`, statusLine);
    t.equal(answer.body.length, 0, statusLine);
    for (const field of fields) {
      const [name = '', value] = field.split(': ');
      t.equal(answer.headers[name.toLowerCase()], value, statusLine);
    }
  }
});
