// Which known name was meant by a misspelt one.
import t from 'tap';
import { byLikeness, nearest } from '../../src/config/nearest.js';

const NAMES = ['maxAge', 'maxBody', 'root', 'listen', 'readTimeout', 'sendTimeout'] as const;

t.test(
  'letters that are missing, too many, other ones or swapped are seen through, and so are marks',
  async (t) => {
    for (const word of ['max_age', 'MAX-AGE', 'maxAges', 'maxAg', 'mxaAge'])
      t.equal(nearest(word, NAMES), 'maxAge', word);
    t.equal(nearest('rooot', NAMES), 'root');
    t.equal(nearest('raed_timeout', NAMES), 'readTimeout');
  },
);

t.test('what is like none of them is told as such', async (t) => {
  for (const word of ['', 'r', 'foot-ball', 'workers', 'x'.repeat(5000)])
    t.equal(nearest(word, NAMES), undefined);
  t.equal(nearest('root', []), undefined);
});

t.test('names are put in the order of their likeness', async (t) => {
  t.same(byLikeness('maxbody', NAMES).slice(0, 2), ['maxBody', 'maxAge']);
  t.same(byLikeness('zzzz', ['bbbb', 'aaaa']), ['bbbb', 'aaaa'], 'and keep it where they are as like');
});
