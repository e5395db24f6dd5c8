// The compose file and the Kubernetes manifest: that they start the server as it is now, and lock it in.
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { startServer } from '../support/server.js';
import {
  documents,
  drain,
  isSidecar,
  type KubernetesObject,
  named as namedContainer,
  podOf,
  preStop,
  textOf,
  uncommented,
} from './manifests.js';

interface ComposeService {
  readonly environment: Record<string, string>;
  readonly ports?: readonly string[];
  readonly volumes: readonly string[];
  readonly depends_on?: Record<string, { readonly condition: string }>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
}

/** The value under this name, or a failure that says what is missing. */
function named<T>(things: Readonly<Record<string, T>>, name: string): T {
  const thing = things[name];
  if (thing === undefined) throw new Error(`there is no ${name}, only ${Object.keys(things)}`);
  return thing;
}

/** Puts a folder of the test's own where the container would see one of its mounts. */
function withFolders(t: Test, text: string): string {
  return text.replace(/(?<=^|=)\/(?:media|static)$/, (path) => t.testdir({ media: {}, static: {} }) + path);
}

t.test('compose.yaml', async (t) => {
  const [file] = documents(textOf('compose.yaml')) as [
    { services: Record<string, ComposeService>; volumes: object },
  ];
  const server = named(file.services, 'media-serve');

  t.test('gives the server settings that it starts with', async (t) => {
    const env = Object.entries(server.environment).map(([name, value]) => [name, withFolders(t, value)]);
    const { log } = await startServer(t, [], { env: Object.fromEntries(env) as Record<string, string> });
    t.ok(log.some((line) => line['msg'] === 'listening'));
  });

  t.test('names an upstream that is one of its services and is not published itself', async (t) => {
    const [host = ''] = (server.environment['MEDIA_SERVE_UPSTREAM'] ?? '').split(':');
    t.ok(host in (server.depends_on ?? {}));
    t.equal(named(file.services, host).ports, undefined);
  });

  t.test(
    'shares volumes that are declared; the server may read them, and write what it puts aside',
    async (t) => {
      for (const volume of server.volumes) {
        const [name = '', path, mode] = volume.split(':');
        t.ok(name in file.volumes, `${name} is declared`);
        // An empty volume belongs to whose image was there last, which must be Django's.
        t.equal(mode, path === '/tmp' ? undefined : 'ro,nocopy', `${name} at ${path}`);
      }
      t.ok(server.volumes.some((volume) => volume.endsWith(':/tmp')));
    },
  );

  t.test('starts the server whatever Django is doing, and stops it before Django', async (t) => {
    t.same(server.depends_on, { django: { condition: 'service_started' } });
  });

  t.test('takes every privilege from the server', async (t) => {
    t.match(server, { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
  });

  t.test('waits longer than the server drains', async (t) => {
    t.ok(Number.parseInt(server.stop_grace_period ?? '', 10) > drain);
  });
});

t.test('kubernetes.yaml', async (t) => {
  const pod = podOf('kubernetes.yaml');
  const find = namedContainer([...(pod.initContainers ?? []), ...pod.containers]);
  const server = find('media-serve');

  t.test('gives the server arguments that it starts with', async (t) => {
    const { log } = await startServer(
      t,
      server.args.map((argument) => withFolders(t, argument)),
    );
    t.ok(log.some((line) => line['msg'] === 'listening'));
  });

  t.test(
    'mounts volumes that are declared; the server may read them, and write what it puts aside',
    async (t) => {
      const declared = pod.volumes.map(({ name }) => name);
      for (const { name, mountPath, readOnly } of server.volumeMounts) {
        t.ok(declared.includes(name), `${name} is declared`);
        t.equal(readOnly, mountPath === '/tmp' ? undefined : true, `${name} at ${mountPath}`);
      }
      t.ok(server.volumeMounts.some(({ mountPath }) => mountPath === '/tmp'));
    },
  );

  t.test('takes every privilege from the server and probes it', async (t) => {
    t.match(pod.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    t.match(server, {
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
      readinessProbe: { tcpSocket: { port: 'http' } },
      livenessProbe: { tcpSocket: { port: 'http' } },
    });
  });

  t.test('Django starts first and stops last', async (t) => {
    t.ok(isSidecar(find('django')));
    t.notOk(isSidecar(server));
    t.ok(pod.terminationGracePeriodSeconds > preStop(server) + drain);
  });

  t.test('says how each of its images is built, and given to a cluster', async (t) => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    t.equal(server.image, `media-serve:${version}`);
    const [head = ''] = textOf('kubernetes.yaml').split('apiVersion');
    const [builds, loads] = [/docker build/, /kind load|image load|docker save/].map((command) =>
      head.split('\n').filter((line) => command.test(line)),
    );
    for (const { image } of [server, find('django')]) {
      t.equal(builds?.filter((line) => line.includes(` -t ${image} `)).length, 1, image);
      t.equal(loads?.filter((line) => line.includes(` ${image}`)).length, 3, image);
    }
  });

  t.test('what is commented fits in', async (t) => {
    const objects = documents(uncommented(textOf('kubernetes.yaml'))) as KubernetesObject[];
    const ingress = objects.find(({ kind }) => kind === 'Ingress');
    const service = objects.find(({ kind }) => kind === 'Service');
    const { ports = [] } = (service?.spec ?? {}) as { ports?: { name: string }[] };
    const backend = { service: { name: service?.metadata.name, port: { name: ports[0]?.name } } };
    const env = find('django').env?.find(({ name }) => name === 'ALLOWED_HOSTS');
    const names = env?.value?.split(',') ?? [];
    t.match(ingress?.spec, {
      tls: [{ hosts: [names[0]] }],
      rules: [{ host: names[0], http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
    });
    t.ok(names.includes('localhost'), 'for port-forward');
    const { args } = namedContainer(podOf('kubernetes.yaml', uncommented).containers)('media-serve');
    t.same(
      args.filter((argument) => !server.args.includes(argument)),
      ['--trust-proxy=private'],
    );
  });
});
