/**
 * A site behind a proxy that speaks TLS, by the README's recipes: nginx and Caddy with a certificate, media-serve, and a Django
 * that redirects all plain HTTP. Each line is also left out, to see that it is needed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { spawnChild } from '../support/child.js';
import { startNginx, withoutNginx } from '../support/nginx.js';
import { freePorts } from '../support/port.js';
import {
  type App,
  type AppServer,
  makeSite,
  pythonOrSkip,
  type Site,
  startDjango,
  USERS,
  withSettings,
} from '../support/python.js';
import { readmeBlock, serverArguments } from '../support/readme.js';
import { startServer } from '../support/server.js';
import { skipUnless } from '../support/skip.js';
import { Visitor } from './visitor.js';

const NGINX = readmeBlock('nginx', /ssl_certificate/);
const CADDY = readmeBlock('caddyfile', /reverse_proxy/);
const DJANGO = readmeBlock('python', /SECURE_PROXY_SSL_HEADER/);
const SERVER = readmeBlock('sh', /--trust-proxy/);

/** Where the README has media-serve to what stands in front. */
const BEHIND = '127.0.0.1:8080';

/** Another address than that of the proxies. */
const VISITOR = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1';

interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A proxy of the README's in front of media-serve at this port; resolves with its own port. */
type Front = (t: Test, certificate: Certificate, port: number, recipe?: string) => Promise<number>;

const startTlsNginx: Front = async (t, { cert, key }, port, recipe = NGINX) => {
  const { ports } = await startNginx(t, (own = 0) =>
    recipe
      .replace('listen 443 ssl', `listen 127.0.0.1:${own} ssl`)
      .replace(/(ssl_certificate +)\S+;/, `$1${cert};`)
      .replace(/(ssl_certificate_key +)\S+;/, `$1${key};`)
      .replace(BEHIND, `127.0.0.1:${port}`),
  );
  return ports[0] ?? 0;
};

const startCaddy: Front = async (t, { cert, key }, port, recipe = CADDY) => {
  const [own = 0] = await freePorts(1);
  const folder = t.testdir({});
  const config = join(folder, 'Caddyfile');
  const site = recipe
    .replace('example.com {', `https://127.0.0.1:${own} {\nbind 127.0.0.1\ntls ${cert} ${key}`)
    .replace(BEHIND, `127.0.0.1:${port}`);
  writeFileSync(config, `{\nadmin off\nauto_https disable_redirects\n}\n${site}`);
  const child = spawnChild('caddy', ['run', '--config', config, '--adapter', 'caddyfile'], {
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'close');
  t.teardown(async () => {
    child.kill();
    await exited;
  });
  let said = '';
  const serving = new Promise<true>((resolve) => {
    createInterface(child.stderr).on('line', (line) => {
      said += `${line}\n`;
      if (line.includes('serving initial configuration')) resolve(true);
    });
  });
  if ((await Promise.race([serving, exited])) !== true) throw new Error(`Caddy did not start: ${said}`);
  return own;
};

function makeCertificate(folder: string): Certificate {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const named = ['-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', [...request, ...named, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { cert, key };
}

/** Django that knows of TLS only what these lines of its settings tell, and has it for all its pages. */
async function startSecureDjango(
  t: Test,
  python: string,
  site: Site,
  server: AppServer,
  lines: string,
): Promise<App> {
  const secure = 'SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True\n';
  const env = {
    ...withSettings(site, `${secure}SECURE_PROXY_SSL_HEADER = None\n${lines}`),
    // gunicorn and uvicorn believe this machine by themselves; in another container they do not.
    FORWARDED_ALLOW_IPS: '192.0.2.1',
  };
  return startDjango(t, python, site, server, { env });
}

/** What a visitor meets who logs in and uploads a photo. */
async function visit(t: Test, origin: string, ca: string): Promise<void> {
  const visitor = new Visitor(origin, { ca, localAddress: VISITOR });
  t.teardown(() => visitor.leave());
  const login = await visitor.login(USERS.member, USERS.password);
  t.equal(login.status, 302, 'the form is taken');
  t.equal(login.headers.get('location'), '/members/');
  const { page, photo } = await visitor.uploadPhoto();
  t.match(page, /^\/photos\/\d+\/$/);
  t.equal(photo, 'a photo');
  const echo = (await (await visitor.get('/echo/')).json()) as {
    secure: boolean;
    host: string;
    meta: Record<string, string>;
  };
  t.match(echo, { secure: true, host: new URL(origin).host });
  t.match(echo.meta, { HTTP_X_FORWARDED_FOR: VISITOR, HTTP_X_FORWARDED_PROTO: 'https' });
}

async function echoSocket(t: Test, origin: string, ca: string): Promise<void> {
  const socket = new WebSocket(`${origin.replace('https', 'wss')}/ws/echo/`, { origin, ca });
  t.teardown(() => socket.terminate());
  await once(socket, 'open');
  socket.send('hello');
  const [data] = (await once(socket, 'message')) as [Buffer];
  t.equal(data.toString(), 'hello');
}

const skipNginx = await withoutNginx();
const skipCaddy = skipUnless(
  spawnSync('caddy', ['version']).status === 0,
  'there is no caddy here (Debian: apt install caddy)',
);
const fronts = [
  { name: 'nginx', start: startTlsNginx, skip: skipNginx },
  { name: 'Caddy', start: startCaddy, skip: skipCaddy },
];

t.test('a site behind TLS', { timeout: 400_000 }, async (t) => {
  const python = await pythonOrSkip(t);
  if (python === undefined) return;
  const site = await makeSite(t, python);
  const certificate = makeCertificate(site.directory);
  const ca = readFileSync(certificate.cert, 'utf8');
  const gunicorn = await startSecureDjango(t, python, site, 'gunicorn on TCP', DJANGO);
  const uvicorn = await startSecureDjango(t, python, site, 'uvicorn', DJANGO);
  const here = { '/srv/media': site.mediaRoot, [BEHIND]: '127.0.0.1:0' };
  const lines = (app: App) => serverArguments(SERVER, { ...here, ':8000': app.address });
  t.equal(lines(gunicorn).length, 2);

  for (const { name, start, skip } of fronts) {
    for (const [index, args] of lines(gunicorn).entries()) {
      await t.test(`${name}, and ${args.slice(-2).join(' ')}`, { skip }, async (t) => {
        const server = await startServer(t, args);
        await visit(t, `https://127.0.0.1:${await start(t, certificate, server.port)}`, ca);
        const forSockets = await startServer(t, lines(uvicorn)[index] ?? []);
        await echoSocket(t, `https://127.0.0.1:${await start(t, certificate, forSockets.port)}`, ca);
      });
    }
  }

  const [args = []] = lines(gunicorn);
  /** Asks for a page; what Django takes for plain HTTP it sends to itself, again and again. */
  const isCircle = async (t: Test, front: readonly string[], recipe: string): Promise<boolean> => {
    const server = await startServer(t, front);
    const origin = `https://127.0.0.1:${await startTlsNginx(t, certificate, server.port, recipe)}`;
    const visitor = new Visitor(origin, { ca });
    t.teardown(() => visitor.leave());
    const { status, headers } = await visitor.get('/login/');
    return status === 301 && headers.get('location') === `${origin}/login/`;
  };

  await t.test('without --trust-proxy it goes round in a circle', { skip: skipNginx }, async (t) => {
    t.ok(await isCircle(t, args.slice(0, args.indexOf('--trust-proxy')), NGINX));
  });

  await t.test("without the scheme in nginx's configuration, too", { skip: skipNginx }, async (t) => {
    t.ok(await isCircle(t, args, NGINX.replace(/^.*X-Forwarded-Proto.*\n/m, '')));
  });

  await t.test("and without the line in Django's settings", { skip: skipNginx }, async (t) => {
    const app = await startSecureDjango(t, python, site, 'gunicorn on TCP', '');
    t.ok(await isCircle(t, lines(app)[0] ?? [], NGINX));
  });
});
