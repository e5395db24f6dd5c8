/** Uploads as code: no page of the site can be made to load one as a script, a stylesheet or a worker. */
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import type { Test } from 'tap';
import { openPage } from '../support/browser.js';
import { HOSTILE_CODE, type Loader } from './hostile-code.js';
import { type Site, startSites } from './sites.js';

/** Without a doctype: what quirks mode allows is more. */
const PAGE = '<title>The app</title><link rel="icon" href="data:,"><script src="/loaders.js"></script>';

export async function code(t: Test, browser: Browser): Promise<void> {
  const loaders = await readFile(new URL('loaders.js', import.meta.url), 'utf8');
  const uploads = { ...HOSTILE_CODE, 'data.json': { body: '{}', carelessType: 'application/json' } };
  const { guarded, careless } = await startSites(t, uploads, ({ pathname }) =>
    pathname === '/' ? { body: PAGE } : { body: loaders, type: 'text/javascript' },
  );
  const page = await open(t, browser, guarded);
  const carelessPage = await open(t, browser, careless);

  for (const [name, { loaders }] of Object.entries(HOSTILE_CODE)) {
    await t.test(name, async (t) => {
      for (const loader of loaders) {
        t.equal(await load(page, loader, name), false, `${loader}: not behind media-serve`);
        t.equal(await load(carelessPage, loader, name), true, `${loader}: on a careless server`);
      }
    });
  }

  await t.test('and all of it was sent', async () => {
    for (const name of Object.keys(HOSTILE_CODE)) await guarded.sent(`/media/${name}`);
  });

  await t.test('polyglots are still pictures', async (t) => {
    for (const [name, width] of [
      ['polyglot.gif', 0x2a2f],
      ['polyglot.jpg', 4],
    ] as const) {
      t.equal(await widthOf(page, name), width, name);
    }
  });

  await t.test('JSON is data, and what asks for data gets it', async (t) => {
    t.equal(await load(page, 'importedJson', 'data.json'), true);
  });

  await t.test('nothing but its own page and script was asked of the app', async (t) => {
    t.same(
      guarded.received.map(({ target }) => target),
      ['/', '/loaders.js'],
    );
  });
}

async function open(t: Test, browser: Browser, { origin }: Site): Promise<Page> {
  const page = await openPage(t, browser);
  await page.goto(origin);
  return page;
}

/** Whether this way of loading code, a function of loaders.js, took effect. */
function load(page: Page, loader: Loader | 'importedJson', name: string): Promise<boolean> {
  return page.evaluate(`loaders.${loader}('/media/${name}')`);
}

function widthOf(page: Page, name: string): Promise<number> {
  return page.evaluate(`new Promise((resolve) => {
    const image = new Image();
    image.onload = image.onerror = () => resolve(image.naturalWidth);
    image.src = '/media/${name}';
  })`);
}
