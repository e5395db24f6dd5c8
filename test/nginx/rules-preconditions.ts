/** Where preconditions differ (nginx: not_modified_filter; RFC 9110 §13). */
import { createHash } from 'node:crypto';
import { dateOf, secondsOf } from './date.js';
import { value, values } from './request.js';
import { type Facts, fileOf, type Rule, withField, withHeaders } from './rule.js';
import type { File } from './tree.js';

/** Whether the file's next version could carry the same validators. */
function isUnsettled(facts: Facts): boolean {
  const file = fileOf(facts);
  return file !== undefined && file.seconds > Date.now() / 1000 - 2;
}

const isFixed = ({ seconds }: File): boolean => seconds < Date.UTC(1990, 0) / 1000;

/** An HTTP date; the tree's file from the future is from tomorrow. */
const IN_THIS_CENTURY = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} 20\d{2} \d{2}:\d{2}:\d{2} GMT$/;

export const RULES_FOR_PRECONDITIONS: readonly Rule[] = [
  {
    name: 'If-None-Match or If-Match in several lines',
    nginx: '400',
    ours: 'one list',
    reason: 'RFC 9110 §5.3, §13.1.2',
    rewrite({ request, nginx, rewritten }) {
      if (nginx.status !== 400) return undefined;
      const repeated = ['if-match', 'if-none-match'].filter((name) => values(request, name).length > 1);
      if (repeated.length === 0) return undefined;
      return {
        request: repeated.reduce(
          (joined, name) => withField(joined, name, values(request, name).join(', ')),
          rewritten.request,
        ),
      };
    },
  },
  {
    name: 'A file whose time is no time of a change: before 1990, as builds set it, or more than a day ahead',
    nginx: 'an ETag of it, and as Last-Modified',
    ours: 'an ETag of the content, and no Last-Modified',
    reason:
      'RFC 9110 §8.8.1, §8.8.2: the next version has the same time, may have the same size, and would be 304 for ever',
    rewrite(facts) {
      const file = fileOf(facts);
      if (file === undefined || !isFixed(file)) return undefined;
      const { request } = facts.rewritten;
      const range = value(request, 'if-range');
      const isByDate = range !== undefined && !range.includes('"');
      return {
        request: [
          ...['If-Match', 'If-None-Match', 'If-Range'].map((name) => {
            const field = value(request, name.toLowerCase());
            return [name, field?.replaceAll(file.etag, '"another"')] as const;
          }),
          ...['If-Modified-Since', 'If-Unmodified-Since', ...(isByDate ? ['Range'] : [])].map(
            (name) => [name, undefined] as const,
          ),
        ].reduce(
          (rewritten, [name, field]) =>
            field === value(rewritten, name.toLowerCase()) ? rewritten : withField(rewritten, name, field),
          request,
        ),
      };
    },
    edit(expected, facts) {
      const file = fileOf(facts);
      if (file === undefined || !isFixed(file) || typeof expected.headers['etag'] !== 'string')
        return undefined;
      const tag = createHash('sha256').update(file.body).digest('base64url').slice(0, 22);
      // Weak for the first two seconds of the tree.
      return withHeaders(expected, { etag: new RegExp(`^(W/)?"${tag}"$`), 'last-modified': undefined });
    },
  },
  {
    name: 'If-Match beside If-Unmodified-Since',
    nginx: 'both must hold',
    ours: 'If-Match decides',
    reason: 'RFC 9110 §13.2.2, steps 1 and 2',
    rewrite(facts) {
      if (fileOf(facts) === undefined || value(facts.request, 'if-match') === undefined) return undefined;
      return { request: withField(facts.rewritten.request, 'If-Unmodified-Since', undefined) };
    },
  },
  {
    name: 'If-None-Match beside If-Modified-Since',
    nginx: '304 only when both say so',
    ours: 'If-None-Match decides',
    reason: 'RFC 9110 §13.2.2, steps 3 and 4',
    rewrite(facts) {
      if (fileOf(facts) === undefined || value(facts.request, 'if-none-match') === undefined)
        return undefined;
      return { request: withField(facts.rewritten.request, 'If-Modified-Since', undefined) };
    },
  },
  {
    name: 'If-Unmodified-Since that is no date',
    nginx: '412',
    ours: 'ignored',
    reason: 'RFC 9110 §13.1.4',
    rewrite(facts) {
      const text = value(facts.rewritten.request, 'if-unmodified-since');
      if (fileOf(facts) === undefined || text === undefined || secondsOf(text) !== undefined)
        return undefined;
      return { request: withField(facts.rewritten.request, 'If-Unmodified-Since', undefined) };
    },
  },
  {
    name: 'If-Modified-Since later than the file',
    nginx: '200 (`if_modified_since exact`)',
    ours: '304',
    reason: 'RFC 9110 §13.1.3',
    rewrite(facts) {
      const file = fileOf(facts);
      const since = secondsOf(value(facts.rewritten.request, 'if-modified-since') ?? '');
      if (file === undefined || since === undefined || since <= file.seconds) return undefined;
      return { request: withField(facts.rewritten.request, 'If-Modified-Since', dateOf(file.seconds)) };
    },
  },
  {
    name: 'The connection after a 412',
    nginx: 'closed, though the answer says keep-alive',
    ours: 'kept',
    reason: 'RFC 9112 §9.6',
    edit(expected) {
      return expected.status === 412 ? { ...expected, broken: undefined } : undefined;
    },
  },
  {
    name: 'A file that was changed within the last two seconds, or whose time lies in the future',
    nginx: 'a strong ETag',
    ours: 'a weak one, so that If-Match fails and If-Range gives the whole file',
    reason: 'RFC 9110 §8.8.1: it may change again within the second that the ETag is made of',
    rewrite(facts) {
      const { request } = facts.rewritten;
      if (!isUnsettled(facts)) return undefined;
      const match = value(request, 'if-match');
      const matched =
        match === undefined || match === '*' ? request : withField(request, 'If-Match', '"never"');
      const isPart = value(request, 'if-range') !== undefined;
      return { request: isPart ? withField(matched, 'Range', undefined) : matched };
    },
    edit(expected, facts) {
      const { etag } = expected.headers;
      return isUnsettled(facts) && typeof etag === 'string'
        ? withHeaders(expected, { etag: `W/${etag}` })
        : undefined;
    },
  },
  {
    name: 'Last-Modified of a file whose time lies in the future',
    nginx: 'that time',
    ours: 'the time of the answer',
    reason: 'RFC 9110 §8.8.2.1: an answer is never older than what it describes',
    edit(expected, facts) {
      const told = expected.headers['last-modified'];
      // Which of the last seconds it is depends on when each was asked.
      return isUnsettled(facts) && typeof told === 'string'
        ? withHeaders(expected, { 'last-modified': IN_THIS_CENTURY })
        : undefined;
    },
  },
];
