/**
 * Objects of a bucket: media-serve, which signs each request, beside nginx with proxy_pass to a bucket that is everybody's. The
 * store is a second nginx that checks no signature: it is the way through the server that is measured, and no store.
 */
import { openSlowReaders } from '../clients.js';
import { type Exchange, get } from '../http.js';
import { RANDOM_FILES } from '../workspace.js';
import { type Case, OTHERS } from './case.js';
import { onFreshServers, settledRss } from './fresh.js';
import { loadCase } from './load.js';

const OF_BUCKET = { needs: ['bucket'], upstream: 'fast', hasBucket: true } as const;

const SLOW_READERS = 200;

const BUCKET_SLOW_READERS: Case = {
  id: 'bucket-slow-readers',
  title: `resident memory with ${SLOW_READERS} clients that take nothing of an object of 100 MiB`,
  needs: ['bucket'],
  maxRounds: 2,
  metrics: [{ key: 'rss', label: 'RSS MiB', better: 'less', digits: 1, compare: 'headline' }, OTHERS],
  async prepare(bench, target) {
    const options = { upstream: bench.stubs.fast, hasBucket: true };
    return onFreshServers(bench, target, options, async (server) => {
      const crowd = await openSlowReaders(server.origin, '/bucket/large.mp4', SLOW_READERS);
      const rss = await settledRss(server);
      crowd.assertAllOpen();
      crowd.close();
      return { rss };
    });
  },
};

export const BUCKET_CASES: readonly Case[] = [
  loadCase({
    ...OF_BUCKET,
    id: 'bucket-20k',
    title: `${RANDOM_FILES} objects of 20 KB at random`,
    connections: 32,
    about: 'requests',
    exchanges: async ({ workspace }) =>
      Array.from({ length: RANDOM_FILES }, (_, index) => object(`random/${index}.jpg`, workspace.files.f20k)),
  }),
  loadCase({
    ...OF_BUCKET,
    id: 'bucket-large',
    title: 'one object of 100 MiB',
    connections: 8,
    about: 'bytes',
    exchanges: async ({ workspace }) => [object('large.mp4', workspace.files.large)],
  }),
  loadCase({
    ...OF_BUCKET,
    id: 'bucket-latency',
    title: 'one object of 4 KiB',
    connections: 1,
    about: 'latency',
    exchanges: async ({ workspace }) => [object('f4k.jpg', workspace.files.f4k)],
  }),
  BUCKET_SLOW_READERS,
];

function object(name: string, body: Buffer): Exchange {
  return { request: get(`/bucket/${name}`), status: 200, body };
}
