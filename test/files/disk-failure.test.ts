// A file that is there but may not be read. Run as a user whom permissions bind.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { PLAIN_USER, PLAIN_USER_ID, withoutPlainUser } from '../support/user.js';

t.test(
  'a file without read permission is 403, and the log tells the cause and the cure',
  { skip: withoutPlainUser() },
  async (t) => {
    const root = t.testdir({
      'small.jpg': 'a photo under 2.5 MB',
      'large.jpg': 'a photo over 2.5 MB',
      closed: { 'b.jpg': 'below' },
    });
    // What Django does with uploads that it spooled to a temporary file.
    chmodSync(join(root, 'large.jpg'), 0o600);
    chmodSync(join(root, 'closed'), 0o700);
    // Where the tests are run by an ordinary user, the files are its own.
    if (PLAIN_USER === undefined) {
      chmodSync(join(root, 'large.jpg'), 0);
      chmodSync(join(root, 'closed'), 0);
      t.teardown(() => chmodSync(join(root, 'closed'), 0o700));
    }
    const { port, logged } = await startServer(t, ['--root', root], { uid: PLAIN_USER });
    t.equal((await rawRequest(port, get('/media/small.jpg'))).status, 200);
    for (const path of ['large.jpg', 'closed/b.jpg']) {
      const { status, body } = await rawRequest(port, get(`/media/${path}`));
      t.equal(status, 403, path);
      t.notMatch(body.toString(), root, 'the client learns nothing about the disk');
      const line = await logged(
        ({ level, path: logged }) => Number(level) >= 40 && logged === join(root, path),
      );
      t.equal(line['uid'], PLAIN_USER_ID);
      t.match(line['msg'], /FILE_UPLOAD_PERMISSIONS = 0o644/);
      t.match(line['msg'], join(root, path));
      t.match(line['msg'], `user id ${PLAIN_USER_ID}`);
    }
  },
);
