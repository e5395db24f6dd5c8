/**
 * What a browser makes of uploads in a bucket of Versity's gateway: which pictures of a gallery it asks for again, that a video
 * can be sought in, and that a PDF and names in Unicode show. `npm run test:suites -- --only object-storage`
 */
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { startApp } from '../support/app.js';
import { openPage, startBrowser, withoutChromium } from '../support/browser.js';
import { environmentOf, placeOf, put, type RealStore } from '../support/real-store.js';
import { startServer } from '../support/server.js';
import { until } from '../support/until.js';
import { type GatewayRequest, requestsTo, startGateway } from '../support/versitygw.js';
import { withGap } from './long-files.js';
import { drawn } from './pdf.js';
import { PICTURES } from './pictures.js';
import { checkLastSecond } from './player.js';
import { sample } from './samples.js';

const MIB = 1024 * 1024;
const COUNT = 20;

/** Names of the pictures of a gallery; each has its own. */
const namesIn = (folder: string): string[] =>
  Array.from({ length: COUNT }, (_, index) => `${folder}/Foto ${index} – Grüße 写真.png`);

/** The page of a gallery. */
function galleryOf(folder: string): string {
  const pictures = namesIn(folder).map((name) => `<img src="/media/${encodeURI(name)}">`);
  return `<!doctype html><title>The app</title><link rel="icon" href="data:,">${pictures.join('\n')}`;
}

t.setTimeout(600_000);
t.test('uploads in a bucket', { skip: withoutChromium(), timeout: 600_000 }, async (t) => {
  const store = await startGateway(t);
  const picture = PICTURES['picture.png'] ?? Buffer.alloc(0);
  const video = withGap(await sample('video.mp4'), 32 * MIB);
  for (const name of namesIn('kept')) await put(store, `media/${name}`, picture);
  for (const name of namesIn('asked'))
    await put(store, `media/${name}`, picture, { 'Cache-Control': 'no-cache' });
  await put(store, 'media/video.mp4', video, { 'Content-Type': 'video/mp4' });
  await put(store, 'media/Bericht – für Ämter.pdf', await sample('document.pdf'));

  const app = await startApp(t, ({ url = '' }, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8').end(galleryOf(url.slice(1)));
  });
  const args = ['--root', `s3://${store.bucket}/media`, ...placeOf(store), '--upstream', app.address];
  const server = await startServer(
    t,
    // As over a network: else a busy browser has all of a video before it is told to go to its end.
    [...args, '--limit-rate', '2mb'],
    { env: environmentOf(store) },
  );
  // It asks once whether it may, which is not to be counted.
  await until(
    async () => (await requestsOf(store, 0)).includes('GET 404'),
    'the bucket was asked for',
    undefined,
    100,
  );
  const browser = await startBrowser(t);
  const page = await openPage(t, browser, { baseURL: server.origin });

  await t.test('a gallery that is seen again is asked for no more', async (t) => {
    t.same(await seen(t, page, store, '/kept'), Array(COUNT).fill('GET 200'));
    t.same(await seen(t, page, store, '/kept'), []);
  });

  await t.test('pictures that are to be asked for again come over once', async (t) => {
    t.same(await seen(t, page, store, '/asked'), Array(COUNT).fill('GET 200'));
    // Twice: a 304 leaves what was said before as it was.
    for (let time = 0; time < 2; time++)
      t.same(await seen(t, page, store, '/asked'), Array(COUNT).fill('GET 304'));
  });

  await t.test('goes to the last second of a video, by a range', async (t) => {
    const alone = await openPage(t, browser, { baseURL: server.origin });
    const before = (await requestsTo(store)).length;
    await checkLastSecond(t, alone, video.length, () => alone.goto('/media/video.mp4'));
    const asked = await requestsOf(store, before);
    t.ok(
      asked.every((one) => one === 'GET 206' || one === 'GET 200'),
      `${asked}`,
    );
  });

  await t.test('a PDF with a name in Unicode is drawn', async (t) => {
    const alone = await openPage(t, browser, { baseURL: server.origin });
    await alone.goto('/media/Bericht – für Ämter.pdf');
    await t.resolves(drawn(await openPage(t, browser), alone));
  });
});

/** Goes to a gallery, and tells what that had asked of the store. */
async function seen(t: Test, page: Page, store: RealStore, target: string): Promise<string[]> {
  const before = (await requestsTo(store)).length;
  await page.goto('about:blank');
  await page.goto(target, { waitUntil: 'load' });
  const widths = await page.evaluate<number[]>('[...document.images].map((image) => image.naturalWidth)');
  t.same(widths, Array(COUNT).fill(4), 'all pictures show');
  return requestsOf(store, before);
}

async function requestsOf(store: RealStore, from: number): Promise<string[]> {
  return (await requestsTo(store))
    .slice(from)
    .map(({ method, status }: GatewayRequest) => `${method} ${status}`);
}
