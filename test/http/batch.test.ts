// Batches of requests: whoever is asked within one knows which.
import t from 'tap';
import { currentBatch, inBatch, isInBatch } from '../../src/http/batch.js';

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
