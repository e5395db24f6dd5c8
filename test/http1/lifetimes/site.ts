/** The server whose connections are counted, with short time limits, and the app behind it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type RawApp, startRawApp } from '../raw-app.js';
import { RawClient, type Target } from '../raw-client.js';
import {
  type ChangedTimes,
  type CountedServer,
  type Descriptors,
  type NodeResources,
  startCounted,
} from './server-resources.js';
import { type Group, MEASURES_MEMORY } from './table.js';

export interface Site {
  readonly server: CountedServer;
  readonly app: RawApp;
  /** Where clients find it. */
  readonly target: Target;
  /** The server's time limits are so long, in milliseconds, or shorter where nothing can happen before. */
  readonly limit: number;
  /** Resolves when the server has read all that was sent to it before. */
  probe(): Promise<void>;
  /** Before the first row. */
  readonly before: Descriptors;
  /** After the last row. */
  last: NodeResources;
}

/**
 * Starts both for the rows of a group.
 * @param root the directory with the files in `media`
 * @param limit how long a time limit is that is met, in milliseconds
 */
export async function startSite(t: Test, group: Group, root: string, limit: number): Promise<Site> {
  const { args, endsByLimits = false, unixSocket, preface = '' } = group;
  const app = await startRawApp(t, unixSocket === 'app' ? socketPath(t) : undefined);
  const path = unixSocket === 'clients' ? socketPath(t) : undefined;
  const options = ['--root', join(root, 'media'), '--spool-dir', root, '--upstream', app.address];
  const limits = endsByLimits ? limitOptions(limit) : [];
  const server = await startCounted(t, [...options, ...limits, ...args], root, {
    times: timesOf(limit, endsByLimits),
    measuresMemory: MEASURES_MEMORY,
    ...(path === undefined ? {} : { listen: `unix:${path}` }),
  });
  const target = path === undefined ? server.port : { path };
  const probe = async (): Promise<void> => {
    const client = new RawClient(target);
    client.socket.write(`${preface}HEAD /media/a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    await client.closed;
  };
  await probe();
  const last = await server.nodeResources();
  return { server, app, target, limit, probe, before: server.descriptors(), last };
}

function limitOptions(limit: number): string[] {
  return ['--keep-alive-timeout', '--send-timeout', '--read-timeout', '--upstream-send-timeout'].flatMap(
    (name) => [name, `${limit}ms`],
  );
}

/**
 * Those that are no options. A client that is waited for at the end has its answer already; one that sends a head must meet
 * the limit of the head before that of an idle connection.
 */
function timesOf(limit: number, endsByLimits: boolean): ChangedTimes {
  const half = limit / 2;
  return {
    client: {
      ...{ lingeringTimeout: half, lingeringTime: limit, resetDelay: half },
      ...(endsByLimits ? { headTimeout: half } : {}),
    },
    app: { idleTimeout: limit, discardTimeout: limit },
    introduction: limit,
  };
}

/** In a directory of its own: a path in the project's may be longer than the kernel allows. */
function socketPath(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'lifetimes-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'socket');
}
