/**
 * Starts a real nginx (Debian's package) on ports that were free a moment ago, with everything it writes in a
 * folder of its own, as whichever user runs the tests.
 */
import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { spawnChild } from './child.js';
import { freePorts } from './port.js';

/** Debian keeps it where an ordinary user's PATH does not lead. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`;

export interface RunningNginx {
  /** The ports that were handed to the configuration, in that order. */
  readonly ports: readonly number[];
  readonly process: ChildProcess;
  /** Everything it wrote to its error log so far. */
  errors(): string;
  stop(): Promise<void>;
}

/** What `nginx -v` says, such as `nginx/1.22.1`; undefined where it is not installed. */
export async function nginxVersion(): Promise<string | undefined> {
  try {
    const { stderr } = await promisify(execFile)('nginx', ['-v'], { env: { PATH } });
    return /nginx\/\S+/.exec(stderr)?.[0];
  } catch {
    return undefined;
  }
}

/** For tap's `skip`: the reason when nginx is not there, `false` when it is. Where CI is set, its absence throws. */
export async function withoutNginx(): Promise<string | false> {
  if ((await nginxVersion()) !== undefined) return false;
  const reason = 'nginx is not installed (Debian: apt-get install nginx-light)';
  if (process.env['CI'] !== undefined) throw new Error(reason);
  return reason;
}

/**
 * Starts nginx with `http` as the content of its `http { }` block and resolves when it listens. It is stopped,
 * and its folder removed, when the test ends.
 * @param ports how many ports `http` is called with
 */
export async function startNginx(
  t: Test,
  http: (...ports: number[]) => string,
  { ports: count = 1 }: { ports?: number } = {},
): Promise<RunningNginx> {
  const prefix = await mkdtemp(join(tmpdir(), 'media-serve-nginx-'));
  t.teardown(() => rm(prefix, { recursive: true, force: true }));
  await mkdir(join(prefix, 'temp'));
  return startNginxIn(t, prefix, (ports) => configuration(http(...ports)), count);
}

/**
 * Starts nginx with a whole configuration in a folder, which stays, and resolves when it listens.
 * @param main what is written to nginx.conf there, for so many ports
 * @param wrap a command that is given nginx's command line and runs it
 */
export async function startNginxIn(
  t: Test,
  prefix: string,
  main: (ports: readonly number[]) => string | Promise<string>,
  count: number,
  settings: readonly string[] = [],
  wrap: readonly string[] = [],
): Promise<RunningNginx> {
  for (let attempt = 1; ; attempt += 1) {
    const ports = await freePorts(count);
    await writeFile(join(prefix, 'nginx.conf'), await main(ports));
    const started = await launch(t, prefix, ports, settings, wrap);
    if (typeof started !== 'string') return started;
    // Between our asking for a free port and nginx taking it, another process may have taken it.
    if (attempt === 5 || !started.includes('Address already in use')) {
      throw new Error(`nginx did not start: ${started}`);
    }
  }
}

function configuration(http: string): string {
  // One process in the foreground: nothing is left behind when it is killed, and it never changes its user.
  return `daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path temp/body;
  proxy_temp_path temp/proxy;
  fastcgi_temp_path temp/fastcgi;
  uwsgi_temp_path temp/uwsgi;
  scgi_temp_path temp/scgi;
${http}
}
`;
}

/** The running server, or what it said before it gave up. */
async function launch(
  t: Test,
  prefix: string,
  ports: readonly number[],
  settings: readonly string[],
  wrap: readonly string[],
): Promise<RunningNginx | string> {
  const nginx = ['nginx', '-p', prefix, '-c', 'nginx.conf', '-e', 'stderr', ...settings];
  const [program = '', ...args] = [...wrap, ...nginx];
  const child = spawnChild(program, args, {
    env: { PATH },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'close');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
  };
  let errors = '';
  const listening = new Promise<true>((resolve) => {
    createInterface(child.stderr).on('line', (line) => {
      errors += `${line}\n`;
      // Said once the sockets are open and the event loop is about to run.
      if (line.includes('event method')) resolve(true);
    });
  });
  if ((await Promise.race([listening, exited])) !== true) return errors;
  t.teardown(stop);
  return { ports, process: child, errors: () => errors, stop };
}
