// From a configuration to a server that listens and ends on a signal.
import type { Config } from './config/location.js';
import { assemble, surveyOf } from './server/app.js';
import { warnOfFewOpenFiles } from './server/connection-places.js';
import { logUncaught } from './server/defects.js';
import { listen } from './server/listen.js';
import { createLog, type Log } from './server/log.js';
import { prepareShutdown } from './server/shutdown.js';
import {
  describeStart,
  tellOfPathsWithoutApp,
  warnOfBucketsInDoubt,
  warnOfMissingRoots,
  warnOfMissingSpool,
  warnOfProjects,
  warnOfStaticAmongUploads,
} from './server/start-report.js';
import type { Surveyed } from './server/survey.js';
import type { TimeLimits } from './server/time-limits.js';
import { waitForApps } from './server/wait-for-app.js';
import { answerSignals } from './signals.js';

/** What an orderly end of this process would wait for, for ever perhaps. There is one start in a process. */
const mayHoldUp: (() => boolean)[] = [];

/**
 * Resolves when the server listens.
 * @param fail is called when it cannot stop in good order; it ends the process with `endProcess`
 * @param times other time limits than the server's own
 * @throws {BadValueError} when a directory or the address cannot be had; the process must then be ended with `endProcess`
 */
export async function start(
  config: Config,
  fail: (error: unknown) => void,
  times?: TimeLimits,
): Promise<void> {
  const log = await createLog(config);
  mayHoldUp.push(() => log.isHeldUp());
  process.once('exit', () => log.flushSync());
  const surveyed = await surveyOf(config, log.events);
  mayHoldUp.push(() => surveyed.isHeldUp());
  try {
    await serve(config, log, surveyed, fail, times);
  } catch (error) {
    await surveyed.end();
    throw error;
  }
}

async function serve(
  config: Config,
  log: Log,
  surveyed: Surveyed,
  fail: (error: unknown) => void,
  times: TimeLimits | undefined,
): Promise<void> {
  const { app, server, places, isHeldUp } = await assemble(config, log, surveyed, times);
  mayHoldUp.push(isHeldUp);
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
  warnOfStaticAmongUploads(surveyed.survey, config, log.events);
  warnOfBucketsInDoubt(config, log.events);
  if (!surveyed.isElsewhere) warnOfProjects(config, log.events);
  let isStopping = false;
  answerSignals(log.events, (signal) => {
    stopping.abort();
    const stopped = shutdown.stop(signal);
    if (isStopping) return;
    isStopping = true;
    const end = performance.now() + config.shutdownTimeout;
    // Nothing is known that would hold it up so long.
    setTimeout(() => endProcess(1), config.shutdownTimeout + 2 * TIME_FOR_LOG);
    stopped
      .then(() => log.drain(Math.max(end - performance.now(), TIME_FOR_LOG)))
      .then(() => endProcess(0), fail);
  });
}

/** Milliseconds that what reads the log has for its last lines, where requests have taken all the time there was. */
const TIME_FOR_LOG = 500;

/** Ends this process, also when a thread waits for what may never come: the log's reader, or a disk. */
export function endProcess(code: number): void {
  // An orderly end would wait with it, and there is no other.
  if (mayHoldUp.some((isHeldUp) => isHeldUp())) process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}
