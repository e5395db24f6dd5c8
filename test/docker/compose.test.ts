/** The health check of Django in docker/compose.yaml, run beside the real Django. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import t from 'tap';
import { makeSite, pythonOrSkip, startDjango } from '../support/python.js';
import { documents, textOf } from './manifests.js';

interface Compose {
  readonly services: Readonly<
    Record<
      'django',
      { readonly healthcheck: { readonly test: readonly string[]; readonly start_period?: string } }
    >
  >;
}

t.test("Django's health check", { timeout: 400_000 }, async (t) => {
  const python = await pythonOrSkip(t);
  if (python === undefined) return;
  const [{ services }] = documents(textOf('compose.yaml')) as [Compose];
  const { test, start_period: startPeriod } = services.django.healthcheck;

  /** Runs the check as if Django's port were this one, and resolves with its exit code. */
  const check = async (port: number | string): Promise<number | null> => {
    const [how, command, ...rest] = test.map((text) => text.replaceAll('8000', String(port)));
    t.same([how, command], ['CMD', 'python']);
    const child = execFile(python, rest);
    await once(child, 'close');
    return child.exitCode;
  };

  await t.test('holds whatever ALLOWED_HOSTS has', async (t) => {
    const site = await makeSite(t, python, { ALLOWED_HOSTS: 'www.example.com' });
    const { address } = await startDjango(t, python, site, 'gunicorn on TCP');
    const port = address.split(':')[1] ?? '';
    t.equal((await fetch(`http://localhost:${port}/`)).status, 400, 'Django refuses this name');
    t.equal(await check(port), 0);
  });

  await t.test('fails where nobody listens', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const found = taken.address();
    taken.close();
    await once(taken, 'close');
    t.equal(await check(typeof found === 'object' ? (found?.port ?? 0) : 0), 1);
  });

  await t.test('has time for migrations', async (t) => {
    t.match(startPeriod, /^\d+m$/);
  });
});
