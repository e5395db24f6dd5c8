// Which readers have to go, when others wait for their connections.
import t from 'tap';
import { ObjectBody } from '../../src/s3/body.js';
import { LentBody } from '../../src/s3/lent-body.js';
import { SlowReaders } from '../../src/s3/slow-readers.js';
import { until } from '../support/until.js';

const SOURCE = { pause: () => {}, resume: () => {}, cut: () => {} };
const PART = 1000;

/** A body that has as much as is held of one, since a moment on the monotonic clock. */
function full(pausedSince: number): ObjectBody {
  const body = new ObjectBody(SOURCE, PART, 0, undefined);
  body.push(Buffer.alloc(PART), undefined);
  body.pausedSince = pausedSince;
  return body;
}

t.test('of those that cannot be taken back half may stay, the most recent ones', async (t) => {
  const now = performance.now();
  const cases: readonly (readonly [what: string, ages: readonly number[], waiting: number, gone: string])[] =
    [
      ['half of the places', [50_000, 40_000], 9, ''],
      ['more than half', [30_000, 50_000, 40_000], 9, '1'],
      ['all of them', [30_000, 50_000, 40_000, 20_000], 9, '1 2'],
      ['all of them, for one who waits', [30_000, 50_000, 40_000, 20_000], 1, '1'],
      ['not for so long yet', [30_000, 4_000, 4_000, 4_000], 9, ''],
      ['nobody waits', [30_000, 50_000, 40_000, 20_000], 0, ''],
    ];
  for (const [what, ages, waiting, gone] of cases) {
    const readers = new SlowReaders({ idleFor: 1000, lentFor: 1000, keptFor: 10_000, maxConnections: 4 });
    const cut: number[] = [];
    for (const [index, age] of ages.entries()) readers.addKept(full(now - age), () => cut.push(index));
    readers.makeRoom(waiting);
    t.equal(cut.join(' '), gone, what);
  }
});

t.test('what can be taken back goes first', async (t) => {
  const readers = new SlowReaders({ idleFor: 1000, lentFor: 1000, keptFor: 10_000, maxConnections: 2 });
  const told: string[] = [];
  const ask = async (): Promise<never> => {
    throw new Error('nothing is asked for');
  };
  const long = performance.now() - 20_000;
  for (const name of ['a', 'b']) readers.addKept(full(long), () => told.push(name));
  const lent = new LentBody(
    { body: full(long), cut: () => told.push('lent') },
    { first: 0, last: 99_999 },
    { ask },
  );
  const remove = readers.addLent(lent);
  readers.makeRoom(1);
  t.same(told, ['lent']);
  remove();
  readers.makeRoom(1);
  t.same(told, ['lent', 'a']);
});

t.test(
  'those that take nothing come before those that have had theirs for long, and each has its while',
  async (t) => {
    const ask = async (): Promise<never> => {
      throw new Error('nothing is asked for');
    };
    const told: string[] = [];
    const lend = (name: string, pausedSince: number | undefined): LentBody => {
      const body = new ObjectBody(SOURCE, PART, 0, undefined);
      body.pausedSince = pausedSince;
      return new LentBody({ body, cut: () => told.push(name) }, { first: 0, last: 99_999 }, { ask });
    };
    const long = performance.now() - 20_000;
    const readers = new SlowReaders({ idleFor: 10, lentFor: 20, keptFor: 10_000, maxConnections: 4 });
    const bodies = [lend('first', undefined), lend('second', undefined), lend('idle', long)];
    const remove = bodies.map((body) => readers.addLent(body));
    readers.makeRoom(3);
    t.same(told, ['idle'], 'the others have theirs since a moment');
    remove[2]?.();
    await until(() => performance.now() - (bodies[1]?.lentSince ?? 0) > 20, 'they have had it for a while');
    readers.makeRoom(1);
    t.same(told, ['idle', 'first'], 'the oldest goes');
  },
);
