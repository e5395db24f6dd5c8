/** Runs a small app under a real gunicorn or uvicorn, where the sample project would be too much. */
import { once } from 'node:events';
import type { Test } from 'tap';
import { spawnChild } from '../support/child.js';

/** Starts a WSGI app on a free port and resolves with its address; it is stopped when the test ends. */
export async function startGunicorn(
  t: Test,
  python: string,
  directory: string,
  app: string,
  args: readonly string[] = [],
): Promise<string> {
  const command = ['-m', 'gunicorn', '--bind', '127.0.0.1:0', ...args, app];
  return await start(t, python, directory, command, /Listening at: http:\/\/(\S+)/);
}

/** Starts an ASGI app on a free port and resolves with its address; it is stopped when the test ends. */
export async function startUvicorn(
  t: Test,
  python: string,
  directory: string,
  app: string,
  args: readonly string[] = [],
): Promise<string> {
  const command = ['-m', 'uvicorn', '--host', '127.0.0.1', '--port', '0', '--no-access-log', ...args, app];
  return await start(t, python, directory, command, /running on http:\/\/(\S+)/);
}

async function start(
  t: Test,
  python: string,
  directory: string,
  command: readonly string[],
  ready: RegExp,
): Promise<string> {
  const child = spawnChild(python, command, {
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    // At once: what its clients still wait for is of no interest.
    child.kill('SIGQUIT');
    await exited;
  });
  let output = '';
  return await new Promise((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const [, address] = ready.exec(output) ?? [];
      if (address !== undefined) resolve(address);
    });
    exited.then(() => reject(new Error(`the app server ended: ${output}`)), reject);
  });
}
