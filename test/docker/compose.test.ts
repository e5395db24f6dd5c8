/**
 * docker/compose.yaml without an engine: its two services as processes, by their variables and those of their images, and the
 * health check of Django.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import t from 'tap';
import { Visitor } from '../e2e/visitor.js';
import { freePorts } from '../support/port.js';
import { makeSite, pythonOrSkip, startDjango } from '../support/python.js';
import { startServer } from '../support/server.js';
import { documents, textOf } from './manifests.js';
import { loginByTls, startDjango as startContainer } from './processes.js';

interface Service {
  readonly environment: Readonly<Record<string, string>>;
}

interface Compose {
  readonly services: {
    readonly django: Service & {
      readonly healthcheck: { readonly test: readonly string[]; readonly start_period?: string };
    };
    readonly 'media-serve': Service;
  };
}

const [{ services }] = documents(textOf('compose.yaml')) as [Compose];

t.test('the two services are a site', { timeout: 400_000 }, async (t) => {
  const python = await pythonOrSkip(t);
  if (python === undefined) return;
  const folder = t.testdir({ media: {}, static: {}, data: { protected: {} } });
  const [port] = await freePorts(1);
  /** A value as it is here; compose takes what follows `:-` where a variable is not set. */
  const here = (text: string): string =>
    text
      .replace(/\$\{\w+:-(.*?)\}/g, '$1')
      .replace(/^\/(?=(?:media|static|data)\b)/, `${folder}/`)
      .replace(/\b(?:0\.0\.0\.0|django):8000\b/, `127.0.0.1:${port}`);
  const variables = (all: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(all).map(([name, value]) => [name, here(value)]));
  const image = textOf('django/Dockerfile');
  const [, command = '[]'] = /^CMD (\[.*\])$/m.exec(image) ?? [];
  const own = [...image.matchAll(/^ENV (.*)$/gm)].flatMap(([, line = '']) =>
    line.split(' ').map((text) => text.split('=') as [string, string]),
  );
  const { environment, healthcheck } = services.django;
  await startContainer(t, python, {
    command: (JSON.parse(command) as string[]).map(here),
    env: variables({ ...Object.fromEntries(own), ...environment }),
    probe: healthcheck.test.slice(1).map((text) => text.replaceAll('8000', String(port))),
  });
  const front = await startServer(t, [], { env: variables(services['media-serve'].environment) });
  const visitor = new Visitor(front.origin);
  t.teardown(() => visitor.leave());
  const { html, photo } = await visitor.uploadPhoto();
  t.equal(photo, 'a photo');
  const [, href = ''] = /<link rel="stylesheet" href="([^"]+)"/.exec(html) ?? [];
  t.equal((await visitor.get(href)).status, 200);

  await t.test('a form behind a proxy that speaks TLS needs the line that is commented there', async (t) => {
    const text = textOf('compose.yaml').replace(/^( +)# (?=MEDIA_SERVE_TRUST_PROXY)/m, '$1');
    const [commented] = documents(text) as [Compose];
    const env = variables(commented.services['media-serve'].environment);
    t.equal(await loginByTls(t, front.port, 'localhost'), 403, 'without it');
    t.equal(await loginByTls(t, (await startServer(t, [], { env })).port, 'localhost'), 302);
  });
});

t.test("Django's health check", { timeout: 400_000 }, async (t) => {
  const python = await pythonOrSkip(t);
  if (python === undefined) return;
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
