// What connections hold in memory while they are open: nothing of what has been done with, and of an answer in small chunks
// not much more than its bytes. Each is compared with the same of ordinary size, in the same server.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { withoutProc } from '../support/proc.js';
import { until } from '../support/until.js';
import { type CountedServer, startCounted } from './lifetimes/server-resources.js';
import { startRawApp } from './raw-app.js';
import { RawClient, type Target } from './raw-client.js';

const CONNECTIONS = 100;
const LARGE = 30_000;

/** Different ones, so that no two are kept in one place. */
let lastPadding = 0;
const padding = (size: number): string => {
  lastPadding += 1;
  return `${lastPadding} `.repeat(Math.ceil(size / 4)).slice(0, size);
};

const memoryOf = async (server: CountedServer): Promise<number> => (await server.nodeResources()).memory;

const OPTIONS = { measuresMemory: true, times: { app: { idleTimeout: 3_600_000 } } };

/** How often it is measured: what connections keep, they keep each time; what Node makes for itself, it does not. */
const MOST_ROUNDS = 4;

/**
 * Does one thing on many connections, with little and with much in it, and tells the bytes by which memory grew more: the
 * least of several rounds, unless one is below the limit already.
 */
async function excess(
  t: Test,
  server: CountedServer,
  work: (size: number) => Promise<RawClient>,
  limit: number,
): Promise<number> {
  const grown = async (size: number): Promise<number> => {
    const before = await memoryOf(server);
    const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => work(size)));
    t.teardown(() => {
      for (const { socket } of clients) socket.destroy();
    });
    return (await memoryOf(server)) - before;
  };
  // For what is only made once, such as compiled code.
  await grown(LARGE);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < MOST_ROUNDS && least >= limit; round++) {
    const small = await grown(10);
    least = Math.min(least, (await grown(LARGE)) - small);
  }
  return least;
}

async function ask(target: Target, request: string): Promise<RawClient> {
  const client = new RawClient(target);
  let end = '';
  client.socket.on('data', (bytes: Buffer) => {
    end = (end + bytes.toString('latin1')).slice(-5);
  });
  await client.send(request);
  await client.until(() => end === 'hello');
  if (end !== 'hello') throw new Error(`instead of an answer: ${client.text}`);
  return client;
}

t.test('idle connections keep no head', { skip: withoutProc() }, async (t) => {
  const root = t.testdir({ 'a.txt': 'hello' });
  const app = await startRawApp(t);
  const server = await startCounted(t, ['--root', root, '--upstream', app.address], root, OPTIONS);
  const limit = (CONNECTIONS * LARGE) / 4;

  const file = (size: number): Promise<RawClient> =>
    ask(server.port, `GET /media/a.txt HTTP/1.1\r\nHost: a\r\nCookie: ${padding(size)}\r\n\r\n`);
  const ofFiles = await excess(t, server, file, limit);
  t.ok(ofFiles < limit, `of requests for files: ${ofFiles} bytes on ${CONNECTIONS} connections`);

  let id = 0;
  const answer = (fields: string): string => `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n${fields}\r\nhello`;
  const page = (cookies: (size: number) => string, pads: (size: number) => string) => (size: number) => {
    id += 1;
    app.expect(id, ({ socket }) => void socket.write(answer(pads(size)))).catch(t.fail);
    return ask(server.port, `GET /${id} HTTP/1.1\r\nHost: a\r\n${cookies(size)}\r\n`);
  };
  const none = (): string => '';
  const asked = await excess(
    t,
    server,
    page((size) => `Cookie: ${padding(size)}\r\n`, none),
    limit,
  );
  t.ok(asked < limit, `of requests to the app: ${asked} bytes on ${CONNECTIONS} connections`);
  const answered = await excess(
    t,
    server,
    page(none, (size) => `X-Padding: ${padding(size)}\r\n`),
    limit,
  );
  t.ok(answered < limit, `of the app's answers: ${answered} bytes on ${CONNECTIONS} connections`);
});

t.test('an answer in small chunks takes little more than its bytes', { skip: withoutProc() }, async (t) => {
  const chunks = 500_000;
  const root = t.testdir({ 'a.txt': 'hello' });
  // Their buffers are small, and do not grow.
  const directory = mkdtempSync(join(tmpdir(), 'media-serve-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const app = await startRawApp(t, join(directory, 'app'));
  const path = join(directory, 'server');
  const options = ['--root', root, '--upstream', app.address, '--buffer-memory', '16mb'];
  const server = await startCounted(t, options, root, { ...OPTIONS, listen: `unix:${path}` });
  const before = await memoryOf(server);

  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  let isTaken = false;
  const asked = app.expect(1, ({ socket }) => {
    socket.write(head);
    socket.write(`${'1\r\na\r\n'.repeat(chunks)}0\r\n\r\n`, () => {
      isTaken = true;
    });
  });
  const client = new RawClient({ path }, { isPaused: true });
  await client.send('GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  await asked;
  await until(() => isTaken, 'the app has handed over all of its answer');
  const held = (await memoryOf(server)) - before;
  t.ok(held < 20 * chunks, `${held} bytes are held for ${chunks} chunks that the client does not take`);

  const received: Buffer[] = [];
  client.socket.on('data', (bytes: Buffer) => received.push(bytes));
  client.socket.resume();
  await client.closed;
  const answer = Buffer.concat(received).toString('latin1');
  t.equal(contentOf(answer.slice(answer.indexOf('\r\n\r\n') + 4)), 'a'.repeat(chunks), 'all of it comes');
});

/** Of a body in chunks; throws where it is none, or not whole. */
function contentOf(body: string): string {
  let content = '';
  for (let at = 0; ; ) {
    const [line = '', size = ''] = /^([0-9a-f]+)\r\n/.exec(body.slice(at, at + 20)) ?? [];
    const length = Number.parseInt(size, 16);
    if (Number.isNaN(length))
      throw new Error(`no chunk begins with ${JSON.stringify(body.slice(at, at + 20))}`);
    if (length === 0) return content;
    at += line.length;
    content += body.slice(at, at + length);
    at += length + 2;
  }
}
