/**
 * An uploaded PDF opens in Chromium's viewer, alone and in a page of the site. The viewer draws in a process of its
 * own, out of every script's reach, so what is looked at is the picture of the window.
 */
import type { Browser, Page } from 'playwright-core';
import type { Test } from 'tap';
import { LIMIT, openPage } from '../support/browser.js';
import { until } from '../support/until.js';
import { sample } from './samples.js';
import { startGuarded } from './sites.js';

/** Milliseconds: a picture of the window takes time from the viewer that is starting in it. */
const A_WHILE = 300;

/** The colour of the broad bar on top of the sample document. */
const NAVY = [28, 36, 77];

export async function pdf(t: Test, browser: Browser): Promise<void> {
  const uploads = { 'document.pdf': { body: await sample('document.pdf') }, 'notes.txt': { body: 'no PDF' } };
  const { origin } = await startGuarded(t, uploads, () => ({
    body: '<!doctype html><title>The app</title>',
  }));
  const page = await openPage(t, browser, { baseURL: origin });
  const alone = await openPage(t, browser, { baseURL: origin });
  const palette = await openPage(t, browser);
  await page.goto('/');
  t.equal(await page.evaluate('navigator.pdfViewerEnabled'), true, 'this browser has a viewer');

  for (const tag of ['iframe', 'object', 'embed']) {
    await t.test(`in ${tag}`, async (t) => {
      const show = (name: string): Promise<void> =>
        page.setContent(
          `<${tag} ${tag === 'object' ? 'data' : 'src'}="/media/${name}" width="400" height="400"></${tag}>`,
        );
      await show('notes.txt');
      t.equal(await shareOfNavy(palette, page.locator(tag).screenshot()), 0, 'control: not so a text');
      await show('document.pdf');
      const isDrawn = async () => (await shareOfNavy(palette, page.locator(tag).screenshot())) > 0.1;
      await t.resolves(until(isDrawn, 'the bar is seen', LIMIT, A_WHILE));
    });
  }

  await t.test('alone', async (t) => {
    await alone.goto('/media/document.pdf');
    await t.resolves(drawn(palette, alone));
  });
}

/**
 * Resolves when a page shows the sample document.
 * @param palette another page, that looks at the picture
 */
export function drawn(palette: Page, page: Page): Promise<void> {
  const isDrawn = async (): Promise<boolean> => (await shareOfNavy(palette, page.screenshot())) > 0.1;
  return until(isDrawn, 'the bar is seen', LIMIT, A_WHILE);
}

async function shareOfNavy(palette: Page, picture: Promise<Buffer>): Promise<number> {
  return palette.evaluate<number>(countNavy(await picture));
}

/** A script that decodes the picture and tells which share of it has the colour. */
function countNavy(png: Buffer): string {
  return `(async () => {
    const image = new Image();
    image.src = 'data:image/png;base64,${png.toString('base64')}';
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
    canvas.drawImage(image, 0, 0);
    const { data } = canvas.getImageData(0, 0, image.width, image.height);
    const isNavy = (at) => ${JSON.stringify(NAVY)}.every((value, i) => Math.abs(data[at + i] - value) < 4);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) if (isNavy(at)) count += 1;
    return count / (data.length / 4);
  })()`;
}
