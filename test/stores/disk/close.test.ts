// A close that fails after reading is no loss; one of what is not open is a defect.
import fs, { openSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import t from 'tap';
import { closeRead } from '../../../src/stores/disk/close.js';
import { openDescriptors } from '../../support/proc.js';

t.test(
  'what the file system says at the end of reading is no matter, but that nothing is open',
  async (t) => {
    const path = join(t.testdir({ 'a.txt': 'a' }), 'a.txt');
    const { closeSync } = fs;
    t.teardown(() => {
      fs.closeSync = closeSync;
      syncBuiltinESMExports();
    });
    const before = openDescriptors(process.pid).length;
    for (const code of ['EIO', 'ENOTCONN', 'ESTALE', 'EDQUOT', 'EINTR']) {
      const descriptor = openSync(path, 'r');
      fs.closeSync = (number) => {
        closeSync(number);
        throw Object.assign(new Error(code), { code });
      };
      syncBuiltinESMExports();
      closeRead(descriptor);
      t.equal(openDescriptors(process.pid).length, before, `${code}: it is closed`);
      fs.closeSync = closeSync;
      syncBuiltinESMExports();
      t.throws(() => closeRead(descriptor), { code: 'EBADF' }, 'twice');
    }
  },
);
