// Mistakes of the operator.
import t from 'tap';
import { BadValueError, isOperatorError, quote, UsageError } from '../../src/config/errors.js';

t.test("the operator's mistakes are told from the program's", async (t) => {
  t.ok(isOperatorError(new BadValueError('--root', '"" is empty')));
  t.ok(isOperatorError(new UsageError('unknown option')));
  for (const other of [new Error('x'), new TypeError('x'), undefined, 'text'])
    t.notOk(isOperatorError(other));
});

t.test('a bad value says first where it came from', async (t) => {
  t.match(new BadValueError('MEDIA_ROOT', '"x" does not exist'), {
    code: 'MEDIA_SERVE_BAD_VALUE',
    message: 'MEDIA_ROOT: "x" does not exist',
  });
});

t.test('a quoted value stays on one line and readable', async (t) => {
  t.equal(quote('a\nb"c'), '"a\\nb\\"c"');
  t.equal(quote(5), '5');
  t.equal(quote(undefined), 'undefined');
  t.equal(quote('x'.repeat(500)).length, 80);
  t.match(quote('x'.repeat(500)), /^"x+\.\.\.$/);
});
