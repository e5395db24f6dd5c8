// Accept-Encoding (RFC 9110 §12.5.3): weights by table, and by property that no field can confuse.
import fc from 'fast-check';
import t from 'tap';
import { parseAcceptEncoding } from '../../src/http/accept-encoding.js';

const CODINGS = ['br', 'zstd', 'gzip', 'identity'] as const;

t.test('a coding has the weight that the field gives it', async (t) => {
  const cases: readonly (readonly [field: string | undefined, br: number, zstd: number, gzip: number])[] = [
    [undefined, 0, 0, 0],
    ['', 0, 0, 0],
    ['gzip', 0, 0, 1],
    ['gzip, deflate, br, zstd', 1, 1, 1],
    ['GZIP, Br', 1, 0, 1],
    ['x-gzip', 0, 0, 1],
    ['br;q=0.5, gzip;q=0.25', 0.5, 0, 0.25],
    ['br ; q=0.5 ,\tgzip; Q=0.001', 0.5, 0, 0.001],
    ['br;q=0, gzip;q=1.000', 0, 0, 1],
    ['br;q=0.000, gzip;q=1', 0, 0, 1],
    ['*', 1, 1, 1],
    ['*;q=0.5, br;q=0', 0, 0.5, 0.5],
    ['gzip;q=0, *', 1, 1, 0],
    ['*;q=0', 0, 0, 0],
    ['identity', 0, 0, 0],
    [', ,gzip,', 0, 0, 1],
    // What is no weight makes no wish.
    ['gzip;q=2, br', 1, 0, 0],
    ['gzip;q=-1', 0, 0, 0],
    ['gzip;q=0.1234', 0, 0, 0],
    ['gzip;q=', 0, 0, 0],
    ['gzip;level=9', 0, 0, 0],
    ['gzip br', 0, 0, 0],
    ['gzipped', 0, 0, 0],
  ];
  for (const [field, ...expected] of cases) {
    const { weightOf } = parseAcceptEncoding(field);
    t.same([weightOf('br'), weightOf('zstd'), weightOf('gzip')], expected, `${field}`);
  }
});

t.test('the file as it is can be had unless it is refused', async (t) => {
  for (const field of [
    undefined,
    '',
    'gzip',
    'br, *',
    '*;q=0.5',
    'identity',
    'identity;q=0.1',
    '*;q=0, identity;q=0.1',
  ])
    t.ok(parseAcceptEncoding(field).weightOf('identity') > 0, `${field}`);
  for (const field of ['identity;q=0', '*;q=0', 'gzip, identity;q=0.0', 'br, *;q=0', 'IDENTITY;q=0, *'])
    t.equal(parseAcceptEncoding(field).weightOf('identity'), 0, field);
  t.ok(
    parseAcceptEncoding('gzip;q=0.001').weightOf('identity') < 0.001,
    'a coding that is named at all comes before it',
  );
});

t.test('weights that were written are read, in any order and spacing', async () => {
  const weight = fc.nat({ max: 1000 }).map((thousandth) => thousandth / 1000);
  const space = fc.constantFrom('', ' ', '\t', '  ');
  await fc.assert(
    fc.property(
      fc.shuffledSubarray([...CODINGS]),
      fc.array(weight, { minLength: 4, maxLength: 4 }),
      space,
      (codings, weights, gap) => {
        const field = codings
          .map((coding, index) => `${gap}${coding}${gap};${gap}q=${weights[index]}`)
          .join(',');
        const { weightOf } = parseAcceptEncoding(field);
        return codings.every((coding, index) => weightOf(coding) === weights[index]);
      },
    ),
  );
});

t.test('no field gives a weight outside of 0 to 1', async () => {
  const piece = fc.constantFrom(
    'gzip',
    'br',
    '*',
    'identity',
    ';',
    'q',
    '=',
    ',',
    ' ',
    '0',
    '1',
    '.',
    '9',
    '-',
  );
  await fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const { weightOf } = parseAcceptEncoding(pieces.join(''));
      return CODINGS.every((coding) => weightOf(coding) >= 0 && weightOf(coding) <= 1);
    }),
  );
});
