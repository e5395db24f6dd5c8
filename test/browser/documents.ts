/** Uploads that a browser would run as documents: opened or embedded, none of them runs in media-serve's care. */
import type { Browser } from 'playwright-core';
import type { Test } from 'tap';
import { until } from '../support/until.js';
import { ACCOMPLICES, HOSTILE_DOCUMENTS, type HostileDocument, trophy, WAYS } from './hostile-documents.js';
import { SESSION, type Site, startSites } from './sites.js';
import { gallery, Visitor } from './visitor.js';

/** What an upload leaves in the page that opened it, and in the page that shows it. */
const MARKS = '[window.stolenByWindow ?? null, window.stolenByPart ?? null]';

export async function documents(t: Test, browser: Browser): Promise<void> {
  const { guarded, careless } = await startSites(t, { ...HOSTILE_DOCUMENTS, ...ACCOMPLICES }, gallery);
  const visitor = await Visitor.arrive(t, browser, guarded);
  const carelessVisitor = await Visitor.arrive(t, browser, careless);
  const look = async (documents: Readonly<Record<string, HostileDocument>>) => {
    const page = await visitor.look(documents);
    // Second, so that what has run here would have run there too by now.
    const carelessPage = await carelessVisitor.look(documents);
    return { page, carelessPage };
  };
  const withoutAll = () =>
    Object.entries(HOSTILE_DOCUMENTS).filter(
      ([name, document]) => trophies(careless, name).length < everything(name, document).length,
    );
  const { page, carelessPage } = await look(HOSTILE_DOCUMENTS);
  // One that leads elsewhere at once may be gone before its load event; it is looked at again.
  for (let visits = 1; visits < 6; visits++) {
    await until(() => withoutAll().length === 0, 'all of it runs', 5000).catch(() => {});
    const missing = withoutAll();
    if (missing.length === 0) break;
    t.comment(`looks again at ${missing.map(([name]) => name)}`);
    await look(Object.fromEntries(missing));
  }

  for (const [name, document] of Object.entries(HOSTILE_DOCUMENTS)) {
    await t.test(`${name} does nothing`, async (t) => {
      const all = everything(name, document);
      t.same(trophies(careless, name), all, 'control: all of it runs on a careless server');
      t.same(trophies(guarded, name), []);
    });
  }

  await t.test('sends no request in the name of the visitor', async (t) => {
    const targets = guarded.received.map(({ method, target }) => `${method} ${target}`);
    t.ok(targets.includes(`GET /?${Object.keys(HOSTILE_DOCUMENTS).join('&')}`), 'it has looked');
    // Chromium itself asks for the icon, for whatever has a window.
    const own = (target: string) => target.startsWith('GET /?') || target === 'GET /favicon.ico';
    t.same(
      targets.filter((target) => !own(target)),
      [],
    );

    const stolen = careless.received.filter(({ body }) => body.toString() === SESSION);
    t.not(stolen.length, 0, 'control: the session is read on a careless server');
  });

  await t.test(
    'leaves the page that opened or shows it, and what the site stored, as they are',
    async (t) => {
      t.same(await page.evaluate(MARKS), [null, null]);
      t.same(await visitor.stored(), { cookies: [SESSION], local: 0 });

      t.same(await carelessPage.evaluate(MARKS), [true, true], 'control: on a careless server');
      t.same(await carelessVisitor.stored(), { cookies: [SESSION, 'stolen=1'], local: 1 });
    },
  );

  await t.test('is a picture where a picture is asked for', async (t) => {
    t.equal(await page.evaluate('document.images[0].naturalWidth'), 40);
  });
}

/** What this upload is after, sorted. */
function everything(name: string, { scripts, ways = WAYS, requests = [] }: HostileDocument): string[] {
  const ran = scripts.flatMap((part) => ways.map((way) => `${trophy(name, part)}?${way}`));
  return [...ran, ...requests.map((part) => trophy(name, part))].sort();
}

/** What it took from the site, each thing once, sorted. */
function trophies(site: Site, name: string): string[] {
  const targets = site.received.map(({ target }) => target);
  return [...new Set(targets.filter((target) => target.startsWith(trophy(name, ''))))].sort();
}
