/**
 * A roll-out of docker/kubernetes.yaml without a cluster: its containers are run as processes, by their own arguments and
 * variables, and told to stop as the kubelet does it. Time is counted and not waited for: what counts is who stops when.
 */
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { freePorts } from '../support/port.js';
import { pythonOrSkip } from '../support/python.js';
import { openConnection, parseResponse, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import {
  type Container,
  drain,
  isSidecar,
  named,
  type Pod,
  podOf,
  preStop,
  uncommented,
} from './manifests.js';
import { loginByTls, type Running, startDjango } from './processes.js';

/** Where Django is to its pod. */
const APP = '127.0.0.1:8000';

/** Seconds after the pod was told to stop: an upload that takes its time is complete. */
const UPLOADED = 20;

/** gunicorn's `graceful_timeout`, in seconds, which the manifest leaves as it is. */
const GUNICORN = 30;

interface RunningPod {
  readonly port: number;
  readonly containers: ReadonlyMap<string, Running>;
}

/** Starts both: the app first, as its startup probe says when the other may come. */
async function startPod(
  t: Test,
  python: string,
  { initContainers = [], containers }: Pod,
): Promise<RunningPod> {
  const folder = t.testdir({ media: {}, static: {}, data: {} });
  const [port] = await freePorts(1);
  const app = `127.0.0.1:${port}`;
  const here = (text: string): string =>
    text.replaceAll(APP, app).replace(/(?<=^|=)\/(?:media|static|data)\b/, (path) => folder + path);
  const all = named([...initContainers, ...containers]);
  const { args, env = [], startupProbe } = all('django');
  const django = await startDjango(t, python, {
    command: args.map(here),
    env: {
      PROTECTED_ROOT: here('/data'),
      ...Object.fromEntries(env.map(({ name, value = 'a secret' }) => [name, here(value)])),
    },
    probe: (startupProbe?.exec.command ?? []).map((text) => text.replaceAll('8000', String(port))),
  });
  const server = await startServer(t, all('media-serve').args.map(here));
  const front: Running = {
    process: server.process,
    exited: once(server.process, 'exit'),
    async terminate() {
      server.process.kill();
      await server.logged(({ msg }) => String(msg).startsWith('stopping'));
    },
  };
  return {
    port: server.port,
    containers: new Map([
      ['django', django],
      ['media-serve', front],
    ]),
  };
}

/**
 * Stops the pod as the kubelet does: each container is told when its own preStop is over, a native sidecar not before all
 * containers have ended, and of these the last one first.
 * @param upload what else happens, UPLOADED seconds after the first word
 */
async function stopPod(pod: Pod, running: RunningPod, upload: () => Promise<void>): Promise<void> {
  const find = ({ name }: Container): Running => {
    const found = running.containers.get(name);
    if (found === undefined) throw new Error(`${name} does not run`);
    return found;
  };
  const steps = pod.containers.map((container) => ({
    at: preStop(container),
    run: () => find(container).terminate(),
  }));
  steps.push({ at: UPLOADED, run: upload });
  for (const { run } of steps.sort((one, other) => one.at - other.at)) await run();
  await Promise.all(pod.containers.map((container) => find(container).exited));
  for (const sidecar of (pod.initContainers ?? []).filter(isSidecar).reverse())
    await find(sidecar).terminate();
}

/** Begins an upload, stops the pod while it is on its way, and resolves with the answer's status. */
async function uploadDuringRollout(t: Test, python: string, pod: Pod): Promise<number> {
  const running = await startPod(t, python, pod);
  const page = await rawRequest(
    running.port,
    'GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n',
  );
  t.equal(page.status, 200);
  const half = 'x'.repeat(100_000);
  const client = await openConnection(t, running.port);
  client.socket.write(
    `POST /echo/ HTTP/1.1\r\nHost: example.com\r\nContent-Length: ${2 * half.length}\r\nExpect: 100-continue\r\n\r\n`,
  );
  await client.until((received) => received.includes('100 Continue'));
  client.socket.write(half);
  await stopPod(pod, running, async () => {
    client.socket.write(half);
    await client.closed();
  });
  const last = client.received().split('100 Continue\r\n\r\n').at(-1) ?? '';
  const { status, body } = parseResponse(Buffer.from(last, 'latin1'));
  if (status === 200) t.match(JSON.parse(body.toString()), { body: { length: 2 * half.length } });
  return status;
}

t.test('a roll-out on Kubernetes', { timeout: 400_000 }, async (t) => {
  const python = await pythonOrSkip(t);
  if (python === undefined) return;
  const pod = podOf('kubernetes.yaml');

  await t.test('an upload that is on its way when the pod is told to stop arrives', async (t) => {
    t.equal(await uploadDuringRollout(t, python, pod), 200);
  });

  await t.test(
    'the grace period covers the longest stop: waiting, draining, and gunicorn after it',
    async (t) => {
      const longest = Math.max(...pod.containers.map(preStop)) + drain + GUNICORN;
      t.ok(pod.terminationGracePeriodSeconds > longest, `${longest} s`);
    },
  );

  await t.test('with both told beside each other it is lost, for comparison', async (t) => {
    const [django, ...others] = pod.initContainers ?? [];
    if (django === undefined) throw new Error('Django is no sidecar');
    const beside: Container = { ...django, lifecycle: { preStop: { exec: { command: ['sleep', '10'] } } } };
    const old: Pod = { ...pod, initContainers: others, containers: [beside, ...pod.containers] };
    t.equal(await uploadDuringRollout(t, python, old), 502);
  });

  await t.test(
    'a form behind an Ingress that speaks TLS needs the line that is commented there',
    async (t) => {
      const commented = podOf('kubernetes.yaml', uncommented);
      for (const [what, each, status] of [
        ['without', pod, 403],
        ['with', commented, 302],
      ] as const) {
        await t.test(what, async (t) => {
          t.equal(await loginByTls(t, (await startPod(t, python, each)).port, 'example.com'), status);
        });
      }
    },
  );
});
