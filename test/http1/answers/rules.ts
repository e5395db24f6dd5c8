/** Where answers of the app are refused though every parser reads them, or passed on though one does not. */
import type { AppAnswer } from './generate.js';

export interface Rule {
  /** A short sentence. */
  readonly name: string;
  readonly reason: string;
  applies(answer: AppAnswer): boolean;
}

/** A rule about an answer that is passed on and that one of the parsers does not read so. */
export interface ReaderRule extends Rule {
  readonly parser: 'h11' | 'llhttp';
}

/** The bytes behind the head, and the head, of the answer that is not interim. */
function partsOf({ bytes }: AppAnswer): { head: string; body: string } {
  const text = bytes.toString('latin1').replace(/^(?:HTTP\/\d\.\d 1\d\d.*?\r\n\r\n)+/s, '');
  const end = text.indexOf('\r\n\r\n');
  return { head: text.slice(0, end + 2), body: text.slice(end + 4) };
}

/** The values of a field of this name in the head. */
function valuesOf(answer: AppAnswer, name: string): string[] {
  const lines = partsOf(answer).head.split('\r\n').slice(1);
  const isNamed = (line: string): boolean => line.toLowerCase().startsWith(`${name}:`);
  return lines.filter(isNamed).map((line) => line.slice(name.length + 1));
}

/** RFC 9112 §6.3: the answer to HEAD, 204 and 304 have no content, whatever their fields say. */
const isChunked = (answer: AppAnswer): boolean =>
  valuesOf(answer, 'transfer-encoding').length > 0 &&
  answer.method !== 'HEAD' &&
  !/^HTTP\/1\.[01] (?:204|304)/.test(partsOf(answer).head);
/** What stands behind the last chunk, as lines. */
const trailersOf = (answer: AppAnswer): string[] =>
  isChunked(answer)
    ? (partsOf(answer).body.split(/(?:^|\n)0+(?:[ \t;][^\r\n]*)?\r\n/, 2)[1] ?? '').split('\r\n')
    : [];

/** Largest head, trailer section and line before a chunk, in bytes. */
const LARGEST_HEAD = 64 * 1024;
const MAX_TRAILERS = 16 * 1024;
const LONGEST_CHUNK_LINE = 4096;
const MAX_FIELDS = 1000;
const MAX_INTERIM = 1000;

export const REFUSED: readonly Rule[] = [
  {
    name: 'Transfer-Encoding in HTTP/1.0',
    reason: 'RFC 9112 §6.1: whoever sent it is confused about where its message ends',
    applies: (answer) => /^HTTP\/1\.0 .*^transfer-encoding:/ims.test(partsOf(answer).head),
  },
  {
    name: 'Other versions than 1.0 and 1.1',
    reason: 'RFC 9110 §2.5: what they mean is not known',
    applies: (answer) => !/^HTTP\/1\.[01] /.test(partsOf(answer).head),
  },
  {
    name: 'A control character in a reason phrase',
    reason: 'RFC 9112 §4: it has none',
    applies: ({ bytes }) =>
      /^HTTP\/1\.[01] \d{3} [^\r\n]*[^\t\r\n\x20-\x7e\x80-\xff]/m.test(bytes.toString('latin1')),
  },
  {
    name: 'Content-Length of more digits than a number counts',
    reason: 'safety: parsers take the zeros before it for different numbers',
    applies: (answer) => valuesOf(answer, 'content-length').some((value) => /\d{16}/.test(value)),
  },
  {
    name: 'A head that is too large',
    reason: 'safety: memory is bounded (nginx: proxy_buffer_size)',
    applies: (answer) => partsOf(answer).head.length + 2 > LARGEST_HEAD,
  },
  {
    name: 'Too many fields',
    reason: 'safety: servers and clients drop those behind their own limit',
    applies: (answer) =>
      partsOf(answer).head.split('\r\n').length - 2 > MAX_FIELDS ||
      trailersOf(answer).length - 2 > MAX_FIELDS,
  },
  {
    name: 'Interim answers without end',
    reason: 'safety: the answer never comes',
    applies: ({ bytes }) => bytes.toString('latin1').split(/^HTTP\/1\.[01] 1/m).length - 1 > MAX_INTERIM,
  },
  {
    name: 'A long line before a chunk',
    reason: 'safety: extensions are of no use to anybody here, and their length is bounded',
    applies: (answer) =>
      isChunked(answer) &&
      partsOf(answer)
        .body.split('\r\n')
        .some((line) => line.length > LONGEST_CHUNK_LINE - 2 && /^[\da-f]+[ \t]*;/i.test(line)),
  },
  {
    name: 'Large trailers',
    reason: 'safety: memory is bounded',
    applies: (answer) => trailersOf(answer).join('\r\n').length > MAX_TRAILERS - 4,
  },
  {
    name: 'Transfer-Encoding among the trailers',
    reason: "RFC 9110 §6.5.1: no sender has a reason for it but that somebody takes it for the message's",
    applies: (answer) => trailersOf(answer).some((line) => /^transfer-encoding:/i.test(line)),
  },
];

/** RFC 9112 §7.1.1 lets white space stand before an extension, and many servers write it without one. */
const LOOSE_CHUNK_LINE = /(?:^|\n)[\da-f]+(?:[ \t]+|[ \t]*;[^\r\n]*)\r\n/i;

export const SERVED: readonly ReaderRule[] = [
  {
    name: 'White space and extensions behind a chunk size, of which llhttp refuses some',
    reason: 'RFC 9112 §7.1.1: extensions that are not known are ignored, with the white space before them',
    parser: 'llhttp',
    applies: (answer) => isChunked(answer) && LOOSE_CHUNK_LINE.test(partsOf(answer).body),
  },
  {
    name: 'White space before an extension of a chunk, which h11 refuses',
    reason: 'RFC 9112 §7.1.1: it is bad, and to be taken',
    parser: 'h11',
    applies: (answer) => isChunked(answer) && /(?:^|\n)[\da-f]+[ \t]+;/i.test(partsOf(answer).body),
  },
  {
    name: 'Zeros before the size of a chunk, of which h11 takes twenty',
    reason: 'RFC 9112 §7.1: a size may have any number of digits',
    parser: 'h11',
    applies: (answer) => isChunked(answer) && /(?:^|\n)0{16}[\da-f]*[\r \t;]/i.test(partsOf(answer).body),
  },
  {
    name: 'What an interim answer says of content and of the end of the connection, which llhttp believes',
    reason: 'RFC 9112 §6.3: it has no content, whatever its fields say; another answer follows',
    parser: 'llhttp',
    applies: ({ bytes }) =>
      /^HTTP\/1\.(?:0 1\d\d|1 1\d\d (?:(?!\r\n\r\n).)*^(?:content-length|connection):)/ims.test(
        bytes.toString('latin1'),
      ),
  },
  {
    name: 'A tab behind Content-Length, Transfer-Encoding or Connection, which llhttp takes for a part of the value',
    reason: 'RFC 9110 §5.5: white space around a value is no part of it',
    parser: 'llhttp',
    applies: (answer) =>
      ['content-length', 'transfer-encoding', 'connection'].some((name) =>
        valuesOf(answer, name).some((value) => /\t[ \t]*$/.test(value)),
      ),
  },
];
