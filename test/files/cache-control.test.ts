// How long a file may be kept: a minute for uploads, a year for static names that carry a hash of their content.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { startHere } from '../support/here.js';
import { get, rawRequest } from '../support/raw.js';

const FOREVER = 'public, max-age=31536000, immutable';
const MINUTE = 'public, max-age=60';

/** As Django's ManifestStaticFilesStorage names them: twelve hex digits of MD5 before the last extension. */
const HASHED = ['app.3f2a9c1b8d7e.css', 'js/app.min.0123456789ab.js', 'LICENSE.3f2a9c1b8d7e'];
const NOT_HASHED = [
  'app.css',
  'app.3f2a9c1b8d7.css',
  'app.3f2a9c1b8d7ef.css',
  'app.3F2A9C1B8D7E.css',
  'app.3f2a9c1b8d7g.css',
  'app-3f2a9c1b8d7e.css',
  '3f2a9c1b8d7e.css',
  'app.3f2a9c1b8d7e.d/app.css',
  'app.3f2a9c1b8d7e.min.css',
];

async function cacheControl(t: Test, args: readonly string[]): Promise<(target: string) => Promise<string>> {
  const base = t.testdir({});
  for (const path of [...HASHED, ...NOT_HASHED]) {
    for (const kind of ['media', 'static']) {
      mkdirSync(dirname(join(base, kind, path)), { recursive: true });
      writeFileSync(join(base, kind, path), 'content');
    }
  }
  const roots = ['--root', join(base, 'media'), '--static-root', join(base, 'static')];
  const { port } = await startHere(t, [...roots, ...args]);
  return async (target) => (await rawRequest(port, get(target))).headers['cache-control'] ?? 'none';
}

t.test('static names with a hash are kept for ever, all else for a minute', async (t) => {
  const ask = await cacheControl(t, []);
  for (const path of HASHED) t.equal(await ask(`/static/${path}`), FOREVER, path);
  for (const path of NOT_HASHED) t.equal(await ask(`/static/${path}`), MINUTE, path);
  // In uploads a stranger chooses the name, so that it promises nothing.
  for (const path of HASHED) t.equal(await ask(`/media/${path}`), MINUTE, `${path} among uploads`);
  t.equal(await ask('/static/gone.3f2a9c1b8d7e.css'), 'no-store', 'what is missing is not kept at all');
});

t.test('--max-age is for all that has no hash', async (t) => {
  const ask = await cacheControl(t, ['--max-age', '2h']);
  t.equal(await ask('/media/app.css'), 'public, max-age=7200');
  t.equal(await ask('/static/app.css'), 'public, max-age=7200');
  t.equal(await ask(`/static/${HASHED[0]}`), FOREVER);
});
