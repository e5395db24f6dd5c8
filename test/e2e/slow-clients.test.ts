/**
 * Why a proxy must buffer: gunicorn with one sync worker, 50 clients that send slowly and 50 that read slowly. Ordinary
 * requests are answered while none of them has come any further; with buffering off the worker is held until the slow
 * client has done its part, which shows that the test can fail. The app notes what it does, and the test when it lets a
 * client go on: it is their order that counts.
 */
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startNginx, withoutNginx } from '../support/nginx.js';
import { pythonOrSkip } from '../support/python.js';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { steady, until } from '../support/until.js';
import { startGunicorn } from './app-server.js';

/** More than the kernel takes in on the way of an answer to a client that does not read: without buffering it shows. */
const LARGE = 16 * 1024 * 1024;
/** Slow readers, whose answers are work for the machine, and slow senders. */
const READERS = 20;
const SENDERS = 50;
const ORDINARY = 20;
/** Bytes of what is sent slowly. */
const BODY = 100_000;
/** Milliseconds until a wait is given up: writing 20 large answers is work. */
const LIMIT = 120_000;

const APP = `
import os

notes = os.open('notes', os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def note(what):
    os.write(notes, f'{what}\\n'.encode())

def large():
    block = b'x' * 1048576
    for count in range(${LARGE} // len(block)):
        note(f'large {count}')
        yield block
    note('large written')

def app(environ, start_response):
    name = environ['PATH_INFO'][1:]
    note(f'{name} begun')
    if name == 'large':
        start_response('200 OK', [('Content-Length', '${LARGE}'), ('Content-Type', 'application/octet-stream')])
        return large()
    body = environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0))
    note(f'{name} read')
    answer = str(len(body)).encode()
    start_response('200 OK', [('Content-Length', str(len(answer))), ('Content-Type', 'text/plain')])
    return [answer]
`;

/** A client that sends the head of a request and then nothing, and reads nothing of the answer. */
async function startSlowClient(t: Test, port: number, head: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' }).pause();
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.on('error', () => {});
  socket.write(head);
  return socket;
}

const SENDER = `POST /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${BODY}\r\n\r\n`;
const READER = get('/large');

/** The one worker, with what it and the test have noted. */
interface Worker {
  readonly address: string;
  note(what: string): void;
  notes(): readonly string[];
  /** Resolves when this was noted so often. */
  noted(what: string, times?: number): Promise<void>;
}

async function startWorker(t: Test, python: string): Promise<Worker> {
  const directory = await mkdtemp(join(tmpdir(), 'media-serve-slow-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'slow.py'), APP);
  const path = join(directory, 'notes');
  await writeFile(path, '');
  const args = ['--workers', '1', '--timeout', '300'];
  const address = await startGunicorn(t, python, directory, 'slow:app', args);
  const notes = (): string[] => readFileSync(path, 'latin1').split('\n').slice(0, -1);
  return {
    address,
    note: (what) => appendFileSync(path, `${what}\n`),
    notes,
    noted: (what, times = 1) =>
      until(() => notes().filter((line) => line === what).length >= times, `${what}, ${times} times`, LIMIT),
  };
}

async function askOrdinarily(port: number): Promise<number> {
  const request = 'POST /ordinary HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi';
  return (await rawRequest(port, request, { timeout: LIMIT })).status;
}

/** The proxy holds them all: ordinary requests are answered although none of them does anything. */
async function holds(t: Test, worker: Worker, port: number, readers = READERS): Promise<void> {
  const start = (count: number, head: string): Promise<Socket[]> =>
    Promise.all(Array.from({ length: count }, () => startSlowClient(t, port, head)));
  const [first] = await start(readers, READER);
  const [sender] = await start(SENDERS, SENDER);
  await worker.noted('large written', readers);
  for (let count = 0; count < ORDINARY; count += 1) t.equal(await askOrdinarily(port), 200);
  t.notOk(worker.notes().includes('slow begun'), 'no slow sender has taken the worker');

  worker.note('they go on');
  sender?.write('x'.repeat(BODY));
  await worker.noted('slow read');
  t.equal(await lengthOf(first), LARGE, 'a slow reader gets all of its answer');
  const between = worker.notes().slice(worker.notes().indexOf('they go on') + 1);
  t.same(between, ['slow begun', 'slow read']);
}

/** Bytes of content that come until the connection ends. */
async function lengthOf(socket: Socket | undefined): Promise<number> {
  let bytes = 0;
  let head: string | undefined;
  for await (const chunk of socket ?? []) {
    head ??= (chunk as Buffer).toString('latin1');
    bytes += (chunk as Buffer).length;
  }
  return bytes - (head ?? '').indexOf('\r\n\r\n') - 4;
}

interface Slow {
  readonly name: string;
  readonly head: string;
  /** What the worker notes when it is done with it. */
  readonly done: string;
  goOn(socket: Socket): void;
}

/** One slow client keeps the worker until it goes on, and an ordinary request waits for that. */
async function isHeld(
  t: Test,
  worker: Worker,
  port: number,
  { name, head, done, goOn }: Slow,
): Promise<void> {
  const slow = await startSlowClient(t, port, head);
  await worker.noted(`${name} begun`);
  const ordinary = askOrdinarily(port);
  await steady(() => worker.notes().length);
  worker.note('it goes on');
  goOn(slow);
  t.equal(await ordinary, 200);
  const [goesOn, isDone, next] = ['it goes on', done, 'ordinary begun'].map((line) =>
    worker.notes().lastIndexOf(line),
  ) as [number, number, number];
  t.ok(goesOn < isDone, 'the worker is held until the client goes on');
  t.ok(isDone < next, 'and an ordinary request waits for as long');
}

t.test('one sync worker, 70 slow clients', { timeout: 400_000 }, async (t) => {
  const python = await pythonOrSkip(t);
  if (python === undefined) return;
  const root = t.testdir({});
  const startFront = async (t: Test, worker: Worker, ...args: string[]): Promise<number> =>
    (await startServer(t, ['--root', root, '--upstream', worker.address, ...args])).port;

  await t.test('media-serve holds them', async (t) => {
    const worker = await startWorker(t, python);
    await holds(t, worker, await startFront(t, worker));
  });

  const controls: Readonly<Record<string, Slow>> = {
    '--no-response-buffering': {
      name: 'large',
      head: READER,
      done: 'large written',
      goOn: (socket) => socket.resume(),
    },
    '--no-request-buffering': {
      name: 'slow',
      head: SENDER,
      done: 'slow read',
      goOn: (socket) => socket.write('x'.repeat(BODY)),
    },
  };
  for (const [option, slow] of Object.entries(controls)) {
    await t.test(`with ${option} the worker is held`, async (t) => {
      const worker = await startWorker(t, python);
      await isHeld(t, worker, await startFront(t, worker, option), slow);
    });
  }

  await t.test('nginx, for comparison', { skip: await withoutNginx() }, async (t) => {
    const worker = await startWorker(t, python);
    const nginx = await startNginx(
      t,
      (port = 0) =>
        `server { listen 127.0.0.1:${port}; location / { proxy_pass http://${worker.address}; } }`,
    );
    // Its readers are few: that it holds each of them is all that is asked of it.
    await holds(t, worker, nginx.ports[0] ?? 0, 5);
  });
});
