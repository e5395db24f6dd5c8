/** The app's answer is read as fast as the app writes it (nginx: proxy_buffering, proxy_max_temp_file_size). */
import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startApp } from '../support/app.js';
import { openDescriptors, withoutProc } from '../support/proc.js';
import { get, openConnection, parseResponse, type RawConnection, rawRequest } from '../support/raw.js';
import { type RunningServer, startServer } from '../support/server.js';
import { MORE_THAN_UNIX_BUFFERS as LARGE, socketDirectory } from '../support/unix.js';
import { steady, until } from '../support/until.js';
import { fullDisk } from './full-disk.js';

const KIB = 1024;
const pattern = Buffer.alloc(LARGE, 'media-serve holds this for a slow client. ');
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const sockets = socketDirectory(t);
const spool = join(t.testdir({ spool: {} }), 'spool');

/** How the app answers, by the first part of the target; each test adds its own. */
const listeners = new Map<string, RequestListener>();
const app = await startApp(
  t,
  (request, response) => listeners.get(request.url?.split('/')[1] ?? '')?.(request, response),
  { path: join(sockets, 'app') },
);

interface Site {
  readonly server: RunningServer;
  /** Where it listens. */
  readonly path: string;
}

async function start(
  t: Test,
  name: string,
  args: readonly string[],
  options: Parameters<typeof startServer>[2] = {},
): Promise<Site> {
  const path = join(sockets, name);
  const all = ['--root', spool, '--upstream', app.address, ...args];
  return { path, server: await startServer(t, all, { ...options, listen: `unix:${path}` }) };
}

const buffering = await start(t, 'buffering', ['--spool-dir', spool]);
const smallFile = await start(t, 'small-file', ['--buffer-file-limit', '256kb']);
/** By the option that lets the app wait for the client. */
const waiting: Readonly<Record<string, Site>> = {
  '--no-response-buffering': await start(t, 'direct', ['--no-response-buffering']),
  '--buffer-file-limit=0': await start(t, 'no-file', ['--buffer-file-limit=0']),
};

/** Whether it still answers. */
const statusOf = async ({ path }: Site): Promise<number> =>
  (await rawRequest({ path }, get('/media/none'))).status;

interface Writer {
  /** How often the app has handed its whole answer over. */
  readonly finished: number;
  /** Bytes of the last answer that were taken. */
  readonly taken: number;
}

/** The app writes a large answer for `/name`, as fast as it is taken. */
function answerLargely(name: string, fields: Record<string, string> = {}): Writer {
  const state = { finished: 0, taken: 0 };
  const piece = 16 * KIB;
  listeners.set(name, (_request, response) => {
    state.taken = 0;
    response.writeHead(200, { 'Content-Length': LARGE, ...fields });
    const write = (at: number): void => {
      if (at === LARGE) {
        response.end(() => {
          state.finished += 1;
        });
        return;
      }
      response.write(pattern.subarray(at, at + piece), () => {
        state.taken += piece;
        write(at + piece);
      });
    };
    write(0);
  });
  return state;
}

/** A client that asks and reads nothing until it is told to. */
async function ask(t: Test, { path }: Site, target: string): Promise<RawConnection> {
  const client = await openConnection(t, { path });
  client.socket.pause();
  client.socket.write(get(target));
  return client;
}

/** Reads to the end. */
async function finish(client: RawConnection) {
  client.socket.resume();
  return parseResponse(Buffer.from(await client.closed(), 'latin1'));
}

const spooled = (): string[] =>
  openDescriptors(buffering.server.process.pid).filter((path) => path.startsWith(spool));

t.test(
  'an app is done with its answer before a slow client has read it',
  { skip: withoutProc() },
  async (t) => {
    const app = answerLargely('large');
    const client = await ask(t, buffering, '/large');
    await until(() => app.finished === 1, 'the app has written everything');
    t.equal(spooled().length, 1, 'what waits is in a file');
    t.same(readdirSync(spool), [], 'which has no name');
    t.equal(digest((await finish(client)).body), digest(pattern), 'the client gets every byte in order');
    await until(() => spooled().length === 0, 'the file is freed');

    await t.test('and when the client leaves, the file is freed too', async (t) => {
      const leaver = await ask(t, buffering, '/large');
      await until(() => app.finished === 2, 'the app has written everything');
      leaver.socket.destroy();
      await until(() => spooled().length === 0, 'the file is freed');
    });
  },
);

t.test('an app waits for a slow client', async (t) => {
  const cases: readonly [
    what: string,
    fields: Record<string, string>,
    site: Site | undefined,
    least: number,
  ][] = [
    ['with responseBuffering off', {}, waiting['--no-response-buffering'], 0],
    ['that asks for it with X-Accel-Buffering: no', { 'X-Accel-Buffering': 'no' }, buffering, 0],
    ['that sends events', { 'Content-Type': 'text/event-stream' }, buffering, 0],
    ['when the file is as large as allowed', {}, smallFile, 256 * KIB],
    ['when there is to be no file', {}, waiting['--buffer-file-limit=0'], 0],
  ];
  const wait = async ([what, fields, site, least]: (typeof cases)[number], index: number): Promise<void> => {
    if (site === undefined) throw new Error(what);
    const app = answerLargely(`wait-${index}`, fields);
    const client = await ask(t, site, `/wait-${index}`);
    await until(() => app.taken > least, `${what}: the app has begun`);
    const taken = await steady(() => app.taken);
    t.ok(app.finished === 0 && taken < LARGE, `${what}: it has written ${taken} bytes`);
    const answer = await finish(client);
    t.equal(digest(answer.body), digest(pattern), `${what}: the client gets every byte in order`);
    t.equal(answer.headers['x-accel-buffering'], undefined);
  };
  await Promise.all(cases.map(wait));
});

t.test(
  'pieces that come while a client is behind, and after it has caught up, keep their order',
  async (t) => {
    const total = 64;
    const size = 32 * KIB;
    const piece = (index: number): Buffer => Buffer.alloc(size, String.fromCharCode(65 + (index % 26)));
    const gate = new EventEmitter();
    listeners.set('pieces', async (_request, response) => {
      response.writeHead(200);
      for (let index = 0; index < total; index++) {
        response.write(piece(index));
        if (index === total / 2) await once(gate, 'open');
      }
      response.end();
    });
    const client = await openConnection(t, { path: buffering.path });
    client.socket.pause();
    client.socket.write('GET /pieces HTTP/1.0\r\nHost: a\r\n\r\n');
    await until(() => gate.listenerCount('open') === 1, 'half of it is written');
    client.socket.resume();
    // The first half is with the client before the second half comes.
    const half = (total / 2 + 1) * size;
    await client.until((received) => received.length > half);
    client.socket.pause();
    gate.emit('open');
    await steady(() => client.received().length);
    const answer = await finish(client);
    const expected = Buffer.concat(Array.from({ length: total }, (_, index) => piece(index)));
    t.equal(digest(answer.body), digest(expected));
  },
);

t.test('server-sent events and other streams are passed on piece by piece', async (t) => {
  let next = (): void => {};
  for (const [name, type] of [
    ['events', 'text/event-stream'],
    ['stream', 'text/plain'],
  ] as const) {
    listeners.set(name, (_request, response) => {
      response.writeHead(200, { 'Content-Type': type });
      response.write('data: 1\n\n');
      next = () => response.write('data: 2\n\n');
    });
    const client = await openConnection(t, { path: buffering.path });
    client.socket.write(get(`/${name}`));
    await client.until((received) => received.includes('data: 1\n\n'));
    next();
    await client.until((received) => received.includes('data: 2\n\n'));
    client.socket.destroy();
  }
});

t.test('where nothing is held back the head does not wait for its body, also with a length', async (t) => {
  let next = (): void => {};
  listeners.set('head', (request, response) => {
    const fields = request.url?.endsWith('no') ? { 'X-Accel-Buffering': 'no' } : {};
    response.writeHead(200, { 'Content-Length': 4, ...fields }).flushHeaders();
    next = () => response.end('body');
  });
  for (const [site, target] of [
    [waiting['--no-response-buffering'], '/head'],
    [buffering, '/head/no'],
  ] as const) {
    if (site === undefined) throw new Error(target);
    const client = await openConnection(t, { path: site.path });
    client.socket.write(get(target));
    t.match(
      await client.until((received) => received.endsWith('\r\n\r\n')),
      /Content-Length: 4\r\n/i,
      target,
    );
    next();
    t.match(await client.closed(), /\r\n\r\nbody$/, target);
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
  const close = async ([option, site]: [string, Site]): Promise<void> => {
    for (const [what, head, isWhole] of cases) {
      const size = head.startsWith('Transfer') ? `${half.length.toString(16)}\r\n` : '';
      listeners.set(option, ({ socket }) => {
        socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\n${head}\r\n${size}`);
        socket.end(half);
      });
      const client = await openConnection(t, { path: site.path });
      // A little at a time, so that the app is kept waiting to the end.
      client.socket.on('data', () => {
        client.socket.pause();
        setImmediate(() => client.socket.resume());
      });
      client.socket.write(`GET /${option} HTTP/1.0\r\nHost: a\r\n\r\n`);
      const { body } = parseResponse(Buffer.from(await client.closed(), 'latin1'));
      if (isWhole) t.equal(digest(body), digest(half), `${what}, ${option}`);
      else t.ok(body.length <= half.length, `${what}, ${option}`);
      t.equal(await statusOf(site), 404, 'the server goes on');
    }
  };
  await Promise.all(Object.entries(waiting).map(close));
});

t.test('wherever in its answer the app closes while it is kept waiting, the server goes on', async (t) => {
  const STEP = 4 * KIB;
  let closed = 0;
  listeners.set('size', ({ url, socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
    socket.end(pattern.subarray(0, Number(url?.split('/')[2])), () => {
      closed += 1;
    });
  });
  for (const [option, site] of Object.entries(waiting)) {
    // One of these sizes ends just where the client's side is full.
    for (let size = 128 * KIB; size < 768 * KIB; size += STEP) await ask(t, site, `/size/${size}`);
    await steady(() => closed);
    t.equal(await statusOf(site), 404, option);
  }
});

t.test('when the disk is full the app waits for the client, and nothing is lost', async (t) => {
  const disk = await fullDisk(t, 1024 * KIB);
  const app = answerLargely('full');
  const site = await start(t, 'full', ['--spool-dir', disk.path], disk.options);
  const client = await ask(t, site, '/full');
  const line = await site.server.logged((entry) => entry['reason'] === disk.reason);
  t.match(line, { level: 50, path: disk.path, msg: /--spool-dir/ });
  await steady(() => app.taken);
  t.equal(app.finished, 0);
  t.equal(await statusOf(site), 404, 'others are served meanwhile');
  t.equal(digest((await finish(client)).body), digest(pattern), 'the client gets every byte in order');
});

t.test(
  'an app that dies within its answer cuts the client off at once, whatever is still held',
  async (t) => {
    let app: Socket | undefined;
    listeners.set('dies', ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE}\r\n\r\n`);
      socket.write(pattern.subarray(0, LARGE / 2));
      app = socket;
    });
    const client = await ask(t, buffering, '/dies');
    await until(() => app !== undefined, 'the app answers');
    app?.end();
    await buffering.server.logged((line) => String(line['msg']).startsWith('the app broke off'));
    client.socket.resume();
    t.ok((await client.closed()).length < LARGE / 2 + 1000);
  },
);
