// The last net: what is thrown in a timer, a listener or a promise, and caught by nobody, would end the process, and with it
// every other request. What belongs to a connection has been ended by then or meets its time limits; the server goes on.
import type { Logger } from 'pino';

/** Milliseconds between two lines: a client that has found a defect does not fill the log with it. */
const INTERVAL = 1000;

/** Has errors that nobody catches logged from now on. */
export function logUncaught(log: Logger): void {
  let lastTold = Number.NEGATIVE_INFINITY;
  let untold = 0;
  process.on('uncaughtException', (error: unknown) => {
    const now = performance.now();
    if (now - lastTold < INTERVAL) {
      untold += 1;
      return;
    }
    log.error({ err: error, ...(untold > 0 ? { untold } : {}) }, 'a defect; please report it');
    lastTold = now;
    untold = 0;
  });
}
