// Files to which their build gave a fixed time: what tells their versions apart, over the wire, and that nothing else does.
import { cpSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Marked, versionMarkOf } from '../../../src/stores/disk/version-mark.js';
import type { DirectFile } from '../../../src/stores/store.js';
import { converse, wasReady } from '../../support/conversation.js';
import { AN_HOUR_LATER } from '../../support/later.js';
import { startLocations } from '../../support/locations.js';

const FIXED = [0, 1, -1, 315_532_800, 315_532_801, 499_162_500, 1_262_304_000, 4_102_444_800];
const SIZES = { small: 1000, large: 300_000 };

const root = t.testdir({ blue: {}, green: {} });
const place = { kind: 'static', root: join(root, 'blue') };
const server = await startLocations(
  t,
  [
    { ...place, prefix: '/static/' },
    { ...place, prefix: '/other/', root: join(root, 'green') },
  ],
  [],
  { node: AN_HOUR_LATER },
);
const conversation = await converse(t, server.port);
const ask = (target: string, ...fields: string[]) => conversation.ask(target, fields);

function put(path: string, content: string, seconds: number): void {
  writeFileSync(join(root, path), content);
  // As dates: of a number below zero Node makes the present.
  const time = new Date(seconds * 1000);
  utimesSync(join(root, path), time, time);
}

for (const [what, size] of Object.entries(SIZES)) {
  t.test(
    `the next version of a ${what} file has another tag, though its time and size are the same`,
    async (t) => {
      for (const seconds of FIXED) {
        const name = `${what}${seconds}.bin`;
        const target = `/static/${name}`;
        const date = new Date(seconds * 1000).toUTCString();
        const nginx = `"${seconds.toString(16)}-${size.toString(16)}"`;
        put(`blue/${name}`, 'a'.repeat(size), seconds);
        const first = await ask(target);
        const etag = first.headers['etag'] ?? '';
        t.match(etag, /^"[\w-]+"$/, `${seconds}: a strong tag`);
        t.not(etag, nginx);
        t.notOk('last-modified' in first.headers, `${seconds}: no date`);
        t.equal((await ask(target)).headers['etag'], etag, 'the same as long as it is the same');
        for (const [status, ...fields] of [
          [304, `If-None-Match: ${etag}`],
          [200, `If-None-Match: ${nginx}`],
          [200, `If-Modified-Since: ${date}`],
          [200, `If-Modified-Since: ${new Date().toUTCString()}`],
          [200, `If-Unmodified-Since: ${date}`],
          [206, 'Range: bytes=0-1', `If-Range: ${etag}`],
          [200, 'Range: bytes=0-1', `If-Range: ${date}`],
          [200, 'Range: bytes=0-1', `If-Range: ${nginx}`],
        ] as const) {
          t.equal((await ask(target, ...fields)).status, status, `${seconds}: ${fields.join(' + ')}`);
        }

        put(`blue/${name}`, 'b'.repeat(size), seconds);
        for (const [status, ...fields] of [
          [200, `If-None-Match: ${etag}`],
          [200, `If-Modified-Since: ${date}`],
          [200, 'Range: bytes=0-1', `If-Range: ${etag}`],
          [200, 'Range: bytes=0-1', `If-Range: ${date}`],
          [412, `If-Match: ${etag}`],
        ] as const) {
          const { status: answered, headers, body } = await ask(target, ...fields);
          t.equal(answered, status, `${seconds}, changed: ${fields.join(' + ')}`);
          if (answered === 200) t.ok(body.equals(Buffer.alloc(size, 'b')), 'all of the new version');
          t.not(headers['etag'], etag);
        }
      }
    },
  );
}

t.test('replicas with disks of their own say the same of what they have in common', async (t) => {
  mkdirSync(join(root, 'blue/assets'));
  put('blue/assets/app.css', 'body { margin: 0 } '.repeat(9), 315_532_801);
  put('blue/assets/app.css.br', 'br', 315_532_801);
  put('blue/assets/app.css.gz', 'gz', 315_532_801);
  put('blue/assets/empty.css', '', 315_532_801);
  cpSync(join(root, 'blue/assets'), join(root, 'green/assets'), {
    recursive: true,
    preserveTimestamps: true,
  });
  const tags = new Set<string | undefined>();
  for (const [name, coding] of [
    ['app.css', 'identity'],
    ['app.css', 'br'],
    ['app.css', 'gzip'],
    ['empty.css', 'identity'],
  ]) {
    const accept = `Accept-Encoding: ${coding}`;
    const one = await ask(`/static/assets/${name}`, accept);
    const other = await ask(`/other/assets/${name}`, accept);
    t.equal(one.headers['etag'], other.headers['etag'], `${name} ${coding}`);
    tags.add(one.headers['etag']);
    const again = await ask(`/other/assets/${name}`, accept, `If-None-Match: ${one.headers['etag']}`);
    t.equal(again.status, 304, `${name} ${coding}`);
    t.ok(wasReady(again), 'kept in memory as others are');
  }
  t.equal(tags.size, 4, 'each form has its own');
});

t.test(
  'a file system that has no other time than the fixed one leaves a large file without a tag',
  async (t) => {
    const now = Date.now();
    const stats = statSync(root);
    const tagOf = (size: number, ctimeMs: number, content?: string): string | undefined => {
      const version = { dev: stats.dev, ino: 0x1a, size, mtimeMs: 1000, ctimeMs };
      const direct: DirectFile = {
        readSync(buffer, position) {
          if (content === undefined) throw new Error('EIO');
          return buffer.write(content.slice(position));
        },
      };
      return versionMarkOf({ version, modified: 1000 }, direct, now).validators(now).etag;
    };
    t.equal(tagOf(1e6, 1000), undefined);
    t.equal(tagOf(1e6, 1_700_000_000_123.5), '"1a-60a241820226c-f4240"');
    t.match(tagOf(3, 1000, 'abc'), /^"[\w-]{22}"$/, 'of a small one its content tells');
    t.equal(tagOf(3, 1_700_000_000_123.5), '"1a-60a241820226c-3"', 'one that cannot be read');
    t.equal(tagOf(4, 1_700_000_000_123.5, ''), '"1a-60a241820226c-4"', 'one that is cut');
  },
);

t.test('a file has changed when either of its times says so, whichever is the later', (t) => {
  const now = Date.now();
  for (const [mtimeMs, ctimeMs] of [
    [now, now - 5000],
    [now - 5000, now],
    [1000, now],
    [4_102_444_800_000, now],
  ] as const) {
    const found: Marked = { version: { dev: 1, ino: 1, size: 1e6, mtimeMs, ctimeMs }, modified: mtimeMs };
    const { changed } = versionMarkOf(found, undefined, now);
    t.equal(changed, Math.max(mtimeMs, ctimeMs), `${mtimeMs} ${ctimeMs}`);
  }
  t.end();
});
