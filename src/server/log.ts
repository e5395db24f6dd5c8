// The log: one JSON object a line, or text for people.
import { isatty } from 'node:tty';
import { type Logger, pino } from 'pino';
import type { Config } from '../config/location.js';
import { LogOutput, type Subject } from './log-output.js';

/** Where events and requests are told. */
export interface Log {
  /** For events. */
  readonly events: Logger;
  /** Takes lines of JSON that were made elsewhere, for the access log; undefined when its level is off. */
  readonly writeLine: ((line: string) => void) | undefined;
  /**
   * Resolves when everything so far is written, or the time is over.
   * @param limit in milliseconds
   */
  drain(limit: number): Promise<boolean>;
  /** Whether a write is under way that may never return, so that the process could not end as it should. */
  isHeldUp(): boolean;
  /** Writes what is gathered, for a sudden end of the process. */
  flushSync(): void;
}

/** Makes the log on standard output. */
export async function createLog({
  logLevel,
  logFormat,
}: Pick<Config, 'logLevel' | 'logFormat'>): Promise<Log> {
  // A person looks on: each line at once.
  const output = new LogOutput(1, logFormat === 'json' ? {} : { render: await prettyRender(), delay: 0 });
  const stream = { write: (line: string) => output.write(line, subjectOf(line)) };
  const events = pino({ level: logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
  return {
    events,
    writeLine: events.isLevelEnabled('info') ? (line) => output.write(line, 'request') : undefined,
    drain: (limit) => output.drain(limit),
    isHeldUp: () => output.isHeldUp,
    flushSync: () => output.flushSync(),
  };
}

const LEVEL_AT = '{"level":'.length;

/** pino's levels are 10 to 60, and warnings are 40. */
function subjectOf(line: string): Subject {
  return line.charCodeAt(LEVEL_AT) >= '4'.charCodeAt(0) ? 'problem' : 'event';
}

async function prettyRender(): Promise<(line: string) => string> {
  // Loaded only when wanted: it would be a third of the time that starting takes.
  const { prettyFactory } = await import('pino-pretty');
  return prettyFactory({ colorize: isatty(1), translateTime: 'SYS:HH:MM:ss', singleLine: true });
}
