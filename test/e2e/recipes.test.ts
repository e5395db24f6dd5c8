/**
 * The README's lines for a site and for protected files, as they stand there, with a real Django. Those for what stands in front
 * and for a path are in behind-tls.test.ts and below-path.test.ts, those for containers and systemd in test/docker.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { makeSite, pythonOrSkip, type Site, startDjango, USERS, withSettings } from '../support/python.js';
import { readmeBlock, serverArguments } from '../support/readme.js';
import { startServer } from '../support/server.js';
import { Visitor } from './visitor.js';

const FIRST = readmeBlock('sh', /^media-serve --root \/srv\/media --upstream :8000\n$/);
const BESIDE = readmeBlock('sh', /--listen :80\n/);
const INTERNAL = readmeBlock('sh', /--internal/);
const PROXY_ONLY = readmeBlock('sh', /--proxy-only/);
const ASKED = readmeBlock('json', /authRequest/);
const VIEWS = [readmeBlock('python', /X-Accel-Redirect/), readmeBlock('python', /def may_i/)].join('\n');

/** Starts the app with the README's views, at the addresses that their comments give them. */
async function startWithViews(t: Test, python: string, site: Site): Promise<string> {
  const paths = [...VIEWS.matchAll(/# (path\(.*\))$/gm)].map(([, path]) => path);
  t.equal(paths.length, 2);
  const urls = `from django.urls import path\nfrom sample.urls import urlpatterns as others\n${VIEWS}\nurlpatterns = [${paths}, *others]\n`;
  const env = withSettings(site, "ROOT_URLCONF = 'recipe_urls'\n", { recipe_urls: urls });
  return (await startDjango(t, python, site, 'gunicorn on TCP', { env })).address;
}

async function visitors(t: Test, origin: string): Promise<{ member: Visitor; stranger: Visitor }> {
  const [member, stranger] = [new Visitor(origin), new Visitor(origin)];
  t.teardown(() => Promise.all([member.leave(), stranger.leave()]));
  t.equal((await member.login(USERS.member, USERS.password)).status, 302);
  return { member, stranger };
}

t.test("the README's lines", { timeout: 400_000 }, async (t) => {
  const python = await pythonOrSkip(t);
  if (python === undefined) return;
  const site = await makeSite(t, python);
  writeFileSync(join(site.protectedRoot, 'für dich.txt'), 'for members');
  writeFileSync(join(site.mediaRoot, 'private.txt'), 'for members, too');

  await t.test('serve uploads beside the app', async (t) => {
    const tcp = await startDjango(t, python, site, 'gunicorn on TCP');
    const socket = await startDjango(t, python, site, 'gunicorn on a unix socket');
    const lines = serverArguments(FIRST + BESIDE, {
      '/srv/media': site.mediaRoot,
      './media': site.mediaRoot,
      './staticfiles': site.staticRoot,
      ':8000': tcp.address,
      'unix:/run/gunicorn.sock': socket.address,
      ':80': '127.0.0.1:0',
    });
    t.equal(lines.length, 4);
    for (const args of lines) {
      const { origin } = await startServer(t, args);
      const visitor = new Visitor(origin);
      t.teardown(() => visitor.leave());
      const { html, photo } = await visitor.uploadPhoto();
      t.equal(photo, 'a photo', args.join(' '));
      const [, href = ''] = /<link rel="stylesheet" href="([^"]+)"/.exec(html) ?? [];
      t.equal((await visitor.get(href)).status, args.includes('--static-root') ? 200 : 404);
    }
  });

  const app = await startWithViews(t, python, site);
  const here = { '/srv/media': site.mediaRoot, ':8000': app };

  await t.test('hand out protected files to whom the view lets', async (t) => {
    const [args = []] = serverArguments(INTERNAL, {
      ...here,
      '/protected/=/srv/protected': `/protected/=${site.protectedRoot}`,
    });
    const { member, stranger } = await visitors(t, (await startServer(t, args)).origin);
    const answer = await member.get('/documents/f%C3%BCr%20dich.txt');
    t.equal(await answer.text(), 'for members');
    t.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8', 'of the file');
    t.equal((await stranger.get('/documents/f%C3%BCr%20dich.txt')).status, 302, 'to the login');
    t.equal((await member.get('/protected/f%C3%BCr%20dich.txt')).status, 404);
  });

  await t.test('have the app asked before each upload', async (t) => {
    const config = join(site.directory, 'asked.json');
    writeFileSync(
      config,
      Object.entries(here).reduce((text, [path, place]) => text.replace(`"${path}"`, `"${place}"`), ASKED),
    );
    const { member, stranger } = await visitors(t, (await startServer(t, ['--config', config])).origin);
    t.equal(await (await member.get('/media/private.txt')).text(), 'for members, too');
    t.equal((await stranger.get('/media/private.txt')).status, 401);
  });

  await t.test('leave uploads to the app, also where it is configured with MEDIA_ROOT', async (t) => {
    const [args = []] = serverArguments(PROXY_ONLY, here);
    const { origin } = await startServer(t, args, { env: { MEDIA_ROOT: site.mediaRoot } });
    const { member } = await visitors(t, origin);
    t.match(await (await member.get('/media/private.txt')).text(), /<h1>Not Found/, "Django's 404");
  });
});
