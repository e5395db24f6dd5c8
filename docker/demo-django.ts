/**
 * Runs the sample project in docker/django on this machine: a directory for its data, and gunicorn or uvicorn.
 * The demo and the tests in test/e2e use it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { killGroup, type RunOptions, run } from './demo-python.js';

/** Where the sample project is. */
export const PROJECT = fileURLToPath(new URL('./django/', import.meta.url));

/** The users that `manage.py prepare` makes: `demo` may read the protected documents, `guest` may not. */
export const USERS = { member: 'demo', refused: 'guest', password: 'open-sesame' } as const;

/** One installation of the sample project: its directories and the environment that names them. */
export interface Site {
  readonly directory: string;
  readonly mediaRoot: string;
  readonly staticRoot: string;
  readonly protectedRoot: string;
  readonly linkSecret: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Makes a site below `directory`: tables, static files, users. Files that already are in `directory`/media become
 * entries of its gallery.
 *
 * @param options - more environment variables for the project's settings, and a way to stop.
 */
export async function prepareSite(
  python: string,
  directory: string,
  { env, signal }: Pick<RunOptions, 'env' | 'signal'> = {},
): Promise<Site> {
  const [mediaRoot, staticRoot, protectedRoot] = [
    join(directory, 'media'),
    join(directory, 'static'),
    join(directory, 'protected'),
  ];
  for (const path of [mediaRoot, staticRoot, protectedRoot]) await mkdir(path, { recursive: true });
  const linkSecret = randomBytes(24).toString('hex');
  const site: Site = {
    directory,
    mediaRoot,
    staticRoot,
    protectedRoot,
    linkSecret,
    env: {
      PATH: process.env['PATH'] ?? '',
      LANG: 'C.UTF-8',
      PYTHONUNBUFFERED: '1',
      // No __pycache__ in the project's folder.
      PYTHONDONTWRITEBYTECODE: '1',
      SECRET_KEY: randomBytes(32).toString('hex'),
      LINK_SECRET: linkSecret,
      MEDIA_ROOT: mediaRoot,
      STATIC_ROOT: staticRoot,
      PROTECTED_ROOT: protectedRoot,
      SQLITE_PATH: join(directory, 'db.sqlite3'),
      ...env,
    },
  };
  await run(python, ['manage.py', 'prepare'], { cwd: PROJECT, env: site.env, signal });
  return site;
}

export interface AppOptions {
  readonly server: 'gunicorn' | 'uvicorn';
  /** `HOST:PORT` or `unix:/path`; port 0 takes a free one. */
  readonly bind: string;
  /** More arguments for the server, after the usual ones. */
  readonly args?: readonly string[];
  /** Environment variables on top of the site's. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface App {
  /** For `--upstream`: `HOST:PORT` or `unix:/path`. */
  readonly address: string;
  readonly process: ChildProcess;
  /** What the server has written so far. */
  output(): string;
  /** Resolves when neither the server nor its workers are there any more. */
  stop(): Promise<void>;
}

/**
 * Stands between us and the server: it holds our pipe, and when that closes, however we ended, the server ends
 * too. Otherwise a test run or a demo that is killed would leave gunicorn behind.
 */
const WHILE_WE_LIVE = `
import os, subprocess, sys, threading
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
def end_with_parent():
    os.read(0, 1)
    server.terminate()
threading.Thread(target=end_with_parent, daemon=True).start()
sys.exit(server.wait())
`;

/** Starts the site under gunicorn (WSGI) or uvicorn (ASGI) and resolves when it listens. */
export async function startApp(python: string, site: Site, options: AppOptions): Promise<App> {
  const serverArgs = options.server === 'gunicorn' ? gunicornArgs(options.bind) : uvicornArgs(options.bind);
  const child = spawn(python, ['-c', WHILE_WE_LIVE, python, '-m', ...serverArgs, ...(options.args ?? [])], {
    cwd: PROJECT,
    env: { ...site.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A process group of its own: Ctrl-C in a terminal reaches us only, and we end the group in good order.
    detached: true,
  });
  const exited = once(child, 'exit');
  let output = '';
  let announce: (address: string) => void = () => {};
  const listening = new Promise<string>((resolve) => {
    announce = resolve;
  });
  const read = (chunk: Buffer): void => {
    output += chunk.toString();
    // gunicorn: "Listening at: http://127.0.0.1:8000 (123)"; uvicorn: "running on http://127.0.0.1:8000 (Press".
    const [, address] = /(?:Listening at: |running on (?:socket )?)(?:http:\/\/)?(\S+) \(/.exec(output) ?? [];
    if (address !== undefined) announce(address);
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  child.stdin.on('error', () => {}); // It has ended already; `exited` says so.

  const app: App = {
    address: '',
    process: child,
    output: () => output,
    async stop() {
      child.stdin.end();
      const patience = setTimeout(() => killGroup(child), 5000);
      await exited;
      clearTimeout(patience);
      killGroup(child);
    },
  };
  const address = await Promise.race([
    listening,
    exited.then(() => Promise.reject(new Error(`${options.server} did not start:\n${output}`))),
    delay(30_000, undefined, { ref: false }).then(() => undefined),
  ]);
  if (address === undefined) {
    await app.stop();
    throw new Error(`${options.server} was not listening after 30 s:\n${output}`);
  }
  return { ...app, address: options.bind.startsWith('unix:') ? options.bind : address };
}

function gunicornArgs(bind: string): string[] {
  const process = ['--no-control-socket', '--graceful-timeout', '2', '--threads', '8'];
  return ['gunicorn', 'sample.wsgi', '--bind', bind, ...process];
}

function uvicornArgs(bind: string): string[] {
  const [, socket] = /^unix:(.*)$/.exec(bind) ?? [];
  const colon = bind.lastIndexOf(':');
  const where =
    socket === undefined
      ? ['--host', bind.slice(0, colon), '--port', bind.slice(colon + 1)]
      : ['--uds', socket];
  return [
    'uvicorn',
    'sample.asgi:application',
    ...where,
    '--timeout-graceful-shutdown',
    '1',
    '--no-access-log',
  ];
}
