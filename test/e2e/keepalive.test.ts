/**
 * The edge of a kept connection with real app servers: gunicorn's threaded worker and uvicorn close theirs one second
 * after an answer, which is before media-serve would, and requests come in waves just then. (Their defaults, two and
 * five seconds, are never reached: media-serve closes after one and a half.)
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { pythonOrSkip } from '../support/python.js';
import { startServer } from '../support/server.js';
import { until } from '../support/until.js';
import { startGunicorn, startUvicorn } from './app-server.js';

const CLIENTS = 100;
const WAVES = 6;
/** When the app servers close a connection that rests, in milliseconds. */
const EDGE = 1000;
/** How far around it the requests come, in milliseconds. */
const AROUND = 60;

/** Each request that is carried out leaves a line: its id, its method, and the port of the connection it came on. */
const APP = `
import asyncio, os, time

carried_out = os.open('carried-out', os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def note(method, identity, port):
    os.write(carried_out, f'{identity} {method} {port}\\n'.encode())

def wsgi(environ, start_response):
    environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0))
    note(environ['REQUEST_METHOD'], environ.get('HTTP_X_ID', '-'), environ['REMOTE_PORT'])
    time.sleep(0.02)
    start_response('200 OK', [('Content-Length', '2'), ('Content-Type', 'text/plain')])
    return [b'ok']

async def asgi(scope, receive, send):
    while (await receive()).get('more_body'):
        pass
    headers = dict(scope['headers'])
    note(scope['method'], headers.get(b'x-id', b'-').decode(), scope['client'][1])
    await asyncio.sleep(0.02)
    fields = [(b'content-length', b'2'), (b'content-type', b'text/plain')]
    await send({'type': 'http.response.start', 'status': 200, 'headers': fields})
    await send({'type': 'http.response.body', 'body': b'ok'})
`;

function ask(port: number, agent: Agent, method: string, id: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'X-Id': id, ...(method === 'GET' ? {} : { 'Content-Length': 3 }) };
    const request = httpRequest({ host: '127.0.0.1', port, agent, method, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
    request.end(method === 'GET' ? undefined : 'abc');
  });
}

async function meetTheEdge(
  t: Test,
  start: (python: string, directory: string) => Promise<string>,
): Promise<void> {
  const python = await pythonOrSkip(t);
  if (python === undefined) return;
  const directory = await mkdtemp(join(tmpdir(), 'media-serve-edge-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'edge.py'), APP);
  const app = await start(python, directory);
  const args = ['--root', directory, '--upstream', app, '--log-level', 'debug'];
  const server = await startServer(t, args);
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  await until(async () => (await ask(server.port, agent, 'GET', '-')) === 200, 'the app answers');

  const statuses = new Map<number, number>();
  const client = async (number: number): Promise<void> => {
    for (let wave = 0; wave < WAVES; wave++) {
      const id = number * WAVES + wave;
      const status = await ask(server.port, agent, ['GET', 'PUT', 'GET', 'POST'][id % 4] ?? '', String(id));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      await pause(EDGE + (Math.random() * 2 - 1) * AROUND);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
  t.same([...statuses], [[200, CLIENTS * WAVES]], 'every request was answered');

  const lines = (await readFile(join(directory, 'carried-out'), 'latin1')).trim().split('\n');
  const noted = lines.map((line) => line.split(' ')).filter(([id]) => id !== '-');
  t.equal(new Set(noted.map(([id]) => id)).size, CLIENTS * WAVES, 'and every one was carried out');
  t.equal(noted.length, CLIENTS * WAVES, 'once');

  const connections = new Set(noted.map(([, , port]) => port)).size;
  const posts = noted.filter(([, method]) => method === 'POST').length;
  const again = server.log.filter((line) => line['msg'] === 'the request is tried again').length;
  t.comment(
    `${noted.length} requests, ${posts} of them POSTs, on ${connections} connections; ${again} tried again`,
  );
  t.ok(connections < noted.length, 'connections were kept');
}

// Most of the time they rest.
t.jobs = 2;

t.test('gunicorn with threads', { timeout: 120_000 }, async (t) => {
  const threads = ['--worker-class', 'gthread', '--threads', '64', '--keep-alive', String(EDGE / 1000)];
  await meetTheEdge(t, (python, directory) => startGunicorn(t, python, directory, 'edge:wsgi', threads));
});

t.test('uvicorn', { timeout: 120_000 }, async (t) => {
  // Else the port would be that of X-Forwarded-For, which has none.
  const limit = ['--timeout-keep-alive', String(EDGE / 1000), '--no-proxy-headers'];
  await meetTheEdge(t, (python, directory) => startUvicorn(t, python, directory, 'edge:asgi', limit));
});
