/** Connections to the app by themselves: what is written, what is told, and when a connection is used again. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import t, { type Test } from 'tap';
import { parseUpstreamAddress } from '../../src/config/address.js';
import type { BodyParts } from '../../src/upstream/body-parts.js';
import type { AppRequest, Connection, Receiver } from '../../src/upstream/connection.js';
import { Connections } from '../../src/upstream/connections.js';
import type { RequestBody } from '../../src/upstream/request-body.js';
import type { ResponseStart } from '../../src/upstream/response-parser.js';
import { codeOf } from '../../src/upstream/retry.js';
import { deserted, startTcpApp } from '../support/app.js';
import { until } from '../support/until.js';

const MEBIBYTE = 1024 * 1024;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** A pool for an app that is handed each connection; it is closed when the test ends. */
async function startPool(t: Test, accept: (socket: Socket) => void, readTimeout = 0): Promise<Connections> {
  return poolFor(t, await startTcpApp(t, accept), readTimeout);
}

function poolFor(t: Test, address: string, readTimeout = 0): Connections {
  const pool = new Connections(parseUpstreamAddress(address), { connectTimeout: 5000, readTimeout });
  t.teardown(() => pool.close());
  return pool;
}

/** An app that answers each request head with the next of these. */
const answering =
  (...answers: string[]) =>
  (socket: Socket): void => {
    socket.on('data', () => socket.write(answers.length > 1 ? (answers.shift() ?? '') : (answers[0] ?? '')));
  };

function requestOf(fields: Partial<AppRequest> = {}): AppRequest {
  const head = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  return { method: 'GET', head, body: undefined, upgrades: false, isLast: false, ...fields };
}

/** A body that is passed on as it comes. */
function streamed(source: Readable, size: number | undefined): RequestBody {
  return { size, replayable: false, open: () => source, close() {} };
}

/** A body that is held. */
function held(next: BodyParts['next'], size: number): RequestBody {
  return { size, replayable: true, open: () => ({ next }), close() {} };
}

/** Keeps what it is told. */
class Listener implements Receiver {
  readonly told: string[] = [];
  status = 0;
  body = '';
  error: Error | undefined;
  socket: Socket | undefined;
  isOver = false;

  onSending(): void {
    this.told.push('sending');
  }
  onSentSome(): void {
    if (this.told.at(-1) !== 'some') this.told.push('some');
  }
  onSent(): void {
    this.told.push('sent');
  }
  onInformational({ status }: ResponseStart): void {
    this.told.push(String(status));
  }
  onHead({ status }: ResponseStart): void {
    this.status = status;
    this.told.push(String(status));
  }
  onData(bytes: Buffer): void {
    this.body += bytes.toString('latin1');
  }
  onEnd(): void {
    this.#over('end');
  }
  onUpgrade(_start: ResponseStart, socket: Socket): void {
    this.socket = socket;
    this.#over('upgrade');
  }
  onFailure(error: Error): void {
    this.error = error;
    this.#over('failure');
  }

  #over(how: string): void {
    if (this.isOver) throw new Error(`told ${how} after the end`);
    this.isOver = true;
    this.told.push(how);
  }
}

async function send(connection: Connection, request = requestOf()): Promise<Listener> {
  const listener = new Listener();
  connection.send(request, listener);
  await until(() => listener.isOver, 'the request is over');
  return listener;
}

t.test('a request is told of in its order, and its connection is used again', async (t) => {
  const pool = await startPool(t, answering(OK));
  const first = pool.takeKept();
  t.notOk(first.wasUsed);
  t.same((await send(first)).told, ['sending', 'sent', '200', 'end']);
  const second = pool.takeKept();
  t.equal(second, first);
  t.ok(second.wasUsed);
  t.not(pool.takeFresh(), first, 'unless a fresh one is wanted');
  t.match(await send(second), { status: 200, body: 'ok' });
});

t.test('a connection is not used again', async (t) => {
  const cases: readonly (readonly [what: string, answer: string, request?: Partial<AppRequest>])[] = [
    ['when the app says that it closes it', OK.replace('\r\n', '\r\nConnection: close\r\n')],
    ['in HTTP/1.0', OK.replace('1.1', '1.0')],
    ['when this server has said so', OK, { isLast: true }],
    ['when bytes stand behind the answer', `${OK}HTTP/1.1 200 OK\r\n`],
    ['when another answer stands behind the answer', `${OK}${OK}`],
    ['when a HEAD is answered with a body', OK, { method: 'HEAD' }],
    ['when a 304 has a body', OK.replace('200 OK', '304 Not Modified')],
    ['when a 204 has a body', OK.replace('200 OK', '204 No Content')],
  ];
  for (const [what, answer, request] of cases) {
    const pool = await startPool(t, answering(answer));
    const first = pool.takeKept();
    t.equal((await send(first, requestOf(request))).error, undefined, what);
    t.not(pool.takeKept(), first, what);
  }
});

t.test('what nobody asked for answers nobody, and closes the connection', async (t) => {
  let app: Socket | undefined;
  const pool = await startPool(t, (socket) => {
    app = socket;
    answering(OK)(socket);
  });
  const first = pool.takeKept();
  await send(first);
  if (app === undefined) throw new Error('the app has no connection');
  const closed = once(app, 'close');
  app.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned');
  const begun = performance.now();
  await closed;
  t.ok(performance.now() - begun < 1000, 'long before it has been idle for too long');
  const next = pool.takeKept();
  t.not(next, first);
  t.equal((await send(next)).body, 'ok');
});

t.test('an idle connection that the app closes, or that is idle for long, is gone', async (t) => {
  let closed = 0;
  const apps: Socket[] = [];
  const pool = await startPool(t, (socket) => {
    apps.push(socket);
    socket.on('close', () => {
      closed += 1;
    });
    answering(OK)(socket);
  });
  const first = pool.takeKept();
  await send(first);
  apps[0]?.end();
  await until(() => closed === 1, 'this server has closed it too');
  const second = pool.takeKept();
  t.not(second, first);
  await send(second);
  const begun = performance.now();
  await until(() => closed === 2, 'the second is closed');
  t.ok(performance.now() - begun > 1000, 'not at once');
  t.not(pool.takeKept(), second);
});

t.test('a body in memory and one that comes in pieces arrive as announced', async (t) => {
  let received = '';
  const pool = await startPool(t, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      if (received.endsWith('!') || received.endsWith('0\r\n\r\n')) socket.write(OK);
    });
  });
  const head = 'PUT / HTTP/1.1\r\n\r\n';
  for (const size of [10, 5000, 3 * MEBIBYTE]) {
    const content = `${'a'.repeat(size - 1)}!`;
    const bytes = Buffer.from(content);
    const bodies: readonly (readonly [what: string, body: RequestBody])[] = [
      ['in memory', { size, replayable: true, open: () => bytes, close() {} }],
      ['in pieces', streamed(Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]), size)],
    ];
    for (const [what, body] of bodies) {
      received = '';
      const { told } = await send(pool.takeKept(), requestOf({ head, body }));
      t.equal(told.at(-1), 'end');
      t.ok(received === head + content, `${size} bytes ${what}`);
    }
  }
  received = '';
  const { told } = await send(
    pool.takeKept(),
    requestOf({
      head,
      body: streamed(Readable.from([Buffer.from('hello'), Buffer.from('0123456789')]), undefined),
    }),
  );
  t.equal(received, `${head}5\r\nhello\r\na\r\n0123456789\r\n0\r\n\r\n`);
  t.same(told, ['sending', 'some', 'sent', '200', 'end']);
});

t.test('a body of another length than announced is broken off', async (t) => {
  const cases = [
    [3, 'hello'],
    [10, 'hello'],
  ] as const;
  for (const [size, content] of cases) {
    let received = '';
    const pool = await startPool(t, (socket) => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString();
      });
    });
    const source = Readable.from([Buffer.from(content)]);
    const { error } = await send(pool.takeFresh(), requestOf({ body: streamed(source, size) }));
    t.match(error?.message, /than announced/);
    t.notMatch(received, /hello.+/s);
    await until(() => source.readableEnded, 'the rest of the body is read away');
  }
});

t.test('a body that broke off before it is sent ends its request', async (t) => {
  const pool = await startPool(t, (socket) => socket.resume());
  for (const size of [undefined, 10]) {
    const source = new Readable({ read() {} });
    source.destroy();
    await once(source, 'close');
    const { error } = await send(pool.takeFresh(), requestOf({ body: streamed(source, size) }));
    t.match(error?.message, /broke off/);
  }
});

t.test('an answer that comes before the body has been read is told, though writing fails', async (t) => {
  const cases: readonly (readonly [what: string, fields: string, ends: boolean])[] = [
    ['a sized answer', 'Content-Length: 9\r\n', false],
    ['chunks', 'Transfer-Encoding: chunked\r\n', false],
    ['an answer until the end of the connection', '', true],
  ];
  for (const [what, fields, ends] of cases) {
    const body = fields.startsWith('T') ? '9\r\ntoo large\r\n0\r\n\r\n' : 'too large';
    const source = new Readable({ read() {} });
    const pool = await startPool(t, (socket) => {
      socket.once('data', () => {
        socket.pause();
        // With bytes unread the end is a reset. The next write meets it before anybody has looked at what came.
        const reset = (): void => {
          socket.destroy();
          source.push('more');
        };
        socket.write(`HTTP/1.1 413 Content Too Large\r\n${fields}\r\n${body}`);
        if (ends) socket.end(reset);
        else reset();
      });
    });
    // More than the app takes at once.
    source.push(Buffer.alloc(MEBIBYTE));
    const connection = pool.takeKept();
    const listener = await send(connection, requestOf({ body: streamed(source, 1e12) }));
    t.match(listener, { status: 413, body: 'too large', error: undefined }, what);
    t.ok(source.readableFlowing, `${what}: the rest of the body is read away`);
    t.not(pool.takeKept(), connection, `${what}: the connection is not used again`);
  }
});

t.test('the end of the connection is the end of a body without a length', async (t) => {
  const pool = await startPool(t, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'));
  });
  t.match(await send(pool.takeFresh()), { body: 'all of it', error: undefined });
});

t.test('of a body that is held no more is asked for than the app takes', async (t) => {
  const pool = await startPool(t, (socket) => {
    socket.once('data', () => {
      socket.pause();
      socket.end('HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large');
    });
  });
  let asked = 0;
  const body = held(async () => {
    asked += 1;
    return [Buffer.alloc(MEBIBYTE), Buffer.alloc(MEBIBYTE)];
  }, 1e12);
  const connection = pool.takeFresh();
  t.match(await send(connection, requestOf({ body })), { status: 413, body: 'too large', error: undefined });
  t.ok(asked > 0 && asked < 20, `${asked} parts`);
  t.not(pool.takeKept(), connection, 'the connection is not used again');
});

t.test('a body that is held and breaks off fails the request', async (t) => {
  let received = 0;
  const pool = await startPool(t, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
  });
  const parts = [Buffer.alloc(10)];
  const body = held(async () => {
    const part = parts.pop();
    if (part === undefined) throw new Error('the disk is broken');
    return [part];
  }, 100);
  const listener = await send(pool.takeFresh(), requestOf({ body }));
  t.match(listener, { error: { message: 'the disk is broken' }, told: ['sending', 'some', 'failure'] });
  t.ok(received < 100 + requestOf().head.length, 'it never looks whole');
});

t.test('an app that closes without an answer while the body is sent is not waited for', async (t) => {
  const pool = await startPool(t, (socket) => {
    socket.once('data', () => {
      socket.pause();
      setTimeout(() => socket.destroy(), 5);
    });
  });
  const source = new Readable({
    read() {
      setImmediate(() => this.push(Buffer.alloc(MEBIBYTE)));
    },
  });
  t.teardown(() => source.destroy());
  const { error } = await send(pool.takeFresh(), requestOf({ body: streamed(source, 1e12) }));
  t.match(codeOf(error ?? new Error('none')), /^(?:ECONNRESET|EPIPE|MEDIA_SERVE_CONNECTION_CLOSED)$/);
});

t.test('a request fails with the reason', async (t) => {
  const silent = await startTcpApp(t, () => {});
  const halting = await startTcpApp(t, (socket) => socket.once('data', () => socket.write(OK.slice(0, -1))));
  const closing = await startTcpApp(t, (socket) => socket.once('data', () => socket.end(OK.slice(0, -1))));
  const talking = await startTcpApp(t, (socket) => socket.once('data', () => socket.write('hello\r\n\r\n')));
  const swelling = await startTcpApp(t, (socket) => {
    socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(20_000)}`));
  });
  const cases: readonly (readonly [what: string, address: string, code: string])[] = [
    ['nobody listens', (await deserted()).address, 'ECONNREFUSED'],
    ['silence before the answer', silent, 'MEDIA_SERVE_READ_TIMEOUT'],
    ['silence within the answer', halting, 'MEDIA_SERVE_READ_TIMEOUT'],
    ['the end within the answer', closing, 'MEDIA_SERVE_CONNECTION_CLOSED'],
    ['no HTTP', talking, 'MEDIA_SERVE_MALFORMED_RESPONSE'],
    ['a head without end', swelling, 'MEDIA_SERVE_HEAD_TOO_LARGE'],
  ];
  for (const [what, address, code] of cases) {
    const pool = poolFor(t, address, 200);
    const connection = pool.takeFresh();
    const { error } = await send(connection);
    t.equal(codeOf(error ?? new Error('none')), code, what);
    t.not(pool.takeKept(), connection, `${what}: the connection is gone`);
  }
});

t.test('a client that is slow is no silence of the app', async (t) => {
  const pool = await startPool(
    t,
    answering(`HTTP/1.1 200 OK\r\nContent-Length: ${32 * MEBIBYTE}\r\n\r\n`),
    100,
  );
  const connection = pool.takeFresh();
  const listener = new Listener();
  connection.send(requestOf(), listener);
  await until(() => listener.status === 200, 'the head is there');
  connection.pause();
  const waited = performance.now();
  await until(() => performance.now() - waited > 300, 'three times the limit has passed');
  t.notOk(listener.isOver);
  connection.resume();
  await until(() => listener.isOver, "the silence is the app's again");
  t.equal(codeOf(listener.error ?? new Error('none')), 'MEDIA_SERVE_READ_TIMEOUT');
});

t.test('a request is aborted at once, connected or not, and tells once', async (t) => {
  const pool = await startPool(t, () => {});
  for (const isConnected of [false, true]) {
    const connection = pool.takeFresh();
    const listener = new Listener();
    connection.send(requestOf(), listener);
    if (isConnected) await until(() => listener.told.includes('sent'), 'it is sent');
    connection.abort(new Error('enough'));
    t.equal(listener.error?.message, 'enough');
    connection.abort(new Error('more'));
  }
});

t.test('a connection that switches protocols gives every byte behind the head', async (t) => {
  const pool = await startPool(
    t,
    answering('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nfirst', ' then'),
  );
  const { socket, told } = await send(pool.takeFresh('stream'), requestOf({ upgrades: true }));
  t.equal(told.at(-1), 'upgrade');
  if (socket === undefined) throw new Error('no socket');
  t.teardown(() => socket.destroy());
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString();
  });
  socket.resume();
  socket.write('go on');
  await until(() => received === 'first then', 'all of it is there');
  pool.close();
  t.notOk(socket.destroyed, "it is not the pool's any more");
});
