// Heads of requests. Node's own parser is the judge: what is accepted must be what Node reads, field for field and to
// the same end of its body, but for differences that have a name here; and what Node reads and is refused has a name too.
import { deepStrictEqual } from 'node:assert';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { duplexPair } from 'node:stream';
import fc from 'fast-check';
import t from 'tap';
import { HeadTooLarge, MalformedMessage, TargetTooLong, UnknownCoding } from '../../src/http1/errors.js';
import { isHopeless, type RequestHead, readRequestHead, tooLargeHead } from '../../src/http1/request-head.js';
import { withoutJudge } from '../support/node.js';

const START = 'GET /a HTTP/1.1\r\n';
const HOST = `${START}Host: x\r\n`;
const OLD = 'GET /a HTTP/1.0\r\n';

/** The error's class by name, or the head. */
function tryRead(text: string): RequestHead | string {
  try {
    return readRequestHead(text);
  } catch (error) {
    if (error instanceof MalformedMessage) return 'malformed';
    if (error instanceof HeadTooLarge) return 'too large';
    if (error instanceof UnknownCoding) return 'unknown coding';
    throw error;
  }
}

t.test('a head is read', async (t) => {
  const odd = "x-!#$%&'*+.^_`|~";
  const text = `POST /a?b=%20c HTTP/1.1\r\nHost: x\r\nContent-Length:5\r\nX-A: \t one two\t \r\n${odd}: \xff\r\n\r\n`;
  t.strictSame(readRequestHead(text), {
    method: 'POST',
    target: '/a?b=%20c',
    httpVersion: '1.1',
    headers: { host: 'x', 'content-length': '5', 'x-a': 'one two', [odd]: '\xff' },
    rawHeaders: ['Host', 'x', 'Content-Length', '5', 'X-A', 'one two', odd, '\xff'],
    bodyLength: 5,
    keepAlive: true,
    expectsContinue: false,
    upgrade: undefined,
  });
});

/** What is read of heads that are not what everybody sends. */
const READ: Readonly<Record<string, readonly [text: string, head: Partial<RequestHead>]>> = {
  'HTTP/1.0': [`${OLD}\r\n`, { httpVersion: '1.0', rawHeaders: [], bodyLength: 0, keepAlive: false }],
  'no field': [`${START}\r\n`, { headers: {}, bodyLength: 0 }],
  'an absolute target': ['GET http://x:1/a HTTP/1.1\r\n\r\n', { target: 'http://x:1/a' }],
  'an asterisk': ['OPTIONS * HTTP/1.1\r\n\r\n', { method: 'OPTIONS', target: '*' }],
  CONNECT: ['CONNECT h:80 HTTP/1.1\r\n\r\n', { method: 'CONNECT', target: 'h:80' }],
  'a method that nobody knows': ['X_Y-Z /a HTTP/1.1\r\n\r\n', { method: 'X_Y-Z' }],
  'the longest method': [`${'A'.repeat(64)} / HTTP/1.1\r\n\r\n`, { method: 'A'.repeat(64) }],
  'bytes beyond ASCII in the target': [
    'GET /s?q=\xc3\xa4\xff HTTP/1.1\r\n\r\n',
    { target: '/s?q=\xc3\xa4\xff' },
  ],
  'every other visible character in the target': [
    'GET /"<>\\^`{|}#[]~! HTTP/1.1\r\n\r\n',
    { target: '/"<>\\^`{|}#[]~!' },
  ],
  chunks: [`${HOST}Transfer-Encoding: Chunked\r\n\r\n`, { bodyLength: undefined }],
  'several fields of a name': [
    `${START}X-A: b\r\nx-a: c\r\nX-A:\r\n\r\n`,
    { headers: { 'x-a': 'b, c, ' }, rawHeaders: ['X-A', 'b', 'x-a', 'c', 'X-A', ''] },
  ],
  'cookies of which some are empty': [
    `${START}Cookie:\r\nCookie: a=b\r\ncookie: \r\nCOOKIE: c=d;\r\n\r\n`,
    { headers: { cookie: 'a=b; c=d;' } },
  ],
  'several cookies': [`${START}Cookie: a=b\r\nCookie: c=d\r\n\r\n`, { headers: { cookie: 'a=b; c=d' } }],
  'several of what is no list': [
    `${START}Range: bytes=0-1\r\nRange: bytes=2-3\r\nAuthorization: a\r\nauthorization: b\r\n\r\n`,
    { headers: { range: 'bytes=0-1', authorization: 'a' } },
  ],
  'several Hosts, which are not judged here': [
    `${START}Host: x\r\nHost: y\r\n\r\n`,
    { headers: { host: 'x, y' }, rawHeaders: ['Host', 'x', 'Host', 'y'] },
  ],
  'names that mean something to an object': [
    `${START}__proto__: a\r\nconstructor: b\r\nconstructor: c\r\n\r\n`,
    { headers: {}, rawHeaders: ['__proto__', 'a', 'constructor', 'b', 'constructor', 'c'] },
  ],
  'a thousand fields': [`${START}${'a:\r\n'.repeat(1000)}\r\n`, { headers: { a: ', '.repeat(999) } }],
};

t.test('what is not what everybody sends is read', async (t) => {
  for (const [what, [text, expected]] of Object.entries(READ)) {
    const head = tryRead(text);
    t.type(head, 'object', what);
    for (const [name, value] of Object.entries(expected)) {
      t.strictSame(Object.entries(head).find(([key]) => key === name)?.[1], value, `${what}: its ${name}`);
    }
  }
});

t.test('names of several hundred kinds are told in lower case', async (t) => {
  const indices = Array.from({ length: 1200 }, (_, index) => index);
  t.strictSame(
    indices.map((index) => readRequestHead(`${START}X-${index}-Y: z\r\n\r\n`).headers),
    indices.map((index) => ({ [`x-${index}-y`]: 'z' })),
  );
  const long = 'X'.repeat(100);
  t.equal(readRequestHead(`${START}${long}: z\r\n\r\n`).headers[long.toLowerCase()], 'z');
});

t.test('whether the connection is kept is read', async (t) => {
  const cases: readonly (readonly [fields: string, is11Kept: boolean, is10Kept: boolean])[] = [
    ['', true, false],
    ['Connection: keep-alive\r\n', true, true],
    ['Connection: Keep-Alive\r\n', true, true],
    ['Connection: x\r\nConnection: keep-alive\r\n', true, true],
    ['Connection: close\r\n', false, false],
    ['Connection: CLOSE\r\n', false, false],
    ['Connection: x , close\r\n', false, false],
    ['Connection: close\r\nConnection: x\r\n', false, false],
    ['Connection: x\r\nConnection: close\r\n', false, false],
    ['Connection: keep-alive, close\r\n', false, false],
    ['Connection: closed\r\n', true, false],
    ['Connection:\r\n', true, false],
    ['Proxy-Connection: close\r\nX-Connection: keep-alive\r\n', true, false],
  ];
  for (const [fields, is11Kept, is10Kept] of cases) {
    t.equal(readRequestHead(`${START}${fields}\r\n`).keepAlive, is11Kept, fields);
    t.equal(readRequestHead(`${OLD}${fields}\r\n`).keepAlive, is10Kept, `HTTP/1.0 ${fields}`);
  }
});

t.test('what a client expects is read, and of HTTP/1.0 it is not', async (t) => {
  const cases: readonly (readonly [fields: string, expectsContinue: boolean])[] = [
    ['', false],
    ['Expect: 100-continue\r\n', true],
    ['Expect: 100-Continue\r\n', true],
    ['Expect: x, 100-continue\r\n', true],
    ['Expect: x\r\nExpect: 100-continue\r\n', true],
    ['Expect:\r\n', false],
    ['Expect: x\r\n', false],
    ['Expect: 100-continued\r\n', false],
    ['Expect: 100-continue x\r\n', false],
  ];
  for (const [fields, expected] of cases) {
    t.equal(readRequestHead(`${START}${fields}\r\n`).expectsContinue, expected, fields);
    t.equal(readRequestHead(`${OLD}${fields}\r\n`).expectsContinue, false, `HTTP/1.0 ${fields}`);
  }
});

t.test('an offer of WebSocket counts when it is for this connection', async (t) => {
  const both = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  const cases: readonly (readonly [what: string, text: string, upgrade: 'websocket' | undefined])[] = [
    ['an offer', `${START}${both}`, 'websocket'],
    ['in other letters', `${START}connection: x, UPGRADE\r\nupgrade: WebSocket\r\n`, 'websocket'],
    ['in two fields', `${START}Connection: keep-alive\r\n${both}`, 'websocket'],
    ['without Connection', `${START}Upgrade: websocket\r\n`, undefined],
    ['with another option', `${START}Connection: keep-alive\r\nUpgrade: websocket\r\n`, undefined],
    ['without Upgrade', `${START}Connection: upgrade\r\n`, undefined],
    ['in HTTP/1.0', `${OLD}${both}`, undefined],
    ['of h2c', `${START}Connection: Upgrade\r\nUpgrade: h2c\r\n`, undefined],
    ['of several', `${START}Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n`, undefined],
    ['with another method', `POST / HTTP/1.1\r\n${both}`, undefined],
  ];
  for (const [what, text, upgrade] of cases) t.equal(readRequestHead(`${text}\r\n`).upgrade, upgrade, what);
});

const REFUSED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  malformed: {
    nothing: '\r\n\r\n',
    'a method in lower case': 'get /a HTTP/1.1\r\n\r\n',
    'a method with a digit': 'GET2 /a HTTP/1.1\r\n\r\n',
    'a method that is too long': `${'A'.repeat(65)} /a HTTP/1.1\r\n\r\n`,
    'no method': ' /a HTTP/1.1\r\n\r\n',
    'no target': 'GET HTTP/1.1\r\n\r\n',
    'an empty target': 'GET  HTTP/1.1\r\n\r\n',
    'no version': 'GET /a\r\n\r\n',
    'an empty line before': `\r\n${HOST}\r\n`,
    'a space before': ` ${HOST}\r\n`,
    'two spaces before the target': 'GET  /a HTTP/1.1\r\n\r\n',
    'a space in the target': 'GET /a b HTTP/1.1\r\n\r\n',
    'a tab in the target': 'GET /a\tb HTTP/1.1\r\n\r\n',
    'a tab before the target': 'GET\t/a HTTP/1.1\r\n\r\n',
    'NUL in the target': 'GET /\0 HTTP/1.1\r\n\r\n',
    'DEL in the target': 'GET /\x7f HTTP/1.1\r\n\r\n',
    'a space behind the version': 'GET /a HTTP/1.1 \r\n\r\n',
    'HTTP/0.9': 'GET /a HTTP/0.9\r\n\r\n',
    'HTTP/1.2': 'GET /a HTTP/1.2\r\n\r\n',
    'HTTP/2.0': 'GET /a HTTP/2.0\r\n\r\n',
    'HTTP/1.10': 'GET /a HTTP/1.10\r\n\r\n',
    'http/1.1': 'GET /a http/1.1\r\n\r\n',
    'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\n',
    'a list of lengths': `${HOST}Content-Length: 5, 5\r\n\r\n`,
    'an empty length': `${HOST}Content-Length:\r\n\r\n`,
    'a length twice': `${HOST}Content-Length: 5\r\nContent-Length: 5\r\n\r\n`,
    'a length beyond all numbers': `${HOST}Content-Length: 99999999999999999999\r\n\r\n`,
    'a length and chunks': `${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
    'chunks and a length': `${HOST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n`,
    'a coding that is not understood and a length': `${HOST}Transfer-Encoding: x\r\nContent-Length: 5\r\n\r\n`,
    'chunked twice': `${HOST}Transfer-Encoding: chunked, chunked\r\n\r\n`,
    'chunked in two fields': `${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    'chunks in HTTP/1.0': `${OLD}Transfer-Encoding: chunked\r\n\r\n`,
    'bare LF': `${START}Host: x\n\r\n\r\n`,
    'bare LF behind the request line': 'GET /a HTTP/1.1\nHost: x\r\n\r\n',
    'bare CR': `${START}Host: x\ry\r\n\r\n`,
    'NUL in a field': `${START}Host: x\0\r\n\r\n`,
    'a folded field': `${HOST}X-A: a\r\n b\r\n\r\n`,
    'a folded first field': `${START} X-A: a\r\n\r\n`,
    'a space before the colon': `${HOST}X-A : a\r\n\r\n`,
    'no colon': `${HOST}X-A\r\n\r\n`,
    'no name': `${HOST}: a\r\n\r\n`,
    'bytes behind it': `${HOST}\r\nGET`,
  },
  'unknown coding': {
    'another coding': `${HOST}Transfer-Encoding: gzip\r\n\r\n`,
    'chunks of another coding': `${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n`,
    'chunks in another coding': `${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n`,
    identity: `${HOST}Transfer-Encoding: identity\r\n\r\n`,
    'no coding': `${HOST}Transfer-Encoding:\r\n\r\n`,
    'what looks like chunked': `${HOST}Transfer-Encoding: xchunked\r\n\r\n`,
    'chunked with a parameter': `${HOST}Transfer-Encoding: chunked;a=b\r\n\r\n`,
  },
  'too large': {
    'more than a thousand fields': `${START}${'a:\r\n'.repeat(1001)}\r\n`,
  },
};

t.test('what cannot be read in exactly one way is refused', async (t) => {
  for (const [why, cases] of Object.entries(REFUSED)) {
    for (const [what, text] of Object.entries(cases)) t.equal(tryRead(text), why, what);
  }
});

t.test('a head over its limit is refused for what is too large of it', async (t) => {
  t.type(tooLargeHead(`GET /${'a'.repeat(100)}`), TargetTooLong);
  t.type(tooLargeHead(`GET /${'a'.repeat(100)} HTTP/1.1\r`), TargetTooLong);
  t.type(tooLargeHead(`${HOST}X: ${'a'.repeat(100)}`), HeadTooLarge);
});

t.test('what can never become a head is refused before it is complete', async (t) => {
  const cases: readonly (readonly [text: string, isExpected: boolean])[] = [
    ['G', false],
    ['GET', false],
    ['GET /', false],
    ['GET /a HTTP/1.1\r', false],
    ['GET /a HTTP/1.1\r\n', false],
    [`${HOST}X: \t\xff\r\n\r`, false],
    ['M-SEARCH_ /', false],
    ['A'.repeat(64), false],
    ['A'.repeat(65), true],
    ['get', true],
    ['G1', true],
    [' ', true],
    ['\x16\x03\x01', true],
    ['SSH-2.0-x', true],
    ['GET /\0', true],
    ['GET /\x7f', true],
    ['GET /\n', true],
    ['GET / HTTP/1.1\r\nHost: x\n', true],
    ['GET / HTTP/1.1\r\nHost: x\x0b', true],
  ];
  for (const [text, isExpected] of cases) {
    t.equal(isHopeless(text, 0), isExpected, text);
    // Byte by byte it is seen with the last byte, or before.
    const isSeen = [...text].some((_, index) => isHopeless(text.slice(0, index + 1), index));
    t.equal(isSeen, isExpected, `${text}, byte by byte`);
  }
});

t.test('a head that takes long to refuse is refused at once', async (t) => {
  // Work that grew with the square of the length would take minutes here.
  const started = process.cpuUsage();
  for (const filler of [' ', 'a', ':', '\t ', 'a:\r\n', 'a: \r\n', ', ', 'close,']) {
    const much = filler.repeat(Math.floor(200_000 / filler.length));
    for (const start of [
      `${HOST}X-A:`,
      `${HOST}Connection:`,
      `${HOST}Expect:`,
      `${HOST}Transfer-Encoding:`,
    ]) {
      for (let index = 0; index < 5; index++) t.type(tryRead(`${start}${much}\n\r\n\r\n`), 'string');
      tryRead(`${start}${much}\r\n\r\n`);
      isHopeless(`${start}${much}`, 0);
    }
  }
  for (const line of ['G', 'GET ', 'GET /', 'GET / ']) tryRead(line + line.repeat(50_000));
  const { user } = process.cpuUsage(started);
  t.ok(user < 5_000_000, `${user} µs`);
});

/** Stands behind each head: as chunks, as bytes of a length, and behind no body it is told apart. */
const TAIL = '2\r\nok\r\n0\r\n\r\n';

interface NodesReading {
  readonly request: IncomingMessage;
  readonly keepAlive: boolean;
  readonly expectsContinue: boolean;
  readonly body: string;
}

/** What Node makes of the bytes, and of a tail behind them; undefined where it refuses them. */
async function readByNode(text: string): Promise<NodesReading | undefined> {
  const server = createServer({ requireHostHeader: false });
  const [client, side] = duplexPair();
  const read = new Promise<NodesReading | undefined>((resolve) => {
    let isTaken = false;
    const taken = (expectsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
      if (isTaken) return;
      isTaken = true;
      let body = '';
      request.on('data', (bytes: Buffer) => {
        body += bytes.toString('latin1');
      });
      const { shouldKeepAlive: keepAlive } = response;
      const isOver = (): void => resolve({ request, keepAlive, expectsContinue, body });
      request.on('error', isOver).on('end', isOver).on('close', isOver);
    };
    server.on('request', taken(false)).on('checkContinue', taken(true)).on('checkExpectation', taken(false));
    server.on('connect', (request: IncomingMessage) => {
      resolve({ request, keepAlive: false, expectsContinue: false, body: '' });
    });
    server.on('clientError', ({ code }: NodeJS.ErrnoException) => {
      // What is wrong behind a request without a body is not its fault.
      if (!isTaken || code === 'HPE_INVALID_TRANSFER_ENCODING') resolve(undefined);
    });
  });
  server.emit('connection', side);
  client.on('error', () => {}).resume();
  client.end(Buffer.from(text + TAIL, 'latin1'));
  try {
    return await read;
  } finally {
    client.destroy();
    side.destroy();
  }
}

/** Where the body ends that a head announces, in Node's terms. */
function bodyBehind({ bodyLength }: RequestHead): string {
  return bodyLength === undefined ? 'ok' : TAIL.slice(0, bodyLength);
}

const token = fc.string({
  unit: fc.constantFrom(...'abzAZ019-_.!~', ':', ' ', '\t', '\xe9', '\n'),
  minLength: 1,
  maxLength: 6,
});
const value = fc.string({
  unit: fc.constantFrom(...'ab,;="', ' ', '\t', '\xe9', '\xff', '\r', '\n', '\0', '\x7f', '\x0b'),
  maxLength: 8,
});
/** Mostly what clients send, now and then what they should not. */
const field = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('Accept: */*', 'Cookie: a=b; c=d', 'X-A:  a ', 'If-None-Match: "a"'),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...[
        'Connection: close',
        'Connection: keep-alive',
        'Connection: x, Close',
        'Connection: upgrade',
        'Connection: keep-alive, close',
      ],
      ...['Content-Length: 3', 'Content-Length: 03', 'content-length: 3 ', 'Content-Length: 3, 3'],
      ...['Transfer-Encoding: chunked', 'Transfer-Encoding:  CHUNKED\t', 'Transfer-Encoding: gzip, chunked'],
      ...['Expect: 100-continue', 'Expect: x', 'Upgrade: websocket', 'Upgrade: h2c', 'Host: y', 'a:'],
    ),
  },
  { weight: 2, arbitrary: fc.tuple(token, value).map(([name, text]) => `${name}: ${text}`) },
  { weight: 1, arbitrary: value },
);
const method = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('GET', 'HEAD', 'POST', 'M-SEARCH', 'PROPFIND', 'OPTIONS') },
  { weight: 1, arbitrary: fc.constantFrom('get', 'GETS', 'CONNECT', 'DESCRIBE', '', 'G ET') },
);
const target = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('/', '/a/b?c', '/%', '/a#b', '//x', '/a\\b', '/"<>^`{|}') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('*', 'http://x/a', 'HTTP://x', 'x:80', 'a', '/\x7f', '/\xc3\xa4', ' /'),
  },
  { weight: 1, arbitrary: value.map((text) => `/${text}`) },
);
const version = fc.oneof(
  { weight: 6, arbitrary: fc.constant('HTTP/1.1') },
  { weight: 2, arbitrary: fc.constant('HTTP/1.0') },
  { weight: 1, arbitrary: fc.constantFrom('HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ') },
);
const end = fc.oneof(
  { weight: 20, arbitrary: fc.constant('\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('\n', '\r', ' \r\n') },
);
const head = fc
  .tuple(method, target, version, fc.array(fc.tuple(field, end), { maxLength: 4 }))
  .map(
    ([name, path, http, fields]) =>
      `${name} ${path} ${http}\r\nHost: x\r\n${fields.map(([text, lineEnd]) => text + lineEnd).join('')}\r\n`,
  )
  // A field without a character ends it.
  .map((text) => text.slice(0, text.indexOf('\r\n\r\n') + 4));

/** Names of differences from Node, each with its pattern and an example. */
type Differences = Readonly<Record<string, readonly [pattern: RegExp, example: string]>>;

/** What is accepted, to be passed on or to be refused by whoever knows more, though Node refuses it. */
const ONLY_OURS: Differences = {
  'bytes beyond ASCII in a target': [/^\S+ [^ ]*[\x80-\xff]/, 'GET /\xe9 HTTP/1.1\r\n\r\n'],
  'a method that Node does not know': [/^(?:GETS|DESCRIBE) /, 'GETS / HTTP/1.1\r\n\r\n'],
  'a target that is no path': [/^\S+ (?:a|x:80) /, 'GET a HTTP/1.1\r\n\r\n'],
  'a tab behind "chunked", which is white space': [
    /\nTransfer-Encoding: +CHUNKED\t *\r/,
    `${HOST}Transfer-Encoding: CHUNKED\t\r\n\r\n`,
  ],
};

/** What is refused though Node accepts it. */
const ONLY_NODES: Differences = {
  'no version, as in HTTP/0.9': [/^\S+ \S*[\r\n]/, 'GET /\r\n\r\n'],
  'HTTP/2.0': [/ HTTP\/2\.0\r/, 'GET / HTTP/2.0\r\n\r\n'],
  'several spaces around the target': [/^\S+ (?: |\S* {2})/, 'GET  /  HTTP/1.1\r\n\r\n'],
  'chunks in HTTP/1.0': [
    / HTTP\/1\.0\r[\s\S]*\nTransfer-Encoding: +chunked/i,
    `${OLD}Transfer-Encoding: chunked\r\n\r\n`,
  ],
  'several Transfer-Encoding fields': [
    /\nTransfer-Encoding:[^\r]*\r\n(?:[\s\S]*\n)?Transfer-Encoding:/,
    `${HOST}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n`,
  ],
  'another coding than chunked': [
    /\nTransfer-Encoding: gzip, chunked *\r/,
    `${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n`,
  ],
};

/** What both accept, and read in different ways. */
const DIFFERENT: Differences = {
  'CONNECT, behind which Node sees a tunnel': [/^CONNECT /, 'CONNECT / HTTP/1.1\r\n\r\n'],
  'a tab behind "chunked" where Node sees another protocol': [
    /\nTransfer-Encoding: +CHUNKED\t *\r/,
    `${HOST}Transfer-Encoding: CHUNKED\t\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n`,
  ],
  '"close" beside "keep-alive" in HTTP/1.0, where Node keeps the connection': [
    / HTTP\/1\.0\r(?=[\s\S]*\nConnection:[^\r]* close)(?=[\s\S]*\nConnection: keep-alive)/i,
    `${OLD}Connection: close\r\nConnection: keep-alive\r\n\r\n`,
  ],
};

function nameOf(differences: Differences, text: string): string | undefined {
  return Object.keys(differences).find((name) => differences[name]?.[0].test(text));
}

const ALIKE = 'read alike';

/** Throws when both read it otherwise. Several fields of a name are joined by other rules here. */
function compare(ours: RequestHead, { request, keepAlive, expectsContinue, body }: NodesReading): string {
  const { method, url: target, rawHeaders, httpVersion } = request;
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const mayDiffer = new Set(names).size < names.length;
  const headers = mayDiffer ? {} : { ...request.headers };
  const { bodyLength: _, upgrade: _offer, ...rest } = ours;
  deepStrictEqual(
    { ...rest, headers: mayDiffer ? {} : { ...ours.headers }, body: bodyBehind(ours) },
    { method, target, httpVersion, headers, rawHeaders, keepAlive, expectsContinue, body },
  );
  return ALIKE;
}

/** What becomes of a head here and in Node, or the name of a difference. */
async function judge(text: string): Promise<string> {
  const ours = tryRead(text);
  const nodes = await readByNode(text);
  let name: string | undefined;
  if (nodes === undefined) name = typeof ours === 'string' ? 'refused by both' : nameOf(ONLY_OURS, text);
  else if (typeof ours === 'string') name = nameOf(ONLY_NODES, text);
  else name = nameOf(DIFFERENT, text) ?? compare(ours, nodes);
  if (name === undefined) throw new Error('this difference has no name');
  return name;
}

t.test(
  'what is accepted is what Node reads, field for field and to its end',
  { skip: withoutJudge() },
  async (t) => {
    for (const differences of [ONLY_OURS, ONLY_NODES, DIFFERENT]) {
      for (const [name, [, example]] of Object.entries(differences)) t.equal(await judge(example), name);
    }
    let alike = 0;
    const property = fc.asyncProperty(head, async (text) => {
      if ((await judge(text)) === ALIKE) alike += 1;
    });
    await fc.assert(property, { numRuns: 4000 });
    t.ok(alike > 1000, `${alike} were read alike`);
  },
);

t.test('what is read is never refused before it is complete', async () => {
  const property = fc.property(head, fc.nat(), (text, place) => {
    if (typeof tryRead(text) === 'string') return;
    const at = 1 + (place % (text.length - 1));
    if (isHopeless(text.slice(0, at), 0) || isHopeless(text, at)) throw new Error('it was called hopeless');
  });
  fc.assert(property, { numRuns: 3000 });
});
