/** Time that passes when a test says so, for limits that nobody should wait for. */
import { mock } from 'node:test';

/**
 * Calls `run` with timers that stand still but for `pass`. All of it happens in one turn of the event loop: what is
 * watched must be told of events by the test, not by sockets.
 */
export function withStillTimers(run: (pass: (milliseconds: number) => void) => void): void {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  try {
    run((milliseconds) => mock.timers.tick(milliseconds));
  } finally {
    mock.timers.reset();
  }
}

/** Has the whole process stand still, as a machine that is busy, or was suspended, has it. */
export function holdUp(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
