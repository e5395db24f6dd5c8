/** What clients say in the hunt with resets: every kind of connection that the server treats in its own way. */
import type { Random } from '../streams/random.js';

/** One kind. */
export interface Kind {
  readonly name: string;
  /** Of the connection with this number, which the app finds at the end of the path. */
  request(id: number, random: Random): string;
  /** Behind the answer 101. */
  readonly speaksOn?: true;
}

const HANDSHAKE = ['Connection: Upgrade', 'Upgrade: websocket'];

function head(line: string, ...fields: readonly string[]): string {
  return [line, 'Host: a', ...fields, '', ''].join('\r\n');
}

const get = (target: string, ...fields: readonly string[]): string =>
  head(`GET ${target} HTTP/1.1`, ...fields);

/** Some fit into memory, the others go to temporary files. */
const body = (random: Random): string => 'x'.repeat(random.pick([1, 1000, 100_000]) + random.below(100));

function post(id: number, random: Random, ...fields: readonly string[]): string {
  const content = body(random);
  return head(`POST /app/${id} HTTP/1.1`, `Content-Length: ${content.length}`, ...fields) + content;
}

function chunked(id: number, random: Random, ...fields: readonly string[]): string {
  const chunks = Array.from({ length: random.between(1, 5) }, () => body(random));
  const framed = chunks.map((chunk) => `${chunk.length.toString(16)};a=b\r\n${chunk}\r\n`).join('');
  return `${head(`PUT /app/${id} HTTP/1.1`, 'Transfer-Encoding: chunked', ...fields)}${framed}0\r\nA: b\r\n\r\n`;
}

export const KINDS: readonly Kind[] = [
  { name: 'plain', request: (id) => get(`/app/${id}`) },
  { name: 'plain, the last one', request: (id) => get(`/app/${id}`, 'Connection: close') },
  { name: 'HTTP/1.0', request: (id) => `GET /app/${id} HTTP/1.0\r\n\r\n` },
  { name: 'HTTP/1.0, kept', request: (id) => `GET /app/${id} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n` },
  { name: 'a body', request: (id, random) => post(id, random) },
  { name: 'a body in chunks', request: (id, random) => chunked(id, random) },
  { name: 'Expect', request: (id, random) => post(id, random, 'Expect: 100-continue') },
  { name: 'Expect and chunks', request: (id, random) => chunked(id, random, 'Expect: 100-continue') },
  {
    name: 'pipelined',
    request: (id, random) =>
      [
        ...[get(`/app/${id}`), get('/media/a.txt'), post(id, random), chunked(id, random)],
        ...[get('/media/large.bin'), get(`/app/${id}`)],
      ].join(''),
  },
  {
    name: 'a body that is none',
    request: (id) => `${head(`PUT /app/${id} HTTP/1.1`, 'Transfer-Encoding: chunked')}zz\r\n`,
  },
  { name: 'no request', request: () => 'GET\x01 / HTTP/1.1\r\nHost: a\r\n\r\n' },
  { name: 'a small file', request: () => get('/media/a.txt') },
  { name: 'a large file', request: () => get('/media/large.bin') },
  { name: 'a part of a file', request: () => get('/media/large.bin', 'Range: bytes=1000-900000') },
  { name: 'parts of a file', request: () => get('/media/large.bin', 'Range: bytes=0-9,1000-900000') },
  {
    name: 'a file for a body',
    request: (_, random) => `${head('POST /media/a.txt HTTP/1.1', 'Content-Length: 100000')}${body(random)}`,
  },
  { name: 'an upgrade for a file', request: () => `${get('/media/a.txt', ...HANDSHAKE)}and more` },
  { name: 'an upgrade refused', request: (id) => `${get(`/app/${id}`, ...HANDSHAKE)}and more` },
  { name: 'an upgrade taken', request: (id) => get(`/upgrade/${id}`, ...HANDSHAKE), speaksOn: true },
  {
    name: 'an upgrade taken, with bytes behind it',
    request: (id, random) => get(`/upgrade/${id}`, ...HANDSHAKE) + body(random),
    speaksOn: true,
  },
  { name: 'CONNECT', request: () => 'CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\nand more' },
];
