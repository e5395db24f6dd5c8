// What only a browser can show, in one Chromium for all of it: each of these files is about one thing.
import t from 'tap';
import { startBrowser, withoutChromium } from '../support/browser.js';
import { code } from './code.js';
import { documents } from './documents.js';
import { handedOut } from './handed-out.js';
import { otherSites } from './other-sites.js';
import { pdf } from './pdf.js';
import { player } from './player.js';
import { shown } from './shown.js';

t.setTimeout(600_000);
t.test('in a browser', { skip: withoutChromium(), timeout: 600_000 }, async (t) => {
  const browser = await startBrowser(t);
  await t.test('an upload is never taken as code', (t) => code(t, browser));
  await t.test('an uploaded document, opened or embedded', (t) => documents(t, browser));
  await t.test('an upload that the app hands out', (t) => handedOut(t, browser));
  await t.test('an upload in pages of other sites', (t) => otherSites(t, browser));
  await t.test('an uploaded PDF is drawn', (t) => pdf(t, browser));
  await t.test('a player', (t) => player(t, browser));
  await t.test('uploads show', (t) => shown(t, browser));
});
