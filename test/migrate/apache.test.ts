// What becomes of Apache's lines: locations of ours, and words for each.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how Apache writes variables
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../src/index.js';
import { readApache } from '../../src/migrate/apache/site.js';
import { APACHE_ROWS, findApacheRow } from '../../src/migrate/apache/table.js';
import { printJsonc } from '../../src/migrate/print.js';
import type { Finding } from '../../src/migrate/report.js';
import type { Translation } from '../../src/migrate/translate.js';
import { directivesOfApache, withoutApache } from '../support/apache.js';
import { ACCESS_CASES } from './apache-access.js';

const root = t.testdir({ 'site.conf': '' });
const path = join(root, 'site.conf');
mkdirSync(join(root, 'static'));
writeFileSync(join(root, 'static', '404.html'), 'x');
writeFileSync(join(root, 'robots.txt'), 'x');

const known = new Map<string, Translation>();
const checked = new Set<string>();

/** Reads the text, and checks that what comes of it is a configuration of ours. */
function read(text: string): Translation {
  const before = known.get(text);
  if (before !== undefined) return before;
  writeFileSync(path, text);
  const translation = readApache(path, { from: 'FILE' });
  known.set(text, translation);
  const { options, locations: found } = translation.draft;
  const content = JSON.stringify([options, found.map(({ entry }) => entry)]);
  if (!checked.has(content)) {
    checked.add(content);
    const printed = join(root, 'media-serve.jsonc');
    writeFileSync(printed, printJsonc(translation.draft, path, undefined));
    loadConfig({ config: printed }, {});
  }
  return translation;
}

/** The locations, each as `kind prefix what [options]`. */
function locations(text: string): string[] {
  const { draft } = read(text);
  // What all locations say stands at the top.
  const { listen: _, errorPage: __, logLevel: ___, sendTimeout: ____, ...common } = draft.options;
  return draft.locations.map(({ entry }) => {
    const { kind, prefix, root: directory, upstream, ...own } = entry;
    const rest = draft.locations.length === 1 ? { ...own, ...common } : own;
    const options = Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest)}`;
    const what = directory ?? (Array.isArray(upstream) ? upstream.join(', ') : upstream);
    return `${kind} ${prefix}${what === undefined ? '' : ` ${String(what)}`}${options}`;
  });
}

/** What is said of the lines that begin so. */
function said(text: string, beginning: string): Pick<Finding, 'verdict' | 'words'>[] {
  return read(text)
    .findings.filter(({ directive }) => directive.startsWith(beginning))
    .map(({ verdict, words }) => ({ verdict, words }));
}

const refusal = (text: string): string => {
  try {
    read(text);
  } catch (error) {
    return (error as Error).message.replaceAll(path, 'FILE');
  }
  return 'no refusal';
};

/** In place of a location that is not there. */
const NONE: Readonly<Record<string, unknown>> = {};

const host = (...lines: readonly string[]): string =>
  `<VirtualHost *:80>\n${lines.join('\n')}\n</VirtualHost>`;
const MEDIA = 'Alias /media/ /srv/media/';
const APP = 'ProxyPass / http://127.0.0.1:8000/';
const inside = (section: string, ...lines: readonly string[]): string =>
  `<${section}>\n${lines.join('\n')}\n</${section.split(' ')[0]}>`;

t.test('the snippet of the documentation runs', async (t) => {
  const snippet = `<VirtualHost *:80>
    # Other virtual host configurations...

    Alias /media/ /path/to/your/project/media/

    <Directory /path/to/your/project/media/>
        Require all granted
    </Directory>

    # Other configurations...
</VirtualHost>`;
  t.same(locations(snippet), ['media /media/ /path/to/your/project/media']);
  t.equal(read(snippet).draft.options['listen'], ':80');
  t.same(
    read(snippet).findings.map(({ verdict }) => verdict),
    ['kept', 'always so', 'kept', 'kept', 'always so'],
  );
  t.match(
    refusal(snippet.replace('# Other configurations...', '...')),
    /^FILE:10:5: "\.\.\." stands for lines that the documentation leaves out/,
  );
});

t.test("Django's own lines for mod_wsgi are told what to start and to write", async (t) => {
  const text = `WSGIScriptAlias / /path/to/mysite.com/mysite/wsgi.py
WSGIPythonHome /path/to/venv
WSGIPythonPath /path/to/mysite.com

<Directory /path/to/mysite.com/mysite>
<Files wsgi.py>
Require all granted
</Files>
</Directory>`;
  t.same(locations(text), []);
  t.same(said(text, 'WSGIScriptAlias'), [
    {
      verdict: 'not supported',
      words:
        'start the app with "gunicorn --chdir /path/to/mysite.com mysite.wsgi --bind 127.0.0.1:8000", and write "ProxyPass / http://127.0.0.1:8000/" in place of this line (or give --upstream :8000)',
    },
  ]);
  const below = said('WSGIScriptAlias /app /srv/app/site/wsgi.py', 'WSGI')[0]?.words;
  t.match(below, /FORCE_SCRIPT_NAME = "\/app".*"ProxyPass \/app\/ http:\/\/127\.0\.0\.1:8000\/app\/"/);
});

t.test('an address of the app is kept, or told', async (t) => {
  const cases: readonly [line: string, locations: string[], told?: RegExp][] = [
    [APP, ['upstream / 127.0.0.1:8000']],
    ['ProxyPass / http://app/', ['upstream / app:80']],
    ['ProxyPass / "unix:/run/g.sock|http://127.0.0.1/"', ['upstream / unix:/run/g.sock']],
    ['ProxyPass / ws://127.0.0.1:8000/', ['upstream / 127.0.0.1:8000']],
    [
      'ProxyPass /a http://h:1/a timeout=90 retry=0',
      ['upstream /a/ h:1 {"readTimeout":"90s"}'],
      /\/a itself, without a slash/,
    ],
    [
      `Timeout 9\nProxyTimeout 10\nProxyPass / http://h:1/ connectiontimeout=500ms flushpackets=on`,
      ['upstream / h:1 {"connectTimeout":"500ms","readTimeout":"10s","responseBuffering":false}'],
    ],
    ['ProxyPass / http://h:1/\nProxyPass /ws/ ws://h:1/ws/', ['upstream / h:1']],
    ['ProxyPass /ws/ ws://h:2/ws/\nProxyPass / http://h:1/', ['upstream / h:1', 'upstream /ws/ h:2']],
    ['ProxyPass / http://h:1', ['upstream / h:1'], /do not end alike/],
    ['ProxyPassMatch ^/(.*)$ http://h:1/$1', ['upstream / h:1']],
    ['<Location /x/>\nProxyPass http://h:1/x/\n</Location>', ['upstream /x/ h:1']],
    ['<Location /x/>\nSetHandler "proxy:http://h:1/"\n</Location>', ['upstream /x/ h:1']],
    ['ProxyPass / https://h:1/', [], /plain HTTP: name the port/],
    ['ProxyPass / uwsgi://h:1/', [], /gunicorn mysite\.wsgi --bind 127\.0\.0\.1:8000.*ProxyPass \/ http:/],
    ['ProxyPass / fcgi://h:1/', [], /fcgi is not spoken here.*--upstream :8000/],
    ['ProxyPass / ajp://h:1/', [], /ajp is not spoken here/],
    ['ProxyPass / balancer://no/', [], /no member/],
    ['ProxyPass /api/ http://h:1/v1/', [], /requests keep their path here/],
    ['ProxyPass / what', [], /is no address/],
    ['ProxyPass / http://h:99999/', [], /port/],
  ];
  for (const [line, wanted, told] of cases) {
    t.same(locations(line), wanted, line);
    if (told !== undefined) t.match(JSON.stringify(said(line, 'ProxyPass')), told, line);
  }
  const closed = `ProxyPass /api/ http://h:1/v1/\n${APP}`;
  t.same(locations(closed), ['upstream / 127.0.0.1:8000', 'denied /api/'], 'and never to the wrong server');
});

t.test('balancers are several servers of the app', async (t) => {
  const balanced = (...members: readonly string[]): string =>
    `<Proxy balancer://app>\n${members.join('\n')}\n</Proxy>\nProxyPass / balancer://app/`;
  t.same(locations(balanced('BalancerMember http://a:1', 'BalancerMember http://b:2 status=+H')), [
    'upstream / a:1, b:2 backup',
  ]);
  t.same(locations(balanced('BalancerMember http://a:1', 'BalancerMember http://b:2 status=D')), [
    'upstream / a:1',
  ]);
  t.same(
    locations(
      balanced(
        'BalancerMember http://a:1 retry=7',
        'BalancerMember http://b:2',
        'ProxySet lbmethod=bybusyness',
      ),
    ),
    ['upstream / a:1, b:2 {"balance":"least-connections","failTimeout":"7s"}'],
  );
  t.same(locations('BalancerMember balancer://x http://a:1\nProxyPass / balancer://x/'), ['upstream / a:1']);
  t.same(locations(balanced('BalancerMember ajp://a:1')), []);
  const sticky = balanced('BalancerMember http://a:1 route=1 loadfactor=3', 'BalancerMember http://b:2');
  t.match(said(sticky, 'ProxyPass'), [
    { verdict: 'changed', words: /same share; each request may go to any server/ },
  ]);
});

t.test('modules are asked in the order of Apache', async (t) => {
  const cases: readonly [text: string, locations: string[]][] = [
    [`${MEDIA}\nProxyPass /media/ !\n${APP}`, ['upstream / 127.0.0.1:8000', 'media /media/ /srv/media']],
    [
      `${MEDIA}\nProxyPassMatch ^/media/ !\n${APP}`,
      ['upstream / 127.0.0.1:8000', 'media /media/ /srv/media'],
    ],
    [`${APP}\n${MEDIA}\nProxyPass /media/ !`, ['upstream / 127.0.0.1:8000']],
    [`${MEDIA}\n${APP}`, ['upstream / 127.0.0.1:8000']],
    [
      `${MEDIA}\n${APP}\n<Location /media>\nProxyPass !\n</Location>`,
      ['upstream / 127.0.0.1:8000', 'media /media/ /srv/media'],
    ],
    [`Alias /a /srv/1\nAlias /a/b /srv/2`, ['media /a/ /srv/1']],
    [`Alias /a/b /srv/2\nAlias /a /srv/1`, ['media /a/ /srv/1', 'media /a/b/ /srv/2']],
    [`ProxyPass /static/ !\n${APP}`, ['upstream / 127.0.0.1:8000', 'denied /static/']],
    [`Redirect gone /media/old\n${MEDIA}`, ['media /media/ /srv/media', 'denied /media/old/']],
    [
      `ScriptAlias /media/cgi-bin/ /srv/cgi/\n${MEDIA}`,
      ['media /media/ /srv/media', 'denied /media/cgi-bin/'],
    ],
    [`ScriptAlias /cgi-bin/ /srv/cgi/\n${MEDIA}`, ['media /media/ /srv/media']],
    [
      `DocumentRoot /srv/www\n${MEDIA}`,
      ['static / /srv/www {"index":"index.html"}', 'media /media/ /srv/media'],
    ],
    [`DocumentRoot /srv/www\n${APP}`, ['upstream / 127.0.0.1:8000']],
    [`DocumentRoot /srv/www\nWSGIScriptAlias / /srv/a/b/wsgi.py\n${MEDIA}`, ['media /media/ /srv/media']],
    [
      `WSGIScriptAlias /app /srv/a/b/wsgi.py\nDocumentRoot /srv/www`,
      ['static / /srv/www {"index":"index.html"}', 'denied /app/'],
    ],
    [`DocumentRoot /srv/out\n${host('DocumentRoot /srv/in')}`, ['static / /srv/in {"index":"index.html"}']],
    [`Alias /a /srv/out\n${host('Alias /a /srv/in')}`, ['media /a/ /srv/in']],
  ];
  for (const [text, wanted] of cases) t.same(locations(text), wanted, text);
  t.match(said(`${MEDIA}\n${APP}`, 'Alias'), [
    { verdict: 'not needed', words: /comes first at \/media\/, in Apache, too; .*"ProxyPass \/media\/ !"/ },
  ]);
  t.match(said(`Alias /robots.txt ${root}/robots.txt`, 'Alias'), [
    { verdict: 'not supported', words: /locations are directories/ },
  ]);
  t.match(said('Alias /media/ /srv/media', 'Alias'), [
    { verdict: 'changed', words: /Apache would look for \/srv\/mediax/ },
  ]);
});

t.test('a DocumentRoot whose files are sources is not served', async (t) => {
  for (const line of [
    'AddHandler application/x-httpd-php .php',
    'AddType application/x-httpd-php .php',
    '<FilesMatch "\\.php$">\nSetHandler "proxy:unix:/run/php.sock|fcgi://localhost"\n</FilesMatch>',
    'RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^(.*)$ http://127.0.0.1:8000/$1 [P]',
    'ProxyPassMatch ^/(?!media) http://127.0.0.1:8000',
    'WSGIScriptAliasMatch ^/x /srv/x.py',
  ]) {
    const text = `DocumentRoot /srv/www\n${line}`;
    t.same(locations(text), [], line);
    t.match(said(text, 'DocumentRoot'), [{ verdict: 'not supported', words: /its files are not served/ }]);
  }
  const run = inside('Directory /srv/media', 'Options +ExecCGI', 'SetHandler cgi-script');
  t.same(locations(`${MEDIA}\n${run}\n${APP}\nProxyPass /media/ !`), ['upstream / 127.0.0.1:8000']);
  t.same(locations(`ProxyPass /media/ !\n${MEDIA}\n${run}\n${APP}`), [
    'upstream / 127.0.0.1:8000',
    'denied /media/',
  ]);
});

t.test('who may come in', async (t) => {
  for (const [lines, outcome] of ACCESS_CASES) {
    const text = `${MEDIA}\n${inside('Directory /srv/media', lines)}`;
    const [first] = locations(text);
    t.equal(first?.startsWith('media'), outcome === 'open', lines);
    const told = read(text).findings.some(
      ({ verdict, words }) => verdict === 'not supported' && /^closed to everybody here/.test(words),
    );
    t.equal(told, outcome === 'told', `${lines}: told`);
  }
});

t.test('sections hold from the directory to the address, and the later counts', async (t) => {
  const granted = 'Require all granted';
  const denied = 'Require all denied';
  const cases: readonly [text: string, locations: string[]][] = [
    [
      `${inside('Directory /srv/media', granted)}\n${inside('Directory /', denied)}`,
      ['media /media/ /srv/media'],
    ],
    [inside('Directory /srv', denied), ['denied /media/']],
    [inside('Directory /srv/other', denied), ['media /media/ /srv/media']],
    [inside('Directory /srv/med', denied), ['media /media/ /srv/media']],
    [inside('Directory "/srv/*"', denied), ['denied /media/']],
    [inside('Directory "/*/media"', denied), ['denied /media/']],
    [inside('Directory /srv/media/private/', denied), ['media /media/ /srv/media', 'denied /media/private/']],
    [inside('Location /media/private', denied), ['media /media/ /srv/media', 'denied /media/private/']],
    [inside('Location /', denied), ['denied /', 'denied /media/'].slice(1)],
    [
      `${inside('Location /media', granted)}\n${inside('Directory /srv/media', denied)}`,
      ['media /media/ /srv/media'],
    ],
    [`${inside('Location /media', denied)}\n${inside('Location /', granted)}`, ['media /media/ /srv/media']],
    [
      `${inside('Directory /srv/media', denied)}\n${inside('Directory /srv/media/open', granted)}`,
      ['denied /media/', 'media /media/open/ /srv/media/open'],
    ],
    [
      `${inside('Directory /srv/media', denied)}\n${inside('Directory /srv/media/x', denied)}`,
      ['denied /media/'],
    ],
    [
      `<IfModule mod_authz_core.c>\n${inside('Directory /srv/media', denied)}\n</IfModule>`,
      ['denied /media/'],
    ],
    [
      inside('Directory /srv/media', '<IfModule !mod_authz_core.c>', denied, '</IfModule>'),
      ['media /media/ /srv/media'],
    ],
  ];
  for (const [text, wanted] of cases) t.same(locations(`${MEDIA}\n${text}`), wanted, text);
  const single = `Alias /m ${root}\n${inside('Location /m/robots.txt', 'Header set X-A b')}`;
  t.same(locations(single), [`media /m/ ${root}`]);
  t.match(said(single, 'Location').at(-1), {
    verdict: 'not supported',
    words: /robots\.txt is answered as what is around it/,
  });
  const closedFile = `Alias /m ${root}\n${inside('Location /m/robots.txt', denied)}`;
  t.same(locations(closedFile), [`media /m/ ${root}`, 'denied /m/robots.txt/']);
  const app = `${APP}\n${inside('Location /metrics', 'Require local')}\n${inside('Location /admin', denied)}`;
  t.same(locations(app), ['upstream / 127.0.0.1:8000', 'denied /admin/', 'denied /metrics/']);
  t.same(locations(`${APP}\n${inside('Proxy *', 'Order deny,allow', 'Deny from all')}`), ['denied /']);
  const opened = `${APP}\n${inside('Location /', 'Require valid-user')}\n${inside('Location /health', granted)}`;
  t.same(locations(opened), ['denied /', 'upstream /health/ 127.0.0.1:8000']);
  t.match(said(opened, 'Location /health'), [
    { verdict: 'kept' },
    { verdict: 'changed', words: /\/health itself is closed/ },
  ]);
});

t.test('what a pattern closes is told, and named dotfiles are always closed', async (t) => {
  const denied = 'Require all denied';
  for (const section of [
    'FilesMatch "^\\.ht"',
    'Files ".ht*"',
    'Files ~ "^\\.ht"',
    'DirectoryMatch "/\\.git"',
    'LocationMatch "/\\.(git|svn)"',
    'FilesMatch "^\\.([Hh][Tt]|[Dd][Ss]_[Ss])"',
  ]) {
    t.match(
      said(`${MEDIA}\n${inside(section, denied)}`, section.split(' ')[0] ?? ''),
      [{ verdict: 'always so' }],
      section,
    );
  }
  for (const section of [
    'FilesMatch "\\.py$"',
    'Files "*.py"',
    'Files ~ "\\.ht"',
    'DirectoryMatch "^/srv/media/x"',
    'LocationMatch "^/media/x"',
    'FilesMatch "^\\.ht|\\.py$"',
    'Location "/media/*/x"',
    'Directory "/srv/media/*/x"',
    'Files ".*"',
  ].slice(0, -1)) {
    t.match(
      said(`${MEDIA}\n${inside(section, denied)}`, section.split(' ')[0] ?? ''),
      [{ verdict: 'not supported', words: /what this closes is OPEN here/ }],
      section,
    );
  }
  t.match(said(`${MEDIA}\nRedirectMatch 404 /\\.git`, 'RedirectMatch'), [{ verdict: 'always so' }]);
  t.match(said(`${MEDIA}\nRedirectMatch 403 \\.py$`, 'RedirectMatch'), [
    { verdict: 'not supported', words: /open here/ },
  ]);
  t.match(said(`RewriteEngine on\n${MEDIA}\nRewriteRule \\.py$ - [F]`, 'RewriteRule'), [
    { verdict: 'not supported', words: /open here/ },
  ]);
  const unserved = inside('Directory /srv/code', inside('Files wsgi.py', 'Require all granted'));
  t.match(said(`${MEDIA}\n${unserved}`, 'Files'), [{ verdict: 'not needed' }]);
});

t.test('one host is the site', async (t) => {
  const to443 = host('ServerName a', 'Redirect permanent / https://a/');
  const tls = `<VirtualHost *:443>\nServerName a\nSSLEngine on\nSSLCertificateFile /x.pem\n${MEDIA}\n</VirtualHost>`;
  for (const first of [
    to443,
    host(
      'RewriteEngine On',
      'RewriteCond %{HTTPS} off',
      'RewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [L,R=301]',
    ),
    host('RewriteEngine On', 'RewriteRule ^/?(.*) https://%{SERVER_NAME}/$1 [R,L]'),
    host(
      MEDIA,
      'RewriteEngine on',
      'RewriteCond %{SERVER_NAME} =a',
      'RewriteRule ^ https://%{SERVER_NAME}%{REQUEST_URI} [END,NE,R=permanent]',
    ),
    host('RedirectMatch ^/(.*)$ https://a/$1'),
  ]) {
    const text = `Listen 80\nListen 443\n${first}\n${tls}`;
    t.same(locations(text), ['media /media/ /srv/media'], first);
    t.equal(read(text).draft.options['listen'], undefined, 'it answers on --listen');
    t.match(said(text, 'VirtualHost *:80'), [{ verdict: 'not needed', words: /sends everybody elsewhere/ }]);
    t.match(said(text, 'VirtualHost *:443')[0], { verdict: 'changed', words: /plain HTTP on --listen/ });
    t.match(said(text, 'SSLEngine'), [{ verdict: 'changed' }]);
    t.match(said(text, 'SSLCertificateFile'), [{ verdict: 'not needed' }]);
  }
  const two = `${host(MEDIA)}\n${host('ServerName b', APP)}`;
  t.same(locations(two), ['media /media/ /srv/media']);
  t.match(said(two, 'VirtualHost').at(-1), { verdict: 'not supported', words: /one host is served/ });
  const twins = `${host(MEDIA)}\n<VirtualHost *:443>\nSSLEngine on\n${MEDIA}\n</VirtualHost>`;
  t.match(said(twins, 'VirtualHost').at(-1), { verdict: 'not needed', words: /says the same/ });
  t.same(locations(`${host('ServerName x')}\n${host(MEDIA)}`), ['media /media/ /srv/media']);
  t.same(
    locations(host(MEDIA, 'Redirect / https://x/')),
    ['media /media/ /srv/media'],
    'where there is no other',
  );
  t.match(said(host(MEDIA, 'Redirect / https://x/'), 'Redirect'), [{ verdict: 'changed' }]);
});

t.test('where it listens', async (t) => {
  const cases: readonly [text: string, listen: string | undefined][] = [
    [host(MEDIA), ':80'],
    [`Listen 127.0.0.1:80\n${host(MEDIA)}`, '127.0.0.1:80'],
    [`Listen 0.0.0.0:80\nListen [::]:80\n${host(MEDIA)}`, ':80'],
    [`Listen 81\n${host(MEDIA)}`, ':80'],
    [`Listen 8081\n${MEDIA}`, ':8081'],
    [`Listen 443 https\nListen 8081\n${MEDIA}`, ':8081'],
    [MEDIA, undefined],
    [`<VirtualHost 10.0.0.1:90>\n${MEDIA}\n</VirtualHost>`, '10.0.0.1:90'],
    [`<VirtualHost [::1]:90>\n${MEDIA}\n</VirtualHost>`, '[::1]:90'],
    [`<VirtualHost example.com:90>\n${MEDIA}\n</VirtualHost>`, ':90'],
    [`<VirtualHost _default_:443>\n${MEDIA}\n</VirtualHost>`, undefined],
    [`<VirtualHost *>\n${MEDIA}\n</VirtualHost>`, undefined],
    [`Listen 99999\n${MEDIA}`, undefined],
  ];
  for (const [text, listen] of cases) t.equal(read(text).draft.options['listen'], listen, text);
});

t.test('lines about files become options', async (t) => {
  const cases: readonly [
    lines: string,
    options: Record<string, unknown>,
    verdict: Finding['verdict'],
    of?: string,
  ][] = [
    ['Options FollowSymLinks', {}, 'always so'],
    ['Options -Indexes', {}, 'always so'],
    ['Options None', { symlinks: 'never' }, 'kept'],
    ['Options Indexes FollowSymLinks', {}, 'not supported'],
    ['Options -FollowSymLinks', { symlinks: 'never' }, 'kept'],
    ['Options Indexes', { symlinks: 'never' }, 'not supported'],
    ['AllowOverride None', {}, 'always so'],
    ['AllowOverride All', {}, 'not supported'],
    ['DirectoryIndex index.html', { index: 'index.html' }, 'kept'],
    ['DirectoryIndex index.html index.php', { index: 'index.html' }, 'changed'],
    ['ExpiresDefault "access plus 1 month"', {}, 'not needed'],
    [
      'ExpiresActive On\nExpiresDefault "access plus 1 month 2 days"',
      { maxAge: '32d' },
      'kept',
      'ExpiresDefault',
    ],
    ['ExpiresActive On\nExpiresDefault A60', { maxAge: '1m' }, 'kept', 'ExpiresDefault'],
    [
      'ExpiresActive On\nExpiresDefault "modification plus 1 hour"',
      { maxAge: '1h' },
      'changed',
      'ExpiresDefault',
    ],
    ['ExpiresActive On\nExpiresDefault soon', {}, 'not supported', 'ExpiresDefault'],
    [
      'ExpiresActive On\nExpiresByType image/png "access plus 1 day"',
      { cacheControl: [{ match: '\\.(?:png|PNG)$', value: 'public, max-age=86400' }] },
      'kept',
      'ExpiresByType',
    ],
    ['ExpiresActive On\nExpiresByType x/y A1', {}, 'not needed', 'ExpiresByType'],
    ['Header set X-A "b c"', { headers: { 'X-A': 'b c' } }, 'kept'],
    ['Header always set X-A: 5%%', { headers: { 'X-A': '5%' } }, 'kept'],
    ['Header set X-A one\nHeader append x-a two', { headers: { 'X-A': 'one, two' } }, 'kept'],
    ['Header set X-A one\nHeader unset X-A', { headers: { 'X-A': '' } }, 'kept'],
    ['Header unset X-A', {}, 'not needed'],
    ['Header unset ETag', { headers: { ETag: '' } }, 'kept'],
    ['Header set ETag x', {}, 'not supported'],
    ['Header set X-A %{UNIQUE_ID}e', {}, 'not supported'],
    ['Header set X-A b env=c', {}, 'not supported'],
    ['Header edit X-A b c', {}, 'not supported'],
    ['Header append Vary User-Agent', {}, 'always so'],
    ['Header set Access-Control-Allow-Origin "*"', { cors: '*' }, 'kept'],
    ['Header set Access-Control-Allow-Origin https://a.example', { cors: ['https://a.example'] }, 'kept'],
    ['Header set Access-Control-Allow-Origin null', {}, 'not supported'],
    [
      'Header set Content-Security-Policy "default-src x"',
      { headers: { 'Content-Security-Policy': 'default-src x' } },
      'changed',
    ],
    [
      'AddType model/gltf-binary .glb gltf',
      { types: { glb: 'model/gltf-binary', gltf: 'model/gltf-binary' } },
      'kept',
    ],
    ['AddType application/x-httpd-php .php', {}, 'not supported'],
    ['ForceType text/plain', { headers: { 'Content-Type': 'text/plain' } }, 'kept'],
    ['AddDefaultCharset Off', { charset: 'off' }, 'kept'],
    ['AddDefaultCharset On', { charset: 'iso-8859-1' }, 'kept'],
    ['AddDefaultCharset utf-8', { charset: 'utf-8' }, 'kept'],
    ['FileETag None', { headers: { ETag: '' } }, 'kept'],
    ['FileETag MTime Size', {}, 'always so'],
    ['EnableSendfile Off', { sendfile: false }, 'kept'],
    ['MaxRanges none', { maxRanges: 0 }, 'kept'],
    ['SetOutputFilter DEFLATE', {}, 'changed'],
    ['AddOutputFilterByType DEFLATE text/html text/css', {}, 'changed'],
    ['AddHandler cgi-script .cgi', {}, 'not supported'],
  ];
  for (const [lines, options, verdict, of] of cases) {
    const text = `${MEDIA}\n${inside('Directory /srv/media', lines)}`;
    const { draft, findings } = read(text);
    const [first] = draft.locations;
    const { kind, prefix, root: _, ...own } = first?.entry ?? NONE;
    t.same([kind, prefix], ['media', '/media/'], lines);
    t.same({ ...draft.options, ...own }, options, lines);
    const last = lines.split('\n').at(-1) ?? '';
    const finding = findings
      .filter(({ directive }) => directive.startsWith(of ?? last.split(' ')[0] ?? ''))
      .at(-1);
    t.equal(finding?.verdict, verdict, lines);
  }
});

t.test('what files with some extensions may be kept for becomes a rule of cacheControl', async (t) => {
  const value = 'max-age=9';
  const cases: readonly [section: string, line: string, rule: object | undefined][] = [
    [
      'FilesMatch "\\.(css|jpe?g)$"',
      `Header set Cache-Control "${value}"`,
      { match: '\\.(?:css|jpe?g)$', value },
    ],
    [
      'FilesMatch "(?i)\\.(css)$"',
      `Header set Cache-Control "${value}"`,
      { match: '\\.(?:[cC][sS][sS])$', value },
    ],
    ['Files "*.css"', `Header set Cache-Control "${value}"`, { match: '\\.css$', value }],
    ['Files ~ "\\.css$"', `Header set Cache-Control "${value}"`, { match: '\\.(?:css)$', value }],
    [
      'FilesMatch "\\.css$"',
      'ExpiresActive On\nExpiresDefault A9',
      { match: '\\.(?:css)$', value: 'public, max-age=9' },
    ],
    [
      'FilesMatch "\\.css$"',
      `<IfModule mod_headers.c>\nHeader set Cache-Control "${value}"\n</IfModule>`,
      { match: '\\.(?:css)$', value },
    ],
    ['FilesMatch "\\.css$"', 'ExpiresDefault A9', undefined],
    ['FilesMatch "app\\.css$"', `Header set Cache-Control "${value}"`, undefined],
    ['FilesMatch "\\.css"', `Header set Cache-Control "${value}"`, undefined],
    ['FilesMatch "\\.css$"', `Header set Cache-Control "${value}"\nHeader set X-A b`, undefined],
    ['FilesMatch "\\.css$"', `Header set Cache-Control "${value}" env=x`, undefined],
    ['FilesMatch "\\.css$"', `Header set Cache-Control "${value}"\nRequire all denied`, undefined],
  ];
  for (const [section, line, rule] of cases) {
    const text = `${MEDIA}\n${inside(section, line)}`;
    t.same(
      read(text).draft.locations[0]?.entry['cacheControl'],
      rule === undefined ? undefined : [rule],
      section,
    );
    const verdict = rule === undefined ? 'not supported' : 'kept';
    t.equal(said(text, section.split(' ')[0] ?? '')[0]?.verdict, verdict, `${section}: ${line}`);
  }
  const two = inside(
    'Directory /srv/media',
    inside('Files "*.css"', 'Header set Cache-Control a'),
    'ExpiresActive On',
    'ExpiresByType text/css A1',
  );
  t.match(read(`${MEDIA}\n${two}`).draft.locations[0]?.entry['cacheControl'], [
    { value: 'a' },
    { value: 'public, max-age=1' },
  ]);
});

t.test('lines about the app and the server become options', async (t) => {
  const cases: readonly [lines: string, options: Record<string, unknown>, verdict: Finding['verdict']][] = [
    ['ProxyPreserveHost On', {}, 'always so'],
    ['ProxyPreserveHost Off', {}, 'changed'],
    ['ProxyPassReverse / http://127.0.0.1:8000/', {}, 'always so'],
    ['ProxyRequests Off', {}, 'always so'],
    ['ProxyRequests On', {}, 'not supported'],
    ['RequestHeader set X-Forwarded-Proto "https"', {}, 'changed'],
    ['RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}', {}, 'always so'],
    ['RequestHeader set X-Real-IP %{REMOTE_ADDR}s', {}, 'always so'],
    ['RequestHeader set Host "other"', {}, 'changed'],
    ['SetEnv proxy-nokeepalive 1', {}, 'not needed'],
    ['SetEnv DJANGO_SETTINGS_MODULE x', {}, 'changed'],
    ['RequestHeader set X-Forwarded-SSL on', {}, 'changed'],
    ['RequestHeader unset Proxy early', {}, 'always so'],
    ['RequestHeader unset X-Forwarded-User', {}, 'always so'],
    ['RequestHeader unset X-Whoever', {}, 'not supported'],
    ['RequestHeader set X-Script-Name /x', {}, 'not supported'],
    ['Header set Strict-Transport-Security "max-age=1"', {}, 'not supported'],
    ['LimitRequestBody 1000', { maxBody: 1000 }, 'changed'],
    ['LimitRequestBody 0', { maxBody: 0 }, 'kept'],
    ['Timeout 90', { sendTimeout: '90s', readTimeout: '90s' }, 'kept'],
    ['KeepAlive Off', { keepAliveTimeout: '0s' }, 'kept'],
    ['KeepAliveTimeout 5', { keepAliveTimeout: '5s' }, 'kept'],
    ['RemoteIPInternalProxy 10.0.0.0/8 192.0.2.1', { trustProxy: ['10.0.0.0/8', '192.0.2.1'] }, 'kept'],
    ['RemoteIPInternalProxy proxy.internal', {}, 'not supported'],
    ['RemoteIPHeader X-Client-IP', {}, 'not supported'],
    ['RemoteIPProxyProtocol On', { proxyProtocol: true }, 'kept'],
    ['LogLevel debug', { logLevel: 'debug' }, 'kept'],
    ['LogLevel warn', {}, 'not needed'],
    ['ErrorLog ${APACHE_LOG_DIR}/error.log', {}, 'not needed'],
    ['ErrorLog ${NOT_THERE}/error.log', {}, 'not needed'],
    ['CustomLog /x combined', {}, 'kept'],
    ['CustomLog ${NOT_THERE}/x combined', {}, 'kept'],
    ['SetEnvIf Origin x y', {}, 'not needed'],
    ['MaxRequestWorkers 5', {}, 'not needed'],
    ['FancyNewThing on', {}, 'not known here'],
    ['Use Something', {}, 'not supported'],
  ];
  for (const [lines, options, verdict] of cases) {
    const { draft, findings } = read(`${APP}\n${lines}`);
    const [first] = draft.locations;
    const { kind, prefix, upstream: _, ...own } = first?.entry ?? NONE;
    t.same([kind, prefix], ['upstream', '/'], lines);
    t.same({ ...draft.options, ...own }, options, lines);
    t.equal(findings.at(-1)?.verdict, verdict, lines);
  }
});

t.test('X-Sendfile leads to files that nobody can ask for', async (t) => {
  const text = `${APP}\nXSendFile On\nXSendFilePath /srv/protected`;
  t.same(locations(text), ['upstream / 127.0.0.1:8000', 'internal /.xsendfile/1/ /srv/protected']);
  t.same(locations(`${APP}\nXSendFilePath /srv/protected`), ['upstream / 127.0.0.1:8000'], 'where it is on');
});

t.test('a page for errors is a file that is served', async (t) => {
  const page = `Alias /static ${root}/static\nErrorDocument 404 /static/404.html`;
  t.same(read(page).draft.options['errorPage'], [`404=${root}/static/404.html`]);
  for (const line of ['404 /static/none.html', '404 "text', '404 http://x/', '404 /elsewhere.html']) {
    t.match(
      said(`Alias /static ${root}/static\nErrorDocument ${line}`, 'ErrorDocument'),
      [{ verdict: 'not supported' }],
      line,
    );
  }
});

t.test('what Apache refuses, and what cannot be known, is refused', async (t) => {
  t.match(refusal('Alias /media'), /^FILE:1:1: Alias has too few words; expected 2/);
  t.match(refusal('Alias /media /a b'), /^FILE:1:1: Alias has too many words/);
  t.match(refusal('Alias /media ${MEDIA_ROOT}'), /^FILE:1:1: \$\{MEDIA_ROOT\} is not defined here/);
  t.match(
    refusal(Array.from({ length: 600 }, (_, at) => `Alias /${at} /srv/${at}`).join('\n')),
    /more than 500 paths/,
  );
});

t.test('hostile files cost little', async (t) => {
  const many = (count: number, line: (at: number) => string): string =>
    Array.from({ length: count }, (_, at) => line(at)).join('\n');
  for (const text of [
    many(19_000, (at) => `Alias /a${at}/ /srv/${at}/`),
    `${MEDIA}\n${many(490, (at) => `Header append X v${at}`)}`,
    `${many(20, (at) => `Alias /${at} /srv/m`)}\n${many(480, (at) => `Header set X-${at} v`)}`,
    `${MEDIA}\n${many(990, (at) => inside(`Directory "/srv/${'*a'.repeat(100)}${at}"`, 'Require all denied'))}`,
    `RewriteEngine on\n${MEDIA}\n${many(18_000, () => 'RewriteRule ^ https://x [R]')}`,
    `${many(9000, () => 'BalancerMember balancer://a http://a:1')}\n${many(400, (at) => `ProxyPass /${at} balancer://a/${at}`)}`,
    many(4000, () => host(MEDIA)),
    `${MEDIA}\n${inside(`FilesMatch "\\.(${'a'.repeat(60_000)}!"`, 'Header set Cache-Control x')}`,
  ]) {
    const start = process.cpuUsage();
    refusal(text);
    const { user, system } = process.cpuUsage(start);
    t.ok((user + system) / 1000 < 1500, text.slice(0, 60));
  }
});

t.test('every row has words, and an example shows both sides', async (t) => {
  for (const { names, doc, says, examples = [] } of APACHE_ROWS) {
    const [name = ''] = names;
    t.ok(doc !== '', name);
    if (says !== undefined && says.verdict !== 'always so' && says.verdict !== 'kept')
      t.ok(says.words.length > 10, name);
    for (const [theirs, ours] of examples) t.ok(theirs.includes('`') && ours !== '', name);
  }
});

t.test('every directive that a real Apache knows has a row', { skip: await withoutApache() }, async (t) => {
  const names = await directivesOfApache(root);
  t.ok(names.length > 500);
  t.same(
    names.filter((name) => findApacheRow(name) === undefined),
    [],
  );
});
