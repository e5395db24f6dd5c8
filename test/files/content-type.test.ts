// Content-Type by the extension, as the app's own files have it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';

const UNKNOWN = 'application/octet-stream';

t.test('the type comes from the extension alone', async (t) => {
  const cases: readonly (readonly [name: string, type: string])[] = [
    ['a.txt', 'text/plain; charset=utf-8'],
    ['a.TXT', 'text/plain; charset=utf-8'],
    ['a.css', 'text/css; charset=utf-8'],
    ['a.csv', 'text/csv; charset=utf-8'],
    ['a.html', 'text/html; charset=utf-8'],
    ['a.js', 'text/javascript; charset=utf-8'],
    ['a.json', 'application/json; charset=utf-8'],
    ['a.jpg', 'image/jpeg'],
    ['a.JPEG', 'image/jpeg'],
    ['a.png', 'image/png'],
    ['a.webp', 'image/webp'],
    ['a.avif', 'image/avif'],
    ['a.svg', 'image/svg+xml; charset=utf-8'],
    ['a.pdf', 'application/pdf'],
    ['a.mp4', 'video/mp4'],
    ['a.mp3', 'audio/mpeg'],
    ['a.woff2', 'font/woff2'],
    ['a.tar.gz', 'application/gzip'],
    ['a.html.jpg', 'image/jpeg'],
    // What no list knows is saved by browsers, not shown.
    ['a.unheard-of', UNKNOWN],
    ['a.', UNKNOWN],
    // Without a dot in the name itself there is no extension.
    ['html', UNKNOWN],
    ['photos/readme', UNKNOWN],
    ['photos.html/readme', UNKNOWN],
    ['photos.d/svg', UNKNOWN],
    ['a.constructor', UNKNOWN],
    ['a.__proto__', UNKNOWN],
    ['größe.jpg', 'image/jpeg'],
    ['größe', UNKNOWN],
  ];
  const base = t.testdir({ media: {}, static: {} });
  const root = join(base, 'static');
  for (const [name] of cases) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), 'content');
  }
  const env = { MEDIA_ROOT: join(base, 'media') };
  const { port } = await startServer(t, ['--static-root', root], { env });
  for (const [name, type] of cases) {
    const { headers } = await rawRequest(port, get(`/static/${encodeURI(name)}`));
    t.equal(headers['content-type'], type, name);
  }
});
