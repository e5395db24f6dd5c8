// The compose file and the Kubernetes manifest with uploads in a bucket: that server and app mean the same bucket, that the server
// starts by what they say, and is locked in. They are run as a site by test/docker/object-storage.ts.
import t, { type Test } from 'tap';
import { startServer } from '../support/server.js';
import {
  type Container,
  documents,
  drain,
  type KubernetesObject,
  named,
  podOf,
  preStop,
  textOf,
  uncommented,
} from './manifests.js';

interface ComposeService {
  readonly environment: Readonly<Record<string, string>>;
  readonly deploy?: { readonly replicas: number };
  readonly ports?: readonly string[];
  readonly expose?: readonly string[];
  readonly volumes: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
}

/** What both must say alike. */
const SHARED = ['AWS_S3_ENDPOINT_URL', 'AWS_S3_REGION_NAME', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];

/** Starts the server by these, with a store that nobody is: pages are served all the same. */
async function checkStart(
  t: Test,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const folder = t.testdir({ static: {} });
  const here = (text: string): string =>
    text.replace(/(?<=^|=)\/static$/, `${folder}/static`).replace(/^https?:\/\/.*$/, 'http://127.0.0.1:1');
  const server = await startServer(t, args.map(here), {
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, here(value)])),
  });
  const line = await server.logged(({ level }) => Number(level) >= 50);
  t.match(line['msg'], /http:\/\/127\.0\.0\.1:1 refuses the connection/, 'it has asked for the bucket');
}

t.test('compose-s3.yaml', async (t) => {
  const [file] = documents(textOf('compose-s3.yaml')) as [
    { services: Record<'store' | 'django' | 'media-serve', ComposeService>; volumes: object },
  ];
  const { store, django, 'media-serve': server } = file.services;

  t.test('gives the server settings that it starts with', (t) => checkStart(t, [], server.environment));

  t.test('server and app mean the same bucket of the same store', async (t) => {
    t.equal(server.environment['MEDIA_ROOT'], `s3://${django.environment['AWS_STORAGE_BUCKET_NAME']}/media`);
    for (const name of SHARED) t.equal(server.environment[name], django.environment[name], name);
    const { hostname, port } = new URL(server.environment['AWS_S3_ENDPOINT_URL'] ?? '');
    t.ok(hostname in file.services);
    t.same(store.expose, [port]);
    t.equal(store.environment['ROOT_ACCESS_KEY_ID'], server.environment['AWS_ACCESS_KEY_ID']);
    t.equal(store.environment['ROOT_SECRET_ACCESS_KEY'], server.environment['AWS_SECRET_ACCESS_KEY']);
  });

  t.test('publishes a port for each of two servers, and nothing else; links lead to the first', async (t) => {
    t.equal(server.deploy?.replicas, 2);
    t.same(server.ports, ['127.0.0.1:8080-8081:8080']);
    t.same([store.ports, django.ports], [undefined, undefined]);
    t.match(django.environment['AWS_S3_CUSTOM_DOMAIN'], 'localhost:8080');
  });

  t.test('shares volumes that are declared, and none for uploads', async (t) => {
    for (const volume of [...store.volumes, ...django.volumes, ...server.volumes]) {
      const [name = ''] = volume.split(':');
      t.ok(name === '/tmp' || name in file.volumes, volume);
    }
    t.same(server.volumes, ['static:/static:ro,nocopy', '/tmp']);
  });

  t.test('takes every privilege from the server, and waits longer than it drains', async (t) => {
    t.match(server, { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    t.ok(Number.parseInt(server.stop_grace_period ?? '', 10) > drain);
  });
});

t.test('kubernetes-s3.yaml', async (t) => {
  const text = textOf('kubernetes-s3.yaml');
  const objects = documents(text) as KubernetesObject[];
  const find = (wanted: string, name: string): KubernetesObject => {
    const found = objects.find(({ kind, metadata }) => kind === wanted && metadata.name === name);
    if (found === undefined) throw new Error(`there is no ${wanted} ${name}`);
    return found;
  };
  const pod = podOf('kubernetes-s3.yaml', undefined, 'media-serve');
  const server = named(pod.containers)('media-serve');
  const django = named(podOf('kubernetes-s3.yaml', undefined, 'django').containers)('django');
  const { data: bucket = {} } = find('ConfigMap', 'bucket');

  t.test(
    'gives the server arguments and variables that it starts with, the commented one among them',
    (t) => {
      const all = documents(text.replace(/# (?=AWS_S3_ENDPOINT_URL)/, '')) as KubernetesObject[];
      const { data = {} } = all.find(({ kind }) => kind === 'ConfigMap') ?? {};
      t.ok('AWS_S3_ENDPOINT_URL' in data);
      return checkStart(t, server.args, { ...data, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' });
    },
  );

  t.test('server and app mean the same bucket, each with keys of its own', async (t) => {
    t.ok(server.args.includes(`--root=s3://${bucket['AWS_STORAGE_BUCKET_NAME']}/media`));
    const [head = ''] = text.split('apiVersion');
    const secrets = ({ envFrom = [] }: Container): string[] =>
      envFrom.flatMap(({ secretRef }) => (secretRef === undefined ? [] : [secretRef.name]));
    for (const container of [server, django])
      t.ok(container.envFrom?.some(({ configMapRef }) => configMapRef?.name === 'bucket'));
    t.same(secrets(server), ['reads-bucket']);
    t.same(secrets(django), ['writes-bucket', 'site']);
    for (const name of [...secrets(server), ...secrets(django)])
      t.match(head, `kubectl create secret generic ${name} --from-literal=`);
  });

  t.test('two pods or more serve, and Django is reached by them alone', async (t) => {
    t.match(find('Deployment', 'media-serve').spec, { replicas: 2 });
    t.match(find('Service', 'site').spec, { selector: { app: 'media-serve' } });
    t.match(find('Service', 'django').spec, { selector: { app: 'django' }, ports: [{ port: 8000 }] });
    t.ok(server.args.includes('--upstream=django:8000'));
    t.match(find('NetworkPolicy', 'django').spec, {
      podSelector: { matchLabels: { app: 'django' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'media-serve' } } }] }],
    });
  });

  t.test('has static files collected before the server starts, from the image of the app', async (t) => {
    const [collect] = pod.initContainers ?? [];
    t.equal(collect?.image, django.image);
    t.ok(collect?.args.includes('collectstatic'));
    t.same(
      collect?.volumeMounts.map(({ name }) => name),
      ['static'],
    );
    const declared = pod.volumes.map(({ name }) => name);
    for (const { name, mountPath, readOnly } of server.volumeMounts) {
      t.ok(declared.includes(name), `${name} is declared`);
      t.equal(readOnly, mountPath === '/tmp' ? undefined : true, `${name} at ${mountPath}`);
    }
  });

  t.test('takes every privilege from the server, and no probe asks the store', async (t) => {
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
    t.ok(pod.terminationGracePeriodSeconds > preStop(server) + drain);
  });

  t.test('has the images of kubernetes.yaml, and what is commented fits in', async (t) => {
    const other = podOf('kubernetes.yaml');
    const images = named([...(other.initContainers ?? []), ...other.containers]);
    t.equal(server.image, images('media-serve').image);
    t.equal(django.image, images('django').image);
    for (const { image } of [server, django])
      t.match(text, new RegExp(`docker build -t ${image.replaceAll('.', '\\.')} `));
    const { args } = named(podOf('kubernetes-s3.yaml', uncommented, 'media-serve').containers)('media-serve');
    t.same(
      args.filter((argument) => !server.args.includes(argument)),
      ['--trust-proxy=private'],
    );
  });
});
