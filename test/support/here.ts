/**
 * The server in the test's own process: it costs a fraction of a start of the command, so a test may have one for each set
 * of options. Where the process is the subject (signals, descriptors, memory, its end), see server.ts.
 */
import { pino } from 'pino';
import type { Test } from 'tap';
import { parseCommandLine } from '../../src/config/command-line.js';
import { loadAnyConfig } from '../../src/load.js';
import { assemble, surveyOf } from '../../src/server/app.js';
import { listen } from '../../src/server/listen.js';
import { prepareShutdown } from '../../src/server/shutdown.js';
import { TIME_LIMITS } from '../../src/server/time-limits.js';
import type { AppTimes } from '../../src/upstream/proxy.js';
import type { LookUp } from '../../src/upstream/resolver.js';
import type { LogLine } from './server.js';

export interface ServerHere {
  /** `http://127.0.0.1:PORT`, without a trailing slash. */
  readonly origin: string;
  readonly port: number;
  /** Every log line so far. */
  readonly log: readonly LogLine[];
  /** Resolves with the first log line, past or future, that the predicate accepts. */
  logged(predicate: (line: LogLine) => boolean): Promise<LogLine>;
  /** Does what a signal has the command do, but for the end of its process. */
  stop(): Promise<void>;
}

/**
 * Starts media-serve with these arguments, which are those of the command, on a port that the kernel chooses. It is closed,
 * and its connections are broken, when the test ends.
 * @param lookUp how it finds the app's host names
 * @param times in place of those that are no options
 */
export async function startHere(
  t: Test,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { lookUp, times = {} }: { lookUp?: LookUp; times?: Partial<AppTimes> } = {},
): Promise<ServerHere> {
  const commandLine = parseCommandLine(['--listen', '127.0.0.1:0', ...args], '');
  if (!('flags' in commandLine)) throw new Error('these arguments start no server');
  const config = await loadAnyConfig(commandLine.flags, env);
  const log: LogLine[] = [];
  const waiting = new Set<() => void>();
  const writeLine = (line: string): void => {
    log.push(JSON.parse(line) as LogLine);
    for (const check of waiting) check();
  };
  const events = pino({ level: config.logLevel, base: null }, { write: writeLine });
  const { app, server } = await assemble(
    config,
    {
      events,
      writeLine: events.isLevelEnabled('info') ? writeLine : undefined,
      drain: async () => true,
      isHeldUp: () => false,
      flushSync: () => {},
    },
    await surveyOf(config, events),
    { ...TIME_LIMITS, app: { ...TIME_LIMITS.app, ...times } },
    lookUp,
  );
  const shutdown = prepareShutdown(app, server, config.shutdownTimeout, events);
  const address = await listen({ app, server }, config);
  t.teardown(async () => {
    const closed = app.close();
    server.closeAllConnections();
    await closed;
  });
  const logged = (predicate: (line: LogLine) => boolean): Promise<LogLine> =>
    new Promise((resolve) => {
      const check = (): void => {
        const found = log.find(predicate);
        if (found === undefined) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
    });
  const { origin, port } = new URL(address);
  return { origin, port: Number(port), log, logged, stop: () => shutdown.stop('the test') };
}
