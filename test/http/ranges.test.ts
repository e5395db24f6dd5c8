// Range fields: by table as nginx reads them, and by property against sets of byte positions.
import fc from 'fast-check';
import t from 'tap';
import { type ByteRange, parseRange, type RangeRequest, rangeLength } from '../../src/http/ranges.js';

const MANY = 100;

t.test('a Range field is read as nginx reads it', async (t) => {
  const one = (first: number, last: number): ByteRange[] => [{ first, last }];
  const cases: readonly (readonly [field: string, size: number, expected: RangeRequest])[] = [
    ['bytes=0-0', 100, one(0, 0)],
    ['bytes=0-99', 100, one(0, 99)],
    ['bytes=10-19', 100, one(10, 19)],
    ['bytes=10-', 100, one(10, 99)],
    ['bytes=99-', 100, one(99, 99)],
    ['bytes=-1', 100, one(99, 99)],
    ['bytes=-100', 100, one(0, 99)],
    ['bytes=-1000', 100, one(0, 99)],
    ['bytes=50-1000', 100, one(50, 99)],
    ['bytes=50-99999999999999999999999', 100, one(50, 99)],
    ['BYTES=1-2', 100, one(1, 2)],
    ['bytes= 1 - 2 ', 100, one(1, 2)],
    // No byte of it exists.
    ['bytes=100-', 100, 'unsatisfiable'],
    ['bytes=100-200', 100, 'unsatisfiable'],
    ['bytes=99999999999999999999999-', 100, 'unsatisfiable'],
    ['bytes=-0', 100, 'unsatisfiable'],
    ['bytes=5-4', 100, 'unsatisfiable'],
    ['bytes=5-', 0, 'unsatisfiable'],
    // An empty file has no range, and nothing to refuse.
    ['bytes=0-', 0, 'whole'],
    ['bytes=0-0', 0, 'whole'],
    ['bytes=-5', 0, 'whole'],
    // Malformed.
    ['bytes=-', 100, 'unsatisfiable'],
    ['bytes=a-b', 100, 'unsatisfiable'],
    ['bytes=1', 100, 'unsatisfiable'],
    ['bytes=--1', 100, 'unsatisfiable'],
    ['bytes=1--2', 100, 'unsatisfiable'],
    ['bytes=1-2-3', 100, 'unsatisfiable'],
    ['bytes=1-2x', 100, 'unsatisfiable'],
    ['bytes=0x1-2', 100, 'unsatisfiable'],
    ['bytes=1.5-2', 100, 'unsatisfiable'],
    ['bytes=+1-2', 100, 'unsatisfiable'],
    ['bytes=- 5', 100, 'unsatisfiable'],
    ['bytes=0-1,', 100, 'unsatisfiable'],
    ['bytes=0-1,,2-3', 100, 'unsatisfiable'],
    ['bytes=0-1;2-3', 100, 'unsatisfiable'],
    // Units that nobody knows are ignored.
    ['', 100, 'whole'],
    ['bytes', 100, 'whole'],
    ['bytes=', 100, 'whole'],
    ['bytes 0-1', 100, 'whole'],
    ['lines=1-2', 100, 'whole'],
    ['xbytes=0-1', 100, 'whole'],
    ['0-1', 100, 'whole'],
  ];
  for (const [field, size, expected] of cases) t.same(parseRange(field, size, MANY), expected, field);
});

t.test('several ranges keep their order, and overlapping ones become one', async (t) => {
  const cases: readonly (readonly [field: string, expected: string])[] = [
    ['bytes=0-1,4-5', '0-1 4-5'],
    ['bytes=4-5, 0-1', '4-5 0-1'],
    ['bytes=0-5,3-9', '0-9'],
    ['bytes=3-9,0-5', '0-9'],
    ['bytes=0-9,20-29,5-24', '0-29'],
    ['bytes=0-9,2-3', '0-9'],
    ['bytes=0-0,-1', '0-0 99-99'],
    ['bytes=0-1,500-600,4-5', '0-1 4-5'],
  ];
  for (const [field, expected] of cases) {
    const ranges = parseRange(field, 100, MANY);
    const text = typeof ranges === 'string' ? ranges : ranges.map((r) => `${r.first}-${r.last}`).join(' ');
    t.equal(text, expected, field);
  }
});

t.test('a request for more ranges or more bytes than allowed is answered with the whole', async (t) => {
  t.equal(parseRange('bytes=0-0,2-2,4-4', 100, 2), 'whole');
  t.not(parseRange('bytes=0-0,2-2', 100, 2), 'whole');
  t.equal(parseRange('bytes=0-,0-', 100, MANY), 'whole');
  t.equal(parseRange(`bytes=${Array(1000).fill('0-').join(',')}`, 100, 10_000), 'whole');
});

/** A well-formed spec with the positions it asks for in `size` bytes. */
interface Spec {
  readonly text: string;
  positions(size: number): number[];
}

const span = (first: number, end: number): number[] =>
  Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index);
const position = fc.nat({ max: 70 });
const spec: fc.Arbitrary<Spec> = fc.oneof(
  fc.tuple(position, position).map(([first, last]) => ({
    text: `${first}-${last}`,
    positions: (size: number) => span(first, Math.min(last + 1, size)),
  })),
  position.map((first) => ({ text: `${first}-`, positions: (size: number) => span(first, size) })),
  position.map((length) => ({
    text: `-${length}`,
    positions: (size: number) => span(Math.max(0, size - length), size),
  })),
);
const specs = fc.array(spec, { minLength: 1, maxLength: 8 });
const size = fc.nat({ max: 60 });
const fieldOf = (list: readonly Spec[]): string => `bytes=${list.map(({ text }) => text).join(',')}`;

t.test('ranges lie inside the file, share no byte and are together no larger than it', async () => {
  const anything = fc.oneof(
    specs.map(fieldOf),
    fc.string({ unit: fc.constantFrom(...'0123456789-, '), maxLength: 30 }).map((text) => `bytes=${text}`),
    fc.string(),
  );
  fc.assert(
    fc.property(anything, size, fc.integer({ min: 1, max: 10 }), (field, size, most) => {
      const ranges = parseRange(field, size, most);
      if (typeof ranges === 'string') return true;
      const sorted = [...ranges].sort((a, b) => a.first - b.first);
      return (
        ranges.length > 0 &&
        ranges.length <= most &&
        ranges.every(({ first, last }) => first >= 0 && first <= last && last < size) &&
        sorted.every((range, index) => range.first > (sorted[index - 1]?.last ?? -1)) &&
        ranges.reduce((sum, range) => sum + rangeLength(range), 0) <= size
      );
    }),
    { numRuns: 5000 },
  );
});

t.test('ranges cover exactly the bytes that were asked for and exist', async () => {
  fc.assert(
    fc.property(specs, size, (list, size) => {
      const asked = list.map((each) => each.positions(size));
      const ranges = parseRange(fieldOf(list), size, MANY);
      if (ranges === 'whole') return size === 0 || asked.flat().length > size;
      const union = [...new Set(asked.flat())].sort((a, b) => a - b);
      if (ranges === 'unsatisfiable') return union.length === 0;
      const covered = ranges.flatMap(({ first, last }) => span(first, last + 1)).sort((a, b) => a - b);
      return covered.join() === union.join();
    }),
    { numRuns: 5000 },
  );
});
