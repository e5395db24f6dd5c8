/**
 * Why a proxy must buffer: gunicorn with one sync worker, 50 clients that send slowly and 50 that read slowly. An
 * ordinary request in between is answered at once; with buffering off it is not, which shows that the test can fail.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { startNginx, withoutNginx } from '../support/nginx.js';
import { pythonOrSkip } from '../support/python.js';
import { rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { until } from '../support/until.js';
import { startGunicorn } from './app-server.js';

/** Enough to keep a sync worker busy for as long as its reader is slow. */
const LARGE = 20 * 1024 * 1024;
const CLIENTS = 50;
/** The promise: an ordinary request is answered within this many milliseconds. */
const PROMPT = 1000;
/** How long the clients are at it, in milliseconds. */
const WHILE = 3000;
/** How long the app may take to write 50 large answers, in milliseconds; the slow clients take far longer. */
const WORK = 45_000;

const APP = `
def app(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/large':
        start_response('200 OK', [('Content-Length', '${LARGE}'), ('Content-Type', 'application/octet-stream')])
        return [b'x' * ${LARGE}]
    body = environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0))
    answer = str(len(body)).encode()
    start_response('200 OK', [('Content-Length', str(len(answer))), ('Content-Type', 'text/plain')])
    return [answer]
`;

/** Opens the slow clients; they are gone when the test ends. */
function startSlowClients(t: Test, port: number): { readonly senders: Socket[]; readonly readers: Socket[] } {
  const open = (): Socket => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    t.teardown(() => socket.destroy());
    return socket;
  };
  const readers = Array.from({ length: CLIENTS }, () => {
    const socket = open().pause();
    socket.write('GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    return socket;
  });
  const senders = Array.from({ length: CLIENTS }, () => {
    const socket = open();
    socket.write('POST /send HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n');
    return socket;
  });
  // A few hundred bytes a second, both ways.
  const drip = setInterval(() => {
    for (const socket of senders) socket.write('x'.repeat(50));
    for (const socket of readers) socket.read(50);
  }, 200);
  t.teardown(() => clearInterval(drip));
  return { senders, readers };
}

/** The longest that an ordinary request waited while the slow clients were at it, in milliseconds. */
async function longestWait(port: number): Promise<number> {
  let longest = 0;
  for (const end = Date.now() + WHILE; Date.now() < end; await pause(50)) {
    const start = performance.now();
    const request = 'POST /quick HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi';
    const answer = await rawRequest(port, request, { timeout: WHILE }).catch(() => undefined);
    longest = Math.max(
      longest,
      answer?.status === 200 ? performance.now() - start : Number.POSITIVE_INFINITY,
    );
    if (longest === Number.POSITIVE_INFINITY) break;
  }
  return longest;
}

t.test('one sync worker, 100 slow clients', { timeout: 400_000 }, async (t) => {
  const python = await pythonOrSkip(t);
  if (python === undefined) return;
  const directory = await mkdtemp(join(tmpdir(), 'media-serve-slow-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'slow.py'), APP);

  const measure = async (t: Test, front: (app: string) => Promise<number>, limit = WORK): Promise<number> => {
    const app = await startGunicorn(t, python, directory, 'slow:app', ['--workers', '1', '--timeout', '60']);
    const port = await front(app);
    await until(async () => (await waitOnce(port)) < PROMPT, 'the app answers');
    startSlowClients(t, port);
    // Writing a gigabyte of answers is the app's own work; what counts is how it fares when that is done.
    const wait = (await getsFree(port, limit)) ? await longestWait(port) : Number.POSITIVE_INFINITY;
    t.comment(`the longest wait was ${wait.toFixed(0)} ms`);
    return wait;
  };

  await t.test('media-serve holds them', async (t) => {
    const wait = await measure(t, async (app) => {
      const server = await startServer(t, ['--root', directory, '--upstream', app]);
      return server.port;
    });
    t.ok(wait < PROMPT, `${wait.toFixed(0)} ms`);
  });
  for (const option of ['--no-response-buffering', '--no-request-buffering']) {
    await t.test(`with ${option} the worker is held`, async (t) => {
      const wait = await measure(
        t,
        async (app) => {
          const server = await startServer(t, ['--root', directory, '--upstream', app, option]);
          return server.port;
        },
        WORK / 5,
      );
      t.ok(wait > PROMPT, `${wait.toFixed(0)} ms`);
    });
  }
  await t.test('nginx, for comparison', { skip: await withoutNginx() }, async (t) => {
    const wait = await measure(t, async (app) => {
      const nginx = await startNginx(
        t,
        (port = 0) => `server { listen 127.0.0.1:${port}; location / { proxy_pass http://${app}; } }`,
      );
      return nginx.ports[0] ?? 0;
    });
    t.ok(wait < PROMPT, `${wait.toFixed(0)} ms`);
  });
});

/** Whether an ordinary request is answered promptly at some time, although the slow clients are still at it. */
async function getsFree(port: number, limit: number): Promise<boolean> {
  for (const end = Date.now() + limit; Date.now() < end; )
    if ((await waitOnce(port, limit)) < PROMPT) return true;
  return false;
}

async function waitOnce(port: number, timeout = WORK): Promise<number> {
  const start = performance.now();
  const answer = await rawRequest(port, 'GET /quick HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', {
    timeout,
  }).catch(() => undefined);
  return answer?.status === 200 ? performance.now() - start : Number.POSITIVE_INFINITY;
}
