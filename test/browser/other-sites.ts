/**
 * Uploads in pages of other sites: they show, also where the page takes only what allows it
 * (Cross-Origin-Resource-Policy), and can be read where the location's `cors` says so.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { Test } from 'tap';
import { startApp } from '../support/app.js';
import { openPage } from '../support/browser.js';
import { startServer } from '../support/server.js';
import { FONT } from './font.js';
import { loadsFont, reads, shows, taints } from './loading.js';
import { PICTURES } from './pictures.js';
import { startCareless } from './sites.js';

const PICTURE = PICTURES['picture.png'] ?? '';

export async function otherSites(t: Test, browser: Browser): Promise<void> {
  const app = await startApp(t, (request, response) => {
    response.setHeader('Content-Type', 'text/html');
    if (request.url === '/isolated') {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    response.end('<!doctype html><title>A site</title>');
  });
  // `localhost` and `127.0.0.1` are different sites.
  const elsewhere = `http://localhost:${app.port}`;

  const directory = t.testdir({ uploads: { 'picture.png': PICTURE, 'wide.woff2': FONT } });
  const config = join(directory, 'media-serve.json');
  const root = 'uploads';
  const headers = { 'Cross-Origin-Resource-Policy': 'same-origin' };
  const locations = [
    { kind: 'media', prefix: '/media/', root },
    { kind: 'media', prefix: '/open/', root, cors: '*' },
    { kind: 'media', prefix: '/listed/', root, cors: [elsewhere] },
    { kind: 'media', prefix: '/private/', root, headers },
    { kind: 'upstream', prefix: '/', upstream: app.address },
  ];
  await writeFile(config, JSON.stringify({ locations }));
  const { origin } = await startServer(t, ['--config', config]);

  const open = async (url: string): Promise<Page> => {
    const page = await openPage(t, browser);
    await page.goto(url);
    return page;
  };
  const own = await open(origin);
  const other = await open(elsewhere);
  const unlisted = await open(elsewhere.replace('localhost', 'other.localhost'));

  await t.test('shows in a page of another site, unless its location forbids it', async (t) => {
    t.equal(await shows(other, `${origin}/media/picture.png`), true);
    t.equal(await shows(other, `${origin}/private/picture.png`), false);
    t.equal(await shows(own, `${origin}/private/picture.png`), true);
  });

  await t.test('shows in a page that takes only what allows it', async (t) => {
    const isolated = await open(`${elsewhere}/isolated`);
    t.equal(await isolated.evaluate('crossOriginIsolated'), true);
    t.equal(await shows(isolated, `${origin}/media/picture.png`), true);

    const upload = { body: PICTURE, carelessType: 'image/png' };
    const careless = await startCareless(t, { 'picture.png': upload }, () => undefined);
    const picture = `${careless.origin}/media/picture.png`;
    t.equal(await shows(other, picture), true);
    t.equal(await shows(isolated, picture), false, 'control: a server that says nothing');
  });

  const readers = [
    { prefix: '/media/', by: own, who: 'by its own site', can: true },
    { prefix: '/media/', by: other, who: 'by another site', can: false },
    { prefix: '/open/', by: other, who: 'by any site with cors *', can: true },
    { prefix: '/listed/', by: other, who: 'by a site that cors lists', can: true },
    { prefix: '/listed/', by: unlisted, who: 'by a site that cors does not list', can: false },
  ];
  for (const { prefix, by, who, can } of readers) {
    await t.test(`can${can ? '' : 'not'} be read ${who}`, async (t) => {
      t.equal(await reads(by, `${origin}${prefix}picture.png`), can, 'its pixels, from a canvas');
      t.equal(await loadsFont(by, `${origin}${prefix}wide.woff2`), can, 'as a font');
      if (by !== own)
        t.equal(await taints(by, `${origin}${prefix}picture.png`), true, 'it taints a canvas without asking');
    });
  }
}
