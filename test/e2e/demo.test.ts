/** `npm run demo`, as far as it goes after the build: it comes up, shows what it promises, and leaves nothing. */
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { spawnChild } from '../support/child.js';
import { pythonOrSkip } from '../support/python.js';

const DEMO = fileURLToPath(new URL('../../docker/demo.ts', import.meta.url));
const PHOTO = fileURLToPath(new URL('../../media/photo.jpg', import.meta.url));

interface Demo {
  readonly origin: string;
  readonly text: string;
  /** Reads no more of what it writes, as `head` does. */
  hangUp(): void;
  /** Ends it and returns the exit code and what it left in its temporary directory. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; left: string[] }>;
}

async function startDemo(t: Test, env: Record<string, string>): Promise<Demo> {
  const temporary = await mkdtemp(join(tmpdir(), 'demo-'));
  t.teardown(() => rm(temporary, { recursive: true, force: true }));
  const child = spawnChild(process.execPath, ['--import=tsx', DEMO], {
    env: { ...process.env, TMPDIR: temporary, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  let text = '';
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      if (text.includes('Ctrl-C ends it.')) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    exited.then(() => reject(new Error(`the demo ended:\n${text}`)), reject);
  });
  const [, origin = ''] = /behind media-serve: (http:\S+)\//.exec(text) ?? [];
  return {
    origin,
    text,
    hangUp() {
      child.stdout.destroy();
      child.stderr.destroy();
    },
    async end(signal) {
      child.kill(signal);
      await exited;
      // tsx keeps its compiled files there, too.
      const left = (await readdir(temporary)).filter((name) => name.startsWith('media-serve'));
      return { code: child.exitCode, left };
    },
  };
}

async function isGone(origin: string): Promise<boolean> {
  return fetch(origin).then(
    () => false,
    () => true,
  );
}

const cases = [
  { app: 'Django', env: {}, signal: 'SIGINT' },
  { app: 'the stand-in app', env: { PYTHON: '/no/python/here' }, signal: 'SIGTERM' },
] as const;

for (const { app, env, signal } of cases) {
  await t.test(`with ${app} the demo shows the samples and ${signal} ends all of it`, async (t) => {
    if (app === 'Django' && (await pythonOrSkip(t)) === undefined) return;
    const demo = await startDemo(t, env);
    t.equal(demo.text.includes('stand-in'), app !== 'Django', 'the output says what it is');

    const page = await fetch(demo.origin);
    t.equal(page.status, 200);
    await page.text();
    const photo = await fetch(`${demo.origin}/media/photo.jpg`);
    t.ok((await readFile(PHOTO)).equals(Buffer.from(await photo.arrayBuffer())));
    const [, etag = ''] = /If-None-Match: ([^']+)'/.exec(demo.text) ?? [];
    const unchanged = await fetch(`${demo.origin}/media/photo.jpg`, { headers: { 'if-none-match': etag } });
    t.equal(unchanged.status, 304, 'the ETag in the printed command is the right one');

    const { code, left } = await demo.end(signal);
    t.equal(code, 0);
    t.same(left, []);
    t.ok(await isGone(demo.origin));
  });
}

await t.test('it leaves nothing either when nobody reads what it writes any more', async (t) => {
  const demo = await startDemo(t, { PYTHON: '/no/python/here' });
  demo.hangUp();
  const { code, left } = await demo.end('SIGINT');
  t.equal(code, 0);
  t.same(left, []);
  t.ok(await isGone(demo.origin));
});
