// Files that change while they are being sent: what was opened is sent to its end, and nothing is made up.
import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { openDescriptors, withoutProc } from '../support/proc.js';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { MORE_THAN_BUFFERS, readSlowly } from '../support/slow-reader.js';
import { until } from '../support/until.js';

const root = t.testdir({});
const server = await startServer(t, ['--root', root]);
/** Every eight bytes tell where they are. */
const CONTENT = Buffer.from(
  new BigUint64Array(MORE_THAN_BUFFERS / 8).map((_, index) => BigInt(index)).buffer,
);

/** A large file in a directory of its own; removed with the test. */
function put(name: string): string {
  mkdirSync(join(root, name));
  const path = join(root, name, 'a.bin');
  writeFileSync(path, CONTENT);
  return path;
}

t.test(
  'a file that is replaced, deleted, moved or grown while it is sent is sent as it was opened',
  async (t) => {
    const changes: Readonly<Record<string, (path: string) => void>> = {
      replaced: (path) => {
        writeFileSync(`${path}.new`, 'new');
        renameSync(`${path}.new`, path);
      },
      deleted: (path) => rmSync(path),
      moved: (path) => renameSync(dirname(path), `${dirname(path)}-elsewhere`),
      grown: (path) => appendFileSync(path, 'grown'),
    };
    for (const [what, change] of Object.entries(changes)) {
      const path = put(what);
      const reader = await readSlowly(t, server.port, `/media/${what}/a.bin`);
      change(path);
      const { status, headers, body } = await reader.finish();
      t.equal(status, 200, what);
      t.equal(Number(headers['content-length']), CONTENT.length, what);
      t.ok(body.equals(CONTENT), `${what}: every byte of the old one`);
      const next = await rawRequest(server.port, get(`/media/${what}/a.bin`, [], 'HEAD'));
      const size = { replaced: '3', grown: `${CONTENT.length + 5}` }[what];
      t.equal(next.status, size === undefined ? 404 : 200, `${what}: the next request sees the change`);
      if (size !== undefined) t.equal(next.headers['content-length'], size, what);
    }
  },
);

t.test(
  'a file that is truncated while it is sent ends the connection short, and is logged once',
  async (t) => {
    const requests: Readonly<Record<string, readonly string[]>> = {
      'truncated-whole': [],
      'truncated-range': [`Range: bytes=8-${CONTENT.length - 1}`],
      'truncated-ranges': [`Range: bytes=8-${CONTENT.length - 9},0-0`],
    };
    for (const [name, fields] of Object.entries(requests)) {
      const target = `/media/${name}/a.bin`;
      const path = put(name);
      const reader = await readSlowly(t, server.port, target, fields);
      // Within a page.
      truncateSync(path, 1024 * 1024 + 1001);
      const { headers, body } = await reader.finish();
      t.ok(body.length < Number(headers['content-length']), `${name}: less than was promised`);
      // The file's own bytes, as far as they were read before: no zeros, no error page, no closing delimiter.
      const start = fields.length === 0 ? 0 : 8;
      const head = name === 'truncated-ranges' ? body.indexOf('\r\n\r\n') + 4 : 0;
      const bytes = body.subarray(head);
      t.ok(bytes.equals(CONTENT.subarray(start, start + bytes.length)), `${name}: only the file's own bytes`);
      await server.logged((line) => line['msg'] === 'request' && line['target'] === target);
      const lines = server.log.filter((line) => line['target'] === target);
      t.match(lines, [
        { level: 50, code: 'MEDIA_SERVE_TRUNCATED' },
        { msg: 'request', aborted: true },
      ]);
      t.equal(lines.length, 2, `${name}: said once, and once in the access log`);
    }
  },
);

t.test('none of these files is still open', { skip: withoutProc() }, async () => {
  await until(
    () => !openDescriptors(server.process.pid).some((name) => name.startsWith(root)),
    'every descriptor is closed',
  );
});
