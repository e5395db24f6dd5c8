/** Waiting for what another process or a socket will do, by condition instead of by time. */
import { setTimeout as pause } from 'node:timers/promises';

/** Milliseconds between two looks, where nothing else is said. */
const INTERVAL = 10;

/**
 * Resolves when the condition holds.
 * @param what the condition in words, for the message
 * @param limit milliseconds until it rejects; far more than is ever needed
 * @param interval milliseconds between two looks: more where a look is dear
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limit = 60_000,
  interval = INTERVAL,
): Promise<void> {
  const end = Date.now() + limit;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`this did not come to pass in ${limit} ms: ${what}`);
    await pause(interval);
  }
}

/**
 * Resolves with a figure once it has not changed for a while: what has come to a standstill shows it by nothing else.
 * @param quiet milliseconds without a change
 */
export async function steady(figure: () => number, quiet = 300): Promise<number> {
  let [last, since] = [figure(), Date.now()];
  while (Date.now() - since < quiet) {
    await pause(INTERVAL);
    const now = figure();
    if (now !== last) [last, since] = [now, Date.now()];
  }
  return last;
}
