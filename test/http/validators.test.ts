// Validators in nginx's form.
import fc from 'fast-check';
import t from 'tap';
import { fileValidators } from '../../src/http/validators.js';

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
