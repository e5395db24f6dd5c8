/** Runs a small WSGI app under a real gunicorn, where the sample project would be too much. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Test } from 'tap';

/** Starts it on a free port and resolves with its address; it is stopped when the test ends. */
export async function startGunicorn(
  t: Test,
  python: string,
  directory: string,
  app: string,
  args: readonly string[] = [],
): Promise<string> {
  const child = spawn(python, ['-m', 'gunicorn', '--bind', '127.0.0.1:0', ...args, app], {
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
      const [, address] = /Listening at: http:\/\/(\S+)/.exec(output) ?? [];
      if (address !== undefined) resolve(address);
    });
    exited.then(() => reject(new Error(`gunicorn ended: ${output}`)), reject);
  });
}
