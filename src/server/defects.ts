// The last net: what is thrown in a timer, a listener or a promise, and caught by nobody, would end the process, and with it
// every other request. What belongs to a connection has been ended by then or meets its time limits; the server goes on.
import type { Logger } from 'pino';
import { LogThrottle } from '../http/log-throttle.js';

/** Milliseconds between two lines: a client that has found a defect does not fill the log with it. */
const INTERVAL = 1000;

/** Has errors that nobody catches logged from now on: the latest, and how many there were since the last line. */
export function logUncaught(log: Logger): void {
  const defects = new LogThrottle<unknown>(
    (err, times) => log.error({ err, times }, 'a defect; please report it'),
    INTERVAL,
  );
  process.on('uncaughtException', (error: unknown) => defects.tell(error));
}
