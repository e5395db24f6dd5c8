// HTTP dates (RFC 9110 §5.6.7).
import fc from 'fast-check';
import t from 'tap';
import { formatHttpDate, parseHttpDate } from '../../src/http/date.js';

/** The example of RFC 9110, in its three forms. */
const EXAMPLE = 784_111_777;

t.test('all three forms of a date are read', async (t) => {
  const cases: readonly (readonly [text: string, seconds: number])[] = [
    ['Sun, 06 Nov 1994 08:49:37 GMT', EXAMPLE],
    ['Sunday, 06-Nov-94 08:49:37 GMT', EXAMPLE],
    ['Sun Nov  6 08:49:37 1994', EXAMPLE],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Thu, 29 Feb 2024 23:59:59 GMT', 1_709_251_199],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 253_402_300_799],
  ];
  for (const [text, seconds] of cases) t.equal(parseHttpDate(text), seconds, text);
  t.equal(formatHttpDate(EXAMPLE), 'Sun, 06 Nov 1994 08:49:37 GMT');
});

t.test('a leap second is a second', async (t) => {
  // §5.6.7: second = 2DIGIT, 00 to 60. They are inserted at midnight only.
  t.equal(parseHttpDate('Sat, 31 Dec 2016 23:59:60 GMT'), 1_483_228_800);
});

t.test('what is no HTTP date is not read as one', async (t) => {
  const refused = [
    '',
    '0',
    '784111777',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun, 31 Feb 1994 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'Sun, 06 Nov 1994 08:00:61 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT and more',
    'Sun Nov 6 08:49:37 1994',
  ];
  for (const text of refused) t.equal(parseHttpDate(text), undefined, text);
});

t.test('a date of two digits lies at most fifty years ahead', async (t) => {
  const thisYear = new Date().getUTCFullYear();
  for (let twoDigits = 0; twoDigits < 100; twoDigits++) {
    const digits = String(twoDigits).padStart(2, '0');
    const year = new Date(
      (parseHttpDate(`Monday, 01-Mar-${digits} 00:00:00 GMT`) ?? 0) * 1000,
    ).getUTCFullYear();
    t.equal(year % 100, twoDigits);
    t.ok(year <= thisYear + 50 && year > thisYear - 100, `${digits} is ${year}`);
  }
});

t.test('a date that was written is read again, in every form', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
      const text = formatHttpDate(seconds);
      const [, day, month, year, time] = /^..., (..) (...) (....) (........) GMT$/.exec(text) ?? [];
      const asctime = `${text.slice(0, 3)} ${month} ${day?.replace(/^0/, ' ')} ${time} ${year}`;
      return parseHttpDate(text) === seconds && parseHttpDate(asctime) === seconds;
    }),
  );
});
