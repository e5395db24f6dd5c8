/**
 * A site twice, with the same app and the same uploads on one origin: once behind media-serve, and once, as the
 * control, on a server that is careless with uploads. What does no harm there proves nothing here.
 */
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { type Received, receive, startApp } from '../support/app.js';
import { startServer } from '../support/server.js';
import { until } from '../support/until.js';

/** The cookie that every page of the app sets, and that scripts can read. */
export const SESSION = 'session=of-the-visitor';

/** Targets that begin so belong to whoever attacks: a request for one is proof that something ran. */
export const TROPHIES = '/ran/';

/** A file that somebody uploaded. */
export interface Upload {
  readonly body: string | Buffer;
  /** The type with which the careless server sends it; without one, the browser guesses it from the content. */
  readonly carelessType?: string;
}

/** What the app answers a target with; undefined for its 404. */
export type Pages = (target: URL) => Page | HandedOut | undefined;

export interface Page {
  readonly body: string;
  /** HTML unless said otherwise. */
  readonly type?: string;
}

/** The app has an upload sent in place of an answer of its own, with the type that it names (X-Accel-Redirect). */
export interface HandedOut {
  readonly upload: string;
  readonly type: string;
}

export interface Site {
  readonly origin: string;
  /** Every request that reached the app. */
  readonly received: readonly Received[];
  /**
   * Resolves once an upload has been sent for this target. On the careless server what runs may take a page away before
   * it has asked for all that it shows: there it resolves after some seconds all the same, and whoever needs it looks
   * at what has run.
   */
  sent(target: string): Promise<void>;
}

export interface Sites {
  readonly guarded: Site;
  readonly careless: Site;
}

/** Starts both; they are stopped when the test ends. */
export async function startSites(t: Test, uploads: Record<string, Upload>, pages: Pages): Promise<Sites> {
  return { guarded: await startGuarded(t, uploads, pages), careless: await startCareless(t, uploads, pages) };
}

/**
 * Behind media-serve.
 * @param options besides those that name what it serves
 */
export async function startGuarded(
  t: Test,
  uploads: Record<string, Upload>,
  pages: Pages,
  options: readonly string[] = [],
): Promise<Site> {
  const { received, listener } = createVictim(pages, (name, response) => {
    response.setHeader('X-Accel-Redirect', `/handed-out/${name}`).end();
  });
  const app = await startApp(t, listener);
  const root = t.testdir(Object.fromEntries(Object.entries(uploads).map(([name, { body }]) => [name, body])));
  const args = ['--root', root, '--url', '/media/', '--internal', `/handed-out/=${root}`];
  args.push('--upstream', app.address, ...options);
  const server = await startServer(t, args);
  return {
    origin: server.origin,
    received,
    async sent(target) {
      await server.logged(
        ({ msg, target: asked, status }) => msg === 'request' && asked === target && status === 200,
      );
    },
  };
}

/** On the careless server. */
export async function startCareless(t: Test, uploads: Record<string, Upload>, pages: Pages): Promise<Site> {
  const { received, listener } = createVictim(pages, (name, response) => {
    response.end(uploads[name]?.body);
  });
  const sent = new Set<string>();
  const server = createServer((request, response) => {
    const target = request.url ?? '';
    const { pathname } = new URL(target, 'http://localhost');
    const upload = pathname.startsWith('/media/') ? uploads[pathname.slice('/media/'.length)] : undefined;
    if (upload === undefined) return listener(request, response);
    sent.add(target);
    if (upload.carelessType !== undefined) response.setHeader('Content-Type', upload.carelessType);
    response.end(upload.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    sent: (target) => until(() => sent.has(target), `a request for ${target}`, 5000).catch(() => {}),
  };
}

/**
 * An app that logs everybody in and does whatever a request with the session asks for.
 * @param handOut has an upload of this name sent as the answer
 */
function createVictim(
  pages: Pages,
  handOut: (name: string, response: ServerResponse) => void,
): { received: Received[]; listener: RequestListener } {
  const received: Received[] = [];
  const listener: RequestListener = async (request, response) => {
    const asked = await receive(request);
    received.push(asked);
    // 204 leaves a page that was to be navigated away where it is.
    if (asked.target.startsWith(TROPHIES)) return response.writeHead(204).end();
    const page = pages(new URL(asked.target, 'http://localhost'));
    if (page === undefined) return response.writeHead(404).end();
    const type = page.type ?? 'text/html; charset=utf-8';
    response.setHeader('Content-Type', type).setHeader('Set-Cookie', `${SESSION}; Path=/`);
    return 'upload' in page ? handOut(page.upload, response) : response.end(page.body);
  };
  return { received, listener };
}
