// Bytes that wait come out as they went in, and small chunks cost hardly more than their bytes.
import fc from 'fast-check';
import t from 'tap';
import { ChunkList } from '../../src/upstream/chunk-list.js';

t.test('bytes come out in their order, whatever is taken in between and put back', async (t) => {
  const sizes = fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 20_000 }));
  const steps = fc.array(
    fc.oneof(
      sizes.map((size) => ({ kind: 'push' as const, size })),
      fc.constantFrom({ kind: 'shift' as const }, { kind: 'take and put back' as const }),
    ),
    { maxLength: 100 },
  );
  const property = fc.property(steps, (all) => {
    const list = new ChunkList();
    let pushed = 0;
    const out: Buffer[] = [];
    for (const step of all) {
      if (step.kind === 'push') {
        list.push(Buffer.from(Array.from({ length: step.size }, (_, index) => (pushed + index) % 251)));
        pushed += step.size;
      } else if (step.kind === 'shift') {
        const chunk = list.shift();
        if (chunk !== undefined) out.push(chunk);
      } else list.unshift(list.takeAll());
    }
    out.push(...list.takeAll());
    const bytes = Buffer.concat(out);
    return list.isEmpty && bytes.length === pushed && bytes.every((byte, index) => byte === index % 251);
  });
  fc.assert(property);
  t.pass('300 courses');
});

t.test('small chunks are put together, and no more memory is kept than twice their bytes', async (t) => {
  const cases: readonly (readonly [what: string, sizes: readonly number[]])[] = [
    ['bytes', Array.from({ length: 100_000 }, () => 1)],
    ['small ones among large ones', Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? 1 : 5000))],
    ['hundreds of bytes', Array.from({ length: 500 }, () => 300)],
  ];
  for (const [what, sizes] of cases) {
    const list = new ChunkList();
    for (const size of sizes) list.push(Buffer.alloc(size));
    const all = list.takeAll();
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const memory = [...new Set(all.map(({ buffer }) => buffer))].reduce(
      (sum, { byteLength }) => sum + byteLength,
      0,
    );
    t.ok(memory <= 2 * bytes + 16_384, `${what}: ${memory} bytes for ${bytes}`);
    t.ok(all.length <= 200, `${all.length} chunks`);
  }
});

t.test(
  'what was pushed may be overwritten when it is small, and is kept as it is when it is large',
  async (t) => {
    const list = new ChunkList();
    const small = Buffer.from('small');
    const large = Buffer.alloc(8192, 'l');
    list.push(small);
    list.push(large);
    small.fill('x');
    t.equal(list.shift()?.toString(), 'small');
    t.equal(list.shift(), large);
    t.equal(list.shift(), undefined);
  },
);

t.test('as many bytes are taken as are asked for, and the others stay', async (t) => {
  const chunks = new ChunkList();
  const all = Buffer.from(Array.from({ length: 40_000 }, (_, index) => index % 251));
  for (let at = 0; at < all.length; at += 5000) chunks.push(all.subarray(at, at + 5000));
  const taken: Buffer[] = [];
  for (const most of [1, 4999, 5001, 0, 12_345]) {
    const some = chunks.takeUpTo(most);
    t.equal(Buffer.concat(some).length, most);
    taken.push(...some);
  }
  taken.push(...chunks.takeUpTo(1e6));
  t.ok(Buffer.concat(taken).equals(all));
  t.ok(chunks.isEmpty);
  t.same(chunks.takeUpTo(10), []);
});
