/** Answers of an app that makes mistakes, or means harm: valid ones, odd ones, and ones whose bytes were changed. */
import { AnswerReader } from '../streams/answer-reader.js';
import { cutsFor } from '../streams/cuts.js';
import { mutate } from '../streams/mutate.js';
import { Random } from '../streams/random.js';
import { type Draft, HIDDEN, INTERIM, ODDITIES } from './oddities.js';

/** How the app leaves the connection behind its answer. */
export type AppEnd = 'kept' | 'closed' | 'reset';

export interface AppAnswer {
  readonly index: number;
  /** What the client asks with. */
  readonly method: 'GET' | 'HEAD';
  readonly version: '1.1' | '1.0';
  readonly bytes: Buffer;
  readonly cuts: readonly number[];
  readonly end: AppEnd;
  /** What was done to it, for the report. */
  readonly made: readonly string[];
}

/** The answer of this number; the same for the same seed. */
export function generateAnswer(seed: number, index: number): AppAnswer {
  const random = new Random(seed, index, 1);
  const made: string[] = [];
  const draft = draftAnswer(random, index);
  const kind = random.below(100);
  if (kind >= 30 && kind < 70) {
    const [name, apply] = random.pick(ODDITIES);
    made.push(`${name}: ${apply(draft, random)}`);
  }
  const { interim, statusLine, fields, body, isOpen } = draft;
  let bytes = Buffer.from(`${interim}${statusLine}${fields.join('')}\r\n${body}`, 'latin1');
  if (kind >= 70) bytes = mutate(random, bytes, made);
  if (random.percent(6)) {
    bytes = bytes.subarray(0, random.between(0, bytes.length - 1));
    made.push('cut short');
  }
  const [method, version] = [
    random.percent(12) ? 'HEAD' : 'GET',
    random.percent(15) ? '1.0' : '1.1',
  ] as const;
  const { cuts, isWhole } = cutsWithin(bytes, cutsFor(random, bytes), method === 'HEAD');
  let end = endFor(random, isOpen);
  // An answer that never comes to its end is waited for.
  if (end === 'kept' && !isWhole && random.percent(85)) end = 'closed';
  return { index, method, version, bytes, cuts, end, made };
}

/**
 * Only where an answer is cut that goes on: what comes late behind one is the answer to the next request on the
 * connection, for whoever reads it.
 */
function cutsWithin(
  bytes: Buffer,
  cuts: readonly number[],
  isHead: boolean,
): { cuts: number[]; isWhole: boolean } {
  const reader = new AnswerReader(() => isHead);
  const isOver = (): boolean => reader.answers.length > 0 || reader.fault !== undefined;
  const within: number[] = [];
  for (const cut of [...cuts, bytes.length]) {
    reader.push(bytes.subarray(within.at(-1) ?? 0, cut));
    if (isOver()) break;
    if (cut < bytes.length) within.push(cut);
  }
  return { cuts: within, isWhole: isOver() };
}

function endFor(random: Random, isOpen: boolean): AppEnd {
  if (random.percent(6)) return 'reset';
  return isOpen || random.percent(35) ? 'closed' : 'kept';
}

const STATUS_LINES = [
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200 OK',
  'HTTP/1.1 201 Created',
  'HTTP/1.1 204 No Content',
  'HTTP/1.1 304 Not Modified',
  'HTTP/1.1 404 Not Found',
  'HTTP/1.1 500 Internal Server Error',
  'HTTP/1.1 200 ',
  'HTTP/1.0 200 OK',
  'HTTP/1.1 299 gr\xc3\xbcn',
];
const FIELDS = [
  'Content-Type: text/plain',
  'Set-Cookie: a=1; Path=/',
  'Set-Cookie: b=2',
  'Cache-Control: no-store',
  'ETag: "x"',
  'Server: other',
  'X-Custom:one',
  'X-Custom:  two\t',
  'X-Empty:',
  'X-Latin1: \xe9\xff',
  'Connection: keep-alive',
  'Connection: X-Custom',
  'Connection: close',
  'Keep-Alive: timeout=5',
  'Upgrade: h2c',
  'Location: /elsewhere',
  'Vary: Accept-Encoding',
  'Via: 1.1 other',
];
const EXTENSIONS = ['', '', '', ';a=b', ';a', ';a="b c"'];

function draftAnswer(random: Random, index: number): Draft {
  const interim = Array.from({ length: random.percent(15) ? random.between(1, 3) : 0 }, () =>
    random.pick(INTERIM),
  );
  const draft: Draft = {
    interim: interim.join(''),
    statusLine: `${random.pick(STATUS_LINES)}\r\n`,
    fields: [`X-Answer: ${index}\r\n`],
    body: '',
    isOpen: false,
  };
  for (let count = random.below(5); count > 0; count -= 1) draft.fields.push(`${random.pick(FIELDS)}\r\n`);
  const content = contentFor(random);
  const isBodiless = / (?:204|304) /.test(draft.statusLine);
  const framing = random.below(isBodiless ? 6 : 5);
  if (framing === 5) return draft;
  if (framing === 4 || draft.statusLine.startsWith('HTTP/1.0')) {
    draft.isOpen = true;
    draft.body = isBodiless ? '' : content;
  } else if (framing >= 2) {
    draft.fields.push(`Content-Length: ${content.length}\r\n`);
    draft.body = isBodiless ? '' : content;
  } else {
    draft.fields.push('Transfer-Encoding: chunked\r\n');
    draft.body = isBodiless ? '' : inChunks(random, content);
  }
  return draft;
}

function contentFor(random: Random): string {
  switch (random.below(6)) {
    case 0:
      return '';
    case 1:
      return HIDDEN;
    case 2:
      return 'large'.repeat(random.percent(10) ? random.between(5_000, 40_000) : 200);
    default:
      return 'the content of the answer\r\n'.repeat(random.between(1, 4));
  }
}

function inChunks(random: Random, content: string): string {
  let text = '';
  for (let at = 0; at < content.length; ) {
    const size = random.between(1, content.length - at);
    const hex = size.toString(16).padStart(random.percent(10) ? 8 : 1, '0');
    text += `${hex}${random.pick(EXTENSIONS)}\r\n${content.slice(at, at + size)}\r\n`;
    at += size;
  }
  return `${text}0\r\n${random.percent(10) ? 'X-Sum: 1\r\n' : ''}\r\n`;
}
