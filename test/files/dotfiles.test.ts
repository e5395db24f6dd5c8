// Names that begin with a dot are never served: .env, .git, .htpasswd and what editors leave behind.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { startHere } from '../support/here.js';
import { get, rawRequest } from '../support/raw.js';

const HIDDEN = [
  '.env',
  '.git/config',
  '.htpasswd',
  'a/.hidden',
  'a/.b/c.txt',
  '..a',
  '.photo.jpg.swp',
  '...',
];

t.test('dotfiles are 404 at any depth and in any spelling, among uploads and static files', async (t) => {
  const base = t.testdir({ media: { 'a.txt': 'shown', 'a.b.txt': 'shown', 'a.': 'shown' }, static: {} });
  for (const path of HIDDEN) {
    for (const kind of ['media', 'static']) {
      mkdirSync(dirname(join(base, kind, path)), { recursive: true });
      writeFileSync(join(base, kind, path), 'HIDDEN');
    }
  }
  symlinkSync('.env', join(base, 'media/link.txt'));
  symlinkSync('.git', join(base, 'media/link'));
  const roots = ['--root', join(base, 'media'), '--static-root', join(base, 'static')];
  const { port } = await startHere(t, roots);

  const names = [...HIDDEN, 'a/../.env', 'link.txt', 'link/config'];
  for (const path of names) {
    const spellings = [
      path,
      path.replaceAll('.', '%2e'),
      path.replaceAll('/', '//'),
      path.replaceAll('/', '%2F'),
    ];
    for (const spelling of spellings) {
      for (const prefix of path.startsWith('link') ? ['/media/'] : ['/media/', '/static/']) {
        const { status, body } = await rawRequest(port, get(prefix + spelling));
        t.equal(status, 404, prefix + spelling);
        t.notMatch(body.toString(), 'HIDDEN');
      }
    }
  }
  for (const path of ['a.txt', 'a.b.txt', 'a.']) {
    t.equal((await rawRequest(port, get(`/media/${path}`))).body.toString(), 'shown', path);
  }
});
