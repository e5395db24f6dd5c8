/** A worker of a real gunicorn that dies of its request, as one that is killed for its memory does. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startHere } from '../support/here.js';
import { pythonOrSkip } from '../support/python.js';
import { get, rawRequest } from '../support/raw.js';
import { startGunicorn } from './app-server.js';

/** Each request that a worker begins with leaves a line. */
const APP = `
import os, signal, time

begun = os.open('begun', os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def wsgi(environ, start_response):
    environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0))
    os.write(begun, (environ['REQUEST_METHOD'] + ' ' + environ['PATH_INFO'] + '\\n').encode())
    if environ['PATH_INFO'] == '/deadly':
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    start_response('200 OK', [('Content-Length', '2'), ('Content-Type', 'text/plain')])
    return [b'ok']
`;

t.test('a worker that dies of its request dies alone', { timeout: 120_000 }, async (t) => {
  const python = await pythonOrSkip(t);
  if (python === undefined) return;
  for (const worker of ['sync', 'gthread']) {
    const directory = await mkdtemp(join(tmpdir(), 'media-serve-killed-'));
    t.teardown(() => rm(directory, { recursive: true, force: true }));
    await writeFile(join(directory, 'deadly.py'), APP);
    // A worker that has just taken a dead one's place may not hear that it is to end.
    const options = ['--worker-class', worker, '--workers', '2', '--graceful-timeout', '1'];
    const app = await startGunicorn(t, python, directory, 'deadly:wsgi', options);
    const server = await startHere(t, ['--root', directory, '--upstream', app]);
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'POST']) {
      const fields = method === 'PUT' || method === 'POST' ? ['Content-Length: 0'] : [];
      t.equal((await rawRequest(server.port, get('/deadly', fields, method))).status, 502, method);
    }
    const begun = (await readFile(join(directory, 'begun'), 'latin1')).trim().split('\n');
    const deadly = begun.filter((line) => line.endsWith(' /deadly'));
    t.same(
      deadly,
      ['GET', 'HEAD', 'PUT', 'DELETE', 'POST'].map((method) => `${method} /deadly`),
      worker,
    );
  }
});
