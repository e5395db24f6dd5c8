// Reading piece by piece: on this thread out of memory, on others while a disk is slow, in turn, and not too many in
// one turn of the event loop. The slow disk is made of a clock, since no disk here can be made slow at will.
import t from 'tap';
import { ReadScheduler } from '../../src/files/read-scheduler.js';

/** A scheduler by a clock that stands still but for reads. */
class FakeDisk {
  now = 0;
  readonly scheduler = new ReadScheduler(() => this.now);

  read(duration: number): void {
    this.scheduler.time(() => {
      this.now += duration;
      return 1;
    });
  }
}

t.test('slow reads send those after them to other threads, for a second', async (t) => {
  const disk = new FakeDisk();
  disk.read(2);
  disk.read(2);
  disk.read(2);
  t.notOk(disk.scheduler.isDiskSlow, 'all of them were fast enough');
  disk.read(2.1);
  disk.read(100);
  t.notOk(disk.scheduler.isDiskSlow, 'that may have been the scheduler');
  disk.read(2.1);
  t.ok(disk.scheduler.isDiskSlow, 'three in succession were not');
  disk.now += 999;
  t.ok(disk.scheduler.isDiskSlow);
  disk.now += 1;
  t.notOk(disk.scheduler.isDiskSlow, 'after a second it is tried again');
  disk.read(3);
  disk.read(3);
  t.notOk(disk.scheduler.isDiskSlow, 'from the beginning');
  disk.read(3);
  t.ok(disk.scheduler.isDiskSlow);
});

t.test('fast reads make up for slow ones that are few', async (t) => {
  const few = new FakeDisk();
  for (let round = 0; round < 100; round++) {
    few.read(5);
    for (let count = 0; count < 32; count++) few.read(0.1);
    t.notOk(few.scheduler.isDiskSlow);
  }
  const many = new FakeDisk();
  for (let round = 0; round < 10 && !many.scheduler.isDiskSlow; round++) {
    many.read(5);
    for (let count = 0; count < 8; count++) many.read(0.1);
  }
  t.ok(many.scheduler.isDiskSlow);
});

t.test('what is read is returned, and what fails is thrown', async (t) => {
  const scheduler = new ReadScheduler();
  t.equal(
    scheduler.time(() => 7),
    7,
  );
  t.throws(
    () =>
      scheduler.time(() => {
        throw new Error('EIO');
      }),
    { message: 'EIO' },
  );
});

t.test('many readers take turns, first come, first served, eight in a turn of the event loop', async (t) => {
  const scheduler = new ReadScheduler();
  let turn = 0;
  let isOver = false;
  const count = (): void => {
    turn += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const served: number[] = [];
  const when: number[] = [];
  const readers = Array.from({ length: 30 }, async (_, index) => {
    for (let round = 0; round < 3; round++) {
      await scheduler.acquire();
      served.push(index);
      when.push(turn);
      scheduler.release();
    }
  });
  await Promise.resolve();
  t.same(served, [], 'nobody reads in the turn in which it asks: requests come first');
  await Promise.all(readers);
  isOver = true;
  const inOrder = Array.from({ length: 30 }, (_, index) => index);
  t.same(served, [...inOrder, ...inOrder, ...inOrder]);
  const most = Math.max(...when.map((one) => when.filter((other) => other === one).length));
  t.ok(most <= 8, `${most} in a turn`);
  t.ok(most > 1, 'several of them');
});

t.test('who takes longer keeps its place until it leaves', async (t) => {
  const scheduler = new ReadScheduler();
  let underWay = 0;
  let most = 0;
  const readers = Array.from({ length: 40 }, async () => {
    await scheduler.acquire();
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setTimeout(resolve, 1));
    underWay -= 1;
    scheduler.release();
  });
  await Promise.all(readers);
  t.equal(most, 8);
});
