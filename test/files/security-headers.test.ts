// Uploads are untrusted: what each kind of file is sent with, and that no spelling leads to a file that is denied.
// What a browser makes of it is tested in one.
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { types as BUILT_IN } from 'mime-types';
import t from 'tap';
import { contentTypeFor } from '../../src/files/content-type.js';
import { securityFieldsFor } from '../../src/files/security-headers.js';
import { converse } from '../support/conversation.js';
import { startHere } from '../support/here.js';
import { startStandIn } from '../support/stand-in.js';

const POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'";
const SECRET = 'SECRET_KEY=hunter2';

/** Denied by the rule for dotfiles. */
const DENIED = [
  '.env',
  '.htpasswd',
  '.git/config',
  'photos/.DS_Store',
  'photos/.hidden/a.txt',
  '.well-known/.env',
  '.well-knownish/a.txt',
  '.Well-Known/a.txt',
  '...',
  '..hidden',
];
const ALLOWED = [
  '.well-known/security.txt',
  'photos/.well-known/a.txt',
  'a.b',
  'dots..txt',
  'trailing.',
  '~backup',
];

const base = t.testdir({ media: {}, static: {} });
const root = join(base, 'media');
const staticRoot = join(base, 'static');
for (const name of [...DENIED, ...ALLOWED]) {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), DENIED.includes(name) ? SECRET : 'shown');
}
symlinkSync('.env', join(root, 'link.txt'));
symlinkSync('.git', join(root, 'repository'));

cpSync(root, staticRoot, { recursive: true, verbatimSymlinks: true });

const server = await startHere(t, ['--root', root, '--static-root', staticRoot]);
const conversation = await converse(t, server.port);

t.test('each kind of upload is sent with what keeps it from acting for the site', async (t) => {
  const cases: readonly (readonly [extension: string, type: string, policy: boolean])[] = [
    // Run as a document.
    ['html', 'text/html; charset=utf-8', true],
    ['HTML', 'text/html; charset=utf-8', true],
    ['htm', 'text/html; charset=utf-8', true],
    ['xhtml', 'application/xhtml+xml; charset=utf-8', true],
    ['svg', 'image/svg+xml; charset=utf-8', true],
    ['SvG', 'image/svg+xml; charset=utf-8', true],
    ['svgz', 'image/svg+xml; charset=utf-8', true],
    ['xml', 'application/xml; charset=utf-8', true],
    ['xsl', 'application/xml; charset=utf-8', true],
    ['atom', 'application/atom+xml; charset=utf-8', true],
    ['txt', 'text/plain; charset=utf-8', true],
    ['unheard-of', 'application/octet-stream', true],
    // Loaded as code.
    ['js', 'text/plain; charset=utf-8', true],
    ['JS', 'text/plain; charset=utf-8', true],
    ['mjs', 'text/plain; charset=utf-8', true],
    ['css', 'text/plain; charset=utf-8', true],
    ['wasm', 'text/plain; charset=utf-8', true],
    // Shown or played.
    ['png', 'image/png', false],
    ['JPG', 'image/jpeg', false],
    ['webp', 'image/webp', false],
    ['mp4', 'video/mp4', false],
    ['mp3', 'audio/mpeg', false],
    ['pdf', 'application/pdf', false],
    ['woff2', 'font/woff2', false],
  ];
  for (const [extension, type, policy] of cases) {
    const name = `upload.${extension}`;
    writeFileSync(join(root, name), 'x');
    const plain = await conversation.ask(`/media/${name}`);
    const part = await conversation.ask(`/media/${name}`, ['Range: bytes=0-0']);
    const known = await conversation.ask(`/media/${name}`, [`If-None-Match: ${plain.headers['etag']}`]);
    const head = await conversation.ask(`/media/${name}`, [], 'HEAD');
    t.equal(plain.headers['content-type'], type, name);
    t.same([part.status, known.status, head.status], [206, 304, 200], name);
    for (const { status, fields, headers } of [plain, part, known, head]) {
      const of = (wanted: string): string[] =>
        fields.filter(([field]) => field === wanted).map(([, value]) => value);
      t.same(of('content-security-policy'), policy ? [POLICY] : [], `${name} ${status}`);
      t.same(of('x-content-type-options'), ['nosniff'], `${name} ${status}`);
      t.equal(headers['cross-origin-resource-policy'], 'cross-origin', `${name} ${status}`);
      t.notOk('content-disposition' in headers, 'it is shown, not saved');
    }
  }
});

t.test("the app's own static files run as what they are", async (t) => {
  for (const [name, type] of [
    ['upload.js', 'text/javascript; charset=utf-8'],
    ['upload.css', 'text/css; charset=utf-8'],
    ['upload.wasm', 'application/wasm'],
    ['upload.html', 'text/html; charset=utf-8'],
  ] as const) {
    writeFileSync(join(staticRoot, name), 'x');
    const { headers } = await conversation.ask(`/static/${name}`);
    t.equal(headers['content-type'], type, name);
    t.notOk('content-security-policy' in headers, name);
    t.equal(headers['x-content-type-options'], 'nosniff', name);
  }
});

/** WHATWG MIME Sniffing, "JavaScript MIME type"; and what stylesheets and WebAssembly are loaded as. */
const LOADED_AS_CODE = new Set([
  ...[
    'application/ecmascript',
    'application/javascript',
    'application/x-ecmascript',
    'application/x-javascript',
  ],
  ...['text/ecmascript', 'text/javascript', 'text/javascript1.0', 'text/javascript1.1', 'text/javascript1.2'],
  ...['text/javascript1.3', 'text/javascript1.4', 'text/javascript1.5', 'text/jscript', 'text/livescript'],
  ...['text/x-ecmascript', 'text/x-javascript', 'text/css', 'application/wasm'],
]);

t.test('no extension of an upload has a type that a page can load as code', async (t) => {
  const upload = contentTypeFor({
    kind: 'media',
    types: {},
    defaultType: 'text/javascript',
    charset: 'utf-8',
  });
  const code: string[] = [];
  for (const extension of [...Object.keys(BUILT_IN), 'unheard-of']) {
    for (const name of [`a.${extension}`, `a.${extension.toUpperCase()}`, `a.png.${extension}`]) {
      const [essence = ''] = upload(name).split(';');
      if (LOADED_AS_CODE.has(essence.trim().toLowerCase())) code.push(name);
    }
  }
  t.same(code, []);
  t.ok(Object.keys(BUILT_IN).length > 1000, 'the table was there');
});

/** Whether an upload of this type is sent without the policy. */
function isWithout(type: string): boolean {
  return !securityFieldsFor({ kind: 'media', access: {} })(type).includes(POLICY);
}

t.test('every type that a browser runs as a document has the policy, however it is written', async (t) => {
  const documents = Object.values(BUILT_IN).filter((type) => /html|xml|svg/.test(type));
  const written = documents.flatMap((type) => [type, `${type}; charset=utf-8`, `${type};charset=utf-8`]);
  t.same(written.filter(isWithout), []);
  for (const type of [
    '',
    'unheard/of',
    'text/plain',
    'application/octet-stream',
    'multipart/x-mixed-replace',
  ])
    t.notOk(isWithout(type), type);
  // Types are the operator's too, and their case says nothing (RFC 9110 §8.3.1).
  for (const type of ['IMAGE/SVG+XML', 'image/SVG+xml', 'Image/Svg+Xml; charset=utf-8'])
    t.notOk(isWithout(type), type);
});

/** Not one well-formed media type that is only shown (RFC 9110 §8.3.1), though each begins like one. */
const DOUBTFUL = [
  // Several types: browsers take the last.
  ...['image/png, text/html', 'image/png,text/html', 'image/png\t,\ttext/html', 'IMAGE/PNG , TEXT/HTML'],
  ...['video/mp4 , text/html;charset=utf-8', 'audio/mpeg, image/svg+xml', 'font/woff2,application/xhtml+xml'],
  ...['application/pdf, text/html', 'application/pdf;a=b, text/html', 'image/png; a=b, text/html; c=d'],
  ...['image/png, image/png', 'image/png,', ',image/png', 'image/png,,text/html', 'image/png, */*'],
  // Commas in quotes that end early, late or not at all, for those who know of no escapes, or of no quotes.
  ...['image/png; a=", text/html', 'image/png; a="b", text/html', 'image/png; a="b" , text/html; c="d"'],
  ...['image/png; a="\\", text/html', 'image/png; a="\\", text/html, "', 'image/png; a="b, text/html"'],
  ...['image/png; a=b"c, text/html"', 'image/png; a="b"c', 'image/png; a="b""c"', '"image/png"'],
  // Parameters that are none.
  ...['image/png;', 'image/png ;', 'image/png;;a=b', 'image/png; a', 'image/png; a=', 'image/png; =b'],
  ...['image/png; a =b', 'image/png; a= b', 'image/png; a=b c', 'image/png a=b', 'image/png text/html'],
  ...['image/png; a=text/html', 'image/png; a=b;', 'image/png; a=(b)', 'image/png; a=<b>'],
  // No type, or another one.
  ...['image', 'image/', '/png', 'image//png', 'image/png/svg', 'image/ png', 'image /png', 'image\\png'],
  ...['image/pngx', 'image/png+xml', 'image/png.svg', 'ximage/png', 'image/*', 'video/*', 'image/svg'],
  ...[
    'video/html',
    'video/x-unheard-of',
    'audio/xml',
    'font/svg+xml',
    'application/pdfx',
    'application/pdf+xml',
  ],
  // Space around it is none of its own; what is not seen neither.
  ...[' image/png', 'image/png ', '\timage/png', 'image/png\t', '\u00a0image/png', '\ufeffimage/png'],
  ...['image/png\0', 'image/png\0, text/html', '\0image/png', 'image/png\n', 'image/png\r\ntext/html'],
  ...['image/png\v; a=b', 'image/png;\fa=b', 'image/png; a="b\0"', 'image/png\x7f', 'image/png\x80'],
  ...['image/pn\u0121', 'image/png; a=\u00e9', 'image/png; a="\u00e9"', '\u0131mage/png', 'image/\u017fvg'],
  ...['audio/bas\u0131c', 'application/pdf\u2028', 'v\u0130deo/mp4', 'font/\u017ffnt'],
];

t.test('what is not one well-formed type that is known to be harmless has the policy', async (t) => {
  t.same(DOUBTFUL.filter(isWithout), []);
});

t.test('that holds wherever the type comes from', async (t) => {
  const place = t.testdir({ 'photo.png': 'x', 'photo.jpg': 'x', 'photo.gif': 'x', photo: 'x' });
  const orders: Readonly<Record<string, string>> = {
    redirect: '/handed-out/photo.png',
    uploads: '/typed/photo.gif',
    sendfile: join(place, 'photo.png'),
  };
  const types: readonly string[][] = [['image/png, text/html'], ['image/png', 'text/html'], ['image/png']];
  const app = await startStandIn(t, ({ target }, response) => {
    const [, order = '', index = ''] = target.split('/');
    const name = order === 'sendfile' ? 'X-Sendfile' : 'X-Accel-Redirect';
    const fields = types[Number(index)]?.flatMap((type) => ['Content-Type', type]) ?? [];
    response.writeHead(200, [name, orders[order] ?? '', ...fields]).end();
  });
  const file = { root: place, kind: 'media' };
  const locations = [
    { ...file, prefix: '/typed/', types: { png: 'image/png; a=b, text/html', jpg: 'image/pngx' } },
    { ...file, prefix: '/all/', headers: { 'Content-Type': 'video/mp4 , text/html' } },
    { ...file, prefix: '/none/', headers: { 'Content-Type': '' } },
    { ...file, prefix: '/default/', defaultType: 'image/png; ,text/html' },
    { ...file, kind: 'internal', prefix: '/handed-out/' },
    { kind: 'upstream', prefix: '/', upstream: app.address },
  ];
  const path = join(place, 'config');
  writeFileSync(path, JSON.stringify({ locations }));
  const { ask } = await converse(t, (await startHere(t, ['--config', path])).port);
  const cases: readonly (readonly [target: string, type: string | undefined, policy: boolean])[] = [
    ['/typed/photo.png', 'image/png; a=b, text/html', true],
    ['/typed/photo.jpg', 'image/pngx', true],
    ['/typed/photo.gif', 'image/gif', false],
    ['/all/photo.png', 'video/mp4 , text/html', true],
    ['/none/photo.png', undefined, true],
    ['/default/photo', 'image/png; ,text/html', true],
    ['/default/photo.png', 'image/png', false],
    ...Object.keys(orders).flatMap((order) => [
      [`/${order}/0`, 'image/png, text/html', true] as const,
      // Of several fields one is passed on.
      [`/${order}/1`, 'image/png', false] as const,
      [`/${order}/2`, 'image/png', false] as const,
    ]),
  ];
  for (const [target, type, policy] of cases) {
    const { status, fields } = await ask(target);
    const of = (wanted: string): string[] =>
      fields.filter(([field]) => field === wanted).map(([, value]) => value);
    t.equal(status, 200, target);
    t.same(of('content-type'), type === undefined ? [] : [type], target);
    t.same(of('content-security-policy'), policy ? [POLICY] : [], target);
    t.same(of('x-content-type-options'), ['nosniff'], target);
  }
});

t.test('a type that is only shown goes without, however it is well written', async (t) => {
  const shown = [
    ...['image/png', 'IMAGE/PNG', 'Image/Jpeg', 'image/webp', 'image/avif', 'image/gif', 'image/x-icon'],
    ...['image/jpeg; charset=utf-8', 'image/png;charset=utf-8', 'image/png \t;\t a=b', 'image/png; a=""'],
    ...['image/jpg', 'image/vnd.microsoft.icon', 'font/woff2', 'application/pdf', 'APPLICATION/PDF; a=b'],
    ...[
      'video/mp4; codecs="avc1.42E01E, mp4a.40.2"',
      'audio/ogg; codecs=opus',
      'video/webm;codecs="vp8,opus"',
    ],
    ...['image/png; !#$%&\'*+-.^_`|~09azAZ=!#$%&\'*+-.^_`|~09azAZ; b="c d;e"'],
  ];
  t.same(
    shown.filter((type) => !isWithout(type)),
    [],
  );
});

t.test('a name with a leading dot is nothing, at any depth, except .well-known', async (t) => {
  for (const prefix of ['/media/', '/static/']) {
    for (const name of DENIED) {
      const { status, body } = await conversation.ask(prefix + name);
      t.equal(status, 404, prefix + name);
      t.notMatch(body.toString(), SECRET);
    }
    for (const name of ALLOWED) t.equal((await conversation.ask(prefix + name)).status, 200, prefix + name);
  }
});

t.test('no other spelling, form or link is a second way to a denied file', async (t) => {
  const targets = [
    // Encoded, twice encoded, overlong, from both sides of a slash.
    ...[
      '%2eenv',
      '%2Eenv',
      '%2e%65%6e%76',
      '%252eenv',
      '%c0%aeenv',
      '%e0%80%aeenv',
      '%00.env',
      '.env%00',
      '.env%00.png',
    ],
    ...[
      './.env',
      'x/../.env',
      '%2e/.env',
      './/.env',
      '/.env',
      'photos/../.env',
      'photos/%2e%2e/.env',
      'photos%2f..%2f.env',
    ],
    ...[
      '.well-known/../.env',
      '.well-known/%2e%2e/.env',
      '.well-known%2f..%2f.env',
      '.well-known/.env',
      '.well-known%5c..%5c.env',
    ],
    // Case.
    ...['.ENV', '.Env', '.GIT/config', '.gIt/config', '.git/CONFIG', '.WELL-KNOWN/.env'],
    // Characters that some file systems or languages take for a dot, or leave out.
    ...['．env', '․env', '。env', '\u200b.env', '.\u200denv', '\u{feff}.env', '.env\u0301', '.énv'].map(
      encodeURIComponent,
    ),
    // Ends that some systems cut off.
    ...[
      '.env.',
      '.env..',
      '.env%20',
      '.env/',
      '.env/.',
      '.env%2f',
      '.env;.png',
      '.env::$DATA',
      '.env:$DATA',
      '.env%0a',
      '.env?.png',
    ],
    ...['%20.env', '%09.env', '%5c.env', '\\.env', 'photos%5c..%5c.env', 'C:.env', '~/.env'],
    // Links.
    ...['link.txt', 'repository/config', 'repository/../.git/config'],
  ];
  for (const prefix of ['/media/', '/static/']) {
    for (const target of targets) {
      const { status, body } = await conversation.ask(prefix + target);
      t.ok(status === 404 || status === 400, `${prefix}${target}: ${status}`);
      t.notMatch(body.toString(), SECRET, prefix + target);
    }
  }
});

t.test(
  'another case or Unicode form of a name is another name, unless the file system says otherwise',
  async (t) => {
    for (const [name, other] of [
      ['photo.jpg', 'PHOTO.JPG'],
      ['caf\u00e9.txt', 'cafe\u0301.txt'],
      ['\u1e9b\u0323.txt', '\u1e69.txt'],
      ['straße.txt', 'strasse.txt'],
      ['plain.html', 'plain.html.'],
      ['plain.html', 'plain.html%20'],
    ] as const) {
      writeFileSync(join(root, name), name);
      const same = await conversation.ask(`/media/${encodeURIComponent(name)}`);
      t.equal(same.status, 200, name);
      const { status, headers } = await conversation.ask(
        `/media/${encodeURI(other).replace('%2520', '%20')}`,
      );
      if (status === 404) continue;
      t.equal(
        headers['content-type'],
        same.headers['content-type'],
        `${other} is the same file and has its type`,
      );
      t.equal(headers['content-security-policy'], same.headers['content-security-policy'], other);
    }
  },
);
