/**
 * The sample project with django-storages: visitors upload through media-serve and the app into a bucket of Versity's gateway,
 * and see what is there at the site's own addresses. `npm run test:suites -- --only object-storage`
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { PROJECT } from '../../docker/demo-django.js';
import { run } from '../../docker/demo-python.js';
import { makeSite, pythonOrSkip, type Site, startDjango, USERS, withSettings } from '../support/python.js';
import { readmeBlock } from '../support/readme.js';
import { environmentOf, head, placeOf, put, type RealStore } from '../support/real-store.js';
import { type RunningServer, startServer } from '../support/server.js';
import { requestsTo, startGateway } from '../support/versitygw.js';
import { Visitor } from './visitor.js';

const MIB = 1024 * 1024;

/** A site with its uploads in a bucket. */
interface Deployed {
  readonly python: string;
  readonly site: Site;
  readonly store: RealStore;
  readonly front: RunningServer;
}

/** The README's view that hands out files, at the address that its comment gives it. */
function withView(site: Site): Record<string, string> {
  const view = readmeBlock('python', /X-Accel-Redirect/);
  const [, path = ''] = /# (path\(.*\))$/m.exec(view) ?? [];
  const urls = `from django.urls import path\nfrom sample.urls import urlpatterns as others\n${view}\nurlpatterns = [${path}, *others]\n`;
  return withSettings(site, "ROOT_URLCONF = 'bucket_urls'\n", { bucket_urls: urls });
}

async function deploy(t: Test, python: string): Promise<Deployed> {
  const store = await startGateway(t);
  const site = await makeSite(t, python, {
    ...environmentOf(store),
    AWS_STORAGE_BUCKET_NAME: store.bucket,
    AWS_S3_ENDPOINT_URL: store.endpoint,
    AWS_S3_REGION_NAME: store.region,
  });
  // The server first: the app must know the address that visitors have.
  const front = await startServer(
    t,
    [
      ...['--root', `s3://${store.bucket}/media`, ...placeOf(store)],
      ...['--internal', `/protected/=s3://${store.bucket}/private`],
      ...['--static-root', site.staticRoot, '--upstream', `unix:${join(site.directory, 'app.sock')}`],
    ],
    { env: environmentOf(store) },
  );
  const links = { AWS_S3_CUSTOM_DOMAIN: new URL(front.origin).host, AWS_S3_URL_PROTOCOL: 'http:' };
  const env = { ...withView(site), ...links };
  await startDjango(t, python, site, 'gunicorn on a unix socket', { env });
  return { python, site, store, front };
}

function photo(size: number, name: string): File {
  return new File([Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), randomBytes(size - 3)])], name, {
    type: 'image/jpeg',
  });
}

/** Uploads by the form. Returns the link on the page that the app leads to. */
async function upload(visitor: Visitor, file: File): Promise<{ page: string; link: string }> {
  const answer = await visitor.submit('/upload/', { title: 'At the sea', file });
  const page = answer.headers.get('location') ?? '/missing';
  return { page, link: await linkOn(visitor, page) };
}

async function linkOn(visitor: Visitor, page: string): Promise<string> {
  const [, link = ''] = /<img src="([^"]+)"/.exec(await (await visitor.get(page)).text()) ?? [];
  return link;
}

/** The key of what a link leads to. */
const keyOf = (link: string): string => decodeURIComponent(new URL(link).pathname.slice(1));

t.setTimeout(600_000);
t.test('the sample project with its uploads in a bucket', { timeout: 600_000 }, async (t) => {
  const python = await pythonOrSkip(t);
  if (python === undefined) return;
  const deployed = await deploy(t, python);
  const { store, front } = deployed;
  const visitor = new Visitor(front.origin);
  t.teardown(() => visitor.leave());
  const started = front.log.length;

  for (const size of [40 * 1024, 9 * MIB]) {
    await t.test(`a photo of ${size} bytes is in the bucket, and shows at the site's address`, (t) =>
      checkPhoto(t, deployed, visitor, size),
    );
  }

  await t.test('names that people give their files', async (t) => {
    for (const name of [
      'Ürlaub in Köln.jpg',
      '写真.jpg',
      "it's 100% + more.jpg",
      'spaces  twice.jpg',
      'fox 🦊.jpg',
    ]) {
      const { link } = await upload(visitor, photo(1024, name));
      t.equal((await head(store, keyOf(link))).headers['content-length'], '1024');
      const answer = await visitor.get(link);
      t.equal(answer.status, 200, `${name} is ${link}`);
      t.equal((await answer.arrayBuffer()).byteLength, 1024);
    }
  });

  await t.test('two files of one name are two', async (t) => {
    const [one, other] = [photo(1024, 'same.jpg'), photo(2048, 'same.jpg')];
    const links = [(await upload(visitor, one)).link, (await upload(visitor, other)).link];
    t.not(links[0], links[1]);
    const sizes = await Promise.all(
      links.map(async (link) => (await (await visitor.get(link)).arrayBuffer()).byteLength),
    );
    t.same(sizes, [1024, 2048]);
  });

  await t.test('what is deleted is gone at once', async (t) => {
    const { link } = await upload(visitor, photo(1024, 'regretted.jpg'));
    const before = await visitor.get(link);
    t.equal(before.status, 200);
    await before.arrayBuffer();
    const script = 'from gallery.models import Upload; newest = Upload.objects.first(); newest.file.delete()';
    await run(python, ['manage.py', 'shell', '-v', '0', '-c', script], {
      cwd: PROJECT,
      env: deployed.site.env,
    });
    const after = await visitor.get(link, { 'if-none-match': before.headers.get('etag') ?? '' });
    t.equal(after.status, 404);
    t.notMatch(await after.text(), '<?xml');
  });

  await t.test('protected files are handed out to whom the view lets', async (t) => {
    await put(store, 'private/für dich.txt', 'for members', { 'Cache-Control': 'public, max-age=60' });
    const member = new Visitor(front.origin);
    t.teardown(() => member.leave());
    t.equal((await member.login(USERS.member, USERS.password)).status, 302);
    const target = '/documents/f%C3%BCr%20dich.txt';
    const whole = await member.get(target);
    t.equal(whole.status, 200);
    t.equal(await whole.text(), 'for members');
    t.equal(whole.headers.get('content-type'), 'text/plain; charset=utf-8');
    t.match(whole.headers.get('cache-control'), /private/);
    const part = await member.get(target, { range: 'bytes=4-6' });
    t.equal(part.status, 206);
    t.equal(await part.text(), 'mem');
    const known = await member.get(target, { 'if-none-match': whole.headers.get('etag') ?? '' });
    t.equal(known.status, 304);
    const before = (await requestsTo(store)).length;
    t.equal((await visitor.get(target)).status, 302, 'a stranger is led to the login');
    for (const other of ['/protected/f%C3%BCr%20dich.txt', '/media/..%2fprivate/f%C3%BCr%20dich.txt'])
      t.equal((await member.get(other)).status, 404, other);
    t.equal((await member.get('/documents/missing.txt')).status, 404);
    t.same(
      (await requestsTo(store)).slice(before).map(({ path }) => path),
      [`/${store.bucket}/private/missing.txt`],
      'the store was asked for nothing else',
    );
  });

  const missing = 'the app ordered a file that is not there';
  await front.logged(({ msg }) => msg === missing);
  const warnings = front.log.slice(started).filter(({ level }) => Number(level) >= 40);
  t.same(
    warnings.map(({ msg }) => msg),
    [missing],
    'nothing else of it is worth a warning',
  );
});

async function checkPhoto(
  t: Test,
  { store, front }: Deployed,
  visitor: Visitor,
  size: number,
): Promise<void> {
  const file = photo(size, 'holiday.jpg');
  const bytes = Buffer.from(await file.arrayBuffer());
  const { page, link } = await upload(visitor, file);
  t.match(link, new RegExp(`^${front.origin}/media/uploads/\\d{4}/\\d\\d/holiday\\w*\\.jpg$`));
  t.equal(await linkOn(visitor, page), link, 'the link is the same each time');
  const { headers } = await head(store, keyOf(link));
  t.equal(headers['content-length'], `${size}`, 'it lies in the bucket');

  const whole = await visitor.get(link);
  t.equal(whole.status, 200);
  t.equal(whole.headers.get('content-type'), 'image/jpeg');
  t.equal(whole.headers.get('x-content-type-options'), 'nosniff');
  t.equal(whole.headers.get('cache-control'), 'public, max-age=60');
  t.equal(whole.headers.get('last-modified'), headers['last-modified']);
  t.equal(whole.headers.get('content-length'), `${size}`);
  const etag = whole.headers.get('etag') ?? '';
  t.equal(etag, headers.etag);
  // boto3 sends what is longer than 8 MiB in parts.
  t.match(etag, size > 8 * MIB ? /^"[0-9a-f]{32}-2"$/ : /^"[0-9a-f]{32}"$/);
  t.ok(bytes.equals(Buffer.from(await whole.arrayBuffer())), 'the bytes that were uploaded');

  const before = (await requestsTo(store)).length;
  const part = await visitor.get(link, { range: `bytes=${size - 1000}-` });
  t.equal(part.status, 206);
  t.equal(part.headers.get('content-range'), `bytes ${size - 1000}-${size - 1}/${size}`);
  t.ok(bytes.subarray(-1000).equals(Buffer.from(await part.arrayBuffer())), 'the range that was asked for');
  const conditions: readonly (readonly [fields: Record<string, string>, status: number])[] = [
    [{ 'if-none-match': etag }, 304],
    [{ 'if-modified-since': whole.headers.get('last-modified') ?? '' }, 304],
    [{ 'if-none-match': '"other"' }, 200],
    [{ 'if-match': '"other"' }, 412],
    [{ range: 'bytes=0-9', 'if-range': etag }, 206],
  ];
  for (const [fields, status] of conditions) {
    const answer = await visitor.get(link, fields);
    t.equal(answer.status, status, JSON.stringify(fields));
    await answer.arrayBuffer();
  }
  t.equal(
    (await requestsTo(store)).length - before,
    1 + conditions.length,
    'each is one request to the store',
  );
}
