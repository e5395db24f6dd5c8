// Field lines, and what they say of a message's framing. Whatever two readers could read in two ways is refused.
import t from 'tap';
import { type Fields, MAX_FIELDS, readFields } from '../../src/http1/fields.js';

const MALFORMED = { code: 'MEDIA_SERVE_MALFORMED_MESSAGE' };
const TOO_LARGE = { code: 'MEDIA_SERVE_HEAD_TOO_LARGE' };

const read = (lines: string): Fields => readFields(lines, 0, lines.length);

/** What is read of sound lines, but for what is not there. */
const SOUND: Readonly<Record<string, readonly [lines: string, fields: Partial<Fields>]>> = {
  'no line': ['', { raw: [] }],
  'a field': ['Host: x\r\n', { raw: ['Host', 'x'] }],
  'names as they are written, in their order': [
    'X-b: 1\r\nx-A: 2\r\nX-B: 3\r\n',
    { raw: ['X-b', '1', 'x-A', '2', 'X-B', '3'] },
  ],
  'no value': ['A:\r\nB: \t \r\n', { raw: ['A', '', 'B', ''] }],
  'blanks around a value, and within': ['A: \t b \t c\t \r\n', { raw: ['A', 'b \t c'] }],
  'colons in a value': ['A: b: c:\r\n', { raw: ['A', 'b: c:'] }],
  'every character of a token': ["x-!#$%&'*+.^_`|~09: a\r\n", { raw: ["x-!#$%&'*+.^_`|~09", 'a'] }],
  'bytes beyond ASCII': ['A: \x80\xff\r\n', { raw: ['A', '\x80\xff'] }],
  'names that mean something to an object': [
    '__proto__: a\r\nconstructor: b\r\n',
    { raw: ['__proto__', 'a', 'constructor', 'b'] },
  ],
  'a length': ['Content-Length: 5\r\n', { contentLength: 5 }],
  'a length of 0': ['CONTENT-LENGTH:0\r\n', { contentLength: 0 }],
  'a length with zeros in front, and a tab behind': ['content-length: 005\t\r\n', { contentLength: 5 }],
  'the largest length': ['Content-Length: 999999999999999\r\n', { contentLength: 999_999_999_999_999 }],
  chunks: ['transfer-Encoding: Chunked\r\n', { transferEncoding: 'chunked' }],
  'several codings': [
    'Transfer-Encoding: gzip\r\nA: b\r\nTransfer-Encoding: CHUNKED\r\n',
    { transferEncoding: 'gzip, chunked' },
  ],
  'an empty coding': ['Transfer-Encoding:\r\n', { transferEncoding: '' }],
  'connection options': ['Connection: Close\r\nCONNECTION: X-A,b\r\n', { connection: 'close, x-a,b' }],
  'how long a connection is kept': [
    'Keep-Alive: Timeout=5\r\nKeep-Alive: max=2\r\n',
    { keepAlive: 'timeout=5, max=2' },
  ],
  'names of the same length as those that matter': [
    'Content-Lengti: x\r\nConnectiom: close\r\nTransfer-Encodinx: x\r\n',
    {},
  ],
};

t.test('sound lines are read', async (t) => {
  for (const [what, [lines, expected]] of Object.entries(SOUND)) {
    const { raw, ...framing } = read(lines);
    const { raw: expectedRaw = raw, ...rest } = expected;
    t.strictSame(raw, expectedRaw, what);
    const nothing = { contentLength: undefined, transferEncoding: undefined };
    const noOptions = { connection: undefined, keepAlive: undefined };
    t.strictSame(framing, { ...nothing, ...noOptions, ...rest }, what);
  }
});

t.test('only the lines between the two places are read', async (t) => {
  const text = 'GET / HTTP/1.1\r\nA: b\r\n\r\nC: d\r\n';
  t.strictSame(readFields(text, 16, 22).raw, ['A', 'b']);
  t.throws(() => readFields(text, 16, 21), MALFORMED, 'half a line is none');
});

const REFUSED: Readonly<Record<string, string>> = {
  'no colon': 'A b\r\n',
  'no colon in a last line': 'A: b\r\nC\r\n',
  'no name': ': a\r\n',
  'a space before the colon': 'A : b\r\n',
  'a tab before the colon': 'A\t: b\r\n',
  'a space in a name': 'A b: c\r\n',
  'a space before a name': ' A: b\r\n',
  'a folded line': 'A: b\r\n c\r\n',
  'a line folded with a tab': 'A: b\r\n\tC: d\r\n',
  'a name that is no token': 'A(b): c\r\n',
  'a quote in a name': '"A": c\r\n',
  'a byte beyond ASCII in a name': 'A\xe9: b\r\n',
  'NUL in a name': 'A\0: b\r\n',
  'NUL in a value': 'A: b\0\r\n',
  'a control character': 'A: \x01\r\n',
  'a vertical tab': 'A: \x0bb\r\n',
  DEL: 'A: \x7f\r\n',
  'bare LF': 'A: b\nC: d\r\n',
  'bare CR': 'A: b\rC: d\r\n',
  'CR before CRLF': 'A: b\r\r\n',
  'an empty line': 'A: b\r\n\r\nC: d\r\n',
  'no line end': 'A: b',
  'half a line end': 'A: b\r',
  'the same length twice': 'Content-Length: 2\r\ncontent-length: 2\r\n',
  'two lengths': 'Content-Length: 2\r\nContent-Length: 3\r\n',
  'a list of lengths': 'Content-Length: 2, 2\r\n',
  'an empty length': 'Content-Length:\r\n',
  'a length with a sign': 'Content-Length: +2\r\n',
  'a negative length': 'Content-Length: -2\r\n',
  'a length in hex': 'Content-Length: 0x2\r\n',
  'a length with an exponent': 'Content-Length: 2e0\r\n',
  'a length with a space inside': 'Content-Length: 2 2\r\n',
  'digits of another script': 'Content-Length: \xb2\r\n',
  'a length beyond what is counted exactly': 'Content-Length: 1000000000000000\r\n',
  'a length and a coding': 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n',
  'a coding and a length': 'Transfer-Encoding: chunked\r\nContent-Length: 2\r\n',
  'an empty coding and a length': 'Transfer-Encoding:\r\nContent-Length: 2\r\n',
};

t.test('what could be read in two ways is refused', async (t) => {
  for (const [what, lines] of Object.entries(REFUSED)) t.throws(() => read(lines), MALFORMED, what);
});

t.test('more fields than are allowed are refused, and none is left out', async (t) => {
  const most = 'a:b\r\n'.repeat(MAX_FIELDS);
  t.equal(read(most).raw.length, 2 * MAX_FIELDS);
  t.throws(() => read(`${most}a:b\r\n`), TOO_LARGE);
});

t.test('lines that take long to refuse are refused at once', async (t) => {
  // Work that grew with the square of the length would take minutes here.
  const started = process.cpuUsage();
  for (const filler of [' ', 'a', ':', '\t ', 'a:\r\n', 'a: \r\n', '\x80']) {
    const lines = `X-A:${filler.repeat(Math.floor(500_000 / filler.length))}\n\r\n`;
    for (let index = 0; index < 10; index++) t.throws(() => read(lines), MALFORMED);
  }
  const { user } = process.cpuUsage(started);
  t.ok(user < 5_000_000, `${user} µs for 70 times 500 kB`);
});
