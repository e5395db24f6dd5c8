// Reading piece by piece: on this thread out of memory, on others while a disk is slow, in turn, and not too many in
// one turn of the event loop. The slow disk is made of a clock, since no disk here can be made slow at will.
import t from 'tap';
import { PieceReader } from '../../src/files/piece-reader.js';
import type { OpenedFile } from '../../src/stores/store.js';

/** A file whose reads on this thread take this long, by the clock that is given. */
class TimedFile implements OpenedFile {
  readonly version = { dev: 1, ino: 1, size: 100, mtimeMs: 1, ctimeMs: 1 };
  now = 0;
  duration = 0;
  /** Where the reads were done. */
  readonly reads: ('here' | 'elsewhere')[] = [];

  async read(buffer: Buffer): Promise<number> {
    this.reads.push('elsewhere');
    return buffer.length;
  }

  readSync(buffer: Buffer): number {
    this.reads.push('here');
    this.now += this.duration;
    return buffer.length;
  }

  close(): void {}
}

async function readOnce(pieces: PieceReader, file: OpenedFile): Promise<number> {
  await pieces.turn();
  return await pieces.read(file, Buffer.alloc(10), 0);
}

t.test('a slow read sends those after it to other threads, for a second', async (t) => {
  const file = new TimedFile();
  const pieces = new PieceReader(() => file.now);
  const read = async (expected: 'here' | 'elsewhere', message: string): Promise<void> => {
    t.equal(await readOnce(pieces, file), 10);
    t.equal(file.reads.at(-1), expected, message);
  };
  file.duration = 2;
  await read('here', 'the first one');
  await read('here', 'after one that was fast enough');
  file.duration = 2.1;
  await read('here', 'which turns out to be slow');
  await read('elsewhere', 'after a slow one');
  file.now += 999;
  await read('elsewhere', 'within a second');
  file.now += 1;
  file.duration = 0.1;
  await read('here', 'one is tried again');
  await read('here', 'and was fast');
});

t.test('many readers take turns, first come, first served, eight in a turn of the event loop', async (t) => {
  const pieces = new PieceReader();
  let turn = 0;
  let isOver = false;
  const count = (): void => {
    turn += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const served: number[] = [];
  const turns: number[] = [];
  const readers = Array.from({ length: 30 }, async (_, index) => {
    for (let round = 0; round < 3; round++) {
      await pieces.turn();
      served.push(index);
      turns.push(turn);
      await pieces.read(new TimedFile(), Buffer.alloc(1), 0);
    }
  });
  await Promise.resolve();
  t.same(served, [], 'nobody reads in the turn in which it asks: requests come first');
  await Promise.all(readers);
  isOver = true;
  const inOrder = Array.from({ length: 30 }, (_, index) => index);
  t.same(served, [...inOrder, ...inOrder, ...inOrder]);
  const most = Math.max(...turns.map((one) => turns.filter((other) => other === one).length));
  t.ok(most <= 8, `${most} in a turn`);
  t.ok(most > 1, 'several of them');
});

t.test('a failed read takes nobody else its turn', async (t) => {
  const pieces = new PieceReader();
  const broken = new TimedFile();
  broken.readSync = () => {
    throw new Error('EIO');
  };
  const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => readOnce(pieces, broken)));
  t.ok(attempts.every(({ status }) => status === 'rejected'));
  t.equal(await readOnce(pieces, new TimedFile()), 10);
});

t.test('on other threads a read keeps its place until it is done', async (t) => {
  const file = new TimedFile();
  file.duration = 3;
  const pieces = new PieceReader(() => file.now);
  await readOnce(pieces, file);
  let underWay = 0;
  let most = 0;
  file.read = async (buffer) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setTimeout(resolve, 1));
    underWay -= 1;
    return buffer.length;
  };
  await Promise.all(Array.from({ length: 40 }, () => readOnce(pieces, file)));
  t.equal(most, 8);
});
