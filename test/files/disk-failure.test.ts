// A file that is there but may not be read. Run as a user whom permissions bind.
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
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
      'small.jpg': 'a photo under 2.5 MB, which Django wrote itself',
      'large.jpg': 'a photo over 2.5 MB, which it moved',
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
    const owner = PLAIN_USER === undefined ? `${process.getuid?.()}:${process.getgid?.()}` : '0:0';
    const who = `may not be %s by user id ${PLAIN_USER_ID}; `;
    const [forFile, forDirectory] = PLAIN_USER === undefined ? ['0000', '0000'] : ['0600', '0700'];
    for (const [path, refuses, mode, word, cure] of [
      [
        'large.jpg',
        'large.jpg',
        forFile,
        'read',
        'chmod a+r %s; for what Django writes, set FILE_UPLOAD_PERMISSIONS = 0o644',
      ],
      [
        'closed/b.jpg',
        'closed',
        forDirectory,
        'entered',
        'chmod a+x %s; for directories that Django makes, set FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755',
      ],
    ] as const) {
      const { status, body } = await rawRequest(port, get(`/media/${path}`));
      t.equal(status, 403, path);
      t.notMatch(body.toString(), root, 'the client learns nothing about the disk');
      const line = await logged(
        ({ level, path: logged }) => Number(level) >= 40 && logged === join(root, path),
      );
      t.equal(line['uid'], PLAIN_USER_ID);
      const name = join(root, refuses);
      const expected = `${name} (mode ${mode}, owner ${owner}) ${who.replace('%s', word)}${cure.replace('%s', name)}`;
      t.equal(line['msg'], expected, 'the one part of the path that refuses');
    }
  },
);

t.test(
  'a link tells nothing of what cannot be read elsewhere: as if nothing were there',
  { skip: withoutPlainUser() },
  async (t) => {
    const base = t.testdir({
      root: {
        'a.txt': 'readable',
        'closed.txt': 'unreadable',
        '.hidden': 'unreadable',
        way: { 'b.txt': '' },
      },
      protected: { 's.txt': 'unreadable' },
      'outside.txt': 'unreadable',
      outside: { 'c.txt': 'in a closed directory' },
    });
    const closed = [
      'root/closed.txt',
      'root/.hidden',
      'root/way',
      'protected/s.txt',
      'outside.txt',
      'outside',
    ];
    for (const name of closed) chmodSync(join(base, name), PLAIN_USER === undefined ? 0 : 0o700);
    const links: Readonly<Record<string, string>> = {
      out: '../outside.txt',
      'out-closed': '../outside/c.txt',
      'out-directory': '../outside',
      nothing: '../missing',
      'to-hidden': '.hidden',
      'to-protected': '../protected/s.txt',
      inside: 'closed.txt',
      'inside-closed': 'way/b.txt',
    };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(base, 'root', name));
    const locations = [
      { kind: 'media', prefix: '/inside/', root: 'root' },
      { kind: 'media', prefix: '/never/', root: 'root', symlinks: 'never' },
      { kind: 'media', prefix: '/follow/', root: 'root', symlinks: 'follow' },
      { kind: 'internal', prefix: '/protected/', root: 'protected' },
    ];
    writeFileSync(join(base, 'config.json'), JSON.stringify({ locations }));
    const server = await startServer(t, ['--config', join(base, 'config.json')], { uid: PLAIN_USER });
    const cases: readonly (readonly [name: string, inside: number, never: number, follow: number])[] = [
      ['a.txt', 200, 200, 200],
      ['closed.txt', 403, 403, 403],
      ['way/b.txt', 403, 403, 403],
      ['way/missing', 403, 403, 403],
      ['nothing', 404, 404, 404],
      ['out', 404, 404, 403],
      ['out-directory', 404, 404, 403],
      ['to-hidden', 404, 404, 403],
      ['to-protected', 404, 404, 404],
      ['inside', 403, 404, 403],
      // Where it leads cannot be found out; it might be to what is protected.
      ['out-closed', 404, 404, 404],
      ['out-directory/c.txt', 404, 404, 404],
      ['inside-closed', 404, 404, 404],
    ];
    for (const [name, ...expected] of cases) {
      for (const [index, prefix] of ['inside', 'never', 'follow'].entries()) {
        const { status } = await rawRequest(server.port, get(`/${prefix}/${name}`));
        t.equal(status, expected[index], `/${prefix}/${name}`);
      }
    }
    // So that they can be removed.
    for (const name of closed) chmodSync(join(base, name), 0o700);
  },
);
