// Sections of lines, put together from the pieces they come in.
import fc from 'fast-check';
import t from 'tap';
import { Section } from '../../src/http1/section.js';
import { allWays, bytesOf, cut } from '../support/pieces.js';

interface Taken {
  readonly text: string;
  /** Bytes behind the section. */
  readonly rest: string;
  readonly outcome: 'complete' | 'full' | 'goes on';
}

/** Takes the pieces; each stands within other bytes, as in memory that is shared. */
function take(section: Section, pieces: readonly Buffer[]): Taken {
  for (const [index, piece] of pieces.entries()) {
    const around = Buffer.concat([bytesOf('\r\n\r\n'), piece, bytesOf('\n\r\n')]);
    const end = section.take(around, 4, 4 + piece.length);
    const { text } = section;
    if (end >= 0) {
      const rest = Buffer.concat([around.subarray(end, 4 + piece.length), ...pieces.slice(index + 1)]);
      return { text, rest: rest.toString('latin1'), outcome: 'complete' };
    }
    if (section.isFull) return { text, rest: '', outcome: 'full' };
  }
  return { text: section.text, rest: '', outcome: 'goes on' };
}

const CASES: Readonly<Record<string, readonly [bytes: string, taken: Taken]>> = {
  'a section': ['A\r\nB\r\n\r\n', { text: 'A\r\nB\r\n\r\n', rest: '', outcome: 'complete' }],
  'nothing but its end': ['\r\n\r\n', { text: '\r\n\r\n', rest: '', outcome: 'complete' }],
  'bytes behind it': ['A\r\n\r\nB\r\n\r\n', { text: 'A\r\n\r\n', rest: 'B\r\n\r\n', outcome: 'complete' }],
  'line ends behind it': ['A\r\n\r\n\r\n\r\n', { text: 'A\r\n\r\n', rest: '\r\n\r\n', outcome: 'complete' }],
  'bytes beyond ASCII': ['\xff\x80\r\n\r\n', { text: '\xff\x80\r\n\r\n', rest: '', outcome: 'complete' }],
  'half of it': ['A\r\nB\r\n\r', { text: 'A\r\nB\r\n\r', rest: '', outcome: 'goes on' }],
  'other line ends': ['A\n\n\r\r\n\n', { text: 'A\n\n\r\r\n\n', rest: '', outcome: 'goes on' }],
  'one as large as is allowed': [
    '01234567\r\n\r\nA',
    { text: '01234567\r\n\r\n', rest: 'A', outcome: 'complete' },
  ],
  'one too large by a byte': ['012345678\r\n\r\n', { text: '012345678\r\n\r', rest: '', outcome: 'full' }],
  'one that is much too large': [
    '0123456789ABCDEF\r\n\r\n',
    { text: '0123456789AB', rest: '', outcome: 'full' },
  ],
};

t.test('a section is the same wherever it is cut', async (t) => {
  for (const [what, [bytes, expected]] of Object.entries(CASES)) {
    for (const pieces of allWays(bytesOf(bytes))) {
      t.strictSame(take(new Section(12), pieces), expected, what);
    }
  }
  const line = fc.constantFrom('A', '\r\n', '\r', '\n', '\r\n\r\n');
  fc.assert(
    fc.property(fc.array(line, { maxLength: 9 }), fc.array(fc.nat()), (lines, places) => {
      const bytes = bytesOf(lines.join(''));
      const whole = take(new Section(8), [bytes]);
      const apart = take(new Section(8), cut(bytes, places));
      return JSON.stringify(apart) === JSON.stringify(whole);
    }),
    { numRuns: 2000 },
  );
});

t.test('another section begins from nothing, or with what belongs to it', async (t) => {
  const section = new Section(12);
  take(section, [bytesOf('A\r\n\r\n')]);
  t.equal(section.linesEnd, 'A\r\n'.length);
  section.begin();
  t.equal(section.text, '');
  t.strictSame(take(section, [bytesOf('B\r'), bytesOf('\n\r\n')]).text, 'B\r\n\r\n');
  section.begin('\r\n');
  t.strictSame(take(section, [bytesOf('\r\nA')]), { text: '\r\n\r\n', rest: 'A', outcome: 'complete' });
  section.begin('\r\n');
  t.equal(take(section, [bytesOf('0123456789')]).outcome, 'full', 'which counts');
});

t.test('of many small sections each costs what it has, and not what stands behind it', async (t) => {
  const one = 'HTTP/1.1 103 \r\n\r\n';
  const bytes = bytesOf(one.repeat(4000));
  let decoded = 0;
  bytes.toString = (encoding, from = 0, to = bytes.length) => {
    decoded += to - from;
    return Buffer.prototype.toString.call(bytes, encoding, from, to);
  };
  const section = new Section(bytes.length);
  for (let at = 0; at < bytes.length; section.begin()) {
    at = section.take(bytes, at, bytes.length);
    if (section.text !== one) t.fail(section.text);
  }
  t.ok(decoded <= 4000 * 4096, `${decoded} bytes were decoded`);
});
