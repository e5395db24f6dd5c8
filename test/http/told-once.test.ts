// What is told once, and no more of it than may be.
import t from 'tap';
import { ToldOnce } from '../../src/http/told-once.js';

t.test('each thing is news once, and nothing is beyond the bound', async (t) => {
  const told = new ToldOnce(2);
  t.ok(told.isNews('a'));
  t.ok(told.isNews('a'), 'it has not been told yet');
  t.same(
    ['a', 'a', 'b', 'c', 'b'].map((thing) => told.remember(thing)),
    [true, false, true, false, false],
  );
  t.same(
    ['a', 'b', 'c'].filter((thing) => told.isNews(thing)),
    [],
  );
});
