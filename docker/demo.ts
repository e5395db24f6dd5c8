/**
 * `npm run demo`: the sample Django project under gunicorn with DEBUG off, media-serve in front of it, and three
 * things to try. Everything lives in a temporary directory and ends with Ctrl-C or SIGTERM.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareSite, startApp, USERS } from './demo-django.js';
import { findPython } from './demo-python.js';
import { startStandIn } from './demo-stand-in.js';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const SAMPLES = fileURLToPath(new URL('../media/', import.meta.url));
const PORT = 8080;

/** How long media-serve may finish what is under way before it is killed, in milliseconds. */
const PATIENCE = 3000;

/** What runs behind media-serve, as far as the demo has to know. */
interface Backend {
  /** For `--upstream`. */
  readonly address: string;
  /** The unix socket, for curl. */
  readonly socket: string;
  readonly kind: 'django' | 'stand-in';
  /** Arguments of media-serve that this app needs. */
  readonly args: readonly string[];
  /** Resolves with what it last wrote, should it end by itself. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

/** What has to be undone at the end, last thing first. */
const cleanups: (() => Promise<unknown>)[] = [];
const interrupted = new AbortController();
let ending = false;

const ignore = (): void => {};

async function end(code: number): Promise<void> {
  if (ending) return;
  ending = true;
  interrupted.abort();
  for (const cleanup of cleanups.reverse()) {
    await cleanup().catch((error: unknown) => console.error(error));
  }
  process.exit(code);
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'media-serve-demo-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const mediaRoot = join(directory, 'media');
  await cp(SAMPLES, mediaRoot, { recursive: true, preserveTimestamps: true });

  const starting = startBackend(directory, mediaRoot);
  // Whoever ends the demo while it is still starting waits until that has been undone.
  cleanups.push(() => starting.then((backend) => backend.stop(), ignore));
  const backend = await starting;
  const address = `127.0.0.1:${await freePort()}`;
  if (ending) return;

  const args = ['--root', mediaRoot, ...backend.args, '--upstream', backend.address, '--listen', address];
  // A process group of its own: Ctrl-C in a terminal reaches the demo, which ends things in good order.
  const front = spawn(process.execPath, [CLI, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  cleanups.push(() => stop(front));
  await answers(front, `http://${address}/`);

  console.log(await thingsToTry(`http://${address}`, backend));
  const reason = await Promise.race([
    once(front, 'exit').then(() => 'media-serve has ended.'),
    backend.ended.then((output) => `The app has ended:\n${output}`),
  ]);
  if (!ending) console.error(reason);
  await end(1);
}

async function startBackend(directory: string, mediaRoot: string): Promise<Backend> {
  const socket = join(directory, 'app.sock');
  const { signal } = interrupted;
  const python = await findPython(console.log, signal);
  signal.throwIfAborted();
  if ('missing' in python) {
    console.log(`No Django here: ${python.missing}.`);
    console.log('A small stand-in app, written for Node, takes its place.');
    const standIn = await startStandIn({ socket, mediaRoot });
    const ended = new Promise<never>(() => {});
    return { kind: 'stand-in', address: `unix:${socket}`, socket, args: [], ended, stop: standIn.stop };
  }
  console.log('Preparing the database and the static files …');
  const site = await prepareSite(python.path, directory, { signal });
  const app = await startApp(python.path, site, {
    server: 'gunicorn',
    bind: `unix:${socket}`,
    args: ['--workers', '2'],
  });
  const ended = once(app.process, 'exit').then(() => app.output());
  const args = ['--static-root', site.staticRoot];
  return { kind: 'django', address: app.address, socket, args, ended, stop: app.stop };
}

/** 8080 if it is free, else whatever is. */
async function freePort(): Promise<number> {
  for (const port of [PORT, 0]) {
    const probe = createServer();
    const found = await new Promise<number | undefined>((resolve) => {
      probe.once('error', () => resolve(undefined));
      probe.listen(port, '127.0.0.1', () => {
        const bound = probe.address();
        probe.close(() => resolve(bound !== null && typeof bound === 'object' ? bound.port : undefined));
      });
    });
    if (found !== undefined) return found;
    console.log(`Port ${port} is taken; another one will do.`);
  }
  throw new Error('no port is free on 127.0.0.1');
}

/** Waits until media-serve answers. */
async function answers(front: ChildProcess, url: string): Promise<void> {
  while (front.exitCode === null && !ending) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  if (!ending) throw new Error(`media-serve did not start (exit code ${front.exitCode})`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(patience);
}

async function thingsToTry(origin: string, { kind, socket }: Backend): Promise<string> {
  const photo = `${origin}/media/photo.jpg`;
  const etag = (await fetch(photo, { method: 'HEAD' })).headers.get('etag') ?? '"0-0"';
  const app = kind === 'django' ? 'Django, under gunicorn with DEBUG=False,' : 'The stand-in app';
  const login =
    kind === 'django'
      ? `   What needs a login works too: ${origin}/members/, user ${USERS.member}, password ${USERS.password}.`
      : '   (With Python 3.10 or later on this machine, it is a real Django, with a login too.)';
  return `
${app} behind media-serve: ${origin}/

1. Open ${origin}/ and upload a photo. It shows, and so do the samples; the video can be sought in.
${login}

2. Ask for a part of a photo, and for one that has not changed: 206 and 304.
   curl -s -o /dev/null -D - -r 0-999 ${photo}
   curl -s -o /dev/null -D - -H 'If-None-Match: ${etag}' ${photo}

3. Ask the app itself for that photo, past media-serve: 404. What it does answer arrives as it is written:
   curl -s -o /dev/null -D - --unix-socket ${socket} http://localhost/media/photo.jpg
   curl -N ${origin}/stream/

Ctrl-C ends it.
`;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    console.log('\nEnding …');
    void end(0);
  });
}

// Who has closed what we write to, such as `head`, means us, too; unheard, the error would end us before anything is undone.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => void end(0));

// npm and the shell between us die of SIGTERM without passing it on. Who ends them means us, too.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) void end(0);
}, 500).unref();

main().catch(async (error: unknown) => {
  if (!ending) console.error(error instanceof Error ? error.message : error);
  await end(1);
});
