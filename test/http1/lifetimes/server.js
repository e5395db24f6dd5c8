/*
 * The command, as tests can measure it: with the time limits that TIME_LIMITS gives, and at SIGWINCH it writes what Node
 * holds to the file that RESOURCE_REPORT names. Plain JavaScript, as the server runs without a loader of TypeScript.
 */
import { createHook } from 'node:async_hooks';
import { renameSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
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

/** What it holds is memory in use only where garbage can be collected (--expose-gc). */
async function collectGarbage() {
  // What only a finalizer lets go of is gone after the second.
  for (let round = 0; round < 2; round++) {
    globalThis.gc?.();
    await turn();
  }
}

/** Sockets with bytes that the kernel does not take: not in /proc, where the socket is no TCP connection. */
function countBlocked() {
  // Documented nowhere, and the only list of them; the tests would fail without it.
  return process._getActiveHandles().filter((each) => each instanceof Socket && each.writableLength > 0)
    .length;
}

process.on('SIGWINCH', async () => {
  await collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  const report = { timers: timers.size, blockedSockets: countBlocked(), memory: heapUsed + external };
  const path = process.env.RESOURCE_REPORT;
  // Under its own name only when it is whole.
  writeFileSync(`${path}.new`, JSON.stringify(report));
  renameSync(`${path}.new`, path);
});

// Loaded only now, so that its timers are counted.
const { parseCommandLine } = await import('../../../dist/config/command-line.js');
const { loadConfig } = await import('../../../dist/config/load.js');
const { TIME_LIMITS } = await import('../../../dist/server/time-limits.js');
const { start } = await import('../../../dist/start.js');

const { client, app, ...others } = JSON.parse(process.env.TIME_LIMITS);
const times = {
  ...TIME_LIMITS,
  ...others,
  client: { ...TIME_LIMITS.client, ...client },
  app: { ...TIME_LIMITS.app, ...app },
};
const { flags } = parseCommandLine(process.argv.slice(2), '');
await start(
  loadConfig(flags, process.env),
  (error) => {
    throw error;
  },
  times,
);
