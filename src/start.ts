// From a configuration to a server that listens and ends on a signal.
import type { Config } from './config/location.js';
import { assemble } from './server/app.js';
import { warnOfFewOpenFiles } from './server/connection-places.js';
import { logUncaught } from './server/defects.js';
import { listen } from './server/listen.js';
import { createLog, type Log } from './server/log.js';
import { prepareShutdown } from './server/shutdown.js';
import {
  describeStart,
  tellOfPathsWithoutApp,
  warnOfMissingRoots,
  warnOfMissingSpool,
  warnOfProjects,
  warnOfStaticAmongUploads,
} from './server/start-report.js';
import type { TimeLimits } from './server/time-limits.js';
import { waitForApps } from './server/wait-for-app.js';
import { answerSignals } from './signals.js';

/**
 * Resolves when the server listens.
 * @param fail is called when it cannot stop in good order
 * @param times other time limits than the server's own
 * @throws {BadValueError} when a directory or the address cannot be had
 */
export async function start(
  config: Config,
  fail: (error: unknown) => void,
  times?: TimeLimits,
): Promise<void> {
  const log = await createLog(config);
  process.once('exit', () => log.flushSync());
  const { app, server, places, surveyed, isHeldUp } = await assemble(config, log, times);
  const shutdown = prepareShutdown(app, server, config.shutdownTimeout, log.events);
  const address = await listen({ app, server }, config);
  logUncaught(log.events);
  log.events.info(describeStart(config, address, places), 'listening');
  for (const warning of config.warnings) log.events.warn(warning);
  warnOfFewOpenFiles(places, log.events);
  warnOfMissingRoots(surveyed.survey, log.events);
  const stopping = new AbortController();
  waitForApps(config, log.events, stopping.signal);
  tellOfPathsWithoutApp(config, log.events);
  warnOfMissingSpool(config, log.events);
  warnOfStaticAmongUploads(surveyed.survey, log.events);
  if (!surveyed.isElsewhere) warnOfProjects(config, log.events);
  let isStopping = false;
  answerSignals(log.events, (signal) => {
    stopping.abort();
    const stopped = shutdown.stop(signal);
    if (isStopping) return;
    isStopping = true;
    const end = performance.now() + config.shutdownTimeout;
    // Nothing is known that would hold it up so long.
    setTimeout(() => endProcess(log, 1, isHeldUp), config.shutdownTimeout + 2 * TIME_FOR_LOG);
    stopped
      .then(() => log.drain(Math.max(end - performance.now(), TIME_FOR_LOG)))
      .then(() => endProcess(log, 0, isHeldUp), fail);
  });
}

/** Milliseconds that what reads the log has for its last lines, where requests have taken all the time there was. */
const TIME_FOR_LOG = 500;

function endProcess(log: Log, code: number, isHeldUp: () => boolean): void {
  // A thread that waits for the log's reader, or for a disk, is waited for by an orderly end.
  if (log.isHeldUp() || isHeldUp()) process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}
