// Lines for each cause, and no more causes than there may be.
import t from 'tap';
import { LogThrottles } from '../../src/http/log-throttles.js';
import { withStillTimers } from '../support/clock.js';

/** Throttles for two causes, and the lines that they have written. */
function throttled(): { readonly lines: string[]; readonly throttles: LogThrottles<string> } {
  const lines: string[] = [];
  return { lines, throttles: new LogThrottles((latest, times) => lines.push(`${latest} ${times}`), 2) };
}

t.test('no cause hides another', async (t) => {
  withStillTimers((pass) => {
    const { lines, throttles } = throttled();
    for (const [cause, latest] of [
      ['disk', 'd1'],
      ['store', 's1'],
      ['disk', 'd2'],
      ['disk', 'd3'],
      ['store', 's2'],
    ] as const) {
      throttles.tell(cause, latest);
    }
    t.same(lines, ['d1 1', 's1 1']);
    pass(60_000);
    t.same(lines, ['d1 1', 's1 1', 'd3 2', 's2 1']);
  });
});

t.test('causes beyond the bound share their lines, until others are over', async (t) => {
  withStillTimers((pass) => {
    const { lines, throttles } = throttled();
    for (const cause of ['a', 'b', 'c', 'd', 'e']) throttles.tell(cause, cause);
    t.same(lines, ['a 1', 'b 1', 'c 1']);
    pass(60_000);
    t.same(lines, ['a 1', 'b 1', 'c 1', 'e 2']);
    lines.length = 0;
    for (const cause of ['f', 'g', 'f']) throttles.tell(cause, cause);
    t.same(lines, ['f 1', 'g 1'], 'nobody has told of the first ones for a minute');
  });
});

t.test('at the end the rest of all causes is told, once', async (t) => {
  withStillTimers((pass) => {
    const { lines, throttles } = throttled();
    for (const cause of ['a', 'b', 'c', 'a', 'b', 'c']) throttles.tell(cause, cause);
    lines.length = 0;
    throttles.flush();
    throttles.flush();
    pass(120_000);
    t.same(lines, ['a 1', 'b 1', 'c 1']);
  });
});
