// What CI says of the suites rests on this reading of tap's output.
import t from 'tap';
import { type Counts, formatCounts, holds, type Result, sum } from './result.js';
import { countsOf, detailsOf, seedsOf, tableRowsOf } from './tap-output.js';

const OUTPUT = `TAP version 14
1..3
# Subtest: test/a.test.ts
    # Subtest: it adds
        not ok 1 - one is two
          ---
          diff: |
            not ok 7 - no line of tap's
            # { total: 9, pass: 9 }
          ...
        ok 2 - two is two
        1..2
        # { total: 2, pass: 1, fail: 1 }
    not ok 1 - it adds # time=2.1ms
    ok 2 - with nginx # SKIP no nginx
    ok 3 - later # TODO
    1..3
not ok 1 - test/a.test.ts # time=300ms
  ---
  exitCode: 1
  ...
ok 2 - test/b.test.ts # time=200ms
  ---
  note: nobody needs this
  ...
# { total: 14, pass: 11, fail: 1, todo: 1, skip: 1 }
# time=500ms
`;

t.test('the counts are those of the last summary, and what is to be written counts as skipped', async (t) => {
  const cases: readonly [string, Counts | undefined][] = [
    [OUTPUT, { passed: 11, failed: 1, skipped: 2 }],
    ['# { total: 302, pass: 302 }\n', { passed: 302, failed: 0, skipped: 0 }],
    ['# { total: 1, fail: 1 }', { passed: 0, failed: 1, skipped: 0 }],
    ['TAP version 14\n1..3\nok 1 - test/a.test.ts\n', undefined],
    ['', undefined],
  ];
  for (const [output, counts] of cases) t.same(countsOf(output), counts);
});

t.test(
  'failures are told with their diagnostics, and so is what was skipped, but not what passed',
  async (t) => {
    t.same(detailsOf(OUTPUT), [
      '        not ok 1 - one is two',
      '          ---',
      '          diff: |',
      "            not ok 7 - no line of tap's",
      '            # { total: 9, pass: 9 }',
      '          ...',
      '    not ok 1 - it adds # time=2.1ms',
      '    ok 2 - with nginx # SKIP no nginx',
      '    ok 3 - later # TODO',
      'not ok 1 - test/a.test.ts # time=300ms',
      '  ---',
      '  exitCode: 1',
      '  ...',
    ]);
  },
);

t.test('how a run can be done again is found', async (t) => {
  t.same(
    seedsOf(`# Subtest: a\n    # STREAMS_SEED=1 STREAMS=20\n    ok 1 - a # RESETS_SEED=3\n# RESETS_SEED=2\n`),
    ['STREAMS_SEED=1 STREAMS=20', 'RESETS_SEED=2'],
  );
  t.same(seedsOf(OUTPUT), []);
});

t.test('the rows of a table are told', async (t) => {
  t.same(tableRowsOf('    # | a | b |\n    ok 1 - | c |\n# | d\n# | 1 | 2 |\n'), ['| a | b |', '| 1 | 2 |']);
  t.same(tableRowsOf(OUTPUT), []);
});

t.test('a suite holds when something passed and nothing failed or was skipped', async (t) => {
  const result = (passed: number, failed: number, skipped: number): Result => ({
    title: 'a suite',
    details: [],
    byChance: [],
    passed,
    failed,
    skipped,
  });
  const cases: readonly [Result, boolean][] = [
    [result(1, 0, 0), true],
    [result(0, 0, 0), false],
    [result(9, 1, 0), false],
    [result(9, 0, 1), false],
    [{ ...result(0, 0, 0), leftOut: 'the running Node' }, true],
  ];
  for (const [each, right] of cases) t.equal(holds(each), right, formatCounts(each));
  t.equal(formatCounts(sum([result(1, 2, 3), result(10, 20, 30)])), '11 passed, 22 failed, 33 skipped');
});
