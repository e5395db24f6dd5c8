// Who may ask the store, and who waits for it.
import t from 'tap';
import { Places } from '../../src/s3/places.js';

t.test('places are given in the order in which they were asked for, and none is lost', async (t) => {
  const places = new Places(2, 3);
  const first = places.take();
  const second = places.take();
  t.equal(first.taken, undefined);
  t.equal(second.taken, undefined);
  const order: string[] = [];
  const [a, b, c] = ['a', 'b', 'c'].map((name) => {
    const place = places.take();
    place.taken?.then(() => order.push(name), t.fail);
    return place;
  });
  t.same([places.taken, places.waiting], [2, 3]);
  t.throws(() => places.take(), { kind: 'busy', message: /2 requests are with the store, and 3 wait/ });
  b?.leave();
  b?.leave();
  t.same([places.taken, places.waiting], [2, 2], 'whoever gives up gives nothing back');
  first.leave();
  first.leave();
  await a?.taken;
  t.same(order, ['a']);
  t.same([places.taken, places.waiting], [2, 1], 'a place is passed on');
  second.leave();
  // It has the place, and does not know it yet.
  c?.leave();
  a?.leave();
  t.same([places.taken, places.waiting], [0, 0]);
});

t.test('what has been begun is not turned away, and takes turns with what begins', async (t) => {
  const places = new Places(1, 2);
  let last = places.take();
  const order: string[] = [];
  const wait = (name: string, isGoingOn: boolean): void => {
    const place = places.take(isGoingOn);
    place.taken?.then(() => {
      order.push(name);
      last = place;
    }, t.fail);
  };
  for (const name of ['begins 1', 'begins 2']) wait(name, false);
  t.throws(() => places.take(), { kind: 'busy', message: /and 2 wait/ });
  for (const name of ['goes on 1', 'goes on 2', 'goes on 3']) wait(name, true);
  for (let turn = 0; turn < 5; turn++) {
    last.leave();
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.same(order, ['goes on 1', 'begins 1', 'goes on 2', 'begins 2', 'goes on 3']);
  last.leave();
  t.same([places.taken, places.waiting], [0, 0]);
});
