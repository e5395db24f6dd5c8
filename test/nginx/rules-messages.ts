/** Where the messages themselves differ: error pages, methods, connections, and what is not taken for HTTP. */
import { isHost } from '../../src/http/host.js';
import type { Outcome } from './outcome.js';
import { refused } from './refused.js';
import { parseRequest, value, values } from './request.js';
import { type Facts, isRead, type Rule, withHeaders, withTarget } from './rule.js';

/** Longest request head that is read, in bytes: the default of `maxRequestHead`. */
const LONGEST_HEAD = 32 * 1024;

/** The answer to what cannot be read: nothing can follow it on the connection. */
const unreadable = (
  expected: Outcome,
  facts: Facts,
  status = 400,
  headers: Readonly<Record<string, string>> = {},
): Outcome => ({
  ...refused(expected, facts, status, headers),
  closed: true,
});

const METHODS_HERE = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
const FILE_PATH = /^\/(media|static)\//;

/** Whether the client wants the connection to end. */
function wantsClose({ request }: Facts): boolean {
  const options = value(request, 'connection')?.toLowerCase() ?? '';
  return request.version === '1.0' ? !options.includes('keep-alive') : options.includes('close');
}

export const RULES_FOR_MESSAGES: readonly Rule[] = [
  {
    name: 'Methods other than GET and HEAD on files',
    nginx: '405 without Allow; 404 for a POST to nothing, 301 or 403 for one to a directory',
    ours: '405 with Allow',
    reason: 'RFC 9110 §15.5.6',
    edit(expected, facts) {
      if (!/^(media|static)$/.test(facts.location) || isRead(facts)) return undefined;
      return refused(expected, facts, 405, { allow: 'GET, HEAD' });
    },
  },
  {
    name: 'TRACE',
    nginx: '405 for every target, and the connection ends',
    ours: 'a method like others: 405 with Allow for a file, the app answers for itself',
    reason: 'RFC 9110 §9.3.8',
    rewrite({ request, path, nginx, rewritten }) {
      if (request.method !== 'TRACE' || nginx.status !== 405 || FILE_PATH.test(path)) return undefined;
      return { request: parseRequest(rewritten.request.raw.replace('TRACE', 'GET')) };
    },
    edit(expected, facts) {
      if (facts.request.method !== 'TRACE' || expected.status !== 405) return undefined;
      return { ...refused(expected, facts, 405, { allow: 'GET, HEAD' }), closed: wantsClose(facts) };
    },
  },
  {
    name: 'OPTIONS of the server as a whole',
    nginx: '400 for `OPTIONS *`; `http://host` without a path is that of `/`',
    ours: '204 with Allow for both',
    reason: 'RFC 9110 §4.2.3, §9.3.7: a question to the server, for which no app need be asked',
    edit(expected, facts) {
      const { method, target, version } = facts.request;
      const host = /^https?:\/\/([^/?#]*)$/i.exec(target)?.[1];
      const isWhole = target === '*' || (host !== undefined && isHost(host));
      if (method !== 'OPTIONS' || !isWhole || !/^1\.[01]$/.test(version)) return undefined;
      const [named, ...others] = values(facts.request, 'host');
      const isNamed = named === undefined ? version === '1.0' : others.length === 0 && isHost(named);
      if (!isNamed) return undefined;
      return {
        ...expected,
        status: 204,
        headers: { allow: METHODS_HERE },
        body: Buffer.alloc(0),
        closed: wantsClose(facts),
        broken: undefined,
      };
    },
  },
  {
    name: 'Several blanks in a request line',
    nginx: 'read as one',
    ours: '400',
    reason: 'RFC 9112 §3; safety: two servers that read a message differently can be played off',
    edit(expected, facts) {
      const [line = ''] = facts.request.raw.split('\r\n');
      return /^[A-Z]+ {2}|\S {2,}HTTP/.test(line) ? unreadable(expected, facts) : undefined;
    },
  },
  {
    name: 'Absolute targets of other schemes',
    nginx: 'read as if they were `http`',
    ours: '400',
    reason: 'RFC 9110 §7.4: this server has no authority over them',
    edit(expected, facts) {
      const isOther = /^(?!https?:)[a-z][\w+.-]*:/i.test(facts.request.target);
      return isOther ? unreadable(expected, facts) : undefined;
    },
  },
  {
    name: 'CONNECT',
    nginx: '400',
    ours: '405 with Allow',
    reason: 'RFC 9110 §9.3.6, §15.5.6: it is understood, and not done here',
    edit(expected, facts) {
      if (facts.request.method !== 'CONNECT' || expected.status !== 400) return undefined;
      return unreadable(expected, facts, 405, { allow: METHODS_HERE });
    },
  },
  {
    name: 'Hosts that are none',
    nginx:
      'taken in a Host field but for slashes, spaces and control characters; in a target, addresses and ports are not read',
    ours: '400 for what is no host with a port, wherever it stands',
    reason:
      'RFC 9110 §7.2, RFC 3986 §3.2.2; safety: the app must not be told of another host than a cache saw',
    edit(expected, facts) {
      const { request } = facts;
      const host = /^https?:\/\/([^/?#]*)/i.exec(request.target)?.[1] ?? value(request, 'host');
      const isNoMatter = host === undefined || isHost(host) || expected.status === 400;
      return isNoMatter ? undefined : unreadable(expected, facts);
    },
  },
  {
    name: 'Lines without CR, fields without a colon',
    nginx: 'read, or ignored',
    ours: '400',
    reason: 'RFC 9112 §2.2, §5; safety: two servers that read a message differently can be played off',
    edit(expected, facts) {
      const [head = ''] = facts.request.raw.split('\r\n\r\n');
      const isLoose =
        /(^|[^\r])\n/.test(head) || head.split('\r\n').some((line, index) => index > 0 && !/:/.test(line));
      return isLoose ? unreadable(expected, facts) : undefined;
    },
  },
  {
    name: 'Versions other than HTTP/1.0 and HTTP/1.1',
    nginx: '0.9 and 1.2 are answered, 2.0 gets 505',
    ours: '400',
    reason: 'RFC 9112 §2.3: nobody speaks them on such a connection',
    edit(expected, facts) {
      return /^1\.[01]$/.test(facts.request.version) ? undefined : unreadable(expected, facts);
    },
  },
  {
    name: 'Expect: 100-continue without a body',
    nginx: '100, then the answer, and the connection is kept',
    ours: 'the answer',
    reason: 'RFC 9110 §10.1.1: there is nothing to continue with',
    edit(expected, facts) {
      return facts.location !== 'app' && expected.interim.length > 0
        ? { ...expected, interim: [] }
        : undefined;
    },
  },
  {
    name: 'Long targets and fields',
    nginx: '414 or 400 for a line of more than 8 KiB',
    ours: 'read, up to `maxRequestHead` (32 KiB) for the whole head; then 414, or 431 for the fields',
    reason: 'RFC 6585 §5; the sum is what memory has to hold',
    rewrite({ nginx, rewritten: { request } }) {
      if (nginx.status !== 414 || request.raw.length > LONGEST_HEAD) return undefined;
      // What is cut off is a query, or a name that is too long for any disk either way.
      return { request: withTarget(request, request.target.slice(0, 5000)) };
    },
    edit(expected, facts) {
      const { raw, target } = facts.request;
      if (raw.length <= LONGEST_HEAD) return undefined;
      return unreadable(expected, facts, target.length > LONGEST_HEAD ? 414 : 431);
    },
  },
  {
    name: 'Accept-Ranges on a 206',
    nginx: 'none',
    ours: '`bytes`, as on a 200',
    reason: 'RFC 9110 §14.3',
    edit(expected, { location }) {
      if (expected.status !== 206 || location === 'app') return undefined;
      return withHeaders(expected, { 'accept-ranges': 'bytes' });
    },
  },
  {
    name: 'Error pages',
    nginx: 'HTML',
    ours: 'text, HTML or JSON as the client accepts, with the id of the request; never stored',
    reason: 'RFC 9110 §15.5; RFC 9111 §4.2.2: an upload that is missing now may be there in a second',
    edit(expected, facts) {
      const isOurs = facts.location !== 'app' && expected.headers['cache-control'] === undefined;
      if (
        expected.status < 400 ||
        !isOurs ||
        !String(expected.headers['content-type']).startsWith('text/html')
      ) {
        return undefined;
      }
      const range = expected.headers['content-range'];
      return refused(
        expected,
        facts,
        expected.status,
        typeof range === 'string' ? { 'content-range': range } : {},
      );
    },
  },
];
