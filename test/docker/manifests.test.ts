// The compose file and the Kubernetes manifest: that they start the server as it is now, and lock it in.
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { parseAllDocuments } from 'yaml';
import { OPTIONS } from '../../src/config/options.js';
import { startServer } from '../support/server.js';

interface ComposeService {
  readonly environment: Record<string, string>;
  readonly ports?: readonly string[];
  readonly volumes: readonly string[];
  readonly depends_on?: Record<string, unknown>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
}

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly volumeMounts: readonly { name: string; mountPath: string; readOnly?: boolean }[];
  readonly lifecycle: {
    readonly preStop: { readonly exec: { readonly command: readonly [string, string] } };
  };
  readonly securityContext: Record<string, unknown>;
  readonly [probe: string]: unknown;
}

interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Record<string, unknown>;
  readonly containers: readonly Container[];
  readonly volumes: readonly { name: string }[];
}

function documents(name: string): unknown[] {
  const text = readFileSync(new URL(`../../docker/${name}`, import.meta.url), 'utf8');
  return [...parseAllDocuments(text)].map((document) => {
    const [error] = [...document.errors, ...document.warnings];
    if (error !== undefined) throw error;
    return document.toJS() as unknown;
  });
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

/** Seconds that requests under way may take by default. */
const drain = Number.parseInt(OPTIONS.shutdownTimeout.default ?? '', 10);

t.test('compose.yaml', async (t) => {
  const [file] = documents('compose.yaml') as [{ services: Record<string, ComposeService>; volumes: object }];
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
        t.equal(mode, path === '/tmp' ? undefined : 'ro', `${name} at ${path}`);
      }
      t.ok(server.volumes.some((volume) => volume.endsWith(':/tmp')));
    },
  );

  t.test('takes every privilege from the server', async (t) => {
    t.match(server, { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
  });

  t.test('waits longer than the server drains', async (t) => {
    t.ok(Number.parseInt(server.stop_grace_period ?? '', 10) > drain);
  });
});

t.test('kubernetes.yaml', async (t) => {
  const objects = documents('kubernetes.yaml') as { kind: string; spec: unknown }[];
  const deployment = objects.find(({ kind }) => kind === 'Deployment')?.spec as { template: { spec: Pod } };
  const pod = deployment.template.spec;
  const containers = Object.fromEntries(pod.containers.map((container) => [container.name, container]));
  const server = named(containers, 'media-serve');

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

  t.test(
    'waits longer than the server drains, and keeps the app until the server takes no more',
    async (t) => {
      const [ours, apps] = [server, named(containers, 'django')].map(({ lifecycle }) =>
        Number(lifecycle.preStop.exec.command[1]),
      );
      if (ours === undefined || apps === undefined) throw new Error('a container has no preStop');
      t.ok(pod.terminationGracePeriodSeconds > ours + drain);
      t.ok(apps > ours);
    },
  );
});
