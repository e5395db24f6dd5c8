/**
 * docker/compose-s3.yaml and kubernetes-s3.yaml without an engine: the app and two servers as processes, by their own commands,
 * arguments and variables, with Versity's gateway as the store. `npm run test:suites -- --only object-storage`
 */
import t, { type Test } from 'tap';
import { PROJECT } from '../../docker/demo-django.js';
import { run } from '../../docker/demo-python.js';
import { Visitor } from '../e2e/visitor.js';
import { freePorts } from '../support/port.js';
import { pythonOrSkip } from '../support/python.js';
import { environmentOf, head, type RealStore } from '../support/real-store.js';
import { startServer } from '../support/server.js';
import { requestsTo, startGateway } from '../support/versitygw.js';
import { type Container, documents, type KubernetesObject, named, podOf, textOf } from './manifests.js';
import { startDjango } from './processes.js';

type Variables = Readonly<Record<string, string>>;

/** What a file says of a site. */
interface Described {
  readonly bucket: string;
  readonly django: {
    readonly command: readonly string[];
    readonly env: Variables;
    readonly probe: readonly string[];
  };
  readonly server: { readonly args: readonly string[]; readonly env: Variables };
  /** Commands that are run to their end before the servers start. */
  readonly before: readonly { readonly command: readonly string[]; readonly env: Variables }[];
}

/** Of compose-s3.yaml. */
function composed(): Described {
  const [{ services }] = documents(textOf('compose-s3.yaml')) as [
    {
      services: {
        django: { environment: Variables; healthcheck: { test: readonly string[] } };
        'media-serve': { environment: Variables };
      };
    },
  ];
  const image = textOf('django/Dockerfile');
  const [, command = '[]'] = /^CMD (\[.*\])$/m.exec(image) ?? [];
  const own = [...image.matchAll(/^ENV (.*)$/gm)].flatMap(([, line = '']) =>
    line.split(' ').map((text) => text.split('=') as [string, string]),
  );
  const { environment, healthcheck } = services.django;
  return {
    bucket: environment['AWS_STORAGE_BUCKET_NAME'] ?? '',
    django: {
      command: JSON.parse(command) as string[],
      env: { ...Object.fromEntries(own), ...environment },
      probe: healthcheck.test.slice(1),
    },
    server: { args: [], env: services['media-serve'].environment },
    before: [],
  };
}

/** Of kubernetes-s3.yaml. */
function orchestrated(): Described {
  const objects = documents(textOf('kubernetes-s3.yaml')) as KubernetesObject[];
  const { data: bucket = {} } = objects.find(({ kind }) => kind === 'ConfigMap') ?? {};
  const [serving, app] = ['media-serve', 'django'].map((name) =>
    podOf('kubernetes-s3.yaml', undefined, name),
  );
  const server = named(serving?.containers ?? [])('media-serve');
  const django = named(app?.containers ?? [])('django');
  const ofIts = ({ env = [] }: Container): Variables =>
    Object.fromEntries(env.map(({ name, value = '' }) => [name, value]));
  return {
    bucket: bucket['AWS_STORAGE_BUCKET_NAME'] ?? '',
    django: {
      command: django.args,
      env: { SECRET_KEY: 'a secret', ...bucket, ...ofIts(django) },
      probe: django.startupProbe?.exec.command ?? [],
    },
    server: { args: server.args, env: bucket },
    before: (serving?.initContainers ?? []).map((container) => ({
      command: container.args,
      env: { SECRET_KEY: 'a secret', ...ofIts(container) },
    })),
  };
}

t.setTimeout(600_000);
for (const [name, describe] of [
  ['compose-s3.yaml', composed],
  ['kubernetes-s3.yaml', orchestrated],
] as const) {
  t.test(`${name} is a site with two servers over one bucket`, { timeout: 600_000 }, async (t) => {
    const python = await pythonOrSkip(t);
    if (python === undefined) return;
    await checkSite(t, python, await startGateway(t), describe());
  });
}

async function checkSite(
  t: Test,
  python: string,
  store: RealStore,
  { bucket, django, server, before }: Described,
): Promise<void> {
  const folder = t.testdir({ static: {}, media: {}, data: { protected: {} } });
  const [port] = await freePorts(1);
  /** What stands here for places of the file; compose takes what follows `:-` where a variable is not set. */
  const here = (text: string): string =>
    text
      .replace(/\$\{\w+:-(.*?)\}/g, '$1')
      .replace(/(?<=^|=)\/(?=(?:static|media|data)\b)/, `${folder}/`)
      .replace(/\b(?:0\.0\.0\.0|django):8000\b/, `127.0.0.1:${port}`);
  const variables = (all: Variables): Record<string, string> => ({
    ...Object.fromEntries(Object.entries(all).map(([name, value]) => [name, here(value)])),
    ...environmentOf(store),
    AWS_S3_ENDPOINT_URL: store.endpoint,
    AWS_S3_REGION_NAME: store.region,
  });
  for (const { command, env } of before) {
    const [, ...args] = command;
    t.equal(command[0], 'python');
    const itsEnv = { ...variables(env), STATIC_ROOT: here('/static') };
    await run(python, args.map(here), { cwd: PROJECT, env: itsEnv });
  }
  // They start without the app, which must know the address that visitors have.
  const [one, other] = await Promise.all(
    Array.from({ length: 2 }, async () => {
      const { port } = await startServer(t, server.args.map(here), { env: variables(server.env) });
      const visitor = new Visitor(`http://localhost:${port}`);
      t.teardown(() => visitor.leave());
      return visitor;
    }),
  );
  if (one === undefined || other === undefined) throw new Error('there are not two');
  const links = new URL(one.origin).host;
  await startDjango(t, python, {
    command: django.command.map(here),
    env: {
      PROTECTED_ROOT: here('/data/protected'),
      ...variables(django.env),
      AWS_S3_CUSTOM_DOMAIN: links,
      AWS_S3_URL_PROTOCOL: 'http:',
    },
    probe: django.probe.map((text) => text.replaceAll('8000', String(port))),
  });

  const { html, src, photo } = await one.uploadPhoto();
  t.equal(photo, 'a photo');
  t.match(src, new RegExp(`^http://${links}/media/uploads/`), 'the link is one of the site itself');
  const key = decodeURIComponent(new URL(src).pathname.slice(1));
  await head({ ...store, bucket }, key);
  const { pathname } = new URL(src);
  const [ofOne, ofOther] = [await one.get(pathname), await other.get(pathname)];
  t.equal(await ofOther.text(), await ofOne.text(), 'the other server has it, too');
  for (const field of ['etag', 'last-modified', 'cache-control'])
    t.equal(ofOther.headers.get(field), ofOne.headers.get(field), `of the same ${field}`);
  const [, href = ''] = /<link rel="stylesheet" href="([^"]+)"/.exec(html) ?? [];
  for (const visitor of [one, other]) t.equal((await visitor.get(href)).status, 200, href);

  // What the image's health check asks.
  const asked = (await requestsTo(store)).length;
  t.equal((await other.request('/media//', { method: 'HEAD' })).status, 404);
  t.equal((await requestsTo(store)).length, asked, 'health is no matter of the store');
}
