// What may be done with a request whose attempt failed (RFC 9110 §9.2.2).
import t from 'tap';
import { ConnectionClosed, ConnectTimeout, MalformedMessage, ReadTimeout } from '../../src/http1/errors.js';
import {
  type FailedAttempt,
  isFailure,
  metClosing,
  type Retry,
  retryAfter,
} from '../../src/upstream/retry.js';

const closed = new ConnectionClosed();
const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
const broken = { error: closed, kept: false, rested: 0, sent: true, heard: false, answered: false };
const unsent = { ...broken, error: new ConnectTimeout(), sent: false };

interface Case {
  readonly what: string;
  readonly attempt: FailedAttempt;
  /** How often the request has been sent; once if not given. */
  readonly times?: number;
  /** Of a request that may be repeated, and of one that may not. */
  readonly retries: readonly [Retry | undefined, Retry | undefined];
}

const CASES: readonly Case[] = [
  { what: 'no connection', attempt: unsent, times: 0, retries: ['next', 'next'] },
  { what: 'no connection after it was sent elsewhere', attempt: unsent, retries: ['next', 'next'] },
  { what: 'a fresh connection that breaks', attempt: broken, retries: ['next', undefined] },
  { what: 'a fresh one that is reset', attempt: { ...broken, error: reset }, retries: ['next', undefined] },
  { what: 'silence', attempt: { ...broken, error: new ReadTimeout() }, retries: ['next', undefined] },
  {
    what: 'a kept connection that closes',
    attempt: { ...broken, kept: true },
    retries: ['again', undefined],
  },
  {
    what: 'a kept connection that breaks within the head of an answer',
    attempt: { ...broken, kept: true, heard: true },
    retries: ['next', undefined],
  },
  {
    what: 'a connection that breaks behind the head',
    attempt: { ...broken, heard: true, answered: true },
    retries: [undefined, undefined],
  },
  {
    what: 'what is no answer',
    attempt: { ...broken, error: new MalformedMessage('is none'), heard: true },
    retries: [undefined, undefined],
  },
  { what: 'the second that breaks', attempt: broken, times: 2, retries: [undefined, undefined] },
  {
    what: 'the second, silent on a kept connection',
    attempt: { ...broken, kept: true, error: new ReadTimeout() },
    times: 2,
    retries: [undefined, undefined],
  },
];

t.test('a request is not carried out twice by a retry', async (t) => {
  for (const { what, attempt, times = 1, retries } of CASES) {
    t.same([retryAfter(attempt, true, times), retryAfter(attempt, false, times)], retries, what);
  }
});

t.test('only a kept connection without a byte of an answer was being closed', async (t) => {
  t.ok(metClosing({ ...broken, kept: true }));
  t.notOk(metClosing(broken));
  t.notOk(metClosing({ ...broken, kept: true, heard: true }));
  t.notOk(metClosing({ ...broken, kept: true, error: new ReadTimeout() }));
});

t.test('all failures count against a server but the end of a connection that had rested', async (t) => {
  t.ok(isFailure(broken));
  t.ok(isFailure(unsent));
  t.ok(isFailure({ ...broken, kept: true, rested: 20 }));
  t.notOk(isFailure({ ...broken, kept: true, rested: 1000 }));
  t.ok(isFailure({ ...broken, kept: true, rested: 1000, heard: true }));
});
