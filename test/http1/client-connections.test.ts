// Connections to the app by themselves: what is written, what is told, and when a connection is used again.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import t, { type Test } from 'tap';
import { parseUpstreamAddress } from '../../src/config/address.js';
import type { TunnelEnd } from '../../src/http/exchange.js';
import type {
  AppRequest,
  ClientConnection,
  OutgoingBody,
  OwnMemory,
  ResponseReceiver,
} from '../../src/http1/client-connection.js';
import { ClientConnections, type PoolLimits } from '../../src/http1/client-connections.js';
import type { BodyParts } from '../../src/http1/part-sender.js';
import type { ResponseStart } from '../../src/http1/response-parser.js';
import { deserted, startTcpApp } from '../support/app.js';
import { holdUp } from '../support/clock.js';
import { until } from '../support/until.js';

const MEBIBYTE = 1024 * 1024;
/** Largest head of a response, in bytes. */
const MAX_HEAD = 16 * 1024;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** A pool for an app that is handed each connection; it is closed when the test ends. */
async function startPool(
  t: Test,
  accept: (socket: Socket) => void,
  limits: Partial<PoolLimits> = {},
): Promise<ClientConnections> {
  return poolFor(t, await startTcpApp(t, accept), limits);
}

/** Idle connections are kept for as long as a test takes, unless it says otherwise. */
function poolFor(t: Test, address: string, limits: Partial<PoolLimits> = {}): ClientConnections {
  const pool = new ClientConnections(parseUpstreamAddress(address), {
    connectTimeout: 5000,
    readTimeout: 0,
    maxResponseHead: MAX_HEAD,
    idleTimeout: 600_000,
    ...limits,
  });
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
function streamed(source: Readable, size: number | undefined): OutgoingBody {
  return { size, open: () => source };
}

/** A body that is held. */
function held(next: BodyParts['next'], size: number): OutgoingBody {
  return { size, open: () => ({ next }) };
}

/** Keeps what it is told. */
class Listener implements ResponseReceiver {
  readonly told: string[] = [];
  status = 0;
  body = '';
  error: Error | undefined;
  end: TunnelEnd | undefined;
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
  onData(bytes: Buffer, _memory: OwnMemory | undefined): void {
    this.body += bytes.toString('latin1');
  }
  onEnd(): void {
    this.#over('end');
  }
  onUpgrade(_start: ResponseStart, end: TunnelEnd): void {
    this.end = end;
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

function codeOf(error: NodeJS.ErrnoException | undefined): string | undefined {
  return error?.code;
}

async function send(connection: ClientConnection, request = requestOf()): Promise<Listener> {
  const listener = new Listener();
  connection.send(request, listener);
  await until(() => listener.isOver, 'the request is over');
  return listener;
}

t.test('a request is told of in its order, and its connection is used again', async (t) => {
  const pool = await startPool(t, answering(OK));
  const first = pool.takeIdle();
  t.notOk(first.wasUsed);
  t.same((await send(first)).told, ['sending', 'sent', '200', 'end']);
  const second = pool.takeIdle();
  t.equal(second, first);
  t.ok(second.wasUsed);
  t.not(pool.connect(), first, 'unless a fresh one is wanted');
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
    const first = pool.takeIdle();
    t.equal((await send(first, requestOf(request))).error, undefined, what);
    t.not(pool.takeIdle(), first, what);
  }
});

t.test('what nobody asked for answers nobody, and closes the connection', async (t) => {
  let app: Socket | undefined;
  const pool = await startPool(t, (socket) => {
    app = socket;
    answering(OK)(socket);
  });
  const first = pool.takeIdle();
  await send(first);
  if (app === undefined) throw new Error('the app has no connection');
  const closed = once(app, 'close');
  app.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned');
  await closed;
  const next = pool.takeIdle();
  t.not(next, first);
  t.equal((await send(next)).body, 'ok');
});

t.test('what comes before a request has gone out is no answer to it', async (t) => {
  const pool = await startPool(t, answering(OK));
  const connection = pool.takeIdle();
  await send(connection);
  t.equal(pool.takeIdle(), connection);
  const listener = new Listener();
  // It goes out at the end of the turn.
  connection.send(requestOf(), listener);
  const early = Buffer.from(OK);
  connection.onRead(early, early.length);
  t.equal(codeOf(listener.error), 'MEDIA_SERVE_CONNECTION_CLOSED');
  t.equal(listener.body, '');
});

t.test('an idle connection that the app closes, or that is idle for long, is gone', async (t) => {
  let closed = 0;
  const apps: Socket[] = [];
  const accept = (socket: Socket): void => {
    apps.push(socket);
    socket.on('close', () => {
      closed += 1;
    });
    answering(OK)(socket);
  };
  const pool = await startPool(t, accept);
  const first = pool.takeIdle();
  await send(first);
  apps[0]?.end();
  await until(() => closed === 1, 'this server has closed it too');
  t.not(pool.takeIdle(), first);
  const idleTimeout = 100;
  const hasty = await startPool(t, accept, { idleTimeout });
  const begun = performance.now();
  const second = hasty.takeIdle();
  await send(second);
  await until(() => closed === 2, 'the second is closed');
  t.ok(performance.now() - begun >= idleTimeout, 'not at once');
  t.not(hasty.takeIdle(), second);
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
    const bodies: readonly (readonly [what: string, body: OutgoingBody])[] = [
      ['in memory', { size, open: () => bytes }],
      ['in pieces', streamed(Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]), size)],
    ];
    for (const [what, body] of bodies) {
      received = '';
      const { told } = await send(pool.takeIdle(), requestOf({ head, body }));
      t.equal(told.at(-1), 'end');
      t.ok(received === head + content, `${size} bytes ${what}`);
    }
  }
  received = '';
  const { told } = await send(
    pool.takeIdle(),
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
    const { error } = await send(pool.connect(), requestOf({ body: streamed(source, size) }));
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
    const { error } = await send(pool.connect(), requestOf({ body: streamed(source, size) }));
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
    const connection = pool.takeIdle();
    const listener = await send(connection, requestOf({ body: streamed(source, 1e12) }));
    t.match(listener, { status: 413, body: 'too large', error: undefined }, what);
    t.ok(source.readableFlowing, `${what}: the rest of the body is read away`);
    t.not(pool.takeIdle(), connection, `${what}: the connection is not used again`);
  }
});

t.test('a connection whose app answers before it has the whole request is not used again', async (t) => {
  const bytes = Buffer.alloc(16 * MEBIBYTE);
  const source = new Readable({ read() {} });
  source.push('a');
  const bodies: Readonly<Record<string, OutgoingBody>> = {
    'a body that goes on': streamed(source, 1e12),
    'chunks that go on': streamed(new Readable({ read() {} }), undefined),
    'a body that the app does not take': { size: bytes.length, open: () => bytes },
  };
  for (const [what, body] of Object.entries(bodies)) {
    const pool = await startPool(t, (socket) => {
      socket.once('data', () => {
        socket.pause();
        socket.write(OK);
      });
    });
    const connection = pool.takeIdle();
    t.match(await send(connection, requestOf({ body })), { body: 'ok', error: undefined }, what);
    t.not(pool.takeIdle(), connection, what);
  }
});

t.test('the end of the connection is the end of a body without a length', async (t) => {
  const pool = await startPool(t, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'));
  });
  t.match(await send(pool.connect()), { body: 'all of it', error: undefined });
});

t.test('an answer until the end of the connection that is reset is a failure', async (t) => {
  let reset = (_app: Socket): void => {};
  const pool = await startPool(t, (socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\nsome of it', () => reset(socket)));
  });
  // Whether the reset comes with the bytes or long after them.
  for (const isAtOnce of [true, false]) {
    for (let times = 0; times < 30; times++) {
      const listener = new Listener();
      let app: Socket | undefined;
      reset = (socket) => {
        app = socket;
        if (isAtOnce) socket.resetAndDestroy();
      };
      pool.connect().send(requestOf(), listener);
      if (!isAtOnce) {
        await until(() => listener.body === 'some of it', 'the bytes are here');
        app?.resetAndDestroy();
      }
      await until(() => listener.isOver, 'the request is over');
      t.equal(listener.told.at(-1), 'failure');
    }
  }
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
  const connection = pool.connect();
  t.match(await send(connection, requestOf({ body })), { status: 413, body: 'too large', error: undefined });
  t.ok(asked > 0 && asked < 20, `${asked} parts`);
  t.not(pool.takeIdle(), connection, 'the connection is not used again');
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
  const listener = await send(pool.connect(), requestOf({ body }));
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
  const { error } = await send(pool.connect(), requestOf({ body: streamed(source, 1e12) }));
  t.match(codeOf(error), /^(?:ECONNRESET|EPIPE|MEDIA_SERVE_CONNECTION_CLOSED)$/);
});

t.test('a request fails with the reason', async (t) => {
  const silent = await startTcpApp(t, () => {});
  const halting = await startTcpApp(t, (socket) => socket.once('data', () => socket.write(OK.slice(0, -1))));
  const closing = await startTcpApp(t, (socket) => socket.once('data', () => socket.end(OK.slice(0, -1))));
  const talking = await startTcpApp(t, (socket) => socket.once('data', () => socket.write('hello\r\n\r\n')));
  const swelling = await startTcpApp(t, (socket) => {
    socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(MAX_HEAD)}`));
  });
  // Only where silence is the reason is there a limit, which a busy machine may reach by itself.
  const cases: readonly (readonly [what: string, address: string, code: string, readTimeout?: number])[] = [
    ['nobody listens', (await deserted()).address, 'ECONNREFUSED'],
    ['silence before the answer', silent, 'MEDIA_SERVE_READ_TIMEOUT', 100],
    ['silence within the answer', halting, 'MEDIA_SERVE_READ_TIMEOUT', 100],
    ['the end within the answer', closing, 'MEDIA_SERVE_CONNECTION_CLOSED'],
    ['no HTTP', talking, 'MEDIA_SERVE_MALFORMED_MESSAGE'],
    ['a head without end', swelling, 'MEDIA_SERVE_HEAD_TOO_LARGE'],
  ];
  for (const [what, address, code, readTimeout = 0] of cases) {
    const pool = poolFor(t, address, { readTimeout });
    const connection = pool.connect();
    const { error } = await send(connection);
    t.equal(codeOf(error), code, what);
    t.not(pool.takeIdle(), connection, `${what}: the connection is gone`);
  }
});

t.test('an answer that is here when the limit is over came in time', async (t) => {
  const asked: Socket[] = [];
  const pool = await startPool(t, (socket) => socket.once('data', () => asked.push(socket)), {
    readTimeout: 300,
  });
  let listener: Listener;
  do {
    asked.length = 0;
    listener = new Listener();
    pool.connect().send(requestOf(), listener);
    await until(() => asked.length > 0 || listener.isOver, 'the app is asked');
  } while (listener.isOver);
  asked[0]?.write(OK);
  // All this while the process, which the app shares, is held up.
  holdUp(400);
  await until(() => listener.isOver, 'it is over');
  t.match(listener, { status: 200, body: 'ok', error: undefined });
});

t.test('informational responses are told, but not without end', async (t) => {
  const early = 'HTTP/1.1 103 Early Hints\r\n\r\n';
  const most = early.repeat(1000) + OK;
  const pool = await startPool(t, answering(most, most, early + most));
  const first = pool.takeIdle();
  for (const connection of [first, first]) {
    const { told } = await send(connection);
    t.strictSame([told.filter((each) => each === '103').length, told.at(-1)], [1000, 'end']);
  }
  const listener = await send(pool.takeIdle());
  t.match([codeOf(listener.error), listener.status], ['MEDIA_SERVE_MALFORMED_MESSAGE', 0]);
});

/** A large body, of which no two places look alike. */
const LARGE = Buffer.alloc(2 * MEBIBYTE);
for (let at = 0; at < LARGE.length; at += 4) LARGE.writeUInt32LE(at, at);

/** An app that answers with it. */
function sendLarge(socket: Socket): void {
  socket.on('data', () => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE.length}\r\n\r\n`);
    socket.write(LARGE);
  });
}

t.test('a large body that is kept stays as it is while more is read', async (t) => {
  const pool = await startPool(t, sendLarge);
  const parts: Buffer[] = [];
  const releases: (() => void)[] = [];
  class Keeper extends Listener {
    override onData(bytes: Buffer, memory: OwnMemory | undefined): void {
      // What does not lie in memory of the connection's own is overwritten.
      parts.push(memory === undefined ? Buffer.from(bytes) : bytes);
      if (memory !== undefined) releases.push(memory.keep());
    }
  }
  for (const _ of [1, 2]) {
    const listener = new Keeper();
    pool.takeIdle().send(requestOf(), listener);
    await until(() => listener.isOver, 'the body is here');
    t.ok(Buffer.concat(parts.splice(0)).equals(LARGE));
    t.ok(releases.length > 5, `${releases.length} parts were kept`);
    for (const release of releases.splice(0)) release();
  }
});

t.test(
  'memory that is not kept is read into again, and none is used for whoever has no use for it',
  async (t) => {
    const pool = await startPool(t, sendLarge);
    class Watcher extends Listener {
      readonly memories = new Set<ArrayBufferLike>();
      shared = 0;
      override onData(bytes: Buffer, memory: OwnMemory | undefined): void {
        if (memory === undefined) this.shared += bytes.length;
        else this.memories.add(bytes.buffer);
      }
    }
    // The last one has a connection of which an earlier receiver had no use for it.
    for (const prefersShared of [false, true, false]) {
      const connection = pool.takeIdle();
      const listener = new Watcher();
      connection.send(requestOf(), listener);
      if (prefersShared) connection.prefersShared = true;
      await until(() => listener.isOver, 'the body is here');
      t.equal(listener.memories.size, prefersShared ? 0 : 1);
      if (prefersShared) t.equal(listener.shared, LARGE.length);
      else t.ok(listener.shared < LARGE.length / 4, `${listener.shared} bytes in shared memory`);
    }
  },
);

t.test('a client that is slow is no silence of the app', async (t) => {
  const limit = 300;
  const pool = await startPool(t, answering(`HTTP/1.1 200 OK\r\nContent-Length: ${32 * MEBIBYTE}\r\n\r\n`), {
    readTimeout: limit,
  });
  let connection: ClientConnection;
  let listener: Listener;
  do {
    connection = pool.connect();
    listener = new Listener();
    connection.send(requestOf(), listener);
    await until(() => listener.status === 200 || listener.isOver, 'the head is there');
    // On a busy machine the limit may have been reached before.
  } while (listener.isOver);
  connection.pause();
  const waited = performance.now();
  await until(() => performance.now() - waited > 2 * limit, 'twice the limit has passed');
  t.notOk(listener.isOver);
  connection.resume();
  await until(() => listener.isOver, "the silence is the app's again");
  t.equal(codeOf(listener.error), 'MEDIA_SERVE_READ_TIMEOUT');
});

t.test('a request is aborted at once, connected or not, and tells once', async (t) => {
  const pool = await startPool(t, () => {});
  for (const isConnected of [false, true]) {
    const connection = pool.connect();
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
  const { end, told } = await send(pool.connect(), requestOf({ upgrades: true }));
  t.equal(told.at(-1), 'upgrade');
  if (end === undefined) throw new Error('no end');
  t.teardown(() => end.destroy());
  let received = '';
  end.listen({
    onData(bytes) {
      received += bytes.toString();
    },
    onEnd() {},
    onDrain() {},
    onFinish() {},
    onClose() {},
  });
  end.write(Buffer.from('go on'));
  await until(() => received === 'first then', 'all of it is there');
  pool.close();
  t.ok(end.writable, "it is not the pool's any more");
});
