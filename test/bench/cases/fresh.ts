/** Cases in which every sample comes from a server started for it: no server gives back all memory it once had. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startMeter } from '../meter.js';
import type { Bench, Prepared, Sample, Server, StartOptions, Target } from './case.js';

const SETTLE_MILLISECONDS = 1000;

/** Adds to each sample what other processes did on the core. */
export function onFreshServers(
  bench: Bench,
  target: Target,
  options: StartOptions,
  measure: (server: Server) => Promise<Sample>,
): Prepared {
  return {
    async sample() {
      const stopMeter = startMeter(bench.cores.server);
      const server = await target.start(options);
      try {
        const sample = await measure(server);
        return { ...sample, others: stopMeter(server.running).others };
      } finally {
        await server.running.stop();
      }
    },
    async close() {},
  };
}

/** Resident memory in MiB, after a second in which start-up or the last requests have come to rest. */
export async function settledRss(server: Server): Promise<number> {
  await sleep(SETTLE_MILLISECONDS);
  return server.running.rssBytes() / 2 ** 20;
}
