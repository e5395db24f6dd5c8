// Plain request heads. Node's own parser is the judge: what is read as plain must be what Node reads, field for field,
// and what Node refuses must never be plain.
import { deepStrictEqual } from 'node:assert';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { duplexPair } from 'node:stream';
import fc from 'fast-check';
import t from 'tap';
import { LONGEST_PLAIN_HEAD, readPlainHead } from '../../src/http/plain-request.js';

const START = 'GET /a HTTP/1.1\r\n';
const HOST = `${START}Host: x\r\n`;

t.test('a plain request is read', async (t) => {
  const odd = "x-!#$%&'*+.^_`|~";
  const text = `POST /a?b=%20c HTTP/1.1\r\nHost: x\r\nContent-Length:5\r\nX-A: \t one two\t \r\n${odd}: \xff\r\n\r\n`;
  t.same(readPlainHead(text), {
    method: 'POST',
    url: '/a?b=%20c',
    headers: { host: 'x', 'content-length': '5', 'x-a': 'one two', [odd]: '\xff' },
    rawHeaders: ['Host', 'x', 'Content-Length', '5', 'X-A', 'one two', odd, '\xff'],
    bodyLength: 5,
    keepAlive: true,
    length: text.length,
  });
});

t.test('whether the connection is kept is read', async (t) => {
  for (const [field, keepAlive] of [
    ['', true],
    ['Connection: keep-alive\r\n', true],
    ['Connection: Keep-Alive\r\n', true],
    ['Connection: close\r\n', false],
    ['Connection: CLOSE\r\n', false],
  ] as const) {
    t.equal(readPlainHead(`${HOST}${field}\r\n`)?.keepAlive, keepAlive, field);
  }
});

t.test('what is not plain is left to Node', async (t) => {
  const cases: Readonly<Record<string, string>> = {
    'HTTP/1.0': 'GET /a HTTP/1.0\r\nHost: x\r\n\r\n',
    'no field': `${START}\r\n`,
    'an absolute target': 'GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n',
    'an asterisk': 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
    CONNECT: 'CONNECT /a HTTP/1.1\r\nHost: x\r\n\r\n',
    'a method that nobody knows': 'FOO /a HTTP/1.1\r\nHost: x\r\n\r\n',
    'a method in lower case': 'get /a HTTP/1.1\r\nHost: x\r\n\r\n',
    'an empty line before': `\r\n${HOST}\r\n`,
    'bytes beyond ASCII in the target': 'GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n',
    'a space in the target': 'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n',
    'a field twice': `${HOST}Host: x\r\n\r\n`,
    'a field twice in another case': `${HOST}hOST: x\r\n\r\n`,
    chunks: `${HOST}Transfer-Encoding: chunked\r\n\r\n`,
    'an offer of another protocol': `${HOST}Upgrade: h2c\r\n\r\n`,
    'an expectation that nobody knows': `${HOST}Expect: more\r\n\r\n`,
    'connection options': `${HOST}Connection: close, x-a\r\n\r\n`,
    'a length that is no number': `${HOST}Content-Length: 5, 5\r\n\r\n`,
    'an empty length': `${HOST}Content-Length:\r\n\r\n`,
    'a length beyond all numbers': `${HOST}Content-Length: 99999999999999999999\r\n\r\n`,
    'a name that means something to an object': `${HOST}__proto__: x\r\n\r\n`,
    'another such name': `${HOST}constructor: x\r\n\r\n`,
    'bare LF': `${START}Host: x\n\r\n\r\n`,
    'bare CR': `${START}Host: x\ry\r\n\r\n`,
    NUL: `${START}Host: x\0\r\n\r\n`,
    'a folded field': `${HOST}X-A: a\r\n b\r\n\r\n`,
    'a space before the colon': `${HOST}X-A : a\r\n\r\n`,
    'no colon': `${HOST}X-A\r\n\r\n`,
    'no name': `${HOST}: a\r\n\r\n`,
    'bytes behind it': `${HOST}\r\nGET`,
    'too long': `${HOST}X-A: ${'a'.repeat(LONGEST_PLAIN_HEAD)}\r\n\r\n`,
  };
  for (const [name, text] of Object.entries(cases)) t.equal(readPlainHead(text), undefined, name);
});

t.test('a head that takes long to refuse is refused at once', async (t) => {
  // Work that grew with the square of the length would take seconds here.
  const started = process.cpuUsage();
  for (const filler of [' ', 'a', ':', '\t ', 'a:\r\n', 'a: \r\n']) {
    const text = `${HOST}X-A:${filler.repeat(Math.floor(15_000 / filler.length))}\n\r\n\r\n`;
    for (let index = 0; index < 100; index++) t.equal(readPlainHead(text), undefined);
  }
  const { user } = process.cpuUsage(started);
  t.ok(user < 5_000_000, `${user} µs for 600 heads`);
});

/** What Node makes of the bytes: a request, or undefined where it refuses them. */
async function readByNode(text: string): Promise<IncomingMessage | undefined> {
  const server = createServer({ requireHostHeader: false });
  const [client, side] = duplexPair();
  const read = Promise.race([
    once(server, 'request').then(([request]) => request as IncomingMessage),
    once(server, 'clientError').then(() => undefined),
  ]);
  server.emit('connection', side);
  client.end(Buffer.from(text, 'latin1'));
  try {
    return await read;
  } finally {
    client.destroy();
    side.destroy();
  }
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
    weight: 3,
    arbitrary: fc.constantFrom(
      ...['Connection: close', 'Connection: keep-alive', 'Connection: x', 'Content-Length: 3', 'Expect: x'],
      ...[
        'Content-Length: 03',
        'content-length: 3 ',
        'Transfer-Encoding: chunked',
        'Upgrade: x',
        'Host: y',
        'a:',
      ],
    ),
  },
  { weight: 2, arbitrary: fc.tuple(token, value).map(([name, text]) => `${name}: ${text}`) },
  { weight: 1, arbitrary: value },
);
const method = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('GET', 'HEAD', 'POST', 'M-SEARCH', 'PROPFIND') },
  { weight: 1, arbitrary: fc.constantFrom('get', 'GETS', 'CONNECT', '') },
);
const target = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('/', '/a/b?c', '/%', '/a#b', '//x', '/a\\b', '/"<>^`{|}') },
  { weight: 1, arbitrary: fc.constantFrom('*', 'http://x/a', '/\x7f') },
  { weight: 1, arbitrary: value.map((text) => `/${text}`) },
);
const version = fc.oneof(
  { weight: 6, arbitrary: fc.constant('HTTP/1.1') },
  { weight: 1, arbitrary: fc.constantFrom('HTTP/1.0', 'HTTP/1.2', 'http/1.1', 'HTTP/1.1 ') },
);
const end = fc.oneof(
  { weight: 15, arbitrary: fc.constant('\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('\n', '\r', ' \r\n') },
);
const head = fc
  .tuple(method, target, version, fc.array(fc.tuple(field, end), { maxLength: 3 }))
  .map(
    ([name, path, http, fields]) =>
      `${name} ${path} ${http}\r\nHost: x\r\n${fields.map(([text, lineEnd]) => text + lineEnd).join('')}\r\n`,
  );

t.test('what is plain is what Node reads, field for field', async (t) => {
  let plain = 0;
  await fc.assert(
    fc.asyncProperty(head, async (text) => {
      const ours = readPlainHead(text);
      if (ours === undefined) return;
      plain += 1;
      const nodes = await readByNode(text);
      if (nodes === undefined) throw new Error('Node refuses it');
      const { method, url, headers, rawHeaders, httpVersion } = nodes;
      deepStrictEqual(
        { ...ours, headers: { ...ours.headers }, httpVersion },
        { ...ours, method, url, headers: { ...headers }, rawHeaders, httpVersion: '1.1' },
      );
    }),
    { numRuns: 20_000 },
  );
  t.ok(plain > 2000, `${plain} of the heads were plain`);
});
