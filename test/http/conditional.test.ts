// Preconditions: a table over the steps of RFC 9110 §13.2.2, for a GET or HEAD of something that exists.
import fc from 'fast-check';
import t from 'tap';
import {
  evaluatePreconditions,
  ifRangeHolds,
  type Preconditions,
  type Verdict,
} from '../../src/http/conditional.js';
import { formatHttpDate } from '../../src/http/date.js';
import type { Validators } from '../../src/http/validators.js';

const MODIFIED = 784_111_777;
const NOW = formatHttpDate(MODIFIED);
const BEFORE = formatHttpDate(MODIFIED - 1);
const AFTER = formatHttpDate(MODIFIED + 1);

const STRONG: Validators = { etag: '"a"', lastModified: MODIFIED, lastModifiedText: NOW };
const WEAK: Validators = { ...STRONG, etag: 'W/"a"' };

t.test('preconditions are evaluated in the order of the RFC', async (t) => {
  const cases: readonly (readonly [fields: Preconditions, strong: Verdict, weak?: Verdict])[] = [
    [{}, 'proceed'],
    // Step 1: If-Match, compared strongly.
    [{ 'if-match': '*' }, 'proceed'],
    [{ 'if-match': '"a"' }, 'proceed', 'failed'],
    [{ 'if-match': 'W/"a"' }, 'failed'],
    [{ 'if-match': '"b"' }, 'failed'],
    [{ 'if-match': '"b", "a"' }, 'proceed', 'failed'],
    [{ 'if-match': '"b" , W/"a"' }, 'failed'],
    [{ 'if-match': '"a,b"' }, 'failed'],
    [{ 'if-match': 'a' }, 'failed'],
    [{ 'if-match': '' }, 'failed'],
    // Step 2: If-Unmodified-Since, only without If-Match.
    [{ 'if-unmodified-since': NOW }, 'proceed'],
    [{ 'if-unmodified-since': AFTER }, 'proceed'],
    [{ 'if-unmodified-since': BEFORE }, 'failed'],
    [{ 'if-unmodified-since': 'yesterday' }, 'proceed'],
    [{ 'if-match': '*', 'if-unmodified-since': BEFORE }, 'proceed'],
    // Step 3: If-None-Match, compared weakly.
    [{ 'if-none-match': '*' }, 'not-modified'],
    [{ 'if-none-match': '"a"' }, 'not-modified'],
    [{ 'if-none-match': 'W/"a"' }, 'not-modified'],
    [{ 'if-none-match': '"b"' }, 'proceed'],
    [{ 'if-none-match': '"b","c", W/"a"' }, 'not-modified'],
    [{ 'if-none-match': '"a,b"' }, 'proceed'],
    [{ 'if-none-match': '"*"' }, 'proceed'],
    [{ 'if-none-match': '"A"' }, 'proceed'],
    [{ 'if-none-match': '' }, 'proceed'],
    // Step 4: If-Modified-Since, only without If-None-Match.
    [{ 'if-modified-since': NOW }, 'not-modified'],
    [{ 'if-modified-since': AFTER }, 'not-modified'],
    [{ 'if-modified-since': BEFORE }, 'proceed'],
    [{ 'if-modified-since': 'yesterday' }, 'proceed'],
    [{ 'if-none-match': '"b"', 'if-modified-since': NOW }, 'proceed'],
    [{ 'if-none-match': '"a"', 'if-modified-since': BEFORE }, 'not-modified'],
    // An earlier step decides.
    [{ 'if-match': '"b"', 'if-none-match': '"a"' }, 'failed'],
    [{ 'if-match': '"a"', 'if-none-match': '"a"' }, 'not-modified', 'failed'],
    [{ 'if-unmodified-since': BEFORE, 'if-modified-since': NOW }, 'failed'],
    [{ 'if-unmodified-since': NOW, 'if-modified-since': NOW }, 'not-modified'],
  ];
  for (const [fields, strong, weak = strong] of cases) {
    t.equal(evaluatePreconditions(fields, STRONG), strong, JSON.stringify(fields));
    t.equal(evaluatePreconditions(fields, WEAK), weak, `${JSON.stringify(fields)} and a weak tag`);
  }
});

t.test('a field that has a better one beside it counts for nothing', async () => {
  const tags = fc.constantFrom('*', '"a"', 'W/"a"', '"b"', '"b", "a"', 'nonsense');
  const dates = fc.constantFrom(BEFORE, NOW, AFTER, 'nonsense');
  fc.assert(
    fc.property(tags, tags, dates, dates, (match, noneMatch, unmodified, modified) => {
      const tagsOnly = { 'if-match': match, 'if-none-match': noneMatch };
      const all = { ...tagsOnly, 'if-unmodified-since': unmodified, 'if-modified-since': modified };
      return evaluatePreconditions(all, STRONG) === evaluatePreconditions(tagsOnly, STRONG);
    }),
  );
});

t.test('If-Range holds for a strong tag or an exact date, and for nothing else', async (t) => {
  const cases: readonly (readonly [field: string | undefined, strong: boolean, weak: boolean])[] = [
    [undefined, true, true],
    ['"a"', true, false],
    ['W/"a"', false, false],
    ['"b"', false, false],
    ['*', false, false],
    ['', false, false],
    ['a', false, false],
    ['"b", "a"', false, false],
    [NOW, true, false],
    [BEFORE, false, false],
    [AFTER, false, false],
    ['yesterday', false, false],
  ];
  for (const [field, strong, weak] of cases) {
    t.equal(ifRangeHolds(field, STRONG), strong, field ?? 'no field');
    t.equal(ifRangeHolds(field, WEAK), weak, `${field ?? 'no field'} and a weak tag`);
  }
});

t.test(
  'where no time of modification is known, dates are ignored and no part is continued by one',
  async (t) => {
    const undated: Validators = { ...STRONG, lastModified: undefined, lastModifiedText: undefined };
    const unknown: Validators = { ...undated, etag: undefined };
    const cases: readonly (readonly [fields: Preconditions, undated: Verdict, unknown?: Verdict])[] = [
      [{ 'if-unmodified-since': BEFORE }, 'proceed'],
      [{ 'if-modified-since': AFTER }, 'proceed'],
      [{ 'if-modified-since': formatHttpDate(0) }, 'proceed'],
      [{ 'if-match': '*' }, 'proceed'],
      [{ 'if-none-match': '*' }, 'not-modified'],
      [{ 'if-match': '"a"' }, 'proceed', 'failed'],
      [{ 'if-match': '"undefined"' }, 'failed'],
      [{ 'if-none-match': '"a"' }, 'not-modified', 'proceed'],
      [{ 'if-none-match': '""' }, 'proceed'],
    ];
    for (const [fields, expected, expectedOfUnknown = expected] of cases) {
      t.equal(evaluatePreconditions(fields, undated), expected, JSON.stringify(fields));
      t.equal(evaluatePreconditions(fields, unknown), expectedOfUnknown, `${JSON.stringify(fields)}, no tag`);
    }
    for (const ifRange of [NOW, formatHttpDate(0), 'yesterday', '']) {
      t.equal(ifRangeHolds(ifRange, undated), false, ifRange);
      t.equal(ifRangeHolds(ifRange, unknown), false, ifRange);
    }
    t.equal(ifRangeHolds('"a"', undated), true);
    t.equal(ifRangeHolds('"a"', unknown), false);
    t.equal(ifRangeHolds(undefined, unknown), true);
  },
);
