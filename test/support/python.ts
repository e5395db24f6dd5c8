/**
 * The sample Django project (docker/django) for tests: under gunicorn on TCP, gunicorn on a unix socket or
 * uvicorn, with media-serve in front of it. Without Python the tests are skipped, or fail where CI is set.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import root, { type Test } from 'tap';
import { type App, type AppOptions, prepareSite, type Site, startApp } from '../../docker/demo-django.js';
import { findPython, type Python, type Requirements } from '../../docker/demo-python.js';
import { type RunningServer, startServer } from './server.js';

export { type App, type Site, USERS } from '../../docker/demo-django.js';

/** The ways in which the app is run. */
export const APP_SERVERS = ['gunicorn on TCP', 'gunicorn on a unix socket', 'uvicorn'] as const;
export type AppServer = (typeof APP_SERVERS)[number];

/** One running app and the media-serve in front of it. */
export interface Deployment {
  readonly server: AppServer;
  readonly site: Site;
  readonly app: App;
  readonly front: RunningServer;
  /** The address that a visitor has: media-serve's. */
  readonly origin: string;
}

export interface DeploymentOptions {
  /** Environment variables for the project's settings, such as `SENDFILE: 'xsendfile'`. */
  readonly env?: Readonly<Record<string, string>>;
  /** More arguments for media-serve. */
  readonly args?: readonly string[];
}

/** Starts the app and media-serve in front of it; both are stopped when the test ends. */
export async function deploy(
  t: Test,
  python: string,
  site: Site,
  server: AppServer,
  { env = {}, args = [] }: DeploymentOptions = {},
): Promise<Deployment> {
  const app = await startDjango(t, python, site, server, { env });
  const front = await startServer(t, [...frontArgs(site, app), ...args]);
  return { server, site, app, front, origin: front.origin };
}

/** Milliseconds that a test may take where the packages must be installed first. */
const INSTALL_TIME = 400_000;

/** Asked once for each test file: without a network, finding out takes several seconds. */
let found: Promise<Python> | undefined;

/**
 * The Python to use. Where there is none, the test is skipped and this returns undefined.
 * @param requirements the packages it has to have, the same in all of a test file; the sample project's if not given
 */
export async function pythonOrSkip(t: Test, requirements?: Requirements): Promise<string | undefined> {
  found ??= findPython(
    (line) => {
      root.comment(line);
      for (const test of [root, t]) test.setTimeout(INSTALL_TIME);
    },
    undefined,
    requirements,
  );
  const python = await found;
  if (!('missing' in python)) return python.path;
  if (process.env['CI']) throw new Error(`these tests must run where CI is set, but ${python.missing}`);
  t.plan(0, python.missing);
  return undefined;
}

/** Logging in would be most of the processor's time of these tests. */
const QUICK = {
  PYTHONPATH: fileURLToPath(new URL('./django/', import.meta.url)),
  DJANGO_SETTINGS_MODULE: 'quick',
};

/** A site of its own for this test, removed when it ends. Unix socket paths must be short, so not `t.testdir`. */
export async function makeSite(t: Test, python: string, env?: Record<string, string>): Promise<Site> {
  const directory = await mkdtemp(join(tmpdir(), 'media-serve-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return prepareSite(python, directory, { env: { ...QUICK, ...env } });
}

/** Starts the app server alone; it is stopped when the test ends. */
export async function startDjango(
  t: Test,
  python: string,
  site: Site,
  server: AppServer,
  options: Partial<AppOptions> = {},
): Promise<App> {
  const app = await startApp(python, site, {
    server: server === 'uvicorn' ? 'uvicorn' : 'gunicorn',
    bind: server === 'gunicorn on a unix socket' ? `unix:${join(site.directory, 'app.sock')}` : '127.0.0.1:0',
    ...options,
  });
  t.teardown(() => app.stop());
  return app;
}

/**
 * Environment variables with which the app has these settings on top of its own.
 * @param modules - more of Python's modules, by their names
 */
export function withSettings(
  site: Site,
  settings: string,
  modules: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const folder = mkdtempSync(join(site.directory, 'settings-'));
  const all = { ...modules, more_settings: `from quick import *\n${settings}` };
  for (const [name, text] of Object.entries(all)) writeFileSync(join(folder, `${name}.py`), text);
  return { PYTHONPATH: `${QUICK.PYTHONPATH}:${folder}`, DJANGO_SETTINGS_MODULE: 'more_settings' };
}

/** The arguments with which media-serve serves this site. */
export function frontArgs(site: Site, app: App): string[] {
  return ['--root', site.mediaRoot, '--static-root', site.staticRoot, '--upstream', app.address];
}
