/** Uploads that the app hands out with the type that came with them, as Django's `upload.content_type` has it. */
import type { Browser, Page as Tab } from 'playwright-core';
import type { Test } from 'tap';
import { openPage } from '../support/browser.js';
import { type HandedOut, type Page, SESSION, startSites } from './sites.js';

/** A page in HTML, XHTML and SVG's XML alike, whose script runs while it is read. */
const UPLOAD = `<html xmlns="http://www.w3.org/1999/xhtml"><body><script>
(parent.ran ??= []).push(location.search + document.cookie)
</script></body></html>`;

/** They begin as one that is only shown, and Chromium takes what comes last. */
const TYPES = [
  'image/png, text/html',
  'video/mp4 , text/html;charset=utf-8',
  'image/png, image/svg+xml',
  'image/png, application/xhtml+xml',
  'APPLICATION/PDF;a=b\t,TEXT/HTML,',
  'audio/mpeg; a="b", text/html; c="d"',
];

/** A page that shows the upload with each type, and the upload. */
function pages({ pathname, searchParams }: URL): Page | HandedOut {
  if (pathname === '/upload') return { upload: 'photo.png', type: searchParams.get('type') ?? '' };
  const frames = TYPES.map((type) => `<iframe src="/upload?type=${encodeURIComponent(type)}"></iframe>`);
  return { body: `<!doctype html><title>The app</title><link rel="icon" href="data:,">${frames.join('\n')}` };
}

export async function handedOut(t: Test, browser: Browser): Promise<void> {
  const { guarded, careless } = await startSites(t, { 'photo.png': { body: UPLOAD } }, pages);
  const tab = await openPage(t, browser);
  const ran = async ({ origin }: typeof guarded): Promise<string[]> => {
    // Until all frames have loaded, and run what they run.
    await tab.goto(origin);
    return tab.evaluate('(window.ran ?? []).sort()');
  };
  const all = TYPES.map((type) => `?type=${encodeURIComponent(type)}${SESSION}`);
  t.same(await ran(careless), all.sort(), 'control: it runs as the site, whatever of these types it has');
  t.same(await ran(guarded), []);
  t.equal(guarded.received.filter(({ target }) => target.startsWith('/upload')).length, TYPES.length);
  t.same(
    await sources(tab),
    TYPES.map(() => 'null'),
    'and each was sent, and has an origin of its own',
  );
}

/** The origins that the frames of this page have. */
function sources(tab: Tab): Promise<string[]> {
  const [, ...frames] = tab.frames();
  return Promise.all(frames.map((frame) => frame.evaluate<string>('self.origin')));
}
