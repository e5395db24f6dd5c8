/*
 * Loaded into the server before it starts: at SIGUSR2 it writes what Node holds to the file that RESOURCE_REPORT names.
 * Plain JavaScript, as the server runs without a loader of TypeScript; it needs --expose-gc.
 */
import { createHook } from 'node:async_hooks';
import { renameSync, writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';

/** Every timer that is set, those that do not keep the process alive included (process.getActiveResourcesInfo omits them). */
const timers = new Set();
createHook({
  init(id, type) {
    if (type === 'Timeout') timers.add(id);
  },
  destroy: (id) => timers.delete(id),
  // Known from Node 24 on; before, promises only make the server slower.
  trackPromises: false,
}).enable();

process.on('SIGUSR2', async () => {
  // What only a finalizer lets go of is gone after the second.
  for (let round = 0; round < 2; round++) {
    globalThis.gc();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  const path = process.env.RESOURCE_REPORT;
  // Under its own name only when it is whole.
  writeFileSync(`${path}.new`, JSON.stringify({ timers: timers.size, memory: heapUsed + external }));
  renameSync(`${path}.new`, path);
});
