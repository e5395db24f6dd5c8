/** What connections cost that are held open: by slow readers, by idle clients, by WebSockets. */
import { join } from 'node:path';
import { openIdle, openSlowReaders, openWebSockets } from '../clients.js';
import { get, toBytes } from '../http.js';
import { runWrk, writeRequests } from '../wrk.js';
import { type Bench, type Case, OTHERS, type Server } from './case.js';
import { onFreshServers, settledRss } from './fresh.js';

const SMALL_FILE = '/media/f4k.jpg';
const LARGE_FILE = '/media/large.mp4';

/** Connections of the load that measures the tail: some, but not so many that they only measure each other. */
const TAIL_CONNECTIONS = 8;

const SLOW_READERS: Case = {
  id: 'slow-readers',
  title:
    `p99 of the 4 KiB file (${TAIL_CONNECTIONS} connections) alone and beside 100 slow readers of the 100 MiB file; ` +
    'resident memory with 200 of them',
  needs: ['files'],
  maxRounds: 2,
  metrics: [
    { key: 'rss', label: 'RSS MiB', better: 'less', digits: 1, compare: 'headline' },
    { key: 'factor', label: 'p99 beside / alone', better: 'less', digits: 2, compare: 'headline' },
    { key: 'alone', label: 'p99 alone ms', better: 'less', digits: 3 },
    { key: 'beside', label: 'p99 beside ms', better: 'less', digits: 3 },
    OTHERS,
  ],
  async prepare(bench, target) {
    return onFreshServers(bench, target, {}, async (server) => {
      await measureTail(bench, server, 1); // Warm-up.
      const alone = await measureTail(bench, server, bench.seconds);
      const first = await openSlowReaders(server.origin, LARGE_FILE, 100);
      const beside = await measureTail(bench, server, bench.seconds);
      const second = await openSlowReaders(server.origin, LARGE_FILE, 100);
      const rss = await settledRss(server);
      for (const crowd of [first, second]) {
        crowd.assertAllOpen();
        crowd.close();
      }
      return { rss, alone, beside, factor: beside / alone };
    });
  },
};

const IDLE_COUNT = 10_000;

const IDLE_CONNECTIONS: Case = {
  id: 'idle-connections',
  title: `resident memory with ${IDLE_COUNT} idle keep-alive connections, each after one answer`,
  needs: ['files'],
  maxRounds: 1,
  metrics: [
    { key: 'rss', label: 'RSS MiB', better: 'less', digits: 1, compare: 'headline' },
    { key: 'each', label: 'KiB a connection', better: 'less', digits: 1 },
    OTHERS,
  ],
  async prepare(bench, target) {
    return onFreshServers(bench, target, { connections: IDLE_COUNT + 1000 }, async (server) => {
      const before = await settledRss(server);
      const crowd = await openIdle(server.origin, SMALL_FILE, IDLE_COUNT);
      const rss = await settledRss(server);
      crowd.assertAllOpen();
      crowd.close();
      return { rss, each: ((rss - before) * 1024) / IDLE_COUNT };
    });
  },
};

const WEBSOCKET_COUNT = 1000;

const WEBSOCKETS: Case = {
  id: 'websockets',
  title: `memory that each of ${WEBSOCKET_COUNT} open WebSockets adds, proxied, each after one echoed message`,
  needs: ['proxy'],
  maxRounds: 2,
  metrics: [
    { key: 'each', label: 'KiB a connection', better: 'less', digits: 1, compare: 'headline' },
    { key: 'rss', label: 'RSS MiB', better: 'less', digits: 1 },
    OTHERS,
  ],
  async prepare(bench, target) {
    return onFreshServers(bench, target, { upstream: bench.stubs.app, connections: 4096 }, async (server) => {
      const before = await settledRss(server);
      const crowd = await openWebSockets(server.origin, '/websocket', WEBSOCKET_COUNT);
      const rss = await settledRss(server);
      crowd.assertAllOpen();
      crowd.close();
      return { rss, each: ((rss - before) * 1024) / WEBSOCKET_COUNT };
    });
  },
};

export const CONNECTION_CASES: readonly Case[] = [SLOW_READERS, IDLE_CONNECTIONS, WEBSOCKETS];

/** Milliseconds in which 99 of 100 requests for the small file are answered. */
async function measureTail(bench: Bench, server: Server, seconds: number): Promise<number> {
  const requests = join(bench.workspace.folder('wrk'), 'requests');
  writeRequests(requests, [toBytes(get(SMALL_FILE), server.origin)]);
  const result = await runWrk(server.origin, requests, { connections: TAIL_CONNECTIONS, seconds });
  const errors = result.statusErrors + result.socketErrors;
  if (errors > 0) throw new Error(`${errors} of ${result.requests} requests for ${SMALL_FILE} failed`);
  return result.p99 / 1000;
}
