/** Streams of pipelined requests: valid ones, ones with an odd part, and ones whose bytes were changed afterwards. */
import { cutsFor } from './cuts.js';
import { type Draft, field, serialize } from './draft.js';
import { mutate } from './mutate.js';
import { spoil } from './oddities.js';
import { Random } from './random.js';

export interface Stream {
  readonly index: number;
  readonly bytes: Buffer;
  /** Where one TCP write ends and the next begins, ascending. */
  readonly cuts: readonly number[];
  /** What was done to it, for the report. */
  readonly made: readonly string[];
}

/** Files that exist under /media/, with their content. */
export const FILES: Readonly<Record<string, string>> = {
  'one.txt': 'the first file',
  'two.txt': 'another file, which is a little longer than the first one',
  'empty.txt': '',
};

/** The stream of this number; the same for the same seed. */
export function generate(seed: number, index: number): Stream {
  const random = new Random(seed, index);
  const made: string[] = [];
  const kind = random.below(100);
  const drafts = Array.from({ length: requestsIn(random) }, (_, place) =>
    draftRequest(random, `${index}/${place}`),
  );
  // Half of the streams say that they are over; the others are ended by the client.
  if (random.percent(60)) drafts.push(lastRequest(index));
  if (kind >= 35 && kind < 75) {
    const oddities = random.percent(75) ? 1 : 2;
    for (let count = 0; count < oddities; count += 1) made.push(spoil(random, random.pick(drafts)));
  }
  let bytes = Buffer.from(drafts.map(serialize).join(''), 'latin1');
  if (kind >= 75) bytes = mutate(random, bytes, made);
  return { index, bytes, cuts: cutsFor(random, bytes), made };
}

function requestsIn(random: Random): number {
  return random.percent(20) ? random.between(3, 6) : random.between(1, 2);
}

function lastRequest(index: number): Draft {
  return draftOf('GET', `/app/${index}/last`, 'HTTP/1.1', ['Host: example.org', 'Connection: close']);
}

function draftOf(method: string, target: string, version: string, lines: readonly string[]): Draft {
  const fields = lines.map((line) => {
    const [name = '', value = ''] = line.split(': ', 2);
    return field(name, value);
  });
  const [leading, space, lineEnd, headEnd, body] = ['', ' ', '\r\n', '\r\n', ''];
  return { leading, method, space, target, version, lineEnd, fields, headEnd, body };
}

const METHODS = ['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const RARE_METHODS = ['PROPFIND', 'REPORT', 'TRACE', 'M-SEARCH', 'MKCOL', 'LOCK', 'PURGE', 'SEARCH', 'LINK'];

const HOSTS = ['example.org', 'EXAMPLE.org', 'example.org:8080', '127.0.0.1', '[::1]:80', 'a_b.example'];

/** Fields that any request may have; the names in another case count as the same. */
const FIELDS: readonly string[] = [
  'Accept: */*',
  'accept: text/html,application/xhtml+xml;q=0.9',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) a "quoted" thing',
  'Accept-Encoding: gzip, br',
  'Accept-Language: de, en;q=0.7',
  'Cookie: a=1; sessionid=0123456789abcdef',
  'Cookie: b=2',
  'Authorization: Basic YTpi',
  'Referer: http://example.org/a?b=c',
  'X-Custom: one',
  'X-Custom: two',
  'x-CUSTOM: three',
  'X-Empty:',
  'X-Utf8: gr\xc3\xbc\xc3\x9fe',
  'X-Latin1: \xe9\xff\x80',
  'X-Tabs: a\tb',
  'X-Colons: a:b::c: d',
  'X_Under_Score: 1',
  'Content_Length: 7',
  'X-Forwarded-For: 192.0.2.1',
  'X-Forwarded-Proto: https',
  'X-Real-IP: 192.0.2.1',
  'Forwarded: for=192.0.2.1',
  'X-Request-ID: forged',
  'Proxy: http://192.0.2.1/',
  'Range: bytes=0-3',
  'If-None-Match: "x"',
  'If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT',
  'Origin: http://other.example',
  "!#$%&'*+.^`|~9: every mark that a name may have",
  'Content-Type: text/plain',
  'TE: trailers',
  'Keep-Alive: timeout=5',
  'Connection: keep-alive',
  'Connection: keep-alive, X-Custom',
  'connection: x-custom',
  'Connection: TE',
  'Connection: , x-empty ,',
  'Connection: cookie',
  'Upgrade: h2c',
  'Upgrade: websocket',
  'HTTP2-Settings: AAMAAABkAAQAAP__',
  'Expect: 100-continue',
];

function draftRequest(random: Random, id: string): Draft {
  const isOld = random.percent(12);
  const method = random.percent(6) ? random.pick(RARE_METHODS) : random.pick(METHODS);
  const draft = draftOf(method, targetFor(random, id), isOld ? 'HTTP/1.0' : 'HTTP/1.1', []);
  const count = random.percent(10) ? random.between(6, 20) : random.below(6);
  draft.fields = Array.from({ length: count }, () => {
    const [name = '', value = ''] = random.pick(FIELDS).split(/: ?(.*)/s);
    return field(name, value);
  });
  // An old client that says nothing wants the connection to end, and most streams should go on.
  if (isOld && random.percent(80)) draft.fields.push(field('Connection', 'keep-alive'));
  if (!isOld || random.percent(70)) insertField(random, draft, 'Host', random.pick(HOSTS));
  if (random.percent(4)) offerWebSocket(draft);
  if (/^(?:POST|PUT|PATCH)$/.test(method) || random.percent(6)) addBody(random, draft, isOld);
  for (const line of draft.fields)
    if (random.percent(10)) line.colon = random.pick([':', ':  ', ':\t', ': \t ']);
  for (const line of draft.fields) if (random.percent(6)) line.value += random.pick([' ', '\t', ' \t ']);
  return draft;
}

function targetFor(random: Random, id: string): string {
  switch (random.below(16)) {
    case 0:
      return `http://${random.pick(HOSTS)}/app/${id}`;
    case 1:
      return random.pick([`HTTP://example.org/app/${id}?a`, 'http://example.org', 'http://example.org?q=1']);
    case 2:
    case 3:
      return `/media/${random.pick(Object.keys(FILES))}`;
    case 4:
      return random.pick(['/media/none.txt', '/media/', '/media', '/media/.env', '/media/%6fne.txt']);
    case 5:
    case 6:
    case 7:
      return `/stream/${id}`;
    case 8:
      return `/app/${id}?a=b&c=%20+d;e=/../f?g`;
    case 9:
      return random.pick([`/app//${id}/./x/../y`, `/app/${id}/%C3%A4%2F%2e`, `/app/${id}/~!$&'()*+,;=:@-._`]);
    case 10:
      return `/app/${id}/${'long'.repeat(random.between(1, 200))}`;
    default:
      return `/app/${id}`;
  }
}

function insertField(random: Random, draft: Draft, name: string, value: string): void {
  draft.fields.splice(random.percent(70) ? 0 : random.between(0, draft.fields.length), 0, field(name, value));
}

function offerWebSocket(draft: Draft): void {
  draft.method = 'GET';
  draft.fields.push(field('Upgrade', 'websocket'), field('Connection', 'Upgrade'));
  draft.fields.push(
    field('Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='),
    field('Sec-WebSocket-Version', '13'),
  );
}

function addBody(random: Random, draft: Draft, isOld: boolean): void {
  const content = contentFor(random);
  if (isOld || random.percent(45)) {
    insertField(random, draft, 'Content-Length', String(content.length));
    draft.body = content;
    return;
  }
  insertField(random, draft, 'Transfer-Encoding', random.pick(['chunked', 'chunked', 'Chunked']));
  const hasTrailers = random.percent(15);
  if (hasTrailers && random.percent(50)) insertField(random, draft, 'Trailer', 'X-Sum');
  draft.body = inChunks(random, content, hasTrailers ? 'X-Sum: 1\r\nX-Other:\t2 \r\n' : '');
}

/** What somebody would like to hide in a body. */
const HIDDEN = 'GET /smuggled HTTP/1.1\r\nHost: smuggled.example\r\n\r\n';

function contentFor(random: Random): string {
  switch (random.below(8)) {
    case 0:
      return '';
    case 1:
      return HIDDEN;
    case 2:
      return '0\r\n\r\n';
    case 3:
      return `\r\n\r\n${HIDDEN}`;
    case 4:
      return random.percent(8) ? bytesOf(random, random.between(5_000, 90_000)) : bytesOf(random, 300);
    default:
      return bytesOf(random, random.between(1, 60));
  }
}

function bytesOf(random: Random, length: number): string {
  return String.fromCharCode(...Array.from({ length: Math.min(length, 64) }, () => random.below(256)))
    .repeat(Math.ceil(length / 64))
    .slice(0, length);
}

const EXTENSIONS = [';a=b', ';a', ';name="quoted; text"', ';a=1;b=2;c', ';x=\xe9'];

/** The content in chunks of any size, with the last chunk and these trailers. */
function inChunks(random: Random, content: string, trailers: string): string {
  let text = '';
  for (let at = 0; at < content.length; ) {
    const size = random.between(1, Math.max(1, content.length - at));
    let hex = size.toString(16);
    if (random.percent(20)) hex = hex.toUpperCase();
    if (random.percent(10)) hex = hex.padStart(random.between(1, 12), '0');
    const extension = random.percent(12) ? random.pick(EXTENSIONS) : '';
    text += `${hex}${extension}\r\n${content.slice(at, at + size)}\r\n`;
    at += size;
  }
  const last = random.percent(8) ? '000' : '0';
  return `${text}${last}${random.percent(5) ? random.pick(EXTENSIONS) : ''}\r\n${trailers}\r\n`;
}
