// What arrives of a file that is cut while it is on its way: from nginx, whose sendfile sends the file's own pages, zeros
// from the cut to the end of its page; from media-serve the bytes that were there when they were sent.
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startNginx, withoutNginx } from '../support/nginx.js';
import { withoutProc } from '../support/proc.js';
import { startServer } from '../support/server.js';
import { readSlowly } from '../support/slow-reader.js';
import { steady } from '../support/until.js';

/** None of its bytes is zero. It fits into the kernel's buffers for one connection. */
const CONTENT = Buffer.alloc(2_000_000, 'content without a zero; ');
/** Within a page, whose rest the file system fills with zeros. Behind all that a client has read that waits. */
const CUT = 500_001;

/** What waits in the kernel, sent from this port and not yet acknowledged, in bytes. */
function onItsWay(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address]) => address?.endsWith(local))
    .reduce((sum, [, , , , queues = '0']) => sum + Number.parseInt(queues, 16), 0);
}

t.test(
  'a cut file is not made up with zeros',
  { skip: (await withoutNginx()) || withoutProc() },
  async (t) => {
    const root = t.testdir({});
    const nginx = await startNginx(
      t,
      (port) => `sendfile on; server { listen 127.0.0.1:${port}; location /media/ { alias ${root}/; } }`,
    );
    const ours = await startServer(t, ['--root', root]);

    const receive = async (name: string, port: number): Promise<Buffer> => {
      writeFileSync(join(root, name), CONTENT);
      const reader = await readSlowly(t, port, `/media/${name}`);
      t.ok((await steady(() => onItsWay(port))) > 0, 'something is on its way');
      truncateSync(join(root, name), CUT);
      const { body } = await reader.finish();
      t.ok(body.length > CUT, 'it had been sent before the cut');
      return body;
    };

    const theirs = await receive('nginx.bin', nginx.ports[0] ?? 0);
    t.notOk(theirs.equals(CONTENT.subarray(0, theirs.length)), 'nginx sends something else');
    t.equal(theirs[CUT], 0, 'which is a zero at the cut');

    const body = await receive('ours.bin', ours.port);
    t.ok(body.equals(CONTENT.subarray(0, body.length)), 'media-serve sends bytes of the file');
  },
);
