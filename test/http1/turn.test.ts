// The end of the event loop's turn, for what is put off to it.
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { currentBatch } from '../../src/http/batch.js';
import { answerAtEndOfTurn, writeAtEndOfTurn } from '../../src/http1/turn.js';
import { collectDefects } from '../support/defects.js';

t.test('what is put off comes at the end of the turn, all together and in order', async (t) => {
  const done: string[] = [];
  writeAtEndOfTurn({ endTurn: () => done.push('first') }, 10);
  process.nextTick(() => done.push('tick'));
  queueMicrotask(() => {
    done.push('microtask');
    writeAtEndOfTurn({ endTurn: () => done.push('second') }, 10);
  });
  t.strictSame(done, []);
  await nextTurn();
  t.strictSame(done.slice(0, 2).sort(), ['microtask', 'tick'], 'after all else');
  t.strictSame(done.slice(2), ['first', 'second']);
});

t.test('what is put off at the end of a turn comes at the end of the next', async (t) => {
  const done: string[] = [];
  writeAtEndOfTurn(
    {
      endTurn() {
        done.push('first');
        writeAtEndOfTurn({ endTurn: () => done.push('second') }, 1);
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
    writeAtEndOfTurn({ endTurn: () => done.push(index) }, 128 * 1024);
    t.strictSame(done, []);
  }
  await new Promise((resolve) => process.nextTick(resolve));
  t.strictSame(done, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  await nextTurn();
  t.equal(done.length, 9, 'each once');
});

t.test('all requests of a turn are answered before anything is written, and in one batch', async (t) => {
  const done: string[] = [];
  const batches: (number | undefined)[] = [];
  const request = (name: string) => ({
    endTurn() {
      done.push(`answer ${name}`);
      batches.push(currentBatch());
      writeAtEndOfTurn({ endTurn: () => done.push(`write ${name}`) }, 10);
    },
  });
  writeAtEndOfTurn({ endTurn: () => done.push('write what was there') }, 10);
  answerAtEndOfTurn(request('a'), 10);
  answerAtEndOfTurn(request('b'), 10);
  t.strictSame([done, currentBatch()], [[], undefined]);
  await nextTurn();
  t.strictSame(done, ['answer a', 'answer b', 'write what was there', 'write a', 'write b']);
  t.equal(currentBatch(), undefined, 'the batch is over');
  answerAtEndOfTurn(request('c'), 10);
  await nextTurn();
  t.type(batches[0], 'number');
  t.equal(batches[1], batches[0]);
  t.not(batches[2], batches[0]);
});

t.test('a request that comes while others are answered belongs to the next batch', async (t) => {
  const batches: (number | undefined)[] = [];
  const late = { endTurn: () => batches.push(currentBatch()) };
  answerAtEndOfTurn(
    {
      endTurn() {
        batches.push(currentBatch());
        answerAtEndOfTurn(late, 1);
        // So much is written within the batch, and again the next request of a connection is there.
        writeAtEndOfTurn({ endTurn: () => answerAtEndOfTurn(late, 1) }, 2 * 1024 * 1024);
      },
    },
    1,
  );
  await nextTurn();
  t.equal(batches.length, 1);
  await nextTurn();
  t.equal(batches.length, 3);
  t.equal(batches[1], batches[2]);
  t.not(batches[1], batches[0]);
});

t.test('what is written in a batch does not wait for its end when it is much', async (t) => {
  const done: string[] = [];
  const request = (name: string, bytes: number) => ({
    endTurn() {
      done.push(`answer ${name}`);
      writeAtEndOfTurn({ endTurn: () => done.push(`write ${name}`) }, bytes);
    },
  });
  answerAtEndOfTurn(request('a', 600 * 1024), 10);
  answerAtEndOfTurn(request('b', 600 * 1024), 10);
  answerAtEndOfTurn(request('c', 10), 10);
  await nextTurn();
  t.strictSame(done, ['answer a', 'answer b', 'write a', 'write b', 'answer c', 'write c']);
});

t.test('requests that hold much do not wait for the end of the turn', async (t) => {
  let answered = 0;
  for (let index = 0; index < 9; index++) {
    answerAtEndOfTurn({ endTurn: () => (answered += 1) }, 128 * 1024);
    t.equal(answered, 0);
  }
  await new Promise((resolve) => process.nextTick(resolve));
  t.equal(answered, 9);
  await nextTurn();
  t.equal(answered, 9, 'each once');
});

t.test('a defect in one keeps nothing else waiting', async (t) => {
  const done: string[] = [];
  const broken = (what: string) => ({
    endTurn() {
      throw new Error(what);
    },
  });
  const thrown = collectDefects(t);
  answerAtEndOfTurn(broken('request'), 1);
  answerAtEndOfTurn({ endTurn: () => done.push('answer') }, 1);
  writeAtEndOfTurn(broken('write'), 1);
  writeAtEndOfTurn({ endTurn: () => done.push('write') }, 1);
  await nextTurn();
  t.strictSame(done, ['answer', 'write']);
  t.equal(currentBatch(), undefined);
  await nextTurn();
  t.strictSame(thrown, ['request', 'write'], 'it is reported');
});
