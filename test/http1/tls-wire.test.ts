// Connections with TLS, as the pool makes them: who is believed, what is asked for, and that they are otherwise like plain ones.
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer as createTcpServer } from 'node:net';
import {
  createSecureContext,
  createServer,
  type TlsOptions as ServerOptions,
  type TLSSocket,
} from 'node:tls';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import type { AppRequest, ResponseReceiver } from '../../src/http1/client-connection.js';
import { ClientConnections, type PoolLimits } from '../../src/http1/client-connections.js';
import type { ResponseStart } from '../../src/http1/response-parser.js';
import { TEST_CERTIFICATE, TEST_KEY } from '../support/certificate.js';
import { lookupHere } from '../support/names-here.js';
import { steady, until } from '../support/until.js';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const REQUEST: AppRequest = {
  method: 'GET',
  head: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  body: undefined,
  upgrades: false,
  isLast: false,
};

/** Listens on 127.0.0.1 until the test ends; returns the port. */
async function listen(
  t: Test,
  accept: (socket: TLSSocket) => void,
  options: ServerOptions = {},
): Promise<number> {
  const server = createServer({ key: TEST_KEY, cert: TEST_CERTIFICATE, ...options }, (socket) => {
    socket.on('error', () => {});
    accept(socket);
  });
  server.on('tlsClientError', () => {});
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

function poolFor(
  t: Test,
  port: number,
  {
    host = 'localhost',
    ca = TEST_CERTIFICATE,
    ...limits
  }: Partial<PoolLimits> & { host?: string; ca?: string } = {},
): ClientConnections {
  const pool = new ClientConnections(
    { kind: 'tcp', host, port },
    { connectTimeout: 60_000, readTimeout: 60_000, maxResponseHead: 16_384, idleTimeout: 600_000, ...limits },
    { lookup: lookupHere, tls: { context: createSecureContext(ca === '' ? {} : { ca }) } },
  );
  t.teardown(() => pool.close());
  return pool;
}

class Listener implements ResponseReceiver {
  told = '';
  length = 0;
  error: NodeJS.ErrnoException | undefined;
  onSending(): void {
    this.told += 'sending ';
  }
  onSentSome(): void {}
  onSent(): void {}
  onInformational(): void {}
  onHead({ status }: ResponseStart): void {
    this.told += `${status} `;
  }
  onData(bytes: Buffer): void {
    this.length += bytes.length;
  }
  onEnd(): void {
    this.told += 'end';
  }
  onUpgrade(): void {}
  onFailure(error: Error): void {
    this.told += 'failure';
    this.error = error;
  }
  get isOver(): boolean {
    return /(?:^| )(?:end|failure)$/.test(this.told);
  }
}

t.test('a server is asked by its name, in HTTP/1.1, and a connection is used again', async (t) => {
  const sockets: TLSSocket[] = [];
  const accept = (socket: TLSSocket): void => {
    sockets.push(socket);
    socket.on('data', () => socket.write(OK));
  };
  const port = await listen(t, accept, { ALPNProtocols: ['h2', 'http/1.1'] });
  for (const [host, servername] of [
    ['localhost', 'localhost'],
    ['media.s3.localhost', 'media.s3.localhost'],
    ['127.0.0.1', false],
  ] as const) {
    const pool = poolFor(t, port, { host });
    for (let times = 0; times < 3; times++) {
      const listener = new Listener();
      pool.takeIdle().send(REQUEST, listener);
      await until(() => listener.isOver, 'it is answered');
      t.match(listener, { told: 'sending 200 end', length: 2 });
    }
    const [socket, ...more] = sockets.splice(0);
    t.same(more, [], 'one connection');
    t.match(socket, { servername, alpnProtocol: 'http/1.1' });
  }
});

/** A server in a thread of its own: its answer may be here before the turn in which the request was written has ended. */
const QUICK = `
  const { parentPort, workerData } = require('node:worker_threads');
  let connections = 0;
  const server = require('node:tls').createServer(workerData.certificate, (socket) => {
    connections += 1;
    socket.setNoDelay(true).on('error', () => {}).on('data', () => socket.write(workerData.answer));
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
  parentPort.on('message', () => parentPort.postMessage(connections));
`;

t.test('a connection is used again as soon as its request has ended', async (t) => {
  const certificate = { key: TEST_KEY, cert: TEST_CERTIFICATE };
  const server = new Worker(QUICK, { eval: true, workerData: { certificate, answer: OK } });
  t.teardown(() => server.terminate());
  const [port] = (await once(server, 'message')) as [number];
  const pool = poolFor(t, port);
  let times = 0;
  class Again extends Listener {
    override onEnd(): void {
      super.onEnd();
      times += 1;
      // What was written is told to have been taken only after this, now and then.
      if (times < 300) pool.takeIdle().send(REQUEST, new Again());
    }
  }
  pool.takeIdle().send(REQUEST, new Again());
  await until(() => times === 300, 'all are answered');
  server.postMessage('');
  t.same(await once(server, 'message'), [1], 'one connection');
});

t.test('who cannot show that it is the host is told nothing', async (t) => {
  let received = '';
  const port = await listen(t, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
  });
  for (const [what, options, code] of [
    ['nobody vouches for it', { ca: '' }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['it is another', { host: 'example.org' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['a star is one label', { host: 'a.b.s3.localhost' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] as const) {
    const listener = new Listener();
    poolFor(t, port, options).connect().send(REQUEST, listener);
    await until(() => listener.isOver, what);
    t.match(listener, { told: 'failure', error: { code } }, what);
  }
  t.equal(received, '');
});

t.test(
  'a server that takes the connection and shows nothing is waited for no longer than for a connection',
  async (t) => {
    const server = createTcpServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const { port } = server.address() as AddressInfo;
    const listener = new Listener();
    poolFor(t, port, { connectTimeout: 50 }).connect().send(REQUEST, listener);
    await until(() => listener.isOver, 'it is given up');
    t.match(listener, { told: 'failure', error: { code: 'MEDIA_SERVE_CONNECT_TIMEOUT' } });
  },
);

t.test('a silence within an answer ends it, and a pause is no silence', async (t) => {
  const port = await listen(t, (socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok'));
  });
  const listener = new Listener();
  const connection = poolFor(t, port, { readTimeout: 100 }).connect();
  connection.send(REQUEST, listener);
  await until(() => listener.length === 2, 'some has come');
  connection.pause();
  await new Promise((resolve) => setTimeout(resolve, 250));
  t.notOk(listener.isOver);
  connection.resume();
  await until(() => listener.isOver, 'it is given up');
  t.match(listener.error, { code: 'MEDIA_SERVE_READ_TIMEOUT' });
});

t.test('while it is paused the server must wait', async (t) => {
  const size = 32 * 1024 * 1024;
  let written = 0;
  const port = await listen(t, (socket) => {
    socket.on('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
      const piece = Buffer.alloc(64 * 1024);
      const more = (): void => {
        while (written < size) {
          written += piece.length;
          if (!socket.write(piece)) break;
        }
      };
      socket.on('drain', more);
      more();
    });
  });
  const listener = new Listener();
  const connection = poolFor(t, port).connect();
  connection.send(REQUEST, listener);
  await until(() => listener.length > 0, 'it begins');
  connection.pause();
  const before = listener.length;
  const more = (await steady(() => listener.length)) - before;
  t.ok(more <= 128 * 1024, `${more} bytes have come`);
  t.ok((await steady(() => written)) < size, 'the server cannot go on');
  connection.resume();
  await until(() => listener.isOver, 'all of it has come');
  t.equal(listener.length, size);
});

t.test('an end without a length is no end, and a cut is none', async (t) => {
  for (const head of ['HTTP/1.1 200 OK\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n']) {
    const port = await listen(t, (socket) => socket.on('data', () => socket.end(`${head}some`)));
    const listener = new Listener();
    poolFor(t, port).connect().send(REQUEST, listener);
    await until(() => listener.isOver, 'it is over');
    t.equal(listener.told, 'sending 200 failure');
  }
});

t.test('an idle connection that the server closes is not used again', async (t) => {
  const sockets: TLSSocket[] = [];
  const port = await listen(t, (socket) => {
    sockets.push(socket);
    socket.on('data', () => socket.write(OK));
  });
  const pool = poolFor(t, port);
  const first = new Listener();
  pool.takeIdle().send(REQUEST, first);
  await until(() => first.isOver, 'it is answered');
  sockets[0]?.end();
  await until(() => pool.isEmpty, 'it is gone');
  const second = new Listener();
  pool.takeIdle().send(REQUEST, second);
  await until(() => second.isOver, 'it is answered');
  t.equal(second.told, 'sending 200 end');
  t.equal(sockets.length, 2);
});

t.test('a session is taken up again by the connections that follow, of the same pool', async (t) => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const reused: boolean[] = [];
    const accept = (socket: TLSSocket): void => {
      reused.push(socket.isSessionReused());
      socket.on('data', () => socket.write(OK));
    };
    const port = await listen(t, accept, { minVersion: version, maxVersion: version });
    const ask = async (pool: ClientConnections): Promise<string> => {
      const listener = new Listener();
      pool.connect().send(REQUEST, listener);
      await until(() => listener.isOver, 'it is answered');
      return listener.told;
    };
    const pool = poolFor(t, port);
    for (let times = 0; times < 3; times++) t.equal(await ask(pool), 'sending 200 end');
    t.same(reused, [false, true, true], version);
    // Whose a session is, is not looked at again.
    for (const options of [{ host: 'example.org' }, { ca: '' }]) {
      const other = poolFor(t, port, options);
      for (let times = 0; times < 3; times++) t.equal(await ask(other), 'failure', 'who is refused stays so');
    }
    t.ok(await ask(poolFor(t, port, { host: 's3.localhost' })));
    t.equal(reused.at(-1), false, 'another name is another pool');
  }
});

t.test('a server that breaks a session is asked without it the next time', async (t) => {
  let mayBreak = false;
  let resumed = 0;
  const port = await listen(t, (socket) => {
    if (socket.isSessionReused()) resumed += 1;
    socket.on('data', () => socket.write(OK));
  });
  // It cuts a connection at the first that is said on it, when it is told to.
  const relay = createTcpServer((client) => {
    if (mayBreak) {
      mayBreak = false;
      client.once('data', () => client.destroy());
      return;
    }
    const server = connect(port, '127.0.0.1');
    client.on('error', () => server.destroy()).pipe(server);
    server.on('error', () => client.destroy()).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => relay.close());
  const pool = poolFor(t, (relay.address() as AddressInfo).port);
  const told: string[] = [];
  for (const breaks of [false, false, true, false, false]) {
    mayBreak = breaks;
    const listener = new Listener();
    pool.connect().send(REQUEST, listener);
    await until(() => listener.isOver, 'it is over');
    told.push(`${listener.told} ${resumed}`);
  }
  t.same(told, [
    'sending 200 end 0',
    'sending 200 end 1',
    'failure 1',
    'sending 200 end 1',
    'sending 200 end 2',
  ]);
});
