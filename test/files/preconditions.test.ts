// Preconditions over the wire (RFC 9110 §13): the order of §13.2.2, strong and weak comparison, lists, repeated fields.
import { execFileSync } from 'node:child_process';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { converse } from '../support/conversation.js';
import { startHere } from '../support/here.js';
import { until } from '../support/until.js';

/** 2024-01-01T00:00:00Z: long enough ago for a strong tag. */
const MODIFIED = 1_704_067_200;
const DATE = 'Mon, 01 Jan 2024 00:00:00 GMT';
const EARLIER = 'Sun, 31 Dec 2023 23:59:59 GMT';
const LATER = 'Mon, 01 Jan 2024 00:00:01 GMT';
const CONTENT = 'abcdefghijklmnopqrstuvwxyz';
/** nginx's form: hexadecimal time and size. */
const ETAG = '"65920080-1a"';
const OTHER = '"65920080-1b"';

const root = t.testdir({
  'a.txt': CONTENT,
  'fresh.txt': CONTENT,
  'future.txt': CONTENT,
});
/** Twelve hours from now: as far as a clock may be ahead. */
const FUTURE = Math.floor(Date.now() / 1000) + 12 * 3600;
utimesSync(join(root, 'future.txt'), FUTURE, FUTURE);
utimesSync(join(root, 'a.txt'), MODIFIED, MODIFIED);
const server = await startHere(t, ['--root', root]);
const conversation = await converse(t, server.port);

t.test('preconditions are answered in the order of the RFC, to GET and HEAD alike', async (t) => {
  const cases: readonly (readonly [status: number, ...fields: string[]])[] = [
    [200],
    // If-Match compares strongly, and fails with 412.
    [200, `If-Match: ${ETAG}`],
    [200, 'If-Match: *'],
    [200, `If-Match: "x", ${ETAG}`],
    [200, 'If-Match: "x"', `If-Match: ${ETAG}`],
    [412, `If-Match: ${OTHER}`],
    [412, `If-Match: W/${ETAG}`],
    [412, `If-Match: "x", W/${ETAG}`],
    [412, 'If-Match: 65920080-1a'],
    // If-Unmodified-Since counts without If-Match only.
    [200, `If-Unmodified-Since: ${DATE}`],
    [200, `If-Unmodified-Since: ${LATER}`],
    [412, `If-Unmodified-Since: ${EARLIER}`],
    [200, 'If-Unmodified-Since: yesterday'],
    [200, `If-Match: ${ETAG}`, `If-Unmodified-Since: ${EARLIER}`],
    [412, `If-Match: ${OTHER}`, `If-Unmodified-Since: ${LATER}`],
    // If-None-Match compares weakly.
    [304, `If-None-Match: ${ETAG}`],
    [304, `If-None-Match: W/${ETAG}`],
    [304, 'If-None-Match: *'],
    [304, `If-None-Match: "x", W/"y" ,${ETAG}`],
    [304, 'If-None-Match: "x"', `If-None-Match: ${ETAG}`],
    [200, `If-None-Match: ${OTHER}`],
    [200, 'If-None-Match: "x", "y"'],
    [200, 'If-None-Match: "*"'],
    // If-Modified-Since counts without If-None-Match only.
    [304, `If-Modified-Since: ${DATE}`],
    [304, `If-Modified-Since: ${LATER}`],
    [200, `If-Modified-Since: ${EARLIER}`],
    [200, 'If-Modified-Since: tomorrow'],
    [200, `If-None-Match: ${OTHER}`, `If-Modified-Since: ${LATER}`],
    [304, `If-None-Match: ${ETAG}`, `If-Modified-Since: ${EARLIER}`],
    // The first pair before the second.
    [304, `If-Match: ${ETAG}`, `If-None-Match: ${ETAG}`],
    [412, `If-Match: ${OTHER}`, `If-None-Match: ${ETAG}`],
    [412, `If-Unmodified-Since: ${EARLIER}`, `If-None-Match: ${ETAG}`],
    [304, `If-Unmodified-Since: ${DATE}`, `If-Modified-Since: ${DATE}`],
    // Both before the range.
    [206, 'Range: bytes=0-1'],
    [304, `If-None-Match: ${ETAG}`, 'Range: bytes=0-1'],
    [304, `If-None-Match: ${ETAG}`, 'Range: bytes=100-'],
    [412, `If-Match: ${OTHER}`, 'Range: bytes=0-1'],
    [412, `If-Match: ${OTHER}`, 'Range: bytes=100-'],
    [206, `If-Match: ${ETAG}`, 'Range: bytes=0-1'],
    [416, `If-Match: ${ETAG}`, 'Range: bytes=100-'],
  ];
  for (const method of ['GET', 'HEAD']) {
    for (const [status, ...fields] of cases) {
      const response = await conversation.ask('/media/a.txt', fields, method);
      // A HEAD has no range (§14.2), and preconditions all the same.
      const expected = method === 'HEAD' && (status === 206 || status === 416) ? 200 : status;
      t.equal(response.status, expected, `${method} ${fields.join(' + ') || 'without a precondition'}`);
    }
  }
});

t.test('a 304 has the validators and what caches need, and nothing of the content', async (t) => {
  const whole = await conversation.ask('/media/a.txt');
  const { status, headers, body } = await conversation.ask('/media/a.txt', [`If-None-Match: ${ETAG}`]);
  t.equal(status, 304);
  t.equal(body.length, 0);
  for (const name of ['etag', 'last-modified', 'cache-control', 'x-content-type-options'])
    t.equal(headers[name], whole.headers[name], name);
  t.equal(headers['etag'], ETAG);
  t.equal(headers['last-modified'], DATE);
  for (const name of ['content-length', 'content-type', 'accept-ranges']) t.notOk(name in headers, name);
});

t.test('a 412 is no version of the file and is not kept by caches', async (t) => {
  const { headers, body } = await conversation.ask('/media/a.txt', [`If-Match: ${OTHER}`]);
  t.equal(headers['cache-control'], 'no-store');
  t.notOk('etag' in headers);
  t.notMatch(body.toString(), CONTENT);
});

t.test('a file has a weak tag for two seconds, which proves nothing, and then a strong one', async (t) => {
  const ask = (...fields: string[]) => conversation.ask('/media/fresh.txt', fields);
  const path = join(root, 'fresh.txt');
  // As if it had been written a moment from now, so that a slow machine has its two seconds too.
  const modified = Math.floor(Date.now() / 1000) + 2;
  writeFileSync(path, CONTENT);
  utimesSync(path, modified, modified);
  const { headers } = await ask();
  const weak = headers['etag'] ?? '';
  t.match(weak, /^W\/"/);
  const strong = weak.slice(2);
  const date = new Date(modified * 1000).toUTCString();
  const cases: readonly (readonly [status: number, ...fields: string[]])[] = [
    [304, `If-None-Match: ${weak}`],
    [304, `If-None-Match: ${strong}`],
    [412, `If-Match: ${weak}`],
    [412, `If-Match: ${strong}`],
    [200, 'If-Match: *'],
    [200, 'Range: bytes=0-1', `If-Range: ${weak}`],
    [200, 'Range: bytes=0-1', `If-Range: ${strong}`],
    [200, 'Range: bytes=0-1', `If-Range: ${date}`],
    [206, 'Range: bytes=0-1'],
  ];
  for (const [status, ...fields] of cases) t.equal((await ask(...fields)).status, status, fields.join(' + '));
  await until(async () => (await ask()).headers['etag'] === strong, 'the tag becomes strong');
  t.equal((await ask()).headers['last-modified'], date);
  t.equal((await ask(`If-Match: ${strong}`)).status, 200);
  t.equal((await ask(`If-None-Match: ${weak}`)).status, 304, 'what a cache has kept stays valid');
  t.equal((await ask('Range: bytes=0-1', `If-Range: ${strong}`)).status, 206);
  t.equal((await ask('Range: bytes=0-1', `If-Range: ${date}`)).status, 206);
  t.equal((await ask('Range: bytes=0-1', `If-Range: ${weak}`)).status, 200);
});

t.test('a file from the future is never said to be newer than the answer, and has not settled', async (t) => {
  const etag = `"${FUTURE.toString(16)}-1a"`;
  for (const method of ['GET', 'HEAD']) {
    const { headers } = await conversation.ask('/media/future.txt', [], method);
    const [told, date] = [headers['last-modified'], headers['date']].map((text) => Date.parse(text ?? ''));
    t.ok(told !== undefined && date !== undefined && told <= date && told > date - 60_000, method);
    t.equal(headers['etag'], `W/${etag}`);
  }
  const cases: readonly (readonly [status: number, ...fields: string[]])[] = [
    [304, `If-None-Match: W/${etag}`],
    [412, `If-Match: ${etag}`],
    [200, 'Range: bytes=0-1', `If-Range: ${etag}`],
    // What was told is no promise that nothing has changed since, not even within the same second.
    [200, `If-Modified-Since: ${new Date().toUTCString()}`],
    [412, `If-Unmodified-Since: ${new Date().toUTCString()}`],
    // The date that an nginx told.
    [304, `If-Modified-Since: ${new Date(FUTURE * 1000).toUTCString()}`],
  ];
  for (const [status, ...fields] of cases) {
    t.equal((await conversation.ask('/media/future.txt', fields)).status, status, fields.join());
  }
});

t.test('a second lasts until its last nanosecond', async (t) => {
  const path = join(root, 'last.txt');
  for (const fraction of ['', '.000000001', '.999999877', '.9999999', '.999999999']) {
    writeFileSync(path, CONTENT);
    execFileSync('touch', ['-d', `@${MODIFIED}${fraction}`, path]);
    const { headers } = await conversation.ask('/media/last.txt');
    t.equal(headers['last-modified'], DATE, `${fraction} of a second`);
    t.equal(headers['etag'], ETAG, `${fraction} of a second`);
  }
});
