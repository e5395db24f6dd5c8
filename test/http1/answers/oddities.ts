/** What can be odd in an answer that is otherwise as it should be. */
import { ENCODINGS, LENGTHS, SIZES, TRAILERS } from '../streams/odd-framing.js';
import type { Random } from '../streams/random.js';

/** An answer in parts, each of which can be spoilt. */
export interface Draft {
  interim: string;
  statusLine: string;
  /** Lines with their ends. */
  fields: string[];
  body: string;
  /** True when the body goes on until the connection ends. */
  isOpen: boolean;
}

export const INTERIM = [
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n',
  'HTTP/1.1 102 Processing\r\n\r\n',
  'HTTP/1.1 199 \r\nX: y\r\n\r\n',
];

/** What a client would take for the answer to its next request. */
export const HIDDEN = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\nX-Answer: smuggled\r\n\r\nsmuggled';

type Oddity = readonly [name: string, apply: (draft: Draft, random: Random) => string];

function chunked(draft: Draft, body: string): void {
  draft.fields = draft.fields.filter((line) => !/^(?:content-length|transfer-encoding)/i.test(line));
  draft.fields.push('Transfer-Encoding: chunked\r\n');
  draft.body = body;
}

function sized(draft: Draft, ...lines: readonly string[]): void {
  draft.fields = draft.fields.filter((line) => !/^(?:content-length|transfer-encoding)/i.test(line));
  draft.fields.push(...lines);
  draft.body = 'abcde';
}

export const ODDITIES: readonly Oddity[] = [
  [
    'a chunk size',
    (draft, random) => {
      const size = random.pick([...SIZES, '5 ;a=b', '5 ', '5\t', '0000000000000005']);
      chunked(draft, `${size}\r\nabcde\r\n0\r\n\r\n`);
      return size.slice(0, 40);
    },
  ],
  [
    'the last chunk',
    (draft, random) => {
      const last = random.pick([
        '0 \r\n\r\n',
        '00\r\n\r\n',
        '0;a\r\n\r\n',
        '0\n\r\n',
        '0\r\n\n',
        '0\r\n',
        '',
        '-0\r\n\r\n',
      ]);
      chunked(draft, `5\r\nabcde\r\n${last}`);
      return last;
    },
  ],
  [
    'trailers',
    (draft, random) => {
      const trailers = random.pick(TRAILERS);
      chunked(draft, `5\r\nabcde\r\n0\r\n${trailers}\r\n`);
      return trailers.slice(0, 40);
    },
  ],
  [
    'line ends among the chunks',
    (draft, random) => {
      const body = '5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n';
      const places = [...body.matchAll(/\r\n/g)].map(({ index }) => index);
      const [at, put] = [random.pick(places), random.pick(['\n', '\r', '\r\r\n', ' \r\n', ''])];
      chunked(draft, body.slice(0, at) + put + body.slice(at + 2));
      return `${put} at ${at}`;
    },
  ],
  [
    'Content-Length',
    (draft, random) => {
      const value = random.pick(LENGTHS);
      sized(draft, `Content-Length: ${value}\r\n`);
      return value;
    },
  ],
  [
    'two Content-Length',
    (draft, random) => {
      const value = random.pick(['5', '05', '6', '0', '5, 5']);
      sized(draft, 'Content-Length: 5\r\n', `content-length: ${value}\r\n`);
      return value;
    },
  ],
  [
    'Transfer-Encoding',
    (draft, random) => {
      const value = random.pick(ENCODINGS);
      chunked(draft, '5\r\nabcde\r\n0\r\n\r\n');
      draft.fields = draft.fields.map((line) => line.replace(/^(Transfer-Encoding: ).*/s, `$1${value}\r\n`));
      return value;
    },
  ],
  [
    'both framing fields',
    (draft, random) => {
      const length = random.pick(['5', '15', '0']);
      chunked(draft, '5\r\nabcde\r\n0\r\n\r\n');
      draft.fields.push(`Content-Length: ${length}\r\n`);
      return length;
    },
  ],
  [
    'more than was announced',
    (draft) => {
      sized(draft, 'Content-Length: 5\r\n');
      draft.body += HIDDEN;
      return 'another answer';
    },
  ],
  [
    'less than was announced',
    (draft) => {
      sized(draft, 'Content-Length: 50\r\n');
      return '5 of 50';
    },
  ],
  [
    'the head of an interim answer',
    (draft, random) => {
      draft.interim = random.pick([
        'HTTP/1.1 199 \r\nContent-Length: 3\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n',
        'HTTP/1.1 100 \r\nConnection: close\r\n\r\n', 'HTTP/1.0 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\n\n',
        'HTTP/1.1 103 \r\r\n\r\n', 'HTTP/1.1 103 \nX: y\r\n\r\n', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', 'HTTP/1.1 199\r\n\r\n',
        'HTTP/1.1 103 Early Hints\r\nConnection: link\r\nLink: </a>\r\nSet-Cookie: a=1\r\n\r\n',
      ]); // biome-ignore format: a list of short values
      return draft.interim;
    },
  ],
  [
    'the status line',
    (draft, random) => {
      draft.statusLine = random.pick([
        'HTTP/1.1 200\r\n', 'HTTP/1.1  200 OK\r\n', 'HTTP/1.1 20 OK\r\n', 'HTTP/1.1 2000 OK\r\n', 'HTTP/1.1 099 OK\r\n',
        'HTTP/1.1 600 OK\r\n', 'HTTP/1.1 999 OK\r\n', 'HTTP/1.2 200 OK\r\n', 'HTTP/2.0 200 OK\r\n', 'http/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\n',
        'HTTP/1.1 200 O\rK\r\n', 'HTTP/1.1 200 \0\r\n', 'HTTP/1.1 200 OK\r\r\n', 'HTTP/1.1 200 \nX: y\r\n', 'HTTP/1.1\t200 OK\r\n', 'ICY 200 OK\r\n', 'HTTP/1.1 +20 OK\r\n', '\r\nHTTP/1.1 200 OK\r\n',
        'HTTP/1.1 101 Switching Protocols\r\n', 'HTTP/1.1 100 Continue\r\n', '200 OK\r\n', '', 'HTTP/1.1 205 Reset Content\r\n',
      ]); // biome-ignore format: a list of short values
      return draft.statusLine;
    },
  ],
  [
    'many interim answers',
    (draft, random) => {
      draft.interim = random.pick(INTERIM).repeat(random.pick([20, 90, 400, 1_000, 1_001]));
      return String(draft.interim.length);
    },
  ],
  [
    'a head as large as may be',
    (draft, random) => {
      const length = `${draft.statusLine}${draft.fields.join('')}X-Large: \r\n\r\n`.length;
      draft.fields.push(`X-Large: ${'l'.repeat(64 * 1024 - length + random.between(-2, 2))}\r\n`);
      return String(draft.fields.join('').length);
    },
  ],
  [
    'several Connection fields',
    (draft, random) => {
      const names = [
        'X-Custom',
        'x-answer',
        'X-Empty, via',
        'keep-alive',
        'close',
        'content-type',
        ',',
        'Upgrade',
      ];
      for (let count = random.between(2, 3); count > 0; count -= 1) {
        const line = `Connection: ${random.pick(names)}\r\n`;
        draft.fields.splice(random.between(0, draft.fields.length), 0, line);
      }
      draft.fields.push('X-Custom: one\r\n', 'X-Empty:\r\n');
      return draft.fields.join('').slice(0, 80);
    },
  ],
  [
    'a field',
    (draft, random) => {
      const line = random.pick([
        'X : y\r\n', ' X: y\r\n', 'X: y\n', 'X: y\r', 'X\r\n', ': y\r\n', 'X: \0\r\n', 'X: a\r\n b\r\n', 'X: \x01\r\n', 'X: \x7f\r\n', 'X(: y\r\n',
        '\xe9: y\r\n', 'Content-Length : 3\r\n', 'Transfer-Encoding : chunked\r\n', `X: ${'x'.repeat(9_000)}\r\n`,
        `X: ${'x'.repeat(70_000)}\r\n`, 'Content_Length: 3\r\n', 'Connection: content-type, x-custom\r\n', 'Connection: transfer-encoding\r\n',
        'Connection:\r\n', 'Trailer: X-Sum\r\n', 'Date: yesterday\r\n', 'X: y\r\n'.repeat(300),
      ]); // biome-ignore format: a list of short values
      draft.fields.splice(random.between(0, draft.fields.length), 0, line);
      return line.slice(0, 40);
    },
  ],
];
