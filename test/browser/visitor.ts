/** Somebody who is logged in to the site, and looks at what others uploaded. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Test } from 'tap';
import { LIMIT } from '../support/browser.js';
import { until } from '../support/until.js';
import { type HostileDocument, WAYS } from './hostile-documents.js';
import type { Page as AppPage, Site } from './sites.js';

/** Milliseconds. */
const LOADING = { timeout: 10_000 };

/** A page of the app that shows the uploads that its query names. */
export function gallery({ searchParams }: URL): AppPage {
  const shown = [...searchParams.keys()].map(
    (name) => `<iframe src="/media/${name}?iframe"></iframe>
    <object data="/media/${name}?object"></object>
    <embed src="/media/${name}?embed">
    ${name.endsWith('.svg') ? `<img src="/media/${name}">` : ''}`,
  );
  return { body: `<!doctype html><title>The app</title><link rel="icon" href="data:,">${shown.join('\n')}` };
}

/** With a browser profile of their own. */
export class Visitor {
  readonly #site: Site;
  readonly #context: BrowserContext;

  constructor(site: Site, context: BrowserContext) {
    this.#site = site;
    this.#context = context;
  }

  static async arrive(t: Test, browser: Browser, site: Site): Promise<Visitor> {
    const context = await browser.newContext({ acceptDownloads: false });
    t.teardown(() => context.close());
    return new Visitor(site, context);
  }

  /** Looks at uploads in every way and clicks on whatever lures to it. Returns the app's page. */
  async look(documents: Readonly<Record<string, HostileDocument>>): Promise<Page> {
    const names = Object.keys(documents);
    const page = await this.#context.newPage();
    await page.goto(`${this.#site.origin}/?${names.join('&')}`);
    const windows: Page[] = [];
    page.on('popup', (window) => windows.push(window));
    for (const name of names) await page.evaluate(`void window.open('/media/${name}?window')`);
    await until(() => windows.length === names.length, 'a window for each upload', LIMIT);
    await Promise.all(names.flatMap((name) => WAYS.map((way) => this.#site.sent(`/media/${name}?${way}`))));
    // A window closes again when its content is to be saved, and some never have all they wait for: what is not there
    // to be clicked on does not run, and is looked at again.
    await Promise.all(windows.map((window) => window.waitForLoadState('load', LOADING).catch(() => {})));
    for (const [name, { lures = [] }] of Object.entries(documents)) {
      for (const lure of lures) {
        for (const frame of this.#context.pages().flatMap((window) => window.frames())) {
          // Without waiting for the element to stand still: nothing is painted in a window that is behind another.
          if (frame.url().includes(`/media/${name}?`)) await frame.locator(lure).click({ force: true });
        }
      }
    }
    return page;
  }

  /** What the site has in this profile. */
  async stored(): Promise<{ cookies: string[]; local: number }> {
    const page = await this.#context.newPage();
    await page.route('**', (route) => route.fulfill({ body: '' }));
    await page.goto(this.#site.origin);
    const cookies = await this.#context.cookies();
    return {
      cookies: cookies.map(({ name, value }) => `${name}=${value}`).sort(),
      local: await page.evaluate<number>('localStorage.length'),
    };
  }
}
