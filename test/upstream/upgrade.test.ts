// WebSockets through the real command. The app is a stand-in; Django Channels under uvicorn is in test/e2e.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import t, { type Test } from 'tap';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { type Received, type RunningApp, receive, startApp, startTcpApp } from '../support/app.js';
import { openDescriptors, withoutProc } from '../support/proc.js';
import { get, openConnection, rawRequest } from '../support/raw.js';
import { type RunningServer, startServer } from '../support/server.js';
import { until } from '../support/until.js';

interface Site {
  readonly app: RunningApp;
  readonly server: RunningServer;
  /** Open sockets at the app. */
  readonly sockets: ReadonlySet<WebSocket>;
  /** Requests for an upgrade, and others, as the app got them. */
  readonly received: (IncomingMessage | Received)[];
  open(path: string, protocols?: string[]): Promise<WebSocket>;
}

async function startSite(t: Test, ...args: string[]): Promise<Site> {
  const received: (IncomingMessage | Received)[] = [];
  const app = await startApp(t, async (request, response) => {
    if (request.url === '/silent') return;
    received.push(await receive(request));
    response.end('ok');
  });
  const websockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'chat.v2' });
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    received.push(request);
    if (request.url === '/refused') {
      const fields = 'Content-Type: text/plain\r\nSet-Cookie: a=b\r\nContent-Length: 6\r\nConnection: close';
      socket.end(`HTTP/1.1 403 Forbidden\r\n${fields}\r\n\r\nrefuse`);
      return;
    }
    websockets.handleUpgrade(request, socket, head, (websocket) => {
      if (request.url === '/greeting') websocket.send('welcome');
      websocket.on('message', (data: RawData, binary) => websocket.send(data, { binary }));
    });
  });
  const server = await startServer(t, [
    '--root',
    t.testdir({ 'a.txt': 'hello' }),
    '--upstream',
    app.address,
    ...args,
  ]);
  return {
    app,
    server,
    sockets: websockets.clients,
    received,
    async open(path, protocols = []) {
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, protocols);
      t.teardown(() => socket.terminate());
      await once(socket, 'open');
      return socket;
    },
  };
}

// One site for all that leaves it as it was.
const shared = await startSite(t);

/** Sends the message and resolves with what comes back. */
async function echo(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  const answered = once(socket, 'message') as Promise<[Buffer]>;
  socket.send(message);
  const [data] = await answered;
  return data;
}

t.test('messages go both ways as they were sent', async (t) => {
  const { open, received } = shared;
  const socket = await open('/echo?a=%2F', ['chat.v1', 'chat.v2']);
  t.equal(socket.protocol, 'chat.v2', 'the app chooses the protocol');
  for (const message of ['hello', 'Grüße, 世界', '', Buffer.alloc(1_000_000, 'ab'), Buffer.from([0, 255])]) {
    t.ok((await echo(socket, message)).equals(Buffer.from(message)), `${message.length} characters or bytes`);
  }
  const request = received.find(({ headers }) => headers.upgrade !== undefined) as
    | IncomingMessage
    | undefined;
  t.equal(request?.url, '/echo?a=%2F');
  t.match(request?.headers, {
    upgrade: 'websocket',
    connection: /upgrade/i,
    'x-forwarded-for': '127.0.0.1',
    'x-request-id': /^[0-9a-f-]{36}$/,
  });
});

t.test('what either side sends along with the handshake is not lost', async (t) => {
  const { server } = shared;
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/greeting`);
  t.teardown(() => socket.terminate());
  const [greeting] = (await once(socket, 'message')) as [Buffer];
  t.equal(greeting.toString(), 'welcome', 'the app speaks first');

  const connection = await openConnection(t, server.port);
  const handshake = [
    'GET /echo HTTP/1.1',
    ...['Host: x', 'Connection: keep-alive, Upgrade', 'Upgrade: WebSocket'],
    ...['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', ''],
  ].join('\r\n');
  // A masked text frame (RFC 6455 §5.7) that says "Hello".
  const frame = Buffer.from([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
  connection.socket.write(Buffer.concat([Buffer.from(handshake), frame]));
  const answer = await connection.until((all) => all.endsWith('\x81\x05Hello'));
  t.match(answer, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  t.match(answer, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i, 'the example of the RFC');
});

t.test('a handshake that the app refuses is an ordinary answer', async (t) => {
  const { server } = shared;
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/refused`);
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  t.equal(response.statusCode, 403);
  t.same(response.headers['set-cookie'], ['a=b']);
  t.equal((await receive(response)).body.toString(), 'refuse');
  t.match(await server.logged(({ target }) => target === '/refused'), { status: 403, bytes: 6 });
});

t.test('when one side closes, so does the other, with its code', async (t) => {
  const { open, sockets } = shared;
  const byApp = await open('/echo');
  for (const socket of sockets) socket.close(4001, 'enough');
  const [code, reason] = (await once(byApp, 'close')) as [number, Buffer];
  t.equal(code, 4001);
  t.equal(reason.toString(), 'enough');
  await until(() => sockets.size === 0, 'it is closed at the app');

  const byClient = await open('/echo');
  const [atApp] = sockets;
  const closed = once(atApp ?? byClient, 'close') as Promise<[number]>;
  byClient.close(4002);
  t.equal((await closed)[0], 4002);

  const vanishing = await open('/echo');
  vanishing.terminate();
  await until(() => sockets.size === 0, 'a client that vanished is gone at the app');
});

t.test('a quiet socket outlives the time limits of requests', async (t) => {
  const { open, server } = await startSite(t, '--read-timeout', '500ms', '--send-timeout', '500ms');
  const socket = await open('/echo');
  t.equal((await echo(socket, 'before')).toString(), 'before');
  // When this one has run into the limit, so would the socket have.
  t.equal((await rawRequest(server.port, get('/silent', ['Content-Length: 0'], 'POST'))).status, 504);
  t.equal((await rawRequest(server.port, get('/silent', ['Content-Length: 0'], 'POST'))).status, 504);
  t.equal((await echo(socket, 'after')).toString(), 'after');
});

t.test(
  'an upgrade to another protocol is ignored, and the body of its request arrives',
  { skip: withoutProc() },
  async (t) => {
    const { server, received } = shared;
    const sockets = (): number =>
      openDescriptors(server.process.pid).filter((name) => name.startsWith('socket:')).length;
    await rawRequest(server.port, get('/first'));
    const earlier = received.length;
    const offer = (method: string, target: string, fields: readonly string[], body = ''): string =>
      [
        `${method} ${target} HTTP/1.1`,
        ...[
          'Host: x',
          'Connection: Upgrade, HTTP2-Settings, close',
          'Upgrade: h2c',
          'HTTP2-Settings: AAMAAABk',
        ],
        ...fields,
        '',
        body,
      ].join('\r\n');
    const answers = [
      await rawRequest(server.port, offer('POST', '/upload', ['Content-Length: 5'], 'hello')),
      await rawRequest(
        server.port,
        offer('POST', '/chunks', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'),
      ),
      await rawRequest(server.port, offer('GET', '/page', [])),
      await rawRequest(server.port, offer('GET', '/media/a.txt', [])),
    ];
    t.same(
      answers.map(({ status, body }) => `${status} ${body}`),
      ['200 ok', '200 ok', '200 ok', '200 hello'],
    );
    const arrived = received.slice(earlier) as Received[];
    t.same(
      arrived.map(({ target, body }) => `${target} ${body}`),
      ['/upload hello', '/chunks hello', '/page '],
    );
    for (const { headers } of arrived) {
      for (const name of ['upgrade', 'http2-settings']) t.notOk(name in headers, name);
    }
    const before = sockets();
    for (let index = 0; index < 10; index++) {
      await rawRequest(server.port, offer('POST', '/upload', ['Content-Length: 5'], 'hello'));
    }
    await until(() => sockets() <= before, 'no connection is left behind');
  },
);

t.test('a handshake with a body is refused, and the app hears nothing of it', async (t) => {
  const { server, received } = shared;
  const earlier = received.length;
  for (const fields of [['Content-Length: 5'], ['Transfer-Encoding: chunked']]) {
    const handshake = [
      'GET /echo HTTP/1.1',
      'Host: x',
      'Connection: Upgrade',
      'Upgrade: websocket',
      ...fields,
    ];
    const body = fields.includes('Content-Length: 5') ? 'hello' : '5\r\nhello\r\n0\r\n\r\n';
    const { status } = await rawRequest(server.port, [...handshake, '', body].join('\r\n'));
    t.equal(status, 400, fields.join());
  }
  t.equal(received.length, earlier);
});

t.test('an app that switches to another protocol than it was asked for is 502', async (t) => {
  let field = '';
  const upstream = await startTcpApp(t, (socket) => {
    socket.on('data', () =>
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n${field}\r\nwelcome`),
    );
  });
  const server = await startServer(t, ['--root', t.testdir({}), '--upstream', upstream]);
  const handshake = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  for (const other of ['', 'Upgrade: h2c\r\n', 'Upgrade: websocket, h2c\r\n', 'Upgrade:\r\n']) {
    field = other;
    t.equal((await rawRequest(server.port, handshake)).status, 502, other);
  }
  field = 'upgrade: WebSocket\r\n';
  const client = await openConnection(t, server.port);
  client.socket.write(handshake);
  t.match(await client.until((all) => all.endsWith('welcome')), /^HTTP\/1\.1 101 /);
});

t.test('a WebSocket where there is none is an ordinary request', async (t) => {
  const { server } = shared;
  for (const [path, status] of [
    ['/media/a.txt', 200],
    ['/media/missing', 404],
    ['/..', 400],
  ] as const) {
    const fields = [
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ];
    const request = get(path, fields).replace('Connection: close', 'Connection: Upgrade');
    t.equal((await rawRequest(server.port, request)).status, status, path);
  }
});

t.test('an app that dies takes its sockets along, and the next handshake is 502', async (t) => {
  const { open, app, server } = shared;
  const living = await open('/echo');
  living.on('error', () => {});
  const closed = once(living, 'close');
  await app.stop();
  await closed;
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/echo`);
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  t.equal(response.statusCode, 502);
  socket.terminate();
  t.equal((await rawRequest(server.port, get('/media/a.txt'))).status, 200);
});
