/** Starts a real Chromium (Debian's package), headless and without a profile, for what only a browser can show. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { Test } from 'tap';
import { skipUnless } from './skip.js';

const EXECUTABLE = '/usr/bin/chromium';

/** Milliseconds until a wait is given up: how fast the machine is must not decide anything. */
export const LIMIT = 120_000;

/** Nothing leaves the machine, and nothing is asked that a person would have to answer. */
const SWITCHES = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** For tap's `skip`: the reason when Chromium is not there, `false` when it is. Where CI is set, its absence throws. */
export function withoutChromium(): string | false {
  return skipUnless(existsSync(EXECUTABLE), `${EXECUTABLE} is not there (Debian: apt-get install chromium)`);
}

/** Starts Chromium with an empty profile of its own; it is closed, and the profile removed, when the test ends. */
export async function startBrowser(t: Test): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: EXECUTABLE,
    headless: true,
    args: SWITCHES,
    // It does not work for root, nor in many containers, and plays no part in what pages may do to each other.
    chromiumSandbox: false,
  });
  t.teardown(() => browser.close());
  browser.on('context', (context) => context.setDefaultTimeout(LIMIT));
  t.comment(`Chromium ${browser.version()}`);
  return browser;
}

/** Opens a page with a profile of its own; both are gone when the test ends. */
export async function openPage(
  t: Test,
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext(options);
  t.teardown(() => context.close());
  return context.newPage();
}
