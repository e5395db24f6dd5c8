// What connections hold in memory while they are open: nothing of what has been done with, and of an answer in small chunks
// not much more than its bytes. What the server keeps when a request is gone holds nothing of the rest of it. Each is
// compared with the same of ordinary size, in the same server.
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import { LogOutput } from '../../src/server/log-output.js';
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
 * @param much how much that is, in bytes
 */
async function excess(
  t: Test,
  server: CountedServer,
  work: (size: number) => Promise<RawClient>,
  limit: number,
  { much = LARGE, connections = CONNECTIONS } = {},
): Promise<number> {
  const grown = async (size: number): Promise<number> => {
    const before = await memoryOf(server);
    const clients = await Promise.all(Array.from({ length: connections }, () => work(size)));
    t.teardown(() => {
      for (const { socket } of clients) socket.destroy();
    });
    return (await memoryOf(server)) - before;
  };
  // For what is only made once, such as compiled code.
  await grown(much);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < MOST_ROUNDS && least >= limit; round++) {
    const small = await grown(10);
    least = Math.min(least, (await grown(much)) - small);
  }
  return least;
}

/** Resolves with the connection when the answer is here, which ends so. */
async function ask(target: Target, request: string, wanted = 'hello'): Promise<RawClient> {
  const client = new RawClient(target);
  let end = '';
  client.socket.on('data', (bytes: Buffer) => {
    end = (end + bytes.toString('latin1')).slice(-wanted.length);
  });
  await client.send(request);
  await client.until(() => end === wanted);
  if (end !== wanted) throw new Error(`instead of an answer: ${client.text}`);
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

t.test('what is kept of a request keeps nothing of the rest of it', { skip: withoutProc() }, async (t) => {
  const files = 9 * CONNECTIONS;
  const sparse = 200_000;
  const root = t.testdir({ kept: {}, listed: {}, large: {} });
  const names = Array.from({ length: files }, (_, index) => `a-name-of-ordinary-length-${index}.txt`);
  const longAgo = new Date(Date.now() - 60_000);
  for (const name of names) {
    writeFileSync(join(root, 'kept', name), 'hello');
    // Only what is known of it is kept: it is too large. It ends as the other does.
    writeFileSync(join(root, 'large', name), '');
    truncateSync(join(root, 'large', name), sparse);
    for (const folder of ['kept', 'large']) utimesSync(join(root, folder, name), longAgo, longAgo);
  }
  const app = await startRawApp(t);
  const args = [
    '--root',
    root,
    '--upstream',
    app.address,
    '--trust-proxy',
    'loopback',
    '--cache-size',
    '64mb',
  ];
  const server = await startCounted(t, args, root, OPTIONS);
  await until(
    () => Date.now() - statSync(join(root, 'large', names.at(-1) ?? '')).ctimeMs > 3500,
    'the files have aged',
  );
  let last = 0;
  const next = (): number => last++;
  const cookie = (size: number): string => `Cookie: ${padding(size)}\r\n`;
  const fromApp = (to: CountedServer, id: number, fields: string): Promise<RawClient> => {
    app
      .expect(
        id,
        ({ socket }) =>
          void socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello'),
      )
      .catch(t.fail);
    return ask(to.port, `GET /${id} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
  };
  const cases: Readonly<Record<string, (size: number) => Promise<RawClient>>> = {
    'cached files': (size) =>
      ask(server.port, `GET /media/kept/${names[next()]} HTTP/1.1\r\nHost: a\r\n${cookie(size)}\r\n`),
    'known metadata': (size) =>
      ask(
        server.port,
        `GET /media/large/${names[next()]} HTTP/1.1\r\nHost: a\r\nRange: bytes=0-4\r\n${cookie(size)}\r\n`,
        '\0'.repeat(5),
      ),
    'known proxies': (size) => {
      const id = next();
      return fromApp(
        server,
        id,
        `X-Forwarded-For: 2001:db8:1234:5678::${id.toString(16)}\r\n${cookie(size)}`,
      );
    },
  };
  for (const [what, work] of Object.entries(cases)) {
    last = 0;
    const limit = (CONNECTIONS * LARGE) / 4;
    const held = await excess(t, server, work, limit);
    t.ok(held < limit, `${what}: ${held} bytes for ${CONNECTIONS} requests`);
  }

  // Only the first few hundred names are remembered: few requests, with more in each.
  const [much, connections] = [120_000, 40];
  const large = await startCounted(t, [...args, '--max-request-head', '128kb'], root, OPTIONS);
  const limit = (connections * much) / 4;
  const named = (size: number): Promise<RawClient> => {
    const id = next();
    return fromApp(large, id, `X-Name-Of-Ordinary-Length-${id}: b\r\n${cookie(size)}`);
  };
  const held = await excess(t, large, named, limit, { much, connections });
  t.ok(held < limit, `names of fields: ${held} bytes for ${connections} requests`);
});

t.test('log lines that wait take what their text does', { skip: withoutProc() }, async (t) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const heldNow = (): number => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  // A pipe that nobody reads.
  const pipe = join(t.testdir(), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const descriptor = openSync(pipe, 'r+');
  const output = new LogOutput(descriptor);
  const lines = 2000;
  let text = 0;
  const before = heldNow();
  for (let line = 0; line < lines; line++) {
    const head = `GET /media/a-name-of-ordinary-length.txt?${line} HTTP/1.1\r\nCookie: ${padding(LARGE)}\r\n\r\n`;
    const read = Buffer.from(head).toString('latin1');
    const written = `{"target":"${read.slice(4, read.indexOf(' H'))}","msg":"request"}\n`;
    text += written.length;
    output.write(written, 'request');
  }
  const held = heldNow() - before;
  t.ok(held < (lines * LARGE) / 4, `${held} bytes are held for ${text} characters in ${lines} lines`);

  const reader = await open(pipe, 'r');
  const received: Buffer[] = [];
  const piece = Buffer.alloc(65_536);
  const readOn = async (): Promise<void> => {
    for (let length = 0; length < text; ) {
      const { bytesRead } = await reader.read(piece);
      received.push(Buffer.from(piece.subarray(0, bytesRead)));
      length += bytesRead;
    }
  };
  await Promise.all([output.drain(60_000), readOn()]);
  const told = Buffer.concat(received).toString().split('\n');
  t.equal(told.length, lines + 1);
  for (const [index, line] of told.slice(0, -1).entries()) {
    const { target } = JSON.parse(line) as { target: string };
    if (target !== `/media/a-name-of-ordinary-length.txt?${index}`) t.fail(`line ${index}: ${line}`);
  }
  output.close();
  await reader.close();
  closeSync(descriptor);
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
