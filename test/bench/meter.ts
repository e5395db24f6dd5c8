/** CPU time on one core: what the server took of it, and what other processes did meanwhile. */
import { coreBusySeconds, type Running } from './proc.js';

export interface Reading {
  /** CPU time of the server, in seconds. */
  readonly own: number;
  /** Percent of the core that the server took. */
  readonly busy: number;
  /** Percent of the core that other processes took: above a few, they have touched the figures. */
  readonly others: number;
}

/**
 * Starts measuring; the function it returns ends that.
 * @param running the server, when it runs already; one that is started later has used nothing yet
 */
export function startMeter(core: number, running?: Running): (server: Running) => Reading {
  const before = {
    own: running?.cpuSeconds() ?? 0,
    all: coreBusySeconds(core),
    at: performance.now(),
  };
  return (server) => {
    const elapsed = (performance.now() - before.at) / 1000;
    const own = server.cpuSeconds() - before.own;
    const all = coreBusySeconds(core) - before.all;
    return { own, busy: (100 * own) / elapsed, others: (100 * Math.max(0, all - own)) / elapsed };
  };
}
