/** How soon a server answers after its start, and what memory it holds before it has done anything. */
import { type Case, OTHERS } from './case.js';
import { onFreshServers, settledRss } from './fresh.js';

export const STARTUP: Case = {
  id: 'startup',
  title: 'from the start of the process to its first answer; resident memory (RSS) one second later',
  needs: ['files'],
  metrics: [
    { key: 'start', label: 'start ms', better: 'less', digits: 0, compare: 'headline' },
    { key: 'rss', label: 'idle RSS MiB', better: 'less', digits: 1, compare: 'headline' },
    OTHERS,
  ],
  async prepare(bench, target) {
    return onFreshServers(bench, target, {}, async (server) => ({
      start: server.startedIn,
      rss: await settledRss(server),
    }));
  },
};
