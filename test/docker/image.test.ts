// The image without an engine: its health check is run against a real server, and what it copies must be there.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { startServer } from '../support/server.js';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');
const dockerfile = read('docker/Dockerfile').replaceAll(/\\\n\s*/g, '');

/** The JSON array after an instruction in its exec form. */
function execForm(instruction: RegExp): string[] {
  const [, json] = new RegExp(`^${instruction.source}.*?(\\[.*\\])$`, 'm').exec(dockerfile) ?? [];
  if (json === undefined) throw new Error(`no ${instruction.source} in exec form`);
  return JSON.parse(json) as string[];
}

const [healthCommand, ...healthArguments] = execForm(/HEALTHCHECK/);

/** Runs the image's health check with these variables and resolves with its exit code. */
async function checkHealth(t: Test, env: Record<string, string>): Promise<number | null> {
  t.equal(healthCommand, 'node');
  const child: ChildProcess = spawn(process.execPath, healthArguments, { env, stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'exit');
  return child.exitCode;
}

const served: readonly {
  name: string;
  env: Record<string, string>;
  listen: (port: number) => Record<string, string>;
}[] = [
  { name: 'with no variable but the port', env: {}, listen: (port) => ({ PORT: String(port) }) },
  { name: 'with an address', env: {}, listen: (port) => ({ MEDIA_SERVE_LISTEN: `127.0.0.1:${port}` }) },
  {
    name: 'with a MEDIA_URL without slashes',
    env: { MEDIA_URL: 'uploads' },
    listen: (port) => ({ MEDIA_SERVE_LISTEN: `:${port}` }),
  },
  {
    name: 'with a MEDIA_URL that is a full URL',
    env: { MEDIA_URL: 'https://cdn.example.com/uploads/' },
    listen: (port) => ({ PORT: String(port) }),
  },
];

t.test('the health check accepts a running server and leaves the app alone', async (t) => {
  for (const { name, env, listen } of served) {
    await t.test(name, async (t) => {
      let asked = 0;
      const app = createServer((_request, response) => {
        asked += 1;
        response.end('app');
      }).listen(0, '127.0.0.1');
      await once(app, 'listening');
      t.teardown(() => app.close());
      const { port } = app.address() as AddressInfo;
      const server = await startServer(t, ['--root', t.testdir({}), '--upstream', `127.0.0.1:${port}`], {
        env,
      });
      t.equal(await checkHealth(t, { ...env, ...listen(server.port) }), 0);
      t.equal(asked, 0);
    });
  }
});

t.test('the health check fails where nobody listens', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  taken.close();
  await once(taken, 'close');
  t.equal(await checkHealth(t, { PORT: String(port) }), 1);
});

t.test('the image starts the built command with node as its first process', async (t) => {
  t.same(execForm(/ENTRYPOINT/), ['node', '/app/dist/cli.js']);
  t.match(dockerfile, /^COPY --from=build \/app\/dist \.\/dist$/m);
});

t.test('the image runs as a numbered user that is not root', async (t) => {
  t.match(dockerfile, /^USER [1-9]\d*:[1-9]\d*$/m);
});

t.test('what the image copies exists and is part of the build context', async (t) => {
  const context = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = '']) =>
    sources.split(' '),
  );
  t.not(copied.length, 0);
  for (const source of copied) {
    t.ok(existsSync(new URL(source, ROOT)), `${source} exists`);
    t.ok(context.includes(source), `${source} is let through`);
  }
});
