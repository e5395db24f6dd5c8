// Bodies in chunks: the same wherever they are cut, and nothing that could be read in two ways.
import fc from 'fast-check';
import t from 'tap';
import { ChunkReader, chunkStart, lastChunk } from '../../src/http1/chunks.js';
import { HeadTooLarge, MalformedMessage } from '../../src/http1/errors.js';
import { allWays, bytesOf, cut, single } from '../support/pieces.js';

interface Reading {
  readonly body: string;
  /** Absent while the body goes on. */
  trailers?: readonly string[];
  /** Bytes behind the body. */
  readonly rest: string;
  isRefused: boolean;
}

/** Reads a body from pieces, each of which stands within other bytes, as in memory that is shared. */
function read(pieces: readonly Buffer[]): Reading {
  const reading = { body: '', rest: '', isRefused: false } as { body: string; rest: string } & Reading;
  let memory: Buffer | undefined;
  const reader = new ChunkReader({
    chunkData(bytes) {
      if (bytes.length === 0) throw new Error('no bytes are no data');
      if (bytes.buffer !== memory?.buffer) throw new Error('the bytes have been copied');
      reading.body += bytes.toString('latin1');
    },
    chunksEnd(trailers) {
      if (reading.trailers !== undefined) throw new Error('told twice');
      reading.trailers = trailers;
    },
  });
  reader.begin();
  try {
    for (const piece of pieces) {
      memory = Buffer.concat([bytesOf('0\r\n'), piece, bytesOf('0\r\n\r\n')]);
      const end = 3 + piece.length;
      const at = reader.read(memory, 3, end);
      if (at < end && reading.trailers === undefined)
        throw new Error('bytes are left of a body that goes on');
      reading.rest += memory.toString('latin1', at, end);
    }
  } catch (error) {
    if (!(error instanceof MalformedMessage || error instanceof HeadTooLarge)) throw error;
    reading.isRefused = true;
  }
  return reading;
}

const LARGEST_SIZE = (2 ** 48).toString(16);
/** With its CRLF. */
const LONGEST_LINE = 4096;
const MAX_TRAILERS = 16 * 1024;
/** The trailers `X: …`, with the empty lines before and behind them, as large as this. */
const trailersOf = (bytes: number): string => `X: ${'a'.repeat(bytes - '\r\nX: \r\n\r\n'.length)}\r\n`;

/** Bodies that are read to their end, with what is read of them. */
const SOUND: Readonly<Record<string, readonly [bytes: string, body: string, trailers?: readonly string[]]>> =
  {
    'no bytes': ['0\r\n\r\n', ''],
    'one chunk': ['5\r\nhello\r\n0\r\n\r\n', 'hello'],
    'two chunks': ['5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n', 'hello!'],
    'line ends and chunks in the data': ['7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n', '\r\n0\r\n\r\n'],
    'a size in small letters': ['a\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
    'a size in capitals': ['A\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
    'sixteen digits': ['0000000000000002\r\nok\r\n0000000000000000\r\n\r\n', 'ok'],
    'more digits than that': [`${'0'.repeat(100)}2\r\nok\r\n${'0'.repeat(100)}\r\n\r\n`, 'ok'],
    'a blank behind the size': ['2 \r\nok\r\n0 \r\n\r\n', 'ok'],
    'blanks behind the size': ['2 \t \r\nok\r\n0\r\n\r\n', 'ok'],
    'an extension': ['2;a\r\nok\r\n0;b\r\n\r\n', 'ok'],
    'an extension behind a blank': ['2 ;a=b\r\nok\r\n0\t;a\r\n\r\n', 'ok'],
    'an extension with blanks and quotes': ['2; a = "b;\tc"\r\nok\r\n0\r\n\r\n', 'ok'],
    'an empty extension': ['2;\r\nok\r\n0\r\n\r\n', 'ok'],
    'bytes beyond ASCII in an extension': ['2;\xe9\r\nok\r\n0\r\n\r\n', 'ok'],
    'the longest extension': [`2;${'a'.repeat(LONGEST_LINE - 4)}\r\nok\r\n0\r\n\r\n`, 'ok'],
    trailers: ['2\r\nok\r\n0\r\nX-Sum:  42 \r\nx:\r\n\r\n', 'ok', ['X-Sum', '42', 'x', '']],
    'the largest trailers': [
      `0\r\n${trailersOf(MAX_TRAILERS)}\r\n`,
      '',
      ['X', 'a'.repeat(MAX_TRAILERS - '\r\nX: \r\n\r\n'.length)],
    ],
  };

t.test('a body is read to its end, and not further, wherever it is cut', async (t) => {
  for (const [what, [bytes, body, trailers = []]] of Object.entries(SOUND)) {
    const expected = { body, trailers, rest: '0\r\n\r\nGET', isRefused: false };
    const all = bytesOf(`${bytes}0\r\n\r\nGET`);
    t.strictSame(read([all]), expected, what);
    const ways = all.length < 300 ? allWays(all) : [cut(all, [1, 5, all.length - 12])];
    for (const pieces of ways) t.strictSame(read(pieces), expected, `${what}, cut`);
  }
});

/** Bodies that are refused, with the data that was told of before. */
const REFUSED: Readonly<Record<string, readonly [bytes: string, body: string]>> = {
  'no size': ['\r\n', ''],
  'an empty line before the next size': ['2\r\nok\r\n\r\n0\r\n\r\n', 'ok'],
  'an extension without a size': [';a\r\n', ''],
  'a blank before the size': [' 2\r\nok\r\n', ''],
  'blanks only': [' \r\n\r\n', ''],
  'a size with 0x': ['0x2\r\nok\r\n', ''],
  'a size with a sign': ['+2\r\nok\r\n', ''],
  'a negative size': ['-2\r\nok\r\n', ''],
  'a size that is none': ['g\r\n', ''],
  'a digit behind a blank': ['2 0\r\nok\r\n', ''],
  'something else behind a blank': ['2 a=b\r\nok\r\n', ''],
  'an underscore in a size': ['1_0\r\n', ''],
  'a size beyond what is counted': [`${LARGEST_SIZE.slice(0, -1)}1\r\n`, ''],
  'a size beyond all numbers': ['ffffffffffffffff\r\n', ''],
  'a size that is 2 in 64 bits': ['10000000000000002\r\nok\r\n', ''],
  'bare LF behind the size': ['2\nok\r\n', ''],
  'bare CR behind the size': ['2\rok\r\n', ''],
  'bare LF behind a blank': ['2 \nok\r\n', ''],
  'bare LF in an extension': ['2;a\nok\r\n', ''],
  'bare CR in an extension': ['2;a\rb\r\nok\r\n', ''],
  'NUL in an extension': ['2;\0\r\nok\r\n', ''],
  'DEL in an extension': ['2;\x7f\r\nok\r\n', ''],
  'an extension that is too long': [`2;${'a'.repeat(LONGEST_LINE - 3)}\r\nok\r\n0\r\n\r\n`, ''],
  'digits without end': ['0'.repeat(LONGEST_LINE + 1), ''],
  'blanks without end': [`2${' '.repeat(LONGEST_LINE)}`, ''],
  'more data than the size says': ['2\r\nok!\r\n', 'ok'],
  'bare LF behind the data': ['2\r\nok\n0\r\n\r\n', 'ok'],
  'something else and LF behind the data': ['2\r\nok!\n0\r\n\r\n', 'ok'],
  'CR and something else behind the data': ['2\r\nok\r0', 'ok'],
  'less data than the size says': ['3\r\nok\r\n0\r\n\r\n', 'ok\r'],
  'a space before the colon of a trailer': ['0\r\nX : a\r\n\r\n', ''],
  'a folded trailer': ['0\r\nX: a\r\n b\r\n\r\n', ''],
  'bare LF in the trailers': ['0\r\nX: a\nY: b\r\n\r\n', ''],
  'NUL in the trailers': ['0\r\nX: \0\r\n\r\n', ''],
  'a trailer without a colon': ['0\r\nabc\r\n\r\n', ''],
  'a trailer that frames the message in two ways': [
    '0\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    '',
  ],
  'trailers that are too large': [`0\r\n${trailersOf(MAX_TRAILERS + 1)}\r\n`, ''],
  'trailers without end': [`0\r\nX: ${'a'.repeat(MAX_TRAILERS)}`, ''],
  'too many trailers': [`0\r\n${'a:\r\n'.repeat(1001)}\r\n`, ''],
};

t.test('what could be read in two ways is refused, wherever it is cut', async (t) => {
  for (const [what, [bytes, body]] of Object.entries(REFUSED)) {
    const expected = { body, rest: '', isRefused: true };
    const all = bytesOf(bytes);
    t.strictSame(read([all]), expected, what);
    const ways = all.length < 300 ? allWays(all) : [single(all)];
    for (const pieces of ways) t.strictSame(read(pieces), expected, `${what}, cut`);
  }
});

t.test('the largest chunk is read as far as it is here', async (t) => {
  t.strictSame(read([bytesOf(`${LARGEST_SIZE}\r\nabc`)]), { body: 'abc', rest: '', isRefused: false });
});

t.test('one body after another is read, each from its own beginning', async (t) => {
  const ends: string[] = [];
  let body = '';
  const reader = new ChunkReader({
    chunkData(bytes) {
      body += bytes.toString('latin1');
    },
    chunksEnd: (trailers) => ends.push(`${body} ${trailers.join()}`),
  });
  const bytes = bytesOf('1\r\na\r\n0\r\nX: y\r\n\r\n2\r\nbc\r\n0\r\n\r\n');
  let at = reader.read(bytes, 0, bytes.length);
  t.equal(at, 0, 'nothing before it has begun');
  for (const expected of ['a X,y', 'abc ']) {
    reader.begin();
    at = reader.read(bytes, at, bytes.length);
    t.equal(ends.at(-1), expected);
  }
  t.equal(at, bytes.length);
});

t.test('what is written in chunks is read', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 40 })),
      fc.array(fc.nat()),
      fc.boolean(),
      (parts, places, hasTrailers) => {
        const chunks = parts.map((part) => `${chunkStart(part.length)}${part}\r\n`).join('');
        const all = bytesOf(chunks + lastChunk(hasTrailers ? 'X: y\r\n' : undefined));
        const { body, trailers, rest, isRefused } = read(cut(all, places));
        const isEnd = trailers?.join() === (hasTrailers ? 'X,y' : '') && rest === '';
        return body === parts.join('') && isEnd && !isRefused;
      },
    ),
    { numRuns: 1000 },
  );
});

t.test(
  'what one read brings goes on in one piece, and what stands behind the body stays as it is',
  async (t) => {
    const told: string[] = [];
    const reader = new ChunkReader({
      chunkData: (bytes) => told.push(bytes.toString('latin1')),
      chunksEnd: (trailers) => told.push(`end ${trailers.join()}`),
    });
    const large = 'x'.repeat(1000);
    for (const [what, bodies, wanted] of [
      ['of a byte each', ['1\r\na\r\n'.repeat(3000), '0\r\n\r\n'], ['a'.repeat(3000), 'end ']],
      ['with extensions', ['1;a=b\r\na\r\n2;c\r\nbc\r\n', '0\r\nX: y\r\n\r\n'], ['abc', 'end X,y']],
      ['small and large', [`1\r\na\r\n3e8\r\n${large}\r\n2\r\nbc\r\n0\r\n\r\n`], [`a${large}bc`, 'end ']],
      ['cut within one', ['5\r\nhe', 'llo\r\n1\r\n!\r\n0\r\n\r\n'], ['he', 'llo!', 'end ']],
      ['with a mistake behind them', ['1\r\na\r\n1\r\nb\r\nnone\r\n'], ['ab', 'refused']],
    ] as const) {
      told.length = 0;
      reader.begin();
      let rest = '';
      for (const body of bodies) {
        const bytes = bytesOf(`${body}next`);
        try {
          const at = reader.read(bytes, 0, body.length);
          rest = bytes.toString('latin1', at);
        } catch {
          told.push('refused');
          rest = 'next';
        }
      }
      t.same(told, wanted, what);
      t.equal(rest, 'next', what);
    }
  },
);
