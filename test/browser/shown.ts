/** What uploads are for: pictures and text show, opened alone and in a page of the site, and the rest can be saved. */
import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import type { Test } from 'tap';
import { openPage } from '../support/browser.js';
import { PICTURES } from './pictures.js';
import { startGuarded } from './sites.js';

const TEAL = 'rgb(0, 128, 128)';

const DRAWING = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30">
  <style>rect { fill: ${TEAL} }</style><rect width="40" height="30"/></svg>`;
const LETTER = `<!doctype html><style>p { color: ${TEAL} }</style><p>Grüße`;
const ARCHIVE = Buffer.from('PK\x05\x06'.padEnd(22, '\0'), 'latin1');

/** What each of them looks like when it is opened. */
const TEXTS: Readonly<Record<string, { body: string; text: string }>> = {
  'notes.txt': { body: 'Grüße', text: 'Grüße' },
  'data.json': { body: '{"a":1}', text: '{"a":1}' },
  'program.js': { body: 'alert(1)', text: 'alert(1)' },
  'sheet.css': { body: 'p {}', text: 'p {}' },
  'letter.html': { body: LETTER, text: 'Grüße' },
};

export async function shown(t: Test, browser: Browser): Promise<void> {
  const files = { ...PICTURES, 'drawing.svg': DRAWING, 'archive.zip': ARCHIVE };
  const uploads = {
    ...TEXTS,
    ...Object.fromEntries(Object.entries(files).map(([name, body]) => [name, { body }])),
  };
  const { origin } = await startGuarded(t, uploads, () => ({
    body: '<!doctype html><title>The app</title>',
  }));
  const page = await openPage(t, browser, { baseURL: origin });
  const alone = await openPage(t, browser, { baseURL: origin });
  await page.goto('/');

  const computed = (selector: string, property: string): Promise<string> =>
    alone.evaluate(`getComputedStyle(document.querySelector('${selector}')).${property}`);

  for (const name of Object.keys(PICTURES)) {
    await t.test(name, async (t) => {
      await page.setContent(`<img src="/media/${name}">`);
      t.equal(await page.evaluate('document.images[0].naturalWidth'), 4, 'in a page');
      await alone.goto(`/media/${name}`);
      t.equal(await alone.evaluate('document.images[0].naturalWidth'), 4, 'alone');
    });
  }

  await t.test('drawing.svg', async (t) => {
    await page.setContent('<img src="/media/drawing.svg">');
    t.equal(await page.evaluate('document.images[0].naturalWidth'), 40, 'in a page');
    await alone.goto('/media/drawing.svg');
    t.equal(await computed('rect', 'fill'), TEAL, 'alone, with its own style');
  });

  for (const [name, { text }] of Object.entries(TEXTS)) {
    await t.test(name, async (t) => {
      await alone.goto(`/media/${name}`);
      t.match(await alone.evaluate('document.body.innerText'), text);
      if (name === 'letter.html') t.equal(await computed('p', 'color'), TEAL, 'with its own style');
    });
  }

  await t.test('archive.zip is saved', async (t) => {
    await page.setContent('<a href="/media/archive.zip">save</a>');
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('a').click()]);
    t.equal(download.suggestedFilename(), 'archive.zip');
    t.same(await readFile(await download.path()), ARCHIVE);
  });
}
