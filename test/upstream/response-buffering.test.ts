/** The app's answer is read as fast as the app writes it (nginx: proxy_buffering, proxy_max_temp_file_size). */
import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { startApp, startTcpApp } from '../support/app.js';
import { openDescriptors, withoutProc } from '../support/proc.js';
import { get, openConnection, parseResponse, rawExchange } from '../support/raw.js';
import { type RunningServer, startServer } from '../support/server.js';
import { steady, until } from '../support/until.js';
import { fullDisk } from './full-disk.js';

const MIB = 1024 * 1024;
/** More than the kernel's buffers on both connections hold. */
const LARGE = 24 * MIB;
const pattern = Buffer.alloc(LARGE, 'media-serve holds this for a slow client. ');
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

interface Writer {
  readonly address: string;
  /** How often the app has handed its whole answer over. */
  finished(): number;
  /** Bytes that the app could write so far. */
  written(): number;
}

/** An app that writes a large answer as fast as it is taken. */
async function startWriter(t: Test, fields: Record<string, string> = {}): Promise<Writer> {
  let finished = 0;
  let socket: Socket | undefined;
  const app = await startApp(t, (request, response) => {
    socket = request.socket;
    response.writeHead(200, { 'Content-Length': LARGE, ...fields });
    response.end(pattern, () => {
      finished += 1;
    });
  });
  return { address: app.address, finished: () => finished, written: () => socket?.bytesWritten ?? 0 };
}

/** A client that asks and reads nothing until it is told to. */
async function ask(t: Test, server: RunningServer, target = '/') {
  const client = await openConnection(t, server.port);
  client.socket.pause();
  client.socket.write(get(target));
  return client;
}

const spooled = (server: RunningServer, spool: string): string[] =>
  openDescriptors(server.process.pid).filter((path) => path.startsWith(spool));

t.test(
  'an app is done with its answer before a slow client has read it',
  { skip: withoutProc() },
  async (t) => {
    const app = await startWriter(t);
    const spool = `${t.testdir({ spool: {} })}/spool`;
    const server = await startServer(t, ['--root', spool, '--upstream', app.address, '--spool-dir', spool]);
    const client = await ask(t, server);
    await until(() => app.finished() === 1, 'the app has written everything');
    t.equal(spooled(server, spool).length, 1, 'what waits is in a file');
    t.same(readdirSync(spool), [], 'which has no name');
    client.socket.resume();
    const answer = parseResponse(Buffer.from(await client.closed(), 'latin1'));
    t.equal(digest(answer.body), digest(pattern), 'the client gets every byte in order');
    await until(() => spooled(server, spool).length === 0, 'the file is freed');

    await t.test('and when the client leaves, the file is freed too', async () => {
      const leaver = await ask(t, server);
      await until(() => app.finished() === 2, 'the app has written everything');
      leaver.socket.destroy();
      await until(() => spooled(server, spool).length === 0, 'the file is freed');
    });
  },
);

t.test('an app waits for a slow client', async (t) => {
  const cases: [what: string, fields: Record<string, string>, args: string[], least: number][] = [
    ['with responseBuffering off', {}, ['--no-response-buffering'], 0],
    ['that asks for it with X-Accel-Buffering: no', { 'X-Accel-Buffering': 'no' }, [], 0],
    ['that sends events', { 'Content-Type': 'text/event-stream' }, [], 0],
    ['when the file is as large as allowed', {}, ['--buffer-file-limit', '4mb'], 4 * MIB],
    ['when there is to be no file', {}, ['--buffer-file-limit', '0'], 0],
  ];
  for (const [what, fields, args, least] of cases) {
    await t.test(what, async (t) => {
      const app = await startWriter(t, fields);
      const server = await startServer(t, ['--root', t.testdir({}), '--upstream', app.address, ...args]);
      const client = await ask(t, server);
      await until(() => app.written() > least, 'the app has begun');
      const written = await steady(() => app.written());
      t.equal(app.finished(), 0, `it has written ${written} bytes`);
      client.socket.resume();
      const answer = parseResponse(Buffer.from(await client.closed(), 'latin1'));
      t.equal(digest(answer.body), digest(pattern), 'the client gets every byte in order');
      t.equal(answer.headers['x-accel-buffering'], undefined);
    });
  }
});

t.test(
  'pieces that come while a client is behind, and after it has caught up, keep their order',
  async (t) => {
    const total = 64;
    const piece = (index: number): Buffer => Buffer.alloc(256 * 1024, String.fromCharCode(65 + (index % 26)));
    const gate = new EventEmitter();
    const app = await startApp(t, async (_request, response) => {
      response.writeHead(200);
      for (let index = 0; index < total; index++) {
        response.write(piece(index));
        if (index === total / 2) await once(gate, 'open');
      }
      response.end();
    });
    const server = await startServer(t, ['--root', t.testdir({}), '--upstream', app.address]);
    const client = await openConnection(t, server.port);
    client.socket.pause();
    client.socket.write(`GET / HTTP/1.0\r\nHost: a\r\n\r\n`);
    await until(() => gate.listenerCount('open') === 1, 'half of it is written');
    client.socket.resume();
    // The first half is with the client before the second half comes.
    const half = (total / 2 + 1) * 256 * 1024;
    await client.until((received) => received.length > half);
    client.socket.pause();
    gate.emit('open');
    await steady(() => client.received().length);
    client.socket.resume();
    const answer = parseResponse(Buffer.from(await client.closed(), 'latin1'));
    const expected = Buffer.concat(Array.from({ length: total }, (_, index) => piece(index)));
    t.equal(digest(answer.body), digest(expected));
  },
);

t.test('server-sent events and other streams are passed on piece by piece', async (t) => {
  let next = (): void => {};
  const app = await startApp(t, (request, response) => {
    response.writeHead(200, {
      'Content-Type': request.url === '/events' ? 'text/event-stream' : 'text/plain',
    });
    response.write('data: 1\n\n');
    next = () => response.write('data: 2\n\n');
  });
  const server = await startServer(t, ['--root', t.testdir({}), '--upstream', app.address]);
  for (const target of ['/events', '/stream']) {
    const client = await openConnection(t, server.port);
    client.socket.write(get(target));
    await client.until((received) => received.includes('data: 1\n\n'));
    next();
    await client.until((received) => received.includes('data: 2\n\n'));
    client.socket.destroy();
  }
});

t.test('an app that closes while it waits for its client', async (t) => {
  const half = pattern.subarray(0, LARGE / 2);
  const cases: [what: string, head: string, isWhole: boolean][] = [
    ['with its last byte written', `Content-Length: ${half.length}\r\n`, true],
    ['where the end of the connection is the end of the body', '', true],
    ['too early', `Content-Length: ${LARGE}\r\n`, false],
    ['without the last chunk', 'Transfer-Encoding: chunked\r\n', false],
  ];
  for (const option of ['--no-response-buffering', '--buffer-file-limit=0']) {
    for (const [what, head, isWhole] of cases) {
      await t.test(`${what}, ${option}`, async (t) => {
        const size = head.startsWith('Transfer') ? `${half.length.toString(16)}\r\n` : '';
        const address = await startTcpApp(t, (socket) => {
          socket.once('data', () => {
            socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\n${head}\r\n${size}`);
            socket.end(half);
          });
        });
        const server = await startServer(t, ['--root', t.testdir({}), '--upstream', address, option]);
        const client = await openConnection(t, server.port);
        client.socket.pause();
        client.socket.write('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
        // A little at a time, so that the app is kept waiting to the end.
        while (!client.socket.closed) {
          client.socket.resume();
          await pause(1);
          client.socket.pause();
          await pause(1);
          if (client.received().length >= half.length) client.socket.resume();
        }
        const body = parseResponse(Buffer.from(await client.closed(), 'latin1')).body;
        if (isWhole) t.equal(digest(body), digest(half));
        else t.ok(body.length <= half.length);
        const other = await rawExchange(server.port, get('/media/none'));
        t.equal(parseResponse(other).status, 404, 'the server goes on');
      });
    }
  }
});

t.test('wherever in its answer the app closes while it is kept waiting, the server goes on', async (t) => {
  const STEP = 32 * 1024;
  let closed = 0;
  const address = await startTcpApp(t, (socket) => {
    socket.once('data', (head) => {
      const size = Number(/^GET \/(\d+)/.exec(head.toString())?.[1]);
      socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
      socket.end(pattern.subarray(0, size), () => {
        closed += 1;
      });
    });
  });
  for (const option of ['--no-response-buffering', '--buffer-file-limit=0']) {
    const server = await startServer(t, ['--root', t.testdir({}), '--upstream', address, option]);
    // One of these sizes ends just where the client's side is full.
    for (let size = 2 * MIB; size < 8 * MIB; size += STEP) await ask(t, server, `/${size}`);
    await steady(() => closed);
    const other = await rawExchange(server.port, get('/media/none'));
    t.equal(parseResponse(other).status, 404, option);
  }
});

t.test('when the disk is full the app waits for the client, and nothing is lost', async (t) => {
  const disk = await fullDisk(t, MIB);
  const app = await startWriter(t);
  const server = await startServer(
    t,
    ['--root', t.testdir({}), '--upstream', app.address, '--spool-dir', disk.path],
    disk.options,
  );
  const client = await ask(t, server);
  const line = await server.logged((entry) => entry['reason'] === disk.reason);
  t.match(line, { level: 50, path: disk.path, msg: /--spool-dir/ });
  await steady(() => app.written());
  t.equal(app.finished(), 0);
  const other = await rawExchange(server.port, get('/media/none'));
  t.equal(parseResponse(other).status, 404, 'others are served meanwhile');
  client.socket.resume();
  const answer = parseResponse(Buffer.from(await client.closed(), 'latin1'));
  t.equal(digest(answer.body), digest(pattern), 'the client gets every byte in order');
});

t.test(
  'an app that dies within its answer cuts the client off at once, whatever is still held',
  async (t) => {
    let app: Socket | undefined;
    const address = await startTcpApp(t, (socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE}\r\n\r\n`);
        socket.write(pattern.subarray(0, LARGE / 2));
        app = socket;
      });
    });
    const server = await startServer(t, ['--root', t.testdir({}), '--upstream', address]);
    const client = await ask(t, server);
    await until(() => app !== undefined, 'the app answers');
    app?.end();
    await server.logged((line) => String(line['msg']).startsWith('the app broke off'));
    client.socket.resume();
    t.ok((await client.closed()).length < LARGE / 2 + 1000);
  },
);
