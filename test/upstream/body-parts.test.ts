/** A body that is held, part by part. */
import { randomBytes } from 'node:crypto';
import t from 'tap';
import type { BodyParts } from '../../src/http1/part-sender.js';
import { FileParts, MemoryParts } from '../../src/upstream/body-parts.js';
import { TemporaryFile } from '../../src/upstream/temporary-file.js';

const KIB = 1024;

/** Copies of all parts; where a part lies is used again. */
async function partsOf(parts: BodyParts, size: number): Promise<Buffer[]> {
  const copies: Buffer[] = [];
  for (let left = size; left > 0; left -= copies.at(-1)?.length ?? 0) {
    copies.push(Buffer.concat(await parts.next()));
  }
  return copies;
}

t.test('pieces in memory are given some at a time, all of them, in order', async (t) => {
  for (const lengths of [[1], [64, 64, 64], [64, 64, 64, 64, 64], [300, 1, 300], [1000]]) {
    const pieces = lengths.map((length) => randomBytes(length * KIB));
    const whole = Buffer.concat(pieces);
    const parts = await partsOf(new MemoryParts(pieces), whole.length);
    t.ok(Buffer.concat(parts).equals(whole), String(lengths));
    for (const part of parts) t.ok(part.length < 256 * KIB + (lengths[0] ?? 0) * KIB, 'not too much at once');
  }
});

t.test('a file is given in parts of one size, and a file that lacks some is an error', async (t) => {
  const file = new TemporaryFile(t.testdir({}));
  t.teardown(() => file.close());
  const whole = randomBytes(600 * KIB + 5);
  await file.write([whole], 0);
  const parts = await partsOf(new FileParts(file, whole.length), whole.length);
  t.ok(Buffer.concat(parts).equals(whole));
  t.same(
    parts.map(({ length }) => length),
    [256 * KIB, 256 * KIB, 88 * KIB + 5],
  );
  t.same(await partsOf(new FileParts(file, 10), 10), [whole.subarray(0, 10)], 'no more than the body');

  const short = new FileParts(file, whole.length + 1);
  await partsOf(short, whole.length);
  await t.rejects(short.next(), { message: 'the temporary file became shorter' });
});
