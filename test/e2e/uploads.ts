/** The reason for this project: with DEBUG off, Django takes uploads and shows none of them. */
import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type Deployment, type Site, startDjango } from '../support/python.js';
import { Visitor } from './visitor.js';

const KIB = 1024;

/** A file that says it is a JPEG, with random bytes. */
function photo(size: number, name = 'holiday.jpg'): File {
  return new File([Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), randomBytes(size - 3)])], name, {
    type: 'image/jpeg',
  });
}

/** Uploads through the form and returns the link that Django puts on the photo's page. */
async function upload(visitor: Visitor, file: File): Promise<string> {
  const answer = await visitor.submit('/upload/', { title: 'At the sea', file });
  const page = await (await visitor.get(answer.headers.get('location') ?? '/missing')).text();
  const [, src = ''] = /<img src="([^"]+)"/.exec(page) ?? [];
  return src;
}

function visitorOf(t: Test, address: string): Visitor {
  const visitor = new Visitor(address);
  t.teardown(() => visitor.leave());
  return visitor;
}

/** The cause of "small photos show, large ones are 403". */
export async function modeWithoutPermissions(t: Test, python: string, site: Site): Promise<void> {
  const env = { FILE_UPLOAD_PERMISSIONS: 'none' };
  const app = await startDjango(t, python, site, 'gunicorn on TCP', { env });
  const visitor = visitorOf(t, app.address);
  const modeOf = async (size: number): Promise<number> => {
    const src = await upload(visitor, photo(size));
    return (await stat(join(site.mediaRoot, src.slice('/media/'.length)))).mode & 0o777;
  };
  t.equal(await modeOf(3000 * KIB), 0o600);
  t.not(await modeOf(40 * KIB), 0o600);
}

export async function uploads(t: Test, { origin, app, site, front }: Deployment): Promise<void> {
  const visitor = visitorOf(t, origin);
  const django = visitorOf(t, app.address);

  for (const size of [40 * KIB, 3000 * KIB]) {
    await t.test(
      `a photo of ${size / KIB} KiB uploaded through the form is shown by media-serve alone`,
      async (t) => {
        const file = photo(size);
        const bytes = Buffer.from(await file.arrayBuffer());
        const src = await upload(visitor, file);
        t.match(src, /^\/media\/uploads\/\d{4}\/\d\d\/holiday\w*\.jpg$/);

        t.equal((await django.get(src)).status, 404, 'Django itself has no such page');

        const whole = await visitor.get(src);
        t.equal(whole.status, 200);
        t.equal(whole.headers.get('content-type'), 'image/jpeg');
        t.equal(whole.headers.get('x-content-type-options'), 'nosniff');
        t.equal(whole.headers.get('cache-control'), 'public, max-age=60');
        t.ok(bytes.equals(Buffer.from(await whole.arrayBuffer())), 'the bytes that were uploaded');

        const part = await visitor.get(src, { range: 'bytes=1000-1999' });
        t.equal(part.status, 206);
        t.equal(part.headers.get('content-range'), `bytes 1000-1999/${size}`);
        t.ok(bytes.subarray(1000, 2000).equals(Buffer.from(await part.arrayBuffer())), 'the range asked for');

        const modified = whole.headers.get('last-modified') ?? '';
        const unchanged = await visitor.get(src, { 'if-modified-since': modified });
        t.equal(unchanged.status, 304);
        const sameTag = await visitor.get(src, { 'if-none-match': whole.headers.get('etag') ?? '' });
        t.equal(sameTag.status, 304);
        t.equal(await sameTag.text(), '');

        const path = join(site.mediaRoot, src.slice('/media/'.length));
        t.equal((await stat(path)).mode & 0o777, 0o644, 'readable for a server that runs as another user');
      },
    );
  }

  await t.test('names that people give their files come back under the link that Django makes', async (t) => {
    for (const name of ['Ürlaub in Köln.jpg', '写真.jpg', "it's 100% + more.jpg", 'spaces  twice.jpg']) {
      const src = await upload(visitor, photo(KIB, name));
      t.equal((await visitor.get(src)).status, 200, `${name} is ${src}`);
    }
  });

  await t.test('a form without its CSRF token is refused and stores nothing', async (t) => {
    const answer = await visitor.post('/upload/', { title: 'forged', file: photo(KIB) });
    t.equal(answer.status, 403);
    t.notMatch(await (await visitor.get('/')).text(), 'forged');
  });

  await t.test('a file that is missing is 404 from media-serve and Django is not asked', async (t) => {
    const answer = await visitor.get('/media/uploads/never.jpg');
    t.equal(answer.status, 404);
    await answer.text();
    const line = await front.logged((entry) => entry['target'] === '/media/uploads/never.jpg');
    t.equal(line['location'], '/media/');
    t.notOk('upstreamMs' in line);
    t.equal((await visitor.get('/no/such/page/')).status, 404);
  });

  await t.test('the newest photo is found through a redirect', async (t) => {
    const src = await upload(visitor, photo(KIB, 'newest.jpg'));
    const answer = await visitor.get('/latest/');
    t.equal(answer.status, 302);
    const target = answer.headers.get('location') ?? '';
    t.match(target, /^\/photos\/\d+\/$/, 'as Django sent it');
    t.match(await (await visitor.get(target)).text(), src);
  });

  await t.test('a page’s static files have hashed names and may be kept for good', async (t) => {
    const html = await (await visitor.get('/')).text();
    const [, href = ''] = /<link rel="stylesheet" href="([^"]+)"/.exec(html) ?? [];
    t.match(href, /^\/static\/gallery\/site\.[0-9a-f]{12}\.css$/);
    t.equal((await django.get(href)).status, 404, 'Django itself has no such page');

    const style = await visitor.get(href);
    t.equal(style.status, 200);
    t.match(style.headers.get('content-type'), /^text\/css; charset=utf-8$/i);
    t.equal(style.headers.get('cache-control'), 'public, max-age=31536000, immutable');

    const plain = await visitor.get('/static/gallery/site.css');
    t.equal(plain.status, 200);
    t.notMatch(plain.headers.get('cache-control'), /immutable/, 'a name without a hash may change');
  });
}
