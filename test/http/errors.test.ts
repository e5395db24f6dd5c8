// The list of errors: what an error's code and status promise.
import t from 'tap';
import * as errors from '../../src/http/errors.js';

const LIST = [
  [new errors.BadTargetError('is odd'), 400],
  [new errors.ForbiddenError('/srv/a'), 403],
  [new errors.NotFoundError(), 404],
  [new errors.HeadGivenUpError(), 408],
  [new errors.MethodNotAllowedError(), 405],
  [new errors.PreconditionFailedError(), 412],
  [new errors.RangeNotSatisfiableError(100), 416],
  [new errors.TruncatedError(), 500],
  [new errors.ReadFailedError('/srv/a', 'EIO'), 500],
  [new errors.UnexpectedError(), 500],
  [new errors.BadGatewayError(':8000', 'refused'), 502],
  [new errors.BusyError('/srv/a', 'EMFILE'), 503],
  [new errors.GatewayTimeoutError(':8000', 'slow'), 504],
  [new errors.LoopDetectedError('twice'), 508],
] as const;

t.test('each error has its status and a code of its own', async (t) => {
  const codes = LIST.map(([error]) => error.code);
  t.equal(new Set(codes).size, LIST.length);
  for (const [error, status] of LIST) {
    t.equal(error.statusCode, status, error.code);
    t.match(error.code, /^MEDIA_SERVE_[A-Z_]+$/);
    t.ok(errors.isHttpError(error), error.code);
  }
});

t.test('an error of a store is told apart by what is wrong, and not by what was asked for', async (t) => {
  const cause = (sentence: string): string => errors.causeOf(new errors.StoreFailedError(sentence), '/a/');
  for (const [one, other] of [
    ['"s3://media/a" was cut off (request 1)', '"s3://media/b \\" c" was cut off (request 2)'],
    ['s3://media/a was changed', 's3://media/b was changed'],
    ['the store has not answered within 3 ms', 'the store has not answered within 30 ms'],
  ] as const) {
    t.equal(cause(one), cause(other), one);
  }
  t.not(cause('the store answers 500 (request 1)'), cause('the store answers 502 (request 1)'));
  for (const [error, isEverywhere] of [
    [new errors.BusyError('/srv/a', 'EMFILE'), true],
    [new errors.DiskTimeoutError('/srv/a', 'open'), false],
    [new errors.StoreFailedError('the store answers 500'), false],
  ] as const) {
    t.equal(errors.causeOf(error, '/a/') === errors.causeOf(error, '/b/'), isEverywhere, error.code);
  }
});

t.test('an error that no status was chosen for is none of the list', async (t) => {
  for (const other of [
    new Error('x'),
    Object.assign(new Error('x'), { code: 'EIO' }),
    undefined,
    'text',
    404,
  ]) {
    t.notOk(errors.isHttpError(other), String(other));
  }
});

t.test('the fields that a status requires are with the error', async (t) => {
  t.same(new errors.MethodNotAllowedError().headers, { Allow: 'GET, HEAD' });
  t.same(new errors.RangeNotSatisfiableError(100).headers, { 'Content-Range': 'bytes */100' });
  t.match(new errors.BusyError('/srv/a', 'EMFILE').headers, { 'Retry-After': /^\d+$/ });
});
