// Preconditions and ranges on the wire. What each field means is tested in test/http; here it must reach the answer.
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startHere } from '../support/here.js';
import { get, type RawResponse, rawRequest } from '../support/raw.js';

/** One file that is cached in memory once read, and one that is too large for that. */
const SIZES = { 'small.bin': 1000, 'large.bin': 5_000_000 };
const MODIFIED = 784_111_777;
const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT';
const EARLIER = 'Sun, 06 Nov 1994 08:49:36 GMT';

const root = t.testdir({});
const content = Buffer.from(
  Array.from({ length: 5_000_000 }, (_, index) => (index * 7 + index / 251) & 0xff),
);
for (const [name, size] of Object.entries(SIZES)) {
  writeFileSync(join(root, name), content.subarray(0, size));
  utimesSync(join(root, name), MODIFIED, MODIFIED);
}
writeFileSync(join(root, 'fresh.bin'), 'fresh');
writeFileSync(join(root, 'empty.bin'), '');
const { port } = await startHere(t, ['--root', root]);
const ask = (name: string, ...fields: string[]): Promise<RawResponse> =>
  rawRequest(port, get(`/media/${name}`, fields));

for (const [name, size] of Object.entries(SIZES)) {
  const etag = `"2ebc98a1-${size.toString(16)}"`;

  t.test(`${name}: validators have the form that nginx gives them`, async (t) => {
    // Twice, since the second answer may come from memory.
    for (const time of ['first', 'second']) {
      const { headers, body } = await ask(name);
      t.match(headers, { etag, 'last-modified': DATE }, time);
      t.ok(body.equals(content.subarray(0, size)), `the ${time} answer is the file`);
    }
  });

  t.test(`${name}: a client that has the file gets 304, with what a cache updates`, async (t) => {
    for (const field of [
      `If-None-Match: ${etag}`,
      `If-None-Match: W/${etag}`,
      `If-None-Match: "other", ${etag}`,
      'If-None-Match: *',
      `If-Modified-Since: ${DATE}`,
    ]) {
      const { status, headers, body } = await ask(name, field);
      t.equal(status, 304, field);
      t.equal(body.length, 0);
      t.match(headers, { etag, 'cache-control': /max-age/, date: /GMT$/ });
      t.notOk('content-type' in headers);
    }
    for (const fields of [
      ['If-None-Match: "other"'],
      [`If-Modified-Since: ${EARLIER}`],
      ['If-None-Match: "other"', `If-Modified-Since: ${DATE}`],
    ]) {
      t.equal((await ask(name, ...fields)).status, 200, fields.join(', '));
    }
  });

  t.test(`${name}: a precondition that does not hold is 412`, async (t) => {
    for (const field of ['If-Match: "other"', `If-Match: W/${etag}`, `If-Unmodified-Since: ${EARLIER}`]) {
      t.equal((await ask(name, field)).status, 412, field);
    }
    for (const field of [`If-Match: ${etag}`, 'If-Match: *', `If-Unmodified-Since: ${DATE}`]) {
      t.equal((await ask(name, field)).status, 200, field);
    }
  });

  t.test(`${name}: one range is 206 with exactly these bytes`, async (t) => {
    const last = size - 1;
    for (const [range, from, to] of [
      ['0-0', 0, 0],
      ['0-', 0, last],
      ['10-99', 10, 99],
      ['-1', last, last],
      ['-10', size - 10, last],
      ['500-99999999', 500, last],
      [`-${size * 2}`, 0, last],
    ] as const) {
      const { status, headers, body } = await ask(name, `Range: bytes=${range}`);
      t.equal(status, 206, range);
      t.equal(headers['content-range'], `bytes ${from}-${to}/${size}`);
      t.equal(headers['content-length'], String(to - from + 1));
      t.equal(headers['etag'], etag);
      t.ok(body.equals(content.subarray(from, to + 1)), `the bytes of ${range}`);
    }
  });

  t.test(`${name}: a range that is not there is 416 and tells the size`, async (t) => {
    for (const range of [`${size}-`, '-0', 'x', '5-4']) {
      const { status, headers } = await ask(name, `Range: bytes=${range}`);
      t.equal(status, 416, range);
      t.equal(headers['content-range'], `bytes */${size}`);
    }
  });

  t.test(`${name}: a Range that does not count is answered with the whole`, async (t) => {
    for (const fields of [
      ['Range: lines=1-2'],
      ['Range: bytes=0-1', 'If-Range: "other"'],
      ['Range: bytes=0-1', `If-Range: W/${etag}`],
      ['Range: bytes=0-1', `If-Range: ${EARLIER}`],
      [`Range: bytes=${size}-`, 'If-Range: "other"'],
    ]) {
      const { status, body } = await ask(name, ...fields);
      t.equal(status, 200, fields.join(', '));
      t.equal(body.length, size);
    }
    for (const ifRange of [etag, DATE]) {
      t.equal((await ask(name, 'Range: bytes=0-1', `If-Range: ${ifRange}`)).status, 206, ifRange);
    }
  });
}

t.test('preconditions come before ranges', async (t) => {
  t.equal((await ask('small.bin', 'Range: bytes=9999-', 'If-None-Match: *')).status, 304);
  t.equal((await ask('small.bin', 'Range: bytes=9999-', 'If-Match: "other"')).status, 412);
});

t.test('the tag of a file that was changed a moment ago is weak, and no range is joined by it', async (t) => {
  const now = Date.now() / 1000;
  utimesSync(join(root, 'fresh.bin'), now, now);
  const etag = (await ask('fresh.bin')).headers['etag'] ?? '';
  t.match(etag, /^W\/"/);
  t.equal((await ask('fresh.bin', `If-None-Match: ${etag}`)).status, 304);
  t.equal((await ask('fresh.bin', 'Range: bytes=0-1', `If-Range: ${etag}`)).status, 200);
});

t.test('an empty file has no ranges', async (t) => {
  for (const range of ['0-', '0-0', '-5']) {
    const { status, body } = await ask('empty.bin', `Range: bytes=${range}`);
    t.equal(status, 200, range);
    t.equal(body.length, 0);
  }
  t.equal((await ask('empty.bin', 'Range: bytes=1-')).status, 416);
});
