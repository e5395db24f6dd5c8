/** Where ranges differ (nginx: range_filter; RFC 9110 §14). */
import { isParts, type Outcome, type Part } from './outcome.js';
import { value } from './request.js';
import { fileOf, type Rule, withField, withHeaders } from './rule.js';

/** The largest position that nginx can count to. */
const LARGEST = 2n ** 63n - 1n;

export const RULES_FOR_RANGES: readonly Rule[] = [
  {
    name: 'A range of a HEAD',
    nginx: '206 or 416, as to GET',
    ours: 'ignored: the answer is that to a GET of the whole file',
    reason: 'RFC 9110 §14.2: ranges are defined for GET alone',
    rewrite(facts) {
      const { request } = facts.rewritten;
      return request.method === 'HEAD' && fileOf(facts) !== undefined && value(request, 'range') !== undefined
        ? { request: withField(request, 'Range', undefined) }
        : undefined;
    },
  },
  {
    name: 'Range positions of more than 63 bits',
    nginx: '416',
    ours: 'behind the end of every file, as other large ones',
    reason: 'RFC 9110 §14.1.2: large numerals are to be anticipated',
    rewrite(facts) {
      const field = value(facts.rewritten.request, 'range');
      if (fileOf(facts) === undefined || field === undefined) return undefined;
      const clamped = field.replace(/\d{19,}/g, (digits) =>
        String(BigInt(digits) > LARGEST ? LARGEST : digits),
      );
      return clamped === field
        ? undefined
        : { request: withField(facts.rewritten.request, 'Range', clamped) };
    },
  },
  {
    name: 'More than 64 ranges',
    nginx: 'all of them (`max_ranges` is off)',
    ours: 'the whole file',
    reason: 'RFC 9110 §14.2; safety: each costs more than its bytes',
    rewrite(facts) {
      const { body } = facts.nginx;
      if (fileOf(facts) === undefined || !isParts(body) || body.length <= 64) return undefined;
      return { request: withField(facts.rewritten.request, 'Range', undefined) };
    },
  },
  {
    name: 'Ranges that overlap',
    nginx: 'sent as they were asked for, the bytes they share several times',
    ours: 'joined',
    reason: 'RFC 9110 §15.3.7.2; safety: the same bytes need not be sent twice',
    edit: (expected) => withJoinedRanges(expected),
  },
];

function withJoinedRanges(outcome: Outcome): Outcome {
  if (!isParts(outcome.body)) return outcome;
  const joined = joinOverlapping(outcome.body);
  const [first] = joined;
  if (first === undefined || joined.length > 1) return { ...outcome, body: joined };
  const headers = {
    'content-type': first.type,
    'content-range': first.range,
    'content-length': String(first.body.length),
  };
  return { ...withHeaders(outcome, headers), body: first.body };
}

/** Joins parts that share bytes into the place of the earliest of them. */
function joinOverlapping(parts: readonly Part[]): readonly Part[] {
  const joined: Part[] = [];
  let changed = false;
  for (const part of parts) {
    const place = joined.findIndex((other) => overlap(other, part));
    const other = joined[place];
    if (other === undefined) joined.push(part);
    else {
      joined[place] = join(other, part);
      changed = true;
    }
  }
  // A part that has grown may have reached another.
  return changed ? joinOverlapping(joined) : joined;
}

function ends({ range }: Part): [first: number, last: number, size: number] {
  const [, first, last, size] = /(\d+)-(\d+)\/(\d+)/.exec(range) ?? [];
  return [Number(first), Number(last), Number(size)];
}

function overlap(a: Part, b: Part): boolean {
  const [firstA, lastA] = ends(a);
  const [firstB, lastB] = ends(b);
  return firstA <= lastB && firstB <= lastA;
}

function join(a: Part, b: Part): Part {
  const [firstA, lastA, size] = ends(a);
  const [firstB, lastB] = ends(b);
  const first = Math.min(firstA, firstB);
  const last = Math.max(lastA, lastB);
  const body = Buffer.alloc(last - first + 1);
  a.body.copy(body, firstA - first);
  b.body.copy(body, firstB - first);
  return { type: a.type, range: `bytes ${first}-${last}/${size}`, body };
}
