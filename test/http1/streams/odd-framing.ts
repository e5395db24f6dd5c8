/** What can be odd in how a request is framed (RFC 9112 §6, §7). The lists are for answers, too. */
import { type Draft, field, fieldOf, removeField, setField } from './draft.js';
import type { Oddity } from './oddities.js';

export const LENGTHS = [
  '+5', '-5', '-0', '+0', '0x5', '0x0', '5,5', '5, 5', '5 5', '', '0', '00', '005', '5\t', '5 ', '5;', '5.0', '5e0',
  '1_0', '\x0b5', '5\x0c', '\xa05', '5\x85', '\xd9\xa5', '5\0', '"5"', '5, 6', ',5', '5,', '999999999999999',
  '9007199254740993', '18446744073709551615', '18446744073709551616', '18446744073709551621', '99999999999999999999',
  `${'0'.repeat(14)}5`, `${'0'.repeat(15)}5`, `${'0'.repeat(15)}5`, `${'0'.repeat(30)}5`, '4294967301', 'five', 'NaN', 'Infinity',
]; // biome-ignore format: a list of short values
export const ENCODINGS = [
  'chunked', 'Chunked', 'CHUNKED', 'xchunked', 'chunkedx', 'identity', 'gzip, chunked', 'chunked, gzip',
  'chunked, identity', 'identity, chunked', 'chunked, chunked', ',chunked', 'chunked,', 'chunked;q=1', '"chunked"',
  '\tchunked', 'chunked\t', '\x0bchunked', 'chunked\x0b', 'chun ked', 'chunke', 'cow', '', 'chunked\0', '\xa0chunked',
  'chunked\x85', 'gzip', '\r\n chunked', 'chunked\r\n ', 'chunked\r\n\t, gzip', 'trailers', ',', 'chunked, ,',
]; // biome-ignore format: a list of short values
export const SIZES = [
  '0x5', '+5', '-5', ' 5', '5 ', '5\t', '5 ;a', '5;', '5;;', '5;a=', '5; a = b', '5;a="b', '5;a="\\""', '5;\x01', '5;\0',
  '5;\t', '5;a\x7f', '5;a\rb', '5:a', '5,', '', ';a', 'g', '5g', '05', '0000000000005', `${'0'.repeat(15)}5`,
  `${'0'.repeat(16)}5`, `${'0'.repeat(40)}5`, 'ffffffffffffffff', '10000000000000005', '100000005', '5\r', `5;${'a'.repeat(900)}`,
  `5;${'a'.repeat(2_000)}`, `5;${'a'.repeat(4_090)}`, `5;${'a'.repeat(4_100)}`,
  `5;${'a'.repeat(6_000)}`, `5;${'a'.repeat(20_000)}`, '\x0b5', '\xb5',
]; // biome-ignore format: a list of short values
export const TRAILERS = [
  'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: b\r\n', 'X : y\r\n', 'X: y\n', ' X: y\r\n', 'X\r\n',
  ': y\r\n', 'X: \0\r\n', 'X: a\r\n b\r\n', 'X: y\r\n'.repeat(200), 'X: y\r\n'.repeat(1_100), `X: ${'y'.repeat(16_370)}\r\n`, `X: ${'y'.repeat(20_000)}\r\n`, 'Cookie: a\r\n', '\n',
]; // biome-ignore format: a list of short values

/** Gives the request a body of five bytes in one chunk, so that what is put in the place of its size can be right. */
function chunked(
  draft: Draft,
  { size = '5', data = 'abcde', last = '0\r\n', trailers = '', end = '\r\n' },
): void {
  removeField(draft, 'content-length');
  setField(draft, 'Transfer-Encoding', 'chunked');
  draft.body = `${size}\r\n${data}\r\n${last}${trailers}${end}`;
}

export const FRAMING: readonly Oddity[] = [
  [
    'Content-Length',
    (draft, random) => {
      const value = random.pick(LENGTHS);
      removeField(draft, 'transfer-encoding');
      setField(draft, 'Content-Length', value);
      draft.body = /5/.test(value) && random.percent(80) ? 'abcde' : '';
      return value;
    },
  ],
  [
    'another Content-Length',
    (draft, random) => {
      const length = fieldOf(draft, 'content-length')?.value ?? '5';
      if (fieldOf(draft, 'content-length') === undefined) draft.body = 'abcde';
      const value = random.pick([length, length, '0', `0${length}`, '7', '']);
      setField(draft, 'Content-Length', length);
      draft.fields.splice(random.between(0, draft.fields.length), 0, field('content-length', value));
      return value;
    },
  ],
  [
    'Transfer-Encoding',
    (draft, random) => {
      const value = random.pick(ENCODINGS);
      chunked(draft, {});
      setField(draft, 'Transfer-Encoding', value);
      return value;
    },
  ],
  [
    'another Transfer-Encoding',
    (draft, random) => {
      const value = random.pick(ENCODINGS);
      chunked(draft, {});
      draft.fields.splice(random.between(0, draft.fields.length), 0, field('Transfer-Encoding', value));
      return value;
    },
  ],
  [
    'Content-Length beside Transfer-Encoding',
    (draft, random) => {
      chunked(draft, {});
      const value = random.pick([String(draft.body.length), '5', '0', '4']);
      draft.fields.splice(random.between(0, draft.fields.length), 0, field('Content-Length', value));
      return value;
    },
  ],
  [
    'Transfer-Encoding in HTTP/1.0',
    (draft) => {
      chunked(draft, {});
      draft.version = 'HTTP/1.0';
      return 'chunked';
    },
  ],
  [
    'a name that resembles one of framing',
    (draft, random) => {
      const name = random.pick([
        'Content_Length',
        'Content-Length ',
        'Content-Length\t',
        ' Content-Length',
        'Content-Length\0',
        'Transfer_Encoding',
        'Transfer-Encoding ',
        'Transfer-Encoding\x0b',
        'Content-Lengt\xe8',
        '\xefTransfer-Encoding',
      ]);
      draft.fields.push(field(name, /enc/i.test(name) ? 'chunked' : '5'));
      return name;
    },
  ],
  [
    'a chunk size',
    (draft, random) => {
      const size = random.pick(SIZES);
      chunked(draft, { size });
      return size.slice(0, 20);
    },
  ],
  [
    'the data of a chunk',
    (draft, random) => {
      const data = random.pick(['abcdef', 'abcd', 'abcde\r', 'abcde\n', '\r\n\r\n0', '', 'abcde\r\n']);
      chunked(draft, { data });
      return data;
    },
  ],
  [
    'the last chunk',
    (draft, random) => {
      const last = random.pick([
        '00\r\n',
        `${'0'.repeat(20)}\r\n`,
        '0;a=b\r\n',
        '0 \r\n',
        '0\n',
        '0',
        '-0\r\n',
        '',
      ]);
      chunked(draft, { last });
      return last;
    },
  ],
  [
    'the end of the chunks',
    (draft, random) => {
      const end = random.pick(['', '\n', '\r', '\r\n\r\n', '\r\r\n']);
      chunked(draft, { end });
      return end;
    },
  ],
  [
    'line ends among the chunks',
    (draft, random) => {
      chunked(draft, {});
      const places = [...draft.body.matchAll(/\r\n/g)].map(({ index }) => index);
      const at = random.pick(places);
      const put = random.pick(['\n', '\r', '\r\r\n', '\n\n', ' \r\n']);
      draft.body = draft.body.slice(0, at) + put + draft.body.slice(at + 2);
      return `${put} at ${at}`;
    },
  ],
  [
    'trailers',
    (draft, random) => {
      const trailers = random.pick(TRAILERS);
      chunked(draft, { trailers });
      return trailers.slice(0, 20);
    },
  ],
];
