// What is asked of an object store for a client's request: as little as can be, and only what every store judges alike.
import t from 'tap';
import { objectRequestFor } from '../../src/stores/object-request.js';

const TAG = '"d41d8cd98f00b204e9800998ecf8427e-2"';
const DATE = 'Thu, 29 Feb 2024 12:00:00 GMT';
const AT = Date.UTC(2024, 1, 29, 12);

t.test('a request is asked for as it is, or with less that comes to the same', async (t) => {
  const cases: readonly (readonly [headers: Record<string, string>, asked: object])[] = [
    [{}, { method: 'GET' }],
    [{ range: 'bytes=0-9' }, { method: 'GET', range: { first: 0, last: 9 } }],
    [{ range: 'BYTES=5-' }, { method: 'GET', range: { first: 5 } }],
    [{ range: 'bytes=-7' }, { method: 'GET', range: { suffix: 7 } }],
    // What no store need be asked for.
    [{ range: 'bytes=-0' }, { method: 'GET' }],
    [{ range: 'bytes=9-5' }, { method: 'GET' }],
    [{ range: 'bytes=a-b' }, { method: 'GET' }],
    [{ range: 'items=0-9' }, { method: 'GET' }],
    [{ range: `bytes=0-${'9'.repeat(20)}` }, { method: 'GET' }],
    // Each is asked for by itself, when the size is known.
    [{ range: 'bytes=0-1,5-6' }, { method: 'HEAD' }],
    [{ 'if-none-match': TAG }, { method: 'GET', ifNoneMatch: TAG }],
    [
      { 'if-none-match': TAG, range: 'bytes=0-9' },
      { method: 'GET', ifNoneMatch: TAG, range: { first: 0, last: 9 } },
    ],
    // A date counts only without a tag (RFC 9110 §13.1.3).
    [
      { 'if-none-match': TAG, 'if-modified-since': DATE },
      { method: 'GET', ifNoneMatch: TAG },
    ],
    // A weak tag is compared as a strong one is (§13.1.2).
    [{ 'if-none-match': `W/${TAG}` }, { method: 'GET', ifNoneMatch: TAG }],
    // Stores differ in these. Whether the object is wanted is known when its tag is.
    [{ 'if-none-match': `${TAG}, "b"`, 'if-modified-since': DATE }, { method: 'HEAD' }],
    [{ 'if-none-match': `W/"a", W/${TAG}` }, { method: 'HEAD' }],
    [{ 'if-none-match': `${TAG}, "b"`, range: 'bytes=0-9' }, { method: 'HEAD' }],
    [{ 'if-none-match': '*' }, { method: 'HEAD' }],
    [{ 'if-none-match': '"\xe9"' }, { method: 'HEAD' }],
    [{ 'if-modified-since': DATE }, { method: 'GET', ifModifiedSince: AT }],
    [{ 'if-modified-since': 'yesterday' }, { method: 'GET' }],
    [{ 'if-match': TAG, 'if-none-match': TAG }, { method: 'GET' }],
    [{ 'if-unmodified-since': DATE, 'if-modified-since': DATE }, { method: 'GET' }],
    // Which version it is, the answer tells.
    [
      { 'if-range': TAG, range: 'bytes=0-9' },
      { method: 'GET', range: { first: 0, last: 9 } },
    ],
  ];
  for (const [headers, asked] of cases) {
    t.same(objectRequestFor({ method: 'GET', headers }, 64), asked, JSON.stringify(headers));
  }
});

t.test('of a HEAD a range means nothing, and where none are served it is not asked for', async (t) => {
  const headers = { range: 'bytes=0-9', 'if-none-match': TAG };
  t.same(objectRequestFor({ method: 'HEAD', headers }, 64), { method: 'HEAD', ifNoneMatch: TAG });
  t.same(objectRequestFor({ method: 'GET', headers }, 0), { method: 'GET', ifNoneMatch: TAG });
  t.same(objectRequestFor(undefined, 64), { method: 'GET' });
});
