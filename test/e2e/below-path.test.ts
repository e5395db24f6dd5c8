/** A site below a path, by the README's recipe: with a real Django under gunicorn and uvicorn, and an upload through its form. */
import t, { type Test } from 'tap';
import { startNginx, withoutNginx } from '../support/nginx.js';
import { type AppServer, makeSite, pythonOrSkip, type Site, startDjango } from '../support/python.js';
import { readmeBlock, serverArguments } from '../support/readme.js';
import { startServer } from '../support/server.js';
import { Visitor } from './visitor.js';

const recipe = readmeBlock('sh', /FORCE_SCRIPT_NAME/);
const variables = Object.fromEntries(
  [...recipe.matchAll(/([A-Z_]+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]),
);
/** What only gunicorn gets. */
const { SCRIPT_NAME = '', ...shared } = variables;

/** Starts the site and media-serve, and resolves with the latter's address. */
async function start(
  t: Test,
  python: string,
  site: Site,
  server: AppServer,
  app: Record<string, string>,
  front: Record<string, string>,
): Promise<string> {
  const django = await startDjango(t, python, site, server, { env: app });
  const here = { '/srv/media': site.mediaRoot, '/srv/static': site.staticRoot, ':8000': django.address };
  const [args = []] = serverArguments(recipe, here);
  return (await startServer(t, args, { env: front })).origin;
}

/** What a visitor meets there. */
async function visit(t: Test, origin: string): Promise<void> {
  const visitor = new Visitor(origin);
  t.teardown(() => visitor.leave());
  const { page, html, src, photo } = await visitor.uploadPhoto('/shop');
  t.match(page, /^\/shop\/photos\/\d+\/$/, 'a redirect of the app');
  t.match(src, /^\/shop\/media\/uploads\//);
  t.equal(photo, 'a photo');
  const [, href = ''] = /<link rel="stylesheet" href="([^"]+)"/.exec(html) ?? [];
  t.match(href, /^\/shop\/static\/gallery\/site\.[0-9a-f]{12}\.css$/);
  t.equal((await visitor.get(href)).headers.get('cache-control'), 'public, max-age=31536000, immutable');
  t.equal((await visitor.get('/shop/members/')).headers.get('location'), '/shop/login/?next=/shop/members/');
}

t.test('a site below a path', { timeout: 400_000 }, async (t) => {
  const python = await pythonOrSkip(t);
  if (python === undefined) return;
  t.match(variables, { FORCE_SCRIPT_NAME: '/shop', SCRIPT_NAME: '/shop', MEDIA_URL: '/shop/media/' });
  const site = await makeSite(t, python, shared);

  await t.test('under gunicorn', async (t) => {
    await visit(t, await start(t, python, site, 'gunicorn on TCP', { SCRIPT_NAME }, shared));
  });

  await t.test('under uvicorn, which needs no SCRIPT_NAME', async (t) => {
    await visit(t, await start(t, python, site, 'uvicorn', {}, shared));
  });

  await t.test('behind a proxy that takes the path away', { skip: await withoutNginx() }, async (t) => {
    const origin = await start(t, python, site, 'gunicorn on TCP', {}, {});
    const nginx = await startNginx(
      t,
      (port = 0) => `server {
        listen 127.0.0.1:${port};
        location /shop/ { proxy_pass ${origin}/; proxy_set_header Host $http_host; }
      }`,
    );
    await visit(t, `http://127.0.0.1:${nginx.ports[0]}`);
  });
});
