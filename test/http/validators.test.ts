// Validators in nginx's form.
import fc from 'fast-check';
import t from 'tap';
import { fileValidators, isTimeOfChange, undatedValidators } from '../../src/http/validators.js';

const HOUR = 3_600_000;

t.test('the tag is what nginx makes of the same file', async (t) => {
  // What nginx 1.22.1 answered for files of these times and sizes.
  const cases: readonly (readonly [modified: number, size: number, etag: string])[] = [
    [784_111_777_000, 1024, '"2ebc98a1-400"'],
    [0, 0, '"0-0"'],
    [1_700_000_000_999, 5_000_000_000, '"6553f100-12a05f200"'],
    [-1000, 1, '"-1-1"'],
  ];
  for (const [modified, size, etag] of cases) {
    t.equal(fileValidators(modified, size, modified + HOUR).etag, etag, etag);
  }
});

t.test('the date has whole seconds, rounded down', async (t) => {
  const { lastModified, lastModifiedText } = fileValidators(784_111_777_999, 1, 784_111_777_999 + HOUR);
  t.equal(lastModified, 784_111_777);
  t.equal(lastModifiedText, 'Sun, 06 Nov 1994 08:49:37 GMT');
});

t.test('the date may be one before the epoch', async (t) => {
  const { lastModifiedText, etag } = fileValidators(-1, 1, 0);
  t.equal(lastModifiedText, 'Wed, 31 Dec 1969 23:59:59 GMT');
  t.equal(etag, 'W/"-1-1"');
});

t.test('a date in the future is told as the present, and compared as it is', async (t) => {
  const now = 784_111_777_500;
  const { lastModified, lastModifiedText, etag } = fileValidators(now + 24 * HOUR, 1, now);
  t.equal(lastModified, 784_111_777 + 86_400);
  t.equal(lastModifiedText, 'Sun, 06 Nov 1994 08:49:37 GMT');
  t.equal(etag, `W/"${(784_111_777 + 86_400).toString(16)}-1"`, 'so the tag stays the same');
  t.equal(fileValidators(now, 1, now).lastModifiedText, 'Sun, 06 Nov 1994 08:49:37 GMT');
});

t.test('a file has a weak tag until its next version could no longer carry the same', async () => {
  const time = fc.integer({ min: 0, max: 4_102_444_800_000 });
  fc.assert(
    fc.property(time, fc.nat(), fc.integer({ min: -5000, max: 10_000 }), (modified, size, age) => {
      const { etag } = fileValidators(modified, size, modified + age);
      return etag.startsWith('W/') === age < 2000;
    }),
  );
});

t.test('what builds set is no time of a change, nor is one that no clock can have said', async (t) => {
  const now = Date.UTC(2026, 10, 29);
  const cases: readonly (readonly [what: string, seconds: number, expected: boolean])[] = [
    ['tar, ko, OSTree', 0, false],
    ['Nix, Guix, Jib', 1, false],
    ['before the epoch', -1, false],
    ['a clock that is not set', 86_400, false],
    ['ZIP, to the west of Greenwich', 315_532_800 + 12 * 3600, false],
    ['ZIP, to the east of it', 315_532_800 - 14 * 3600, false],
    ['ZIP', 315_532_800, false],
    ['buildpacks', 315_532_801, false],
    ['Gradle', Date.UTC(1980, 1, 1) / 1000, false],
    ['Yarn', 456_789_000, false],
    ['npm', 499_162_500, false],
    ['before there was a Web', Date.UTC(1989, 11, 31, 23, 59, 59) / 1000, false],
    ['when it began', Date.UTC(1990, 0) / 1000, true],
    ["the example of HTTP's own text", 784_111_777, true],
    ['rules_pkg', 946_684_800, false],
    ['a second beside it', 946_684_801, true],
    ['a moment beside it', 946_684_800.001, true],
    ['Please', 978_307_200, false],
    ['singlejar', 1_262_304_000, false],
    ['Earthly', 1_587_038_400, false],
    ['the first second of a year', 1_704_067_200, true],
    ['now', now / 1000, true],
    ['a clock that is ahead', now / 1000 + 86_400, true],
    ['further than clocks are', now / 1000 + 86_401, false],
    ["ZIP's last", Date.UTC(2107, 11, 31, 23, 59, 58) / 1000, false],
    ['the last of 32 bits', 0xffff_ffff, false],
  ];
  for (const [what, seconds, expected] of cases) {
    t.equal(isTimeOfChange(seconds * 1000, now), expected, what);
  }
});

t.test('without a time there is a tag of what else tells versions apart, or nothing', async (t) => {
  const none = { lastModified: undefined, lastModifiedText: undefined };
  t.same(undatedValidators('a', 0, 2000), { ...none, etag: '"a"' });
  t.same(undatedValidators('a', 1, 2000), { ...none, etag: 'W/"a"' }, 'it may change again at once');
  t.same(undatedValidators('a', 0, 2000, '-br'), { ...none, etag: '"a-br"' });
  t.same(undatedValidators(undefined, 0, 2000, '-br'), { ...none, etag: undefined });
});
