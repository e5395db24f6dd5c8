/** Readers of bytes on the wire, of a client or of an app: given all at once, and byte by byte. */
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { hasElement } from '../../src/http/fields.js';
import { offeredProtocol } from '../../src/http/upgrade.js';
import { ChunkReader } from '../../src/http1/chunks.js';
import { MAX_FIELDS, readFields } from '../../src/http1/fields.js';
import { GrowingBuffer } from '../../src/http1/growing-buffer.js';
import { isHopeless, readRequestHead, tooLargeHead } from '../../src/http1/request-head.js';
import { ResponseParser } from '../../src/http1/response-parser.js';
import { Section } from '../../src/http1/section.js';
import { ServerRequest } from '../../src/http1/server-request.js';
import { proxyIntroduction } from '../../src/server/proxy-protocol.js';
import { COMMON, type Input, numbered, type Reader, repeat } from './inputs.js';

/** So large that no input is refused for its size. */
const NO_LIMIT = 1024 * 1024;

/** As many lines as a head may have, and one long enough for the rest: more are refused before they are sorted by name. */
const full =
  (line: (index: number) => string): Input =>
  (size) => {
    let text = '';
    for (let index = 1; index < MAX_FIELDS && text.length < size; index++) text += line(index);
    return `${text}long: ${'a'.repeat(Math.max(0, size - text.length - 8))}\r\n`;
  };

const LINES: Readonly<Record<string, Input>> = {
  'many lines': numbered((index) => `x-${index}: 1\r\n`),
  'many short lines': repeat('a:\r\n'),
  'the same list again and again': repeat('Connection: a\r\n'),
  'the same coding again and again': repeat('Transfer-Encoding: chunked\r\n'),
  'the same length again and again': repeat('Content-Length: 1\r\n'),
  'the same time again and again': repeat('Keep-Alive: timeout=\r\n'),
  'as many lines as may be': full((index) => `x-${index}: 1\r\n`),
  'as many lines as may be, of numbers': full((index) => `${index * 8192}:\r\n`),
  'as many lines as may be, of one name': full(() => 'a: 1\r\n'),
  'names that are numbers': numbered((index) => `${(index + 1) * 8192}:\r\n`),
  'names that mean something to an object': repeat('__proto__: a\r\n'),
  'a long name': repeat('a', '', ': 1\r\n'),
  'a long name without its end': repeat('a'),
  'a long name and a blank': repeat('a', '', ' : 1\r\n'),
  'a long value': repeat('a', 'x-a: ', '\r\n'),
  'a long value without its end': repeat('a', 'x-a: '),
  'a value of blanks': repeat(' ', 'x-a:', '\r\n'),
  'blanks around a value': (size) => `x-a:${' '.repeat(size / 2)}a${' '.repeat(size / 2)}\r\n`,
  'a value with blanks within': repeat(' ', 'x-a: a', 'a\r\n'),
  'a value with a bad end': repeat('a', 'x-a: ', '\0\r\n'),
  'a value with a line feed behind it': repeat('a', 'x-a: ', '\n'),
  'a long length': repeat('1', 'Content-Length: ', '\r\n'),
  'a length of zeros': repeat('0', 'Content-Length: ', '\r\n'),
  'a list of codings': repeat('chunked, ', 'Transfer-Encoding: ', '\r\n'),
  'a list of no codings': repeat(',', 'Transfer-Encoding: ', '\r\n'),
  'a list of options': repeat('upgrade ,', 'Connection: ', '\r\n'),
  'a list of no options': repeat(',', 'Upgrade: websocket\r\nConnection: ', '\r\n'),
  'an option among blanks': repeat(' ', 'Connection: close', ',\r\n'),
  'a list of expectations': repeat('100-continu, ', 'Expect: ', '\r\n'),
  'a long offer': repeat('websocket', 'Upgrade: ', '\r\n'),
  'times without end': repeat('timeout=', 'Keep-Alive: ', '\r\n'),
  'a long time': repeat('1', 'Keep-Alive: timeout=', '\r\n'),
  'many cookies': repeat('Cookie: a=b\r\n'),
  'line feeds': repeat('\n'),
  'carriage returns': repeat('\r'),
};

/** The same behind something, with an end or without one. */
function within(inputs: Readonly<Record<string, Input>>, start: string, end: string): typeof inputs {
  return Object.fromEntries(
    Object.entries(inputs).map(([what, input]) => [
      end === '' ? `${what}, and no end` : what,
      (size) => start + input(Math.max(0, size - start.length - end.length)) + end,
    ]),
  );
}

const REQUESTS: Readonly<Record<string, Input>> = {
  ...within(LINES, 'GET / HTTP/1.1\r\n', '\r\n'),
  ...within(LINES, 'GET / HTTP/1.1\r\n', ''),
  'a long method': repeat('A', '', ' / HTTP/1.1\r\n\r\n'),
  'a long method without its end': repeat('A'),
  'a long target': repeat('a', 'GET /', ' HTTP/1.1\r\n\r\n'),
  'a long target without its end': repeat('a', 'GET /'),
  'a long target with a bad end': repeat('a', 'GET /', '\0 HTTP/1.1\r\n\r\n'),
  'blanks behind the target': repeat(' ', 'GET /', 'HTTP/1.1\r\n\r\n'),
  'versions without end': repeat(' HTTP/1.1', 'GET /', '\r\n\r\n'),
  'a long version': repeat('1', 'GET / HTTP/1.', '\r\n\r\n'),
};

const RESPONSES: Readonly<Record<string, Input>> = {
  ...within(LINES, 'HTTP/1.1 200 OK\r\n', '\r\n'),
  ...within(LINES, 'HTTP/1.1 200 OK\r\n', ''),
  'a long reason': repeat('a', 'HTTP/1.1 200 ', '\r\n\r\n'),
  'a long reason without its end': repeat('a', 'HTTP/1.1 200 '),
  'a long status': repeat('2', 'HTTP/1.1 ', '\r\n\r\n'),
  'informational responses': repeat('HTTP/1.1 103 \r\n\r\n'),
  'a body of a length': repeat('a', 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n'),
  'a body up to the end': repeat('a', 'HTTP/1.1 200 OK\r\n\r\n'),
  'what nobody asked for': repeat('a', 'HTTP/1.1 204 \r\n\r\n'),
  ...within(
    { 'chunks of a byte': repeat('1\r\na\r\n'), 'a chunk': repeat('a', 'fffff\r\n') },
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    '',
  ),
};

const CHUNKS: Readonly<Record<string, Input>> = {
  ...within(LINES, '0\r\n', '\r\n'),
  ...within(LINES, '0\r\n', ''),
  'chunks of a byte': repeat('1\r\na\r\n', '', '0\r\n\r\n'),
  'a large chunk': repeat('a', 'fffff\r\n'),
  'zeros before a size': repeat('0', '', '1\r\na\r\n0\r\n\r\n'),
  'a long size': repeat('f'),
  'blanks behind a size': repeat(' ', '1', '\r\na\r\n0\r\n\r\n'),
  'an extension': repeat('a', '1;', '\r\na\r\n0\r\n\r\n'),
  'many extensions': repeat(';a="b"', '1', '\r\na\r\n0\r\n\r\n'),
  'extensions everywhere': repeat('1;a\r\na\r\n', '', '0\r\n\r\n'),
};

const INTRODUCTIONS: Readonly<Record<string, Input>> = {
  'a line without an end': repeat('1', 'PROXY TCP4 '),
  'a long header': repeat('\0', '\r\n\r\n\0\r\nQUIT\n\x21\x11\x0f\xf0'),
};

/** Calls with all bytes at once, or with one after the other, until it is refused. */
type Pace = (text: string, read: (bytes: Buffer, at: number, length: number) => void) => void;

const atOnce: Pace = (text, read) => read(Buffer.from(text, 'latin1'), 0, text.length);

const dripped: Pace = (text, read) => {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at++) read(bytes, at, at + 1);
};

/** A head as a connection reads it. */
function readHead(text: string, pace: Pace): void {
  const section = new Section(NO_LIMIT);
  pace(text, (bytes, at, length) => {
    const before = section.length;
    if (section.take(bytes, at, length) >= 0) {
      readRequestHead(section.text);
      section.begin();
    } else if (isHopeless(section, before)) throw new Error('hopeless');
  });
}

function readChunks(text: string, pace: Pace): void {
  const reader = new ChunkReader({ chunkData() {}, chunksEnd() {} });
  reader.begin();
  pace(text, (bytes, at, length) => reader.read(bytes, at, length));
}

/** A body as a connection hands it on to an app that takes all. */
function readBody(text: string, pace: Pace): void {
  const head = readRequestHead('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n');
  const request = new ServerRequest(head, { remoteAddress: undefined, readOn() {} });
  request.body.pipe(new Writable({ write: (_bytes, _encoding, taken) => taken() }));
  pace(text, (bytes, at, length) => request.take(bytes, at, length, false));
}

function readResponses(text: string, pace: Pace): void {
  const parser = new ResponseParser(
    { informational() {}, head() {}, data() {}, end() {}, switched() {} },
    NO_LIMIT,
  );
  parser.begin(false, false);
  pace(text, (bytes, at, length) => parser.push(bytes.subarray(at, length), length - at));
}

const INTRODUCTION = proxyIntroduction(pino({ level: 'silent' }), 10_000);

/** The beginning of a connection that comes through a load balancer. */
function readIntroduction(text: string, pace: Pace): void {
  const held = new GrowingBuffer();
  pace(text, (bytes, at, length) => {
    held.append(bytes, at, length);
    if (INTRODUCTION.read(held.bytes, undefined) === 'refused') throw new Error('refused');
  });
}

/**
 * What is searched, copied or counted again at each byte, if anything is. Byte by byte all inputs cost alike, a call for
 * each byte, and much.
 */
const WORST_WHEN_DRIPPED =
  /^(?:letters|line feeds|many (?:short )?lines|a long (?:method|target|reason) without its end|a (?:value of blanks|long value without its end), and no end|informational responses|(?:chunks of a byte|an? (?:large )?chunk)(?:, and no end)?|zeros before a size|an extension|a line without an end|a long header)$/;

/** Readers by name, each at once and dripped. */
function bothPaces(
  name: string,
  read: (text: string, pace: Pace) => void,
  inputs: Readonly<Record<string, Input>>,
): readonly Reader[] {
  const worst = Object.entries(inputs).filter(([what]) => WORST_WHEN_DRIPPED.test(what));
  return [
    { name, prepare: (text) => () => read(text, atOnce), inputs },
    {
      name: `${name}, byte by byte`,
      prepare: (text) => () => read(text, dripped),
      inputs: Object.fromEntries(worst),
      isDripped: true,
    },
  ];
}

export const WIRE_READERS: readonly Reader[] = [
  ...bothPaces('heads of requests', readHead, { ...COMMON, ...REQUESTS }),
  {
    name: 'a head of a request that is over its limit',
    prepare: (text) => () => tooLargeHead(text),
    inputs: { ...COMMON, ...REQUESTS },
  },
  {
    name: 'field lines',
    prepare: (text) => () => readFields(text, 0, text.length),
    inputs: { ...COMMON, ...LINES },
  },
  ...bothPaces('chunks', readChunks, { ...COMMON, ...CHUNKS }),
  ...bothPaces('bodies of requests', readBody, CHUNKS),
  ...bothPaces('answers', readResponses, { ...COMMON, ...RESPONSES }),
  ...bothPaces('introductions', readIntroduction, { ...COMMON, ...INTRODUCTIONS }),
  {
    name: 'elements of lists',
    prepare: (list) => () => [hasElement(list, '100-continue'), offeredProtocol('GET', 'websocket', list)],
    inputs: {
      ...COMMON,
      'names that are nearly it': repeat('upgrad, '),
      'names that begin as it does': repeat('100-continued,'),
      'names that end as it does': repeat(',upupgrade'),
      'it, among commas': repeat(',', '100-continued', 'upgraded'),
      'it again and again, in one name': repeat('upgrade'),
    },
  },
  {
    name: 'offers of protocols',
    prepare: (offer) => () => offeredProtocol('GET', offer, 'upgrade'),
    inputs: { ...COMMON, 'offers without end': repeat('websocket, ') },
  },
];
