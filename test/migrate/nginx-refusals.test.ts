// What a real nginx refuses is not given out here, unless the report says in capitals that it is OPEN. Each case is a server
// of one nginx, and one start here from the same text.
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { readNginxSite } from '../../src/migrate/nginx/site.js';
import { isDifference, showFinding } from '../../src/migrate/report.js';
import { startHere } from '../support/here.js';
import { startNginx, withoutNginx } from '../support/nginx.js';

/** A site, and what is asked of it. */
interface Case {
  /** What stands in `server`; SITE is the folder, and APP the address of the app. */
  readonly server: string;
  readonly asked: readonly string[];
  /** Set where something is open here: the report must say so, and here is what it must name. */
  readonly open?: RegExp;
}

const MEDIA = 'location /media/ { alias SITE/media/; }';
const PRIVATE = ['/media/a.txt', '/media/private/b.txt'];

/** By what is refused. */
const CASES: Readonly<Record<string, Case>> = {
  'an expression for a folder': {
    server: `${MEDIA} location ~ ^/media/private/ { deny all; }`,
    asked: PRIVATE,
  },
  'an expression for several folders': {
    server: `${MEDIA} location ~ ^/media/(private|drafts)/ { return 403; }`,
    asked: [...PRIVATE, '/media/drafts/c.txt'],
  },
  'an expression for a folder, whatever follows': {
    server: `${MEDIA} location ~* ^/media/(?:private|drafts)/.*$ { deny all; }`,
    asked: [...PRIVATE, '/media/drafts/c.txt'],
  },
  'an expression that wins over the same prefix': {
    server: `${MEDIA} location ~ ^/media/ { deny all; }`,
    asked: PRIVATE,
  },
  'an expression that wins over a longer prefix': {
    server: 'location ~ ^/media/ { deny all; } location /media/private/ { alias SITE/media/private/; }',
    asked: PRIVATE,
  },
  'the first of two expressions': {
    server:
      'location ~ ^/media/ { deny all; } location ~ ^/media/private/ { root SITE; } location ~ ^/drafts/ { root SITE; }',
    asked: PRIVATE,
  },
  'a prefix that no expression wins over': {
    server: 'location ^~ /media/ { deny all; } location ~ ^/media/private/ { root SITE; }',
    asked: PRIVATE,
  },
  'an expression with an alias that leads to one directory': {
    server: 'location ~ ^/media/ { alias SITE/media/; }',
    asked: PRIVATE,
  },
  'an expression in a prefix': {
    server: 'location /media/ { alias SITE/media/; location ~ private { deny all; } }',
    asked: PRIVATE,
    open: /private.*OPEN/,
  },
  'an expression for endings': {
    server: `${MEDIA} location ~* \\.(?:sql|bak)$ { deny all; }`,
    asked: ['/media/a.txt', '/media/dump.sql'],
    open: /sql.*OPEN/,
  },
  'an ending that looks like a dotfile': {
    server: `${MEDIA} location ~ \\.env { deny all; }`,
    asked: ['/media/prod.env', '/media/.env'],
    open: /env.*OPEN/,
  },
  'dotfiles that are served elsewhere': {
    server: 'location / { root SITE; } location ~ /\\.well-known { deny all; }',
    asked: ['/.well-known/x.txt'],
    open: /well-known.*OPEN/,
  },
  'a single path': {
    server: `${MEDIA} location = /media/a.txt { deny all; }`,
    asked: ['/media/a.txt'],
    open: /a\.txt.*OPEN/,
  },
  'a single path that is internal': {
    server: `${MEDIA} location = /media/a.txt { internal; alias SITE/media/a.txt; }`,
    asked: ['/media/a.txt'],
    open: /a\.txt.*OPEN/,
  },
  'a prefix without a slash': {
    server: `${MEDIA} location /media/private { deny all; }`,
    asked: [...PRIVATE, '/media/private-too.txt'],
  },
  'a path of the app that is closed': {
    server:
      'location / { proxy_pass http://APP; } location /metrics { allow 192.0.2.1; deny all; proxy_pass http://APP; } location ~ ^/(status|health) { deny all; }',
    asked: ['/metrics', '/metrics/x', '/metrics-of-all', '/status', '/health', '/x'],
  },
  'an internal prefix without a slash': {
    server: `${MEDIA} location /media/private { internal; root SITE; }`,
    asked: [...PRIVATE, '/media/private-too.txt'],
    open: /private.*OPEN/,
  },
  'a prefix with a blank': {
    server: `${MEDIA} location "/media/my files/" { deny all; }`,
    asked: ['/media/my%20files/d.txt'],
  },
  'other ways to write a path': {
    server: `${MEDIA} location /media/private/ { deny all; }`,
    asked: [
      '/media//private/b.txt',
      '/media/%70rivate/b.txt',
      '/media/./private/b.txt',
      '/media/x/../private/b.txt',
      '/media/private%2fb.txt',
    ],
  },
  'a folder within one that is closed': {
    server:
      'location /media/ { deny all; alias SITE/media/; location /media/private/ { alias SITE/media/private/; } location /media/drafts/ { allow all; alias SITE/media/drafts/; } }',
    asked: [...PRIVATE, '/media/drafts/c.txt'],
  },
  'the server': { server: `deny all; ${MEDIA}`, asked: PRIVATE },
  'the server, and a folder is open': {
    server:
      'auth_basic all; auth_basic_user_file SITE/htpasswd; location /media/ { alias SITE/media/; } location /drafts/ { auth_basic off; alias SITE/media/drafts/; }',
    asked: [...PRIVATE, '/drafts/c.txt'],
  },
  'another address': {
    server: 'location /media/ { alias SITE/media/; allow 192.0.2.1; deny all; }',
    asked: PRIVATE,
  },
  'every address, as a network': {
    server: 'location /media/ { alias SITE/media/; deny 0.0.0.0/0; deny ::/0; }',
    asked: PRIVATE,
  },
  'this address': {
    server: 'location /media/ { alias SITE/media/; deny 127.0.0.1; allow all; }',
    asked: PRIVATE,
    open: /deny 127\.0\.0\.1.*OPEN/,
  },
  'a password or an address': {
    server:
      'location /media/ { alias SITE/media/; satisfy any; allow 192.0.2.1; deny all; auth_basic x; auth_basic_user_file SITE/htpasswd; }',
    asked: PRIVATE,
  },
  'who is not let in before try_files leads to the app': {
    server:
      'location / { auth_basic x; auth_basic_user_file SITE/htpasswd; root SITE; try_files $uri @app; } location @app { proxy_pass http://APP; }',
    asked: ['/x', '/media/a.txt'],
  },
  'who is not let in after try_files led to the app': {
    server:
      'location / { root SITE/none; try_files $uri @app; } location @app { deny all; proxy_pass http://APP; }',
    asked: ['/x'],
  },
  'all statuses of a refusal': {
    server: `${MEDIA} location /media/private/ { return 401; } location /media/drafts/ { return 503; }`,
    asked: [...PRIVATE, '/media/drafts/c.txt'],
  },
  'a redirect over files': {
    server: `${MEDIA} location /media/private/ { return 302 /login/; }`,
    asked: PRIVATE,
  },
  'fixed text over files': {
    server: `${MEDIA} location /media/private/ { return 200 nothing; }`,
    asked: PRIVATE,
  },
  'a condition': {
    server: 'location /media/ { alias SITE/media/; if ($http_referer = "") { return 403; } }',
    asked: PRIVATE,
    open: /if .*OPEN/,
  },
  'a condition of the server': {
    server: `if ($http_user_agent = "") { return 403; } ${MEDIA}`,
    asked: PRIVATE,
    open: /if .*OPEN/,
  },
  'who comes from elsewhere': {
    server:
      'location /media/ { alias SITE/media/; valid_referers server_names; if ($invalid_referer) { return 403; } }',
    asked: PRIVATE,
    open: /if .*OPEN/,
  },
  'an app that is internal': {
    server: 'location / { proxy_pass http://APP; } location /inside/ { internal; proxy_pass http://APP; }',
    asked: ['/x', '/inside/x'],
  },
  'internal without a word about files': {
    server: 'root SITE; location /media/private/ { internal; } location /media/ { }',
    asked: PRIVATE,
  },
  'internal where nothing is': {
    server: 'location / { proxy_pass http://APP; } location /inside/ { internal; }',
    asked: ['/x', '/inside/x'],
  },
  'all methods but one': {
    server: 'location /media/ { alias SITE/media/; limit_except POST { deny all; } }',
    asked: PRIVATE,
  },
  'methods of the app': {
    server: 'location / { proxy_pass http://APP; limit_except POST { deny all; } }',
    asked: ['/x'],
  },
  'an older kind of signed links': {
    server:
      'root SITE; location /media/ { secure_link_secret x; if ($secure_link = "") { return 403; } rewrite ^ /none/$secure_link; }',
    asked: PRIVATE,
  },
  'signed links without an end': {
    server:
      'location /media/ { alias SITE/media/; secure_link $arg_md5; secure_link_md5 "x $uri"; if ($secure_link = "") { return 403; } }',
    asked: PRIVATE,
  },
  'signed links by address': {
    server:
      'location /media/ { alias SITE/media/; secure_link $arg_md5,$arg_expires; secure_link_md5 "$secure_link_expires$uri$remote_addr x"; if ($secure_link = "") { return 403; } }',
    asked: PRIVATE,
  },
  'a question that is answered with no': {
    server:
      'location /media/ { auth_request /no; alias SITE/media/; } location = /no { internal; return 403; } location / { proxy_pass http://APP; }',
    asked: PRIVATE,
  },
  'a question to the app under another path': {
    server:
      'location /media/ { auth_request /may; alias SITE/media/; } location = /may { internal; rewrite ^ /no/ break; proxy_pass http://APP; } location / { proxy_pass http://APP; }',
    asked: PRIVATE,
  },
  'a question under a condition': {
    server:
      'location /media/ { auth_request /may; alias SITE/media/; } location = /may { internal; if ($http_cookie = "") { return 401; } proxy_pass http://APP; } location / { proxy_pass http://APP; }',
    asked: PRIVATE,
  },
  'a question to another app': {
    server:
      'location /media/ { auth_request /no/; alias SITE/media/; } location = /no/ { proxy_pass http://127.0.0.1:1; } location / { proxy_pass http://APP; }',
    asked: PRIVATE,
  },
  'a question for the whole server': {
    server: `auth_request /no/; ${MEDIA} location / { proxy_pass http://APP; } location = /no/ { auth_request off; proxy_pass http://APP; }`,
    asked: [...PRIVATE, '/x'],
  },
  'files of another place than the path says': {
    server: 'location /media/ { root SITE; try_files /public$uri =404; }',
    asked: PRIVATE,
  },
  'one page for all paths': {
    server: 'location / { root SITE; try_files /index.html =404; }',
    asked: PRIVATE,
  },
  'files behind a rewrite': {
    server: 'location /media/ { root SITE; rewrite ^/media/(.*)$ /public/$1 break; }',
    asked: PRIVATE,
  },
  'source code that a program runs': {
    server: 'root SITE; location /code/ { fastcgi_pass 127.0.0.1:1; }',
    asked: ['/media/a.txt', '/code/settings.py'],
  },
  'source code that a program runs by its ending': {
    server: 'root SITE; location / { } location ~ \\.py$ { uwsgi_pass 127.0.0.1:1; }',
    asked: ['/media/a.txt', '/code/settings.py'],
    open: /\\\.py.*OPEN/,
  },
  'files that another app stands before': {
    server: 'root SITE; location / { } location /code/ { proxy_pass http://127.0.0.1:1/other/; }',
    asked: ['/media/a.txt', '/code/settings.py'],
  },
  'files that an app with a variable stands before': {
    server: 'root SITE; location / { } location /code/ { set $to 127.0.0.1:1; proxy_pass http://$to; }',
    asked: ['/media/a.txt', '/code/settings.py'],
  },
  links: {
    server: 'location /media/ { alias SITE/media/; disable_symlinks on; }',
    asked: PRIVATE,
  },
  'a front page that is closed': {
    server: `${MEDIA} location / { deny all; root SITE; }`,
    asked: ['/media/a.txt', '/code/settings.py', '/'],
  },
  'an expression without a slash at its end': {
    server: `${MEDIA} location ~ ^/media/(private|a) { deny all; }`,
    asked: PRIVATE,
  },
  'an expression in any case': {
    server: `${MEDIA} location ~* ^/media/private/ { deny all; }`,
    asked: ['/media/PRIVATE/e.txt'],
    open: /private.*OPEN/,
  },
  'an expression for a folder, in a prefix': {
    server: 'location /media/ { alias SITE/media/; location ~ ^/media/private/ { deny all; } }',
    asked: PRIVATE,
  },
  'an expression that wins over a folder in a prefix': {
    server:
      'location /media/ { root SITE; location /media/private/ { root SITE; } } location ~ ^/media/private/ { deny all; }',
    asked: PRIVATE,
  },
  'all but one folder': {
    server: `${MEDIA} location ~ ^/media/(?!drafts/) { deny all; }`,
    asked: [...PRIVATE, '/media/drafts/c.txt'],
    open: /drafts.*OPEN/,
  },
  'an expression for a part of the path': {
    server: `${MEDIA} location ~ /private/ { deny all; }`,
    asked: PRIVATE,
    open: /private.*OPEN/,
  },
  'an internal folder in a prefix': {
    server: 'location /media/ { alias SITE/media/; location /media/private/ { internal; } }',
    asked: PRIVATE,
  },
  'a folder of the root': {
    server:
      'root SITE/media; location / { } location /private/ { deny all; } location /drafts { return 404; }',
    asked: ['/a.txt', '/private/b.txt', '/drafts/c.txt'],
  },
  'a folder without a directory': {
    server: `${MEDIA} location /media/private/ { }`,
    asked: PRIVATE,
  },
  'the first rule that fits': {
    server: 'location /media/ { alias SITE/media/; deny 127.0.0.1; allow 127.0.0.1; deny all; }',
    asked: PRIVATE,
  },
  'a question, and a folder without it': {
    server:
      'location /media/ { alias SITE/media/; auth_request /no/; location /media/drafts/ { auth_request off; } } location / { proxy_pass http://APP; }',
    asked: [...PRIVATE, '/media/drafts/c.txt'],
  },
  'a question that a prefix sends elsewhere': {
    server:
      'location /media/ { alias SITE/media/; auth_request /auth/x; } location /auth/ { proxy_pass http://APP/no/; } location / { proxy_pass http://APP; }',
    asked: PRIVATE,
  },
  'a question or an address': {
    server:
      'location /media/ { alias SITE/media/; satisfy any; auth_request /no/; allow 192.0.2.1; deny all; } location / { proxy_pass http://APP; }',
    asked: PRIVATE,
  },
  'a question to a folder that is closed': {
    server:
      'location /media/ { alias SITE/media/; auth_request /no/; } location /no/ { deny all; proxy_pass http://APP; } location / { proxy_pass http://APP; }',
    asked: PRIVATE,
  },
  'a condition with a rewrite': {
    server: `${MEDIA} if ($http_user_agent = "") { rewrite ^ /none last; }`,
    asked: PRIVATE,
    open: /if .*OPEN/,
  },
  'a rewrite of the server': {
    server: `${MEDIA} rewrite ^/media/private/ /none last;`,
    asked: PRIVATE,
    open: /rewrite .*OPEN/,
  },
  'a redirect of the server': {
    server: `${MEDIA} rewrite ^/media/private/ /login/ redirect;`,
    asked: PRIVATE,
    open: /rewrite .*OPEN/,
  },
  'a rewrite of some files': {
    server: 'location /media/ { root SITE; rewrite ^/media/private/ /none break; }',
    asked: PRIVATE,
    open: /rewrite .*OPEN/,
  },
  'a condition that leads to an app': {
    server: 'location /media/ { root SITE; if ($http_cookie = "") { proxy_pass http://127.0.0.1:1; } }',
    asked: PRIVATE,
    open: /if .*OPEN/,
  },
  'a variable that decides': {
    server: 'location /media/ { root SITE; set $no 1; if ($no) { return 444; } }',
    asked: [],
  },
  'a single path of an app': {
    server: 'root SITE; location / { } location = /code/settings.py { proxy_pass http://127.0.0.1:1; }',
    asked: ['/code/settings.py'],
    open: /settings.*OPEN/,
  },
  'an ending that an app has': {
    server: 'root SITE; location / { } location ~ \\.py$ { return 302 /login/; }',
    asked: ['/code/settings.py'],
    open: /py.*OPEN/,
  },
  'one page in place of a folder': {
    server: `${MEDIA} location /media/private/ { root SITE; try_files /index.none =404; }`,
    asked: PRIVATE,
  },
  'a named place that refuses': {
    server: `${MEDIA} location /media/private/ { try_files /none @no; } location @no { return 404; }`,
    asked: PRIVATE,
  },
  'a method that files have': {
    server: 'location /media/ { alias SITE/media/; limit_except HEAD { deny all; } }',
    asked: PRIVATE,
  },
  'an expression that is asked for a longer prefix alone': {
    server:
      'location ^~ /media/ { root SITE; } location /media/private/ { root SITE; } location ~ ^/media/ { deny all; }',
    asked: PRIVATE,
  },
  'an expression in one that it is longer than': {
    server: 'location ~ ^/media/private/ { root SITE; location ~ ^/media/ { internal; } }',
    asked: PRIVATE,
  },
  'what is within an internal place': {
    server:
      'location /media/ { internal; root SITE; location /media/private/ { root SITE; } location /media/drafts/ { proxy_pass http://APP; } }',
    asked: [...PRIVATE, '/media/drafts/c.txt'],
  },
  'an expression in a prefix that a longer one is beside': {
    server:
      'location /media { root SITE; location ~ ^/media/private/ { root SITE; } } location ^~ /media/private/ { root SITE/none; }',
    asked: PRIVATE,
  },
  'an expression in a prefix, before one beside it': {
    server:
      'location /media/private/ { root SITE; location ~ ^/media/ { deny all; } } location ~ ^/media/ { root SITE; }',
    asked: PRIVATE,
  },
  'a prefix in itself': {
    server: 'location /media/ { root SITE; location /media/ { return 403; } }',
    asked: PRIVATE,
  },
  'an expression in a prefix that it cannot match': {
    server:
      'location /drafts/ { root SITE; location ~ ^/media/ { root SITE; } } location /media/ { root SITE/none; }',
    asked: PRIVATE,
  },
};

/** Folders and files that all sites are made of. */
const FILES = [
  ...['media/a.txt', 'media/private/b.txt', 'media/drafts/c.txt', 'media/my files/d.txt', 'media/dump.sql'],
  ...[
    'media/prod.env',
    'media/.env',
    'media/private-too.txt',
    'media/PRIVATE/e.txt',
    '.well-known/x.txt',
    'code/settings.py',
    'index.html',
  ],
];

async function makeSite(t: Test): Promise<string> {
  const site = await mkdtemp(join(tmpdir(), 'media-serve-refusals-'));
  t.teardown(() => rm(site, { recursive: true, force: true }));
  await chmod(site, 0o755);
  for (const name of FILES) {
    await mkdir(dirname(join(site, name)), { recursive: true });
    await writeFile(join(site, name), 'GIVEN OUT');
  }
  await writeFile(join(site, 'htpasswd'), 'user:{PLAIN}password\n');
  return site;
}

/** An app that answers everything but `/no/`. */
async function startApp(t: Test): Promise<string> {
  const app = createServer(({ url = '' }, response) => {
    response.statusCode = url.startsWith('/no') ? 403 : 200;
    // nginx sends a page of its own in place of the app's.
    response.end(response.statusCode === 200 ? 'GIVEN OUT' : 'no');
  }).listen(0, '127.0.0.1');
  await once(app, 'listening');
  t.teardown(() => app.close());
  return `127.0.0.1:${(app.address() as AddressInfo).port}`;
}

/** Whether the answer has what it should not. */
async function isGiven(port: number, path: string): Promise<boolean> {
  const asking = request({ port, path, agent: false }).end();
  const [answer] = (await once(asking, 'response')) as [import('node:http').IncomingMessage];
  return (await text(answer)).includes('GIVEN OUT');
}

t.test('what nginx refuses is refused, or said to be open', { skip: await withoutNginx() }, async (t) => {
  const [site, app] = [await makeSite(t), await startApp(t)];
  const cases = Object.entries(CASES);
  // Each has a place of its own that nobody asks for, so that there is something to serve.
  const filled = (server: string): string =>
    `${server} location /own/ { proxy_pass http://127.0.0.1:1; }`
      .replaceAll('SITE', site)
      .replaceAll('APP', app);
  const nginx = await startNginx(
    t,
    (...ports) =>
      cases
        .map(([, { server }], index) => `server { listen 127.0.0.1:${ports[index]}; ${filled(server)} }`)
        .join('\n'),
    { ports: cases.length },
  );
  for (const [index, [name, { server, asked, open }]] of cases.entries()) {
    const path = join(site, 'site.conf');
    await writeFile(path, `server {\n  ${filled(server).replace(/([;}]) /g, '$1\n  ')}\n}\n`);
    const differences = readNginxSite(path, { from: name }).findings.filter(isDifference).map(showFinding);
    const { port } = await startHere(t, ['--nginx-config', path]);
    const onlyHere: string[] = [];
    for (const one of asked) {
      const [theirs, ours] = await Promise.all([isGiven(nginx.ports[index] ?? 0, one), isGiven(port, one)]);
      if (ours && !theirs) onlyHere.push(one);
    }
    if (open === undefined) t.same(onlyHere, [], name);
    else {
      t.not(onlyHere.length, 0, `${name}: something is open`);
      t.ok(
        differences.some((line) => open.test(line)),
        `${name}: is said to be open`,
        { differences },
      );
    }
  }
});

/** The locations that a site becomes, with their kinds. */
async function kindsOf(t: Test, server: string): Promise<readonly (readonly [string, string])[]> {
  const path = join(t.testdir(), 'site.conf');
  await writeFile(path, `server { ${server} location /own/ { proxy_pass http://127.0.0.1:1; } }`);
  const { draft } = readNginxSite(path, { from: 'site.conf' });
  return draft.locations
    .map(({ entry }) => [entry.prefix, entry.kind] as const)
    .filter(([prefix]) => prefix !== '/own/');
}

t.test('what is not in this nginx, and lets nobody in without asking, is closed', async (t) => {
  const logins = [
    'auth_pam "Site"; auth_pam_service_name nginx;',
    'auth_basic off; auth_jwt "site"; auth_jwt_key_file /etc/key;',
    'auth_ldap "Site"; auth_ldap_servers one;',
    'access_by_lua_block { ngx.exit(403) }',
    'access_by_lua_file /etc/nginx/access.lua;',
  ];
  for (const login of logins) {
    t.same(
      await kindsOf(t, `location /media/ { alias /srv/media/; ${login} }`),
      [['/media/', 'denied']],
      login,
    );
  }
  t.same(await kindsOf(t, 'auth_delay 1s; location /media/ { alias /srv/media/; }'), [['/media/', 'media']]);
});

t.test('uploads are no part of the site, whatever their prefix is called', async (t) => {
  const kinds = {
    'location /static/ { alias /srv/static/; }': 'static',
    'location /assets/ { root /srv; }': 'static',
    'location /static/ { alias /srv/media/; }': 'media',
    'location /assets/ { alias /srv/user-uploads; }': 'media',
    'location /media/ { alias /srv/static/; }': 'media',
    'location /files/ { alias /srv/files/; }': 'media',
    'location /dashboard/ { root /srv; try_files $uri /dashboard/index.html; }': 'static',
    'location /media/ { root /srv; try_files $uri /media/none.html; }': 'media',
  };
  for (const [server, kind] of Object.entries(kinds)) {
    const [found] = await kindsOf(t, server);
    t.equal(found?.[1], kind, server);
  }
});

t.test('types let no upload run as code', async (t) => {
  for (const inside of [
    'types { } default_type text/html;',
    'types { } default_type text/css;',
    'default_type application/javascript;',
    'types { text/javascript jpg; text/html txt; }',
  ]) {
    const path = join(t.testdir(), 'site.conf');
    await writeFile(path, `server { location /media/ { alias /srv/media/; ${inside} } }`);
    const { draft, findings } = readNginxSite(path, { from: 'site.conf' });
    t.match(draft.locations[0]?.entry, { kind: 'media', headers: undefined, types: undefined }, inside);
    t.not(draft.options['defaultType'], 'application/javascript');
    t.ok(
      findings.some(({ verdict, words }) => verdict === 'changed' && /as code/.test(words)),
      inside,
    );
  }
});
