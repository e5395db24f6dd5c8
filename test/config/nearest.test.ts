// Which known name was meant by a misspelt one.
import t from 'tap';
import { byLikeness, nearest, nearestWithWords } from '../../src/config/nearest.js';

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

t.test('words besides are told for a slip of the finger, where no name is as like', async (t) => {
  const WORDS = ['port', 'bind', 'host', 'directory', 'clientmaxbodysize', 'roof'] as const;
  const cases: readonly (readonly [word: string, meant: string | undefined])[] = [
    ['prot', 'port'],
    ['orpt', undefined],
    ['pory', 'port'],
    ['bnid', 'bind'],
    ['ibnd', 'bind'],
    ['directry', 'directory'],
    ['clientmaxbdysise', 'clientmaxbodysize'],
    ['dirctry', undefined],
    ['kind', undefined],
    ['sort', undefined],
    ['por', undefined],
    // As like a name.
    ['rootf', 'root'],
    ['mxabody', 'maxBody'],
    ['', undefined],
  ];
  for (const [word, meant] of cases) t.equal(nearestWithWords<string>(word, NAMES, WORDS), meant, word);
  t.equal(nearestWithWords('port', [], []), undefined);
});

t.test('names are put in the order of their likeness', async (t) => {
  t.same(byLikeness('maxbody', NAMES).slice(0, 2), ['maxBody', 'maxAge']);
  t.same(byLikeness('zzzz', ['bbbb', 'aaaa']), ['bbbb', 'aaaa'], 'and keep it where they are as like');
});
