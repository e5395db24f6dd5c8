// The end of the event loop's turn, for what is put off to it.
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { atEndOfTurn } from '../../src/http/turn.js';

t.test('what is put off comes at the end of the turn, all together and in order', async (t) => {
  const done: string[] = [];
  atEndOfTurn({ endTurn: () => done.push('first') }, 10);
  process.nextTick(() => done.push('tick'));
  queueMicrotask(() => {
    done.push('microtask');
    atEndOfTurn({ endTurn: () => done.push('second') }, 10);
  });
  t.strictSame(done, []);
  await nextTurn();
  t.strictSame(done.slice(0, 2).sort(), ['microtask', 'tick'], 'after all else');
  t.strictSame(done.slice(2), ['first', 'second']);
});

t.test('what is put off at the end of a turn comes at the end of the next', async (t) => {
  const done: string[] = [];
  atEndOfTurn(
    {
      endTurn() {
        done.push('first');
        atEndOfTurn({ endTurn: () => done.push('second') }, 1);
      },
    },
    1,
  );
  await nextTurn();
  t.strictSame(done, ['first']);
  await nextTurn();
  t.strictSame(done, ['first', 'second']);
});

t.test('with much waiting the end comes early, but never before the caller goes on', async (t) => {
  const done: number[] = [];
  for (let index = 0; index < 9; index++) {
    atEndOfTurn({ endTurn: () => done.push(index) }, 128 * 1024);
    t.strictSame(done, []);
  }
  await new Promise((resolve) => process.nextTick(resolve));
  t.strictSame(done, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  await nextTurn();
  t.equal(done.length, 9, 'each once');
});
