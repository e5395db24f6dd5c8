// Batches of requests: whoever is asked within one knows which.
import t from 'tap';
import { currentBatch, inBatch, isInBatch, OncePerBatch } from '../../src/http/batch.js';

t.test('a batch has a number of its own, from its beginning to its end', async (t) => {
  const seen: (number | undefined)[] = [];
  for (const _ of [1, 2]) {
    inBatch(() => {
      seen.push(currentBatch());
      t.equal(isInBatch(), true);
      t.equal(currentBatch(), seen.at(-1), 'the same for all of it');
    });
    t.strictSame([isInBatch(), currentBatch()], [false, undefined]);
  }
  t.type(seen[0], 'number');
  t.not(seen[0], seen[1]);
});

t.test('a batch that fails is over', async (t) => {
  const fail = (): void => {
    throw new Error('a defect');
  };
  t.throws(() => inBatch(fail), { message: 'a defect' });
  t.strictSame([isInBatch(), currentBatch()], [false, undefined]);
});

t.test('what is found out once for each batch', async (t) => {
  let times = 0;
  const counted = new OncePerBatch(() => ++times);
  t.same([counted.get(), counted.get()], [1, 2], 'outside of batches each time');
  inBatch(() => t.same([counted.get(), counted.get()], [3, 3]));
  inBatch(() => t.same([counted.get(), counted.get()], [4, 4]));
  t.equal(counted.get(), 5);
});
