// The log: one JSON object a line, or text for people.
import { isatty } from 'node:tty';
import { type Logger, pino } from 'pino';
import type { Config } from '../config/location.js';
import { LogOutput } from './log-output.js';

/** Where events and requests are told. */
export interface Log {
  /** For events. */
  readonly events: Logger;
  /** Takes lines of JSON that were made elsewhere, for the access log; undefined when its level is off. */
  readonly writeLine: ((line: string) => void) | undefined;
  /** Resolves when everything so far is written. */
  drain(): Promise<void>;
  /** Writes what is gathered, for a sudden end of the process. */
  flushSync(): void;
}

/** Makes the log on standard output. */
export async function createLog({
  logLevel,
  logFormat,
}: Pick<Config, 'logLevel' | 'logFormat'>): Promise<Log> {
  const output = new LogOutput(1);
  const stream = logFormat === 'json' ? output : await prettyStream();
  const events = pino({ level: logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
  return {
    events,
    writeLine: events.isLevelEnabled('info') ? (line) => stream.write(line) : undefined,
    drain: () => output.drain(),
    flushSync: () => output.flushSync(),
  };
}

/** For a person who looks on: each line at once. */
async function prettyStream(): Promise<{ write(line: string): void }> {
  // Loaded only when wanted: it would be a third of the time that starting takes.
  const { default: pinoPretty } = await import('pino-pretty');
  return pinoPretty({
    destination: 1,
    sync: true,
    colorize: isatty(1),
    translateTime: 'SYS:HH:MM:ss',
    singleLine: true,
  });
}
