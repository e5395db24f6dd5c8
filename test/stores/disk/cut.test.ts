// A file that is cut by another process while it is read: the kernel may give zeros for what was cut off, and these are
// not the file's. The other process is a thread here, which cuts as soon as it is told.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { DiskStore } from '../../../src/stores/disk/disk-store.js';

const CONTENT = Buffer.alloc(256 * 1024, 'x');
/** Within the last page. */
const CUT = CONTENT.length - 100;
const ROUNDS = 400;

const CUTTER = `
  const { truncateSync } = require('node:fs');
  const { workerData: { state, path, cut } } = require('node:worker_threads');
  for (;;) {
    Atomics.wait(state, 0, 0);
    if (Atomics.load(state, 0) === 2) break;
    truncateSync(path, cut);
    Atomics.store(state, 0, 0);
    Atomics.notify(state, 0);
  }
`;

t.test('no byte is read that is not of the file', async (t) => {
  const root = t.testdir({});
  const path = join(root, 'a.bin');
  const store = new DiskStore(root, { symlinks: 'inside' });
  const state = new Int32Array(new SharedArrayBuffer(4));
  const cutter = new Worker(CUTTER, { eval: true, workerData: { state, path, cut: CUT } });
  const tell = (value: number): void => {
    Atomics.store(state, 0, value);
    Atomics.notify(state, 0);
  };
  t.teardown(async () => {
    tell(2);
    await cutter.terminate();
  });

  const buffer = Buffer.alloc(CONTENT.length);
  const outcomes = { whole: 0, cut: 0, wrong: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    writeFileSync(path, CONTENT);
    const file = store.open('a.bin');
    tell(1);
    // At another moment each time, up to 100 µs later.
    const start = performance.now();
    while (performance.now() - start < (round % 100) / 1000);
    const piece = round % 2 === 0 ? undefined : await file.read(0, CONTENT.length);
    const bytes = piece?.bytes ?? buffer.subarray(0, file.readSync(buffer, 0));
    file.close();
    Atomics.wait(state, 0, 1);
    piece?.release();
    if (bytes.includes(0)) outcomes.wrong += 1;
    else outcomes[bytes.length === CONTENT.length ? 'whole' : 'cut'] += 1;
  }
  t.equal(outcomes.wrong, 0, JSON.stringify(outcomes));
  t.equal(outcomes.whole + outcomes.cut, ROUNDS);
});
