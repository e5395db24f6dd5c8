// A line at once, then at most one a minute, and nothing is lost.
import t from 'tap';
import { LogThrottle } from '../../src/http/log-throttle.js';
import { withStillTimers } from '../support/clock.js';

/** A throttle, and the lines that it has written. */
function throttled(): { readonly lines: string[]; readonly throttle: LogThrottle<string> } {
  const lines: string[] = [];
  return { lines, throttle: new LogThrottle((latest, times) => lines.push(`${latest} ${times}`)) };
}

t.test('what happens first is told at once, the rest once a minute with its number', async (t) => {
  withStillTimers((pass) => {
    const { lines, throttle } = throttled();
    throttle.tell('a');
    t.same(lines, ['a 1']);
    for (const latest of ['b', 'c', 'd']) throttle.tell(latest);
    pass(59_999);
    t.same(lines, ['a 1']);
    pass(1);
    t.same(lines, ['a 1', 'd 3']);
    throttle.tell('e');
    t.same(lines, ['a 1', 'd 3'], 'a minute begins anew with each line');
    pass(60_000);
    t.same(lines, ['a 1', 'd 3', 'e 1']);
  });
});

t.test('after a minute in which nothing happened it is told at once again', async (t) => {
  withStillTimers((pass) => {
    const { lines, throttle } = throttled();
    throttle.tell('a');
    pass(60_000);
    throttle.tell('b');
    t.same(lines, ['a 1', 'b 1']);
  });
});

t.test('at the end the rest is told, once', async (t) => {
  withStillTimers((pass) => {
    const { lines, throttle } = throttled();
    for (const latest of ['a', 'b', 'c']) throttle.tell(latest);
    throttle.flush();
    throttle.flush();
    pass(120_000);
    t.same(lines, ['a 1', 'c 2']);
  });
});
