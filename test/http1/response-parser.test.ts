// Responses read from their bytes: the same in whatever pieces they come, and nothing that could be read in two ways.
import fc from 'fast-check';
import t from 'tap';
import { HeadTooLarge, MalformedMessage } from '../../src/http1/errors.js';
import { type ResponseEvents, ResponseParser } from '../../src/http1/response-parser.js';
import { bytesOf, cut, single } from '../support/pieces.js';

/** Largest head, in bytes. */
const MAX_HEAD = 16 * 1024;

/** How a response is read: to a GET on a connection that stays open, unless it says otherwise. */
interface Circumstances {
  readonly isHead?: boolean;
  readonly mayUpgrade?: boolean;
  /** The connection ends behind the bytes. */
  readonly ends?: boolean;
}

interface Reading {
  /** What the parser told, the pieces of a body joined. */
  readonly events: readonly string[];
  /** True when it has come to its end, and the connection may carry another. */
  readonly isPersistent: boolean;
}

/** Reads the pieces; a refusal is the last event. */
function read(pieces: readonly Buffer[], { isHead, mayUpgrade, ends }: Circumstances = {}): Reading {
  const events: string[] = [];
  let body = '';
  const told = (event: string): void => {
    if (body !== '') events.push(`data ${body}`);
    body = '';
    events.push(event);
  };
  const describe = (what: string, start: Readonly<Record<string, unknown>>): void =>
    told(`${what} ${JSON.stringify(start)}`);
  let isOver = false;
  let isPersistent = false;
  let hasSwitched = false;
  const listener: ResponseEvents = {
    informational: (start) => describe('informational', { ...start }),
    head: (start) => describe('head', { ...start }),
    data(bytes) {
      body += bytes.toString('latin1');
    },
    end(trailers) {
      isOver = true;
      isPersistent = parser.isPersistent;
      told(`end ${trailers.join()}`);
    },
    switched(start, rest) {
      hasSwitched = true;
      describe('switched', { ...start });
      body += rest.toString('latin1');
    },
  };
  const parser = new ResponseParser(listener, MAX_HEAD);
  parser.begin(isHead ?? false, mayUpgrade ?? false);
  let hasMore = false;
  try {
    for (const piece of pieces) {
      // What comes later is the connection's to judge.
      if (hasSwitched) body += piece.toString('latin1');
      else if (isOver) hasMore ||= piece.length > 0;
      // The bytes behind the piece are somebody else's.
      else parser.push(Buffer.concat([piece, Buffer.from('HTTP/1.1 000')]), piece.length);
    }
    if (ends === true && !parser.finish()) told('incomplete');
  } catch (error) {
    if (!(error instanceof MalformedMessage || error instanceof HeadTooLarge)) throw error;
    told('refused');
  }
  if (body !== '') events.push(`data ${body}`);
  return { events, isPersistent: isPersistent && !hasMore };
}

const readWhole = (text: string, circumstances?: Circumstances): Reading =>
  read([bytesOf(text)], circumstances);

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

interface Sound extends Circumstances {
  readonly bytes: string;
  /** Parts of the body, joined. */
  readonly body: string;
  readonly isPersistent: boolean;
  readonly trailers?: string;
}

const SOUND: Readonly<Record<string, Sound>> = {
  'a sized body': { bytes: `${OK}Content-Length: 5\r\n\r\nhello`, body: 'hello', isPersistent: true },
  'an empty body': { bytes: `${OK}Content-Length: 0\r\n\r\n`, body: '', isPersistent: true },
  'any bytes': { bytes: `${OK}content-length:4\r\n\r\n\r\n\0\xff`, body: '\r\n\0\xff', isPersistent: true },
  'a length with zeros in front': {
    bytes: `${OK}Content-Length: 005\r\n\r\nhello`,
    body: 'hello',
    isPersistent: true,
  },
  'no reason': { bytes: 'HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\na', body: 'a', isPersistent: true },
  'no space for a reason': {
    bytes: 'HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na',
    body: 'a',
    isPersistent: true,
  },
  'no fields': { bytes: `${OK}\r\nhello`, body: 'hello', isPersistent: false, ends: true },
  'HTTP/1.0': {
    bytes: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok',
    body: 'ok',
    isPersistent: false,
  },
  'Connection: close': {
    bytes: `${OK}Connection: X, Close\r\nContent-Length: 2\r\n\r\nok`,
    body: 'ok',
    isPersistent: false,
  },
  'a connection that is kept for a moment only': {
    bytes: `${OK}Keep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok`,
    body: 'ok',
    isPersistent: false,
  },
  'a connection that is kept': {
    bytes: `${OK}Keep-Alive: timeout=5, max=100\r\nContent-Length: 2\r\n\r\nok`,
    body: 'ok',
    isPersistent: true,
  },
  chunks: {
    bytes: `${CHUNKED}5\r\nhello\r\n00a\r\n0123456789\r\n0\r\n\r\n`,
    body: 'hello0123456789',
    isPersistent: true,
  },
  'a chunk in capitals': {
    bytes: `${OK}TRANSFER-ENCODING: CHUNKED\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n`,
    body: '0123456789',
    isPersistent: true,
  },
  'chunk extensions': {
    bytes: `${CHUNKED}2;a=b;c="d"\r\nok\r\n0;e\r\n\r\n`,
    body: 'ok',
    isPersistent: true,
  },
  'chunk extensions behind blanks, and blanks behind a size': {
    bytes: `${CHUNKED}2 ;a=b\r\nok\r\n1\t \r\n!\r\n0 \r\n\r\n`,
    body: 'ok!',
    isPersistent: true,
  },
  'a size of sixteen digits': {
    bytes: `${CHUNKED}0000000000000002\r\nok\r\n0000000000000000\r\n\r\n`,
    body: 'ok',
    isPersistent: true,
  },
  'several Connection fields': {
    bytes: `${OK}Connection: close\r\nConnection: x\r\nContent-Length: 2\r\n\r\nok`,
    body: 'ok',
    isPersistent: false,
  },
  trailers: {
    bytes: `${CHUNKED}2\r\nok\r\n0\r\nX-Sum: 42\r\nX-Own:\r\n\r\n`,
    body: 'ok',
    isPersistent: true,
    trailers: 'X-Sum,42,X-Own,',
  },
  'HEAD with a length': {
    bytes: `${OK}Content-Length: 5\r\n\r\n`,
    body: '',
    isPersistent: true,
    isHead: true,
  },
  'HEAD of chunks': { bytes: CHUNKED, body: '', isPersistent: true, isHead: true },
  'HEAD without a length': { bytes: `${OK}\r\n`, body: '', isPersistent: true, isHead: true },
  '204': { bytes: 'HTTP/1.1 204 No Content\r\n\r\n', body: '', isPersistent: true },
  '304 with a length': {
    bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
    body: '',
    isPersistent: true,
  },
  'informational responses': {
    bytes: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
    body: 'ok',
    isPersistent: true,
  },
  'white space around a value': {
    bytes: `${OK}Content-Length: \t 2 \t\r\n\r\nok`,
    body: 'ok',
    isPersistent: true,
  },
};

t.test('a sound response', async (t) => {
  for (const [what, { bytes, body, isPersistent, trailers, ...circumstances }] of Object.entries(SOUND)) {
    const reading = readWhole(bytes, circumstances);
    t.notOk(reading.events.includes('refused'), what);
    t.equal(
      reading.events.find((event) => event.startsWith('data '))?.slice('data '.length) ?? '',
      body,
      `${what}: its body`,
    );
    t.equal(reading.events.at(-1), `end ${trailers ?? ''}`, `${what}: its end`);
    t.equal(reading.isPersistent, isPersistent, `${what}: whether the connection stays`);
    const more = readWhole(`${bytes}${OK}`, circumstances);
    if (circumstances.ends !== true) t.notOk(more.isPersistent, `${what}: with more behind it it does not`);
  }
});

t.test('what a head says', async (t) => {
  const { events } = readWhole(
    'HTTP/1.1 404 Nicht da \xe4\r\nX-A:  b:c \r\nX-A: \xff\xfe\r\nX-E:\r\nContent-Length: 1\r\n\r\na',
  );
  t.equal(
    events[0],
    `head ${JSON.stringify({
      status: 404,
      reason: 'Nicht da \xe4',
      fields: ['X-A', 'b:c', 'X-A', '\xff\xfe', 'X-E', '', 'Content-Length', '1'],
      connection: undefined,
      length: 1,
    })}`,
  );
});

t.test('a switch of protocols', async (t) => {
  const bytes = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi';
  t.match(readWhole(bytes, { mayUpgrade: true }).events, [/^switched .*"status":101/, 'data \x81\x02hi']);
  t.same(readWhole(bytes).events, ['refused'], 'that nobody asked for');
});

/** What is refused, wherever it is cut. None of it reaches the client as a response. */
const REFUSED: Readonly<Record<string, string>> = {
  'no HTTP': 'hello\r\n\r\n',
  'an SSH banner': 'SSH-2.0-OpenSSH_9.2\r\n',
  'an empty line first': `\r\n${OK}\r\n`,
  'HTTP/2.0': 'HTTP/2.0 200 OK\r\n\r\n',
  'HTTP/1.2': 'HTTP/1.2 200 OK\r\n\r\n',
  'HTTP/1.10': 'HTTP/1.10 200 OK\r\n\r\n',
  'http/1.1': 'http/1.1 200 OK\r\n\r\n',
  ICY: 'ICY 200 OK\r\n\r\n',
  'no status': 'HTTP/1.1 OK\r\n\r\n',
  'a status of two digits': 'HTTP/1.1 20 OK\r\n\r\n',
  'a status of four digits': 'HTTP/1.1 2000 OK\r\n\r\n',
  'a status below 100': 'HTTP/1.1 099 OK\r\n\r\n',
  'a status with a sign': 'HTTP/1.1 +20 OK\r\n\r\n',
  'two spaces before the status': 'HTTP/1.1  200 OK\r\n\r\n',
  'a tab before the status': 'HTTP/1.1\t200 OK\r\n\r\n',
  'bare LF everywhere': 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
  'bare LF behind the status line': 'HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok',
  'bare LF behind a field': `${OK}Content-Length: 2\nX: a\r\n\r\nok`,
  'bare LF at the end': `${OK}Content-Length: 2\r\n\nok\r\n\r\n`,
  'bare CR in a field': `${OK}X: a\rContent-Length: 0\r\nContent-Length: 2\r\n\r\nok`,
  'bare CR in the status line': 'HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\nok',
  'bare CR at the end of the status line': 'HTTP/1.1 200 OK\r\r\nContent-Length: 2\r\n\r\nok',
  'bare CR for a reason': 'HTTP/1.1 200 \r\r\nContent-Length: 2\r\n\r\nok',
  'bare LF for a reason': 'HTTP/1.1 200 \nX: y\r\nContent-Length: 2\r\n\r\nok',
  'CR before CRLF': `${OK}Content-Length: 2\r\r\n\r\nok`,
  'NUL in a value': `${OK}X: a\0b\r\nContent-Length: 2\r\n\r\nok`,
  'NUL in a name': `${OK}X\0: a\r\nContent-Length: 2\r\n\r\nok`,
  'a control character in a value': `${OK}X: a\x01b\r\nContent-Length: 2\r\n\r\nok`,
  'DEL in a value': `${OK}X: a\x7fb\r\nContent-Length: 2\r\n\r\nok`,
  'a vertical tab before chunked': `${OK}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
  'a folded field': `${OK}X: a\r\n b\r\nContent-Length: 2\r\n\r\nok`,
  'a field folded with a tab': `${OK}X: a\r\n\tContent-Length: 0\r\nContent-Length: 2\r\n\r\nok`,
  'a folded first field': `${OK} X: a\r\nContent-Length: 2\r\n\r\nok`,
  'a field without a colon': `${OK}Content-Length 2\r\nX: a\r\n\r\nok`,
  'a last field without a colon': `${OK}X: a\r\nContent-Length 2\r\n\r\nok`,
  'a field without a name': `${OK}: 2\r\n\r\nok`,
  'a space before a colon': `${OK}Content-Length : 2\r\n\r\nok`,
  'a tab before a colon': `${OK}Content-Length\t: 2\r\n\r\nok`,
  'a name that is no token': `${OK}Content(Length): 2\r\n\r\nok`,
  'a byte above ASCII in a name': `${OK}Content-L\xe9ngth: 2\r\n\r\nok`,
  'two different lengths': `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!`,
  'the same length twice': `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`,
  'a list of lengths': `${OK}Content-Length: 2, 2\r\n\r\nok`,
  'an empty length': `${OK}Content-Length:\r\n\r\nok`,
  'a negative length': `${OK}Content-Length: -2\r\n\r\nok`,
  'a length with a plus': `${OK}Content-Length: +2\r\n\r\nok`,
  'a length in hex': `${OK}Content-Length: 0x2\r\n\r\nok`,
  'a length with an exponent': `${OK}Content-Length: 2e0\r\n\r\nok`,
  'a broken length': `${OK}Content-Length: 2.0\r\n\r\nok`,
  'a length with a space inside': `${OK}Content-Length: 2 2\r\n\r\nok`,
  'a length beyond all numbers': `${OK}Content-Length: 99999999999999999999\r\n\r\nok`,
  'both lengths': `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  'both lengths, the other way': `${OK}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  'another coding': `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  'an unknown coding': `${OK}Transfer-Encoding: xchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  identity: `${OK}Transfer-Encoding: identity\r\n\r\nok`,
  'chunked twice': `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'chunked, then another': `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n`,
  'an empty coding': `${OK}Transfer-Encoding:\r\n\r\nok`,
  'chunks in HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'a malformed informational response': `HTTP/1.1 103 Early\r\nX : a\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
  'too many fields': `${OK}${'a:\r\n'.repeat(1001)}\r\n`,
  'a head that is too large': `${OK}X: ${'a'.repeat(MAX_HEAD)}\r\nContent-Length: 0\r\n\r\n`,
  'a head too large by one': `${OK}X: ${'a'.repeat(MAX_HEAD - OK.length - 6)}\r\n\r\n`,
};

/** What is refused within a body, whose beginning is with the client then. */
const BROKEN: Readonly<Record<string, string>> = {
  'no size': '\r\nok\r\n',
  'a size that is none': 'zz\r\n',
  'a size with 0x': '0x2\r\nok\r\n',
  'a negative size': '-2\r\nok\r\n',
  'a space before the size': ' 2\r\nok\r\n',
  'a space within the size': '2 0\r\nok\r\n',
  'a size beyond all numbers': 'ffffffffffffffff\r\n',
  'bare LF behind the size': '2\nok\r\n',
  'CR and something else': '2\rXok\r\n',
  'bare LF in an extension': '2;a\nok\r\n',
  'bare CR in an extension': '2;a\rb\r\nok\r\n',
  'NUL in an extension': '2;\0\r\nok\r\n',
  'an extension without end': `2;${'a'.repeat(5000)}\r\nok\r\n`,
  'more bytes than the size says': '2\r\nok!\r\n',
  'fewer bytes than the size says': '3\r\nok\r\n0\r\n\r\n',
  'bare LF behind the data': '2\r\nok\n',
  'malformed trailers': '0\r\nX : a\r\n\r\n',
  'folded trailers': '0\r\nX: a\r\n b\r\n\r\n',
  'bare LF in the trailers': '0\r\nX: a\nY: b\r\n\r\n',
  'NUL in the trailers': '0\r\nX: \0\r\n\r\n',
  'trailers without a colon': '0\r\nabc\r\n\r\n',
  'trailers that are too large': `0\r\nX: ${'a'.repeat(MAX_HEAD)}\r\n\r\n`,
};

t.test('a response that could be read in two ways is refused, wherever it is cut', async (t) => {
  for (const [what, bytes] of Object.entries(REFUSED)) {
    t.same(
      readWhole(bytes).events.filter((event) => !event.startsWith('informational')),
      ['refused'],
      what,
    );
    const apart = single(bytesOf(bytes));
    // A head of 16 KiB byte by byte says no more than in two pieces.
    if (apart.length < 2000) t.match(read(apart).events.at(-1), 'refused', `${what}, byte by byte`);
  }
  for (const [what, bytes] of Object.entries(BROKEN)) {
    const { events } = readWhole(`${CHUNKED}${bytes}`);
    t.match(events[0], /^head /, what);
    t.equal(events.at(-1), 'refused', what);
    t.notOk(
      events.some((event) => event.startsWith('end')),
      `${what}: it does not look complete`,
    );
    const apart = single(bytesOf(`${CHUNKED}${bytes}`));
    if (apart.length < 6000) t.same(read(apart).events, events, `${what}, byte by byte`);
  }
});

t.test('a head that is as large as allowed is taken', async (t) => {
  const filler = 'a'.repeat(MAX_HEAD - OK.length - 'X: \r\nContent-Length: 0\r\n\r\n'.length);
  const bytes = bytesOf(`${OK}X: ${filler}\r\nContent-Length: 0\r\n\r\n`);
  t.equal(bytes.length, MAX_HEAD);
  for (const pieces of [[bytes], cut(bytes, [10, 5000, MAX_HEAD - 1])])
    t.equal(read(pieces).events.at(-1), 'end ');
});

t.test('a connection that ends within a response leaves it incomplete', async (t) => {
  const cases = [OK, `${OK}Content-Length: 5\r\n\r\nhell`, `${CHUNKED}5\r\nhello\r\n`, `${CHUNKED}0\r\n`, ''];
  for (const bytes of cases) t.equal(readWhole(bytes, { ends: true }).events.at(-1), 'incomplete', bytes);
});

// Responses made of parts that are mostly sound, so that many are accepted and many are refused late.
const token = fc.stringMatching(/^[A-Za-z][A-Za-z-]{0,11}$/);
const value = fc.oneof(
  fc.constantFrom('', 'a', 'text/html; charset=utf-8', '\xe4\xff', 'a\tb', 'a: b'),
  fc.string({ maxLength: 20 }),
);
const framing = fc.constantFrom(
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'content-length:12\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'Content-Length: x\r\n',
  '',
);
const field = fc.oneof(
  { arbitrary: fc.tuple(token, value).map(([name, text]) => `${name}: ${text}\r\n`), weight: 3 },
  { arbitrary: framing, weight: 2 },
);
const body = fc.oneof(
  fc.constantFrom(
    'hello',
    'hello more',
    '5\r\nhello\r\n0\r\n\r\n',
    'a;b\r\n0123456789\r\n0\r\nX: y\r\n\r\n',
    '0\r\n\r\n',
  ),
  fc.string({ maxLength: 30 }),
);
const response = fc
  .tuple(
    fc.constantFrom('', 'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n', 'HTTP/1.1 100 \r\n\r\n'),
    fc.constantFrom(
      'HTTP/1.1 200 OK',
      'HTTP/1.0 200 OK',
      'HTTP/1.1 204 ',
      'HTTP/1.1 304',
      'HTTP/1.1 101 X',
      'HTTP/1.1 OK',
    ),
    fc.array(field, { maxLength: 4 }),
    body,
  )
  .map(([first, line, fields, content]) => bytesOf(`${first}${line}\r\n${fields.join('')}\r\n${content}`));

t.test('in whatever pieces a response comes, it is the same', async (t) => {
  let accepted = 0;
  let refused = 0;
  fc.assert(
    fc.property(
      response,
      fc.array(fc.nat(), { maxLength: 8 }),
      fc.record({ isHead: fc.boolean(), mayUpgrade: fc.boolean(), ends: fc.boolean() }),
      (bytes, places, circumstances) => {
        const whole = read([bytes], circumstances);
        const pieces = read(cut(bytes, places), circumstances);
        const apart = read(single(bytes), circumstances);
        if (whole.events.includes('refused')) refused += 1;
        else accepted += 1;
        return [pieces, apart].every((other) => JSON.stringify(other) === JSON.stringify(whole));
      },
    ),
    { numRuns: 3000 },
  );
  t.ok(accepted > 300, `${accepted} were accepted`);
  t.ok(refused > 300, `${refused} were refused`);
});
