// The log: one JSON object a line, or text for people.
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import pinoPretty from 'pino-pretty';
import type { Config } from '../config/location.js';

/**
 * Makes the logger.
 * @param output where lines go; standard output when absent
 */
export function createLogger(
  { logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>,
  output: DestinationStream = destination({ fd: 1, sync: true }),
): Logger {
  const options = { level: logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return logFormat === 'json' ? pino(options, output) : pino(options, prettyStream(output));
}

function prettyStream(output: DestinationStream): DestinationStream {
  return pinoPretty({
    destination: output as NodeJS.WritableStream & DestinationStream,
    colorize: process.stdout.isTTY ?? false,
    translateTime: 'SYS:HH:MM:ss',
    singleLine: true,
    ignore: 'pid,hostname',
  });
}
