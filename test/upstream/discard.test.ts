/** The body of an answer that an order replaces: how much of it is read before the app is cut off. */
import t from 'tap';
import { Discard } from '../../src/upstream/discard.js';

const KILOBYTE = Buffer.alloc(1024);

t.test('a body is read up to 64 KiB, and cut off beyond', async (t) => {
  let cuts = 0;
  const discard = new Discard(60_000, () => {
    cuts += 1;
  });
  t.teardown(() => discard.end());
  for (let count = 0; count < 64; count++) discard.data(KILOBYTE);
  t.equal(cuts, 0);
  discard.data(Buffer.alloc(1));
  t.equal(cuts, 1);
});
