/**
 * Request bodies share memory, and need no file as long as they fit. Here there is no directory for a file, so that a
 * body that needs one gets 507: what is lent and not given back would show at once.
 */
import { randomBytes } from 'node:crypto';
import { rmdirSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { UploadMemory } from '../../src/upstream/upload-memory.js';
import { startApp, startRecorder } from '../support/app.js';
import { type ServerHere, startHere } from '../support/here.js';
import { openDescriptors, withoutProc } from '../support/proc.js';
import { openConnection, type RawConnection } from '../support/raw.js';
import { MORE_THAN_UNIX_BUFFERS, socketDirectory } from '../support/unix.js';
import { until } from '../support/until.js';

const KIB = 1024;
const MEMORY = 1024 * KIB;
/** What a body of nearly all of the memory may take, with its chunks. */
const MOST = MEMORY - 100 * KIB;

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

const echo: Handler = (_request, response, body) => response.end(body);

async function start(t: Test, handler: Handler = echo, args: string[] = []): Promise<ServerHere> {
  const app = await startApp(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => handler(request, response, Buffer.concat(chunks)));
    request.on('error', () => {});
  });
  const root = t.testdir({ spool: {} });
  const server = await startHere(t, [
    ...['--root', root, '--upstream', app.address, '--spool-dir', join(root, 'spool')],
    ...['--upload-memory', String(MEMORY), ...args],
  ]);
  rmdirSync(join(root, 'spool'));
  return server;
}

/** Sends a body; resolves with the status and the answer. */
function send(port: number, body: Buffer, path = '/'): Promise<{ status: number; answer: Buffer }> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Length': body.length };
    const options = { port, host: '127.0.0.1', method: 'POST', path, headers, agent: false };
    const request = httpRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, answer: Buffer.concat(chunks) }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

const head = (length: number, path = '/'): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;

/** A client that has sent all but the last byte of a body which leaves no memory for another. */
async function useUp(t: Test, server: ServerHere): Promise<RawConnection> {
  for (;;) {
    const client = await openConnection(t, server.port);
    const isRefused = (): boolean => client.received().startsWith('HTTP/1.1 507');
    client.socket.write(head(MOST));
    client.socket.write(Buffer.alloc(MOST - 1));
    await until(
      async () => isRefused() || (await send(server.port, Buffer.alloc(400 * KIB))).status === 507,
      'the memory is used up',
    );
    if (!isRefused()) return client;
    // What asks whether the memory is used up has itself been in the way.
    client.socket.destroy();
  }
}

t.test('all or nothing is lent, and what is given back can be lent again', async (t) => {
  const memory = new UploadMemory(100);
  t.equal(memory.lend(60), true);
  t.equal(memory.lend(41), false);
  t.equal(memory.free, 40, 'what was refused is not gone');
  t.equal(memory.lend(40), true);
  memory.takeBack(60);
  t.equal(memory.lend(60), true);
  t.equal(memory.lend(1), false);
});

t.test('what fits reaches the app without a file, again and again, and unchanged', async (t) => {
  const server = await start(t);
  for (const size of [64 * KIB + 1, 256 * KIB, 256 * KIB + 1, 512 * KIB + 1, MOST, MOST, MOST]) {
    const body = randomBytes(size);
    const { status, answer } = await send(server.port, body);
    t.equal(status, 200, `${size} bytes`);
    t.ok(answer.equals(body));
  }
});

t.test('what does not fit needs a file', async (t) => {
  const server = await start(t);
  t.equal((await send(server.port, Buffer.alloc(MEMORY + 65 * KIB))).status, 507);
  t.equal((await send(server.port, Buffer.alloc(MOST))).status, 200, 'and leaves nothing lent');
});

t.test('what is announced too large takes none of it first', async (t) => {
  const server = await start(t);
  const client = await openConnection(t, server.port);
  client.socket.write(head(2 * MEMORY));
  client.socket.write(Buffer.alloc(100 * KIB));
  await client.until((received) => received.startsWith('HTTP/1.1 507'));
});

t.test('a body that is in a file takes none any more', { skip: withoutProc() }, async (t) => {
  const app = await startRecorder(t);
  const root = t.testdir({ spool: {} });
  const server = await startHere(t, [
    ...['--root', root, '--upstream', app.address, '--spool-dir', join(root, 'spool')],
    ...['--upload-memory', String(MEMORY)],
  ]);
  const files = (): number =>
    openDescriptors(process.pid).filter((path) => path.startsWith(join(root, 'spool'))).length;
  const chunk = `10000\r\n${'x'.repeat(64 * KIB)}\r\n`;
  const first = await openConnection(t, server.port);
  first.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}`);
  await until(() => files() === 1, 'more than the memory holds is in a file');
  await new Promise<void>((resolve) => {
    first.socket.write(chunk.repeat(12), () => resolve());
  });
  const second = await send(server.port, Buffer.alloc(MOST));
  t.equal(second.status, 200);
  t.equal(app.received.length, 1);

  const third = await openConnection(t, server.port);
  third.socket.write(head(MOST));
  third.socket.write(Buffer.alloc(MOST - 1));
  first.socket.write('0\r\n\r\n');
  await first.until((received) => received.includes('200 OK'));
  await until(() => files() === 0, 'no other body needs a file');
  third.socket.write('x');
  await third.until((received) => received.includes('200 OK'));
});

t.test('the memory is for all together, and is given back', async (t) => {
  let hold: (() => void) | undefined;
  const server = await start(t, (request, response, body) => {
    if (request.url === '/fails') response.destroy();
    else if (request.url === '/held') hold = () => response.end();
    else response.end(body);
  });
  const isFree = async (message: string): Promise<void> => {
    t.equal((await send(server.port, Buffer.alloc(MOST))).status, 200, message);
  };

  const slow = await useUp(t, server);
  t.equal((await send(server.port, Buffer.alloc(10 * KIB))).status, 200, 'a small body needs none of it');
  slow.socket.write('x');
  await slow.until((received) => received.length > MOST);
  await isFree('after the answer');

  const leaver = await useUp(t, server);
  leaver.socket.destroy();
  await server.logged((line) => line['msg'] === 'request' && line['status'] === 499);
  await isFree('after a client has left');

  t.equal((await send(server.port, Buffer.alloc(MOST), '/fails')).status, 502);
  await isFree('after the app has failed');

  const waiting = send(server.port, Buffer.alloc(MOST), '/held');
  await until(() => hold !== undefined, 'the app has the whole body');
  t.equal((await send(server.port, Buffer.alloc(400 * KIB))).status, 507, 'kept until the app has answered');
  hold?.();
  await waiting;
  await isFree('after the app has answered');
});

t.test('a body that becomes too large, or stops, gives it back', async (t) => {
  const server = await start(t, echo, ['--max-body', String(MEMORY - 10 * KIB), '--send-timeout', '300ms']);
  const chunk = `10000\r\n${'x'.repeat(64 * KIB)}\r\n`;
  const large = await openConnection(t, server.port);
  large.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(16)}`);
  await large.until((received) => received.startsWith('HTTP/1.1 413'));
  t.equal((await send(server.port, Buffer.alloc(MOST))).status, 200, 'after 413');

  const stops = await openConnection(t, server.port);
  stops.socket.write(head(MOST));
  stops.socket.write(Buffer.alloc(MOST - 1));
  await stops.until((received) => received.startsWith('HTTP/1.1 408'));
  t.equal((await send(server.port, Buffer.alloc(MOST))).status, 200, 'after 408');
});

t.test('bytes that come one by one count for what they take', async (t) => {
  const server = await start(t, echo, ['--upload-memory', '0']);
  const client = await openConnection(t, server.port);
  client.socket.setNoDelay(true);
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  // When another connection has its answer, what came on this one before has been read by itself.
  const other = await openConnection(t, server.port);
  async function sendSingly(bytes: number): Promise<void> {
    client.socket.write(head);
    for (let sent = 1; sent <= bytes; sent += 1) {
      client.socket.write('1\r\nx\r\n');
      other.socket.write('GET /media/none HTTP/1.1\r\nHost: a\r\n\r\n');
      await other.until((received) => received.split('HTTP/1.1 404').length > answers + sent);
    }
    answers += bytes;
  }
  let answers = 0;
  await sendSingly(100);
  client.socket.write('0\r\n\r\n');
  await client.until((received) => received.endsWith('x'.repeat(100)));
  await sendSingly(200);
  await client.until((received) => received.includes('HTTP/1.1 507'));
});

t.test('an app that takes a body in memory slowly is waited for', async (t) => {
  let received = 0;
  const app = await startApp(
    t,
    (request, response) => {
      let taken = 0;
      request.on('data', (chunk: Buffer) => {
        taken += chunk.length;
        request.pause();
        setTimeout(() => request.resume(), 10);
      });
      request.on('end', () => {
        received = taken;
        response.end();
      });
    },
    // Its buffers are small, so that some is taken again and again: twenty times within the limit.
    { path: join(socketDirectory(t), 'app') },
  );
  const limit = 1000;
  const args = ['--upstream', app.address, '--upstream-send-timeout', `${limit}ms`];
  const server = await startHere(t, ['--root', t.testdir({}), ...args]);
  let startedAt = 0;
  let status = 0;
  await until(async () => {
    startedAt = performance.now();
    ({ status } = await send(server.port, Buffer.alloc(8 * MEMORY)));
    // On a busy machine the app, which is in this process, may have taken nothing for so long.
    return status !== 504;
  }, 'it is waited for');
  t.equal(status, 200);
  t.equal(received, 8 * MEMORY);
  t.ok(performance.now() - startedAt > limit, 'it took longer than the time limit');
});

t.test('an app that takes nothing of a body in memory is given up', async (t) => {
  const app = await startApp(t, (request) => request.pause(), { path: join(socketDirectory(t), 'app') });
  const server = await startHere(t, [
    ...['--root', t.testdir({}), '--upstream', app.address, '--upstream-send-timeout', '100ms'],
  ]);
  t.equal((await send(server.port, Buffer.alloc(MORE_THAN_UNIX_BUFFERS))).status, 504);
});
