// The list of locations: what the file lists, with what flags and environment say laid over it.
import { join, resolve } from 'node:path';
import t, { type Test } from 'tap';
import { loadConfig } from '../../src/config/load.js';
import { isOfFiles, type Location } from '../../src/config/location.js';
import type { Environment, Flags } from '../../src/config/sources.js';

interface Given {
  readonly flags?: Flags;
  readonly environment?: Environment;
  readonly file?: object;
}

/** `prefix kind target` of each location, longest prefix first. */
function summary(t: Test, { flags = {}, environment = {}, file }: Given): string[] {
  return locations(t, { flags, environment, ...(file === undefined ? {} : { file }) }).map((location) => {
    const target = isOfFiles(location)
      ? location.root
      : JSON.stringify('upstreams' in location && location.upstreams);
    return `${location.prefix} ${location.kind} ${target}`;
  });
}

function locations(t: Test, { flags = {}, environment = {}, file }: Given): readonly Location[] {
  if (file === undefined) return loadConfig(flags, environment).locations;
  const path = join(t.testdir({ 'config.json': JSON.stringify(file) }), 'config.json');
  return loadConfig({ ...flags, config: path }, environment).locations;
}

const APP = JSON.stringify([{ address: { kind: 'tcp', port: 8000 }, backup: false }]);

t.test('flags and variables describe the usual locations', async (t) => {
  const cases: readonly (readonly [name: string, given: Given, expected: readonly string[]])[] = [
    ['nothing at all', {}, [`/media/ media ${resolve('media')}`]],
    ['an app alone', { flags: { upstream: ':8000', proxyOnly: true } }, [`/ upstream ${APP}`]],
    [
      'an app alone, where the variables are Django’s own',
      {
        flags: { upstream: ':8000', proxyOnly: true },
        environment: { MEDIA_ROOT: '/media', MEDIA_URL: '/data/' },
      },
      [`/ upstream ${APP}`],
    ],
    [
      'an app and its static files',
      { flags: { upstream: ':8000', proxyOnly: true, staticRoot: '/static' } },
      ['/static/ static /static', `/ upstream ${APP}`],
    ],
    ['an app', { flags: { upstream: ':8000' } }, [`/media/ media ${resolve('media')}`, `/ upstream ${APP}`]],
    [
      "Django's variables",
      {
        environment: {
          MEDIA_ROOT: '/srv/m',
          MEDIA_URL: 'https://cdn.example.com/files/',
          STATIC_ROOT: '/srv/s',
          STATIC_URL: 'assets',
        },
      },
      ['/assets/ static /srv/s', '/files/ media /srv/m'],
    ],
    [
      'a static URL without a root',
      { environment: { STATIC_URL: '/s/' } },
      [`/media/ media ${resolve('media')}`],
    ],
    [
      'mounts in the place of the default root',
      { flags: { mount: ['/a/=/srv/a', '/a/b/=/srv/b'] } },
      ['/a/b/ media /srv/b', '/a/ media /srv/a'],
    ],
    [
      'mounts beside a root',
      { flags: { root: '/srv/m', mount: ['/more/=/srv/a'] } },
      ['/media/ media /srv/m', '/more/ media /srv/a'],
    ],
    ['uploads at the root of the site', { flags: { root: '/srv/m', url: '/' } }, ['/ media /srv/m']],
  ];
  for (const [name, given, expected] of cases) t.same(summary(t, given), expected, name);
});

t.test('a file lists its own locations, relative to itself', async (t) => {
  const file = {
    locations: [
      { kind: 'upstream', prefix: '/', upstream: ':8000' },
      { kind: 'media', prefix: 'media', root: './uploads' },
    ],
  };
  const directory = t.testdirName;
  t.same(summary(t, { file }), [`/media/ media ${join(directory, 'uploads')}`, `/ upstream ${APP}`]);
});

t.test(
  'flags and variables add to the locations of the file, and replace those with the same prefix',
  async (t) => {
    const file = {
      locations: [
        { kind: 'media', prefix: '/media/', root: '/file' },
        { kind: 'media', prefix: '/more/', root: '/file/more' },
      ],
    };
    t.same(summary(t, { file, flags: { root: '/flag', upstream: ':8000' } }), [
      '/media/ media /flag',
      '/more/ media /file/more',
      `/ upstream ${APP}`,
    ]);
    t.same(summary(t, { file, environment: { MEDIA_ROOT: '/variable' } }), [
      '/media/ media /variable',
      '/more/ media /file/more',
    ]);
  },
);

t.test('an option of a location beats the one at the top, which beats the default', async (t) => {
  const file = {
    maxAge: '2s',
    locations: [
      { kind: 'media', prefix: '/own/', root: '/a', maxAge: '1s' },
      { kind: 'media', prefix: '/inherits/', root: '/b' },
      { kind: 'upstream', prefix: '/', upstream: ':8000', readTimeout: 7 },
    ],
  };
  const found = new Map(locations(t, { file }).map((location) => [location.prefix, location]));
  t.match(found.get('/own/'), { maxAge: 1000, sendTimeout: 60_000 });
  t.match(found.get('/inherits/'), { maxAge: 2000 });
  t.match(found.get('/'), { readTimeout: 7000, connectTimeout: 10_000 });
});

t.test('a prefix that is taken twice is refused, with both who took it', async (t) => {
  const cases: readonly (readonly [given: Given, message: RegExp])[] = [
    [{ flags: { root: '/a', mount: ['/media=/b'] } }, /^--mount: \/media\/ is already taken by --root; /],
    [{ flags: { mount: ['/a=/1', 'a/=/2'] } }, /^--mount: \/a\/ is already taken by --mount; /],
    [
      { environment: { MEDIA_ROOT: '/a', MEDIA_URL: '/', MEDIA_SERVE_UPSTREAM: ':1' } },
      /^MEDIA_URL: \/ is where the app of MEDIA_SERVE_UPSTREAM answers, .*such as \/media\/$/,
    ],
    [{ flags: { url: '/', upstream: ':1' } }, /^--url: \/ is where the app of --upstream answers/],
    [
      { environment: { STATIC_ROOT: '/a', STATIC_URL: '/' }, flags: { upstream: ':1' } },
      /^STATIC_URL: .*such as \/static\/$/,
    ],
    [{ flags: { mount: ['/=/a'], upstream: ':1' } }, /^--mount: \/ is where the app/],
    [
      { environment: { MEDIA_URL: 'https://cdn.example.com', MEDIA_SERVE_UPSTREAM: ':1' } },
      /^MEDIA_URL: \/ is where the app/,
    ],
    [
      { flags: { staticRoot: '/s', url: '/static/' } },
      /^--url: \/static\/ is already taken by --static-root; /,
    ],
    [
      { flags: { staticRoot: '/s' }, environment: { STATIC_URL: '/media/' } },
      /^STATIC_URL: \/media\/ is already taken by the default of --root; /,
    ],
    [
      {
        flags: { root: '/a', url: '/' },
        file: { locations: [{ kind: 'upstream', prefix: '/', upstream: ':1' }] },
      },
      /^--url: \/ is where the app of .*config\.json: locations\[0\] answers/,
    ],
    [
      {
        file: {
          locations: [
            { kind: 'media', prefix: '/a', root: '/1' },
            { kind: 'media', prefix: 'a/', root: '/2' },
          ],
        },
      },
      /config\.json: locations\[1\]\.prefix: \/a\/ is already taken by .*config\.json: locations\[0\]; /,
    ],
  ];
  for (const [given, message] of cases) {
    t.throws(() => locations(t, given), { code: 'MEDIA_SERVE_BAD_VALUE', message }, String(message));
  }
});

t.test('what only a shell understands is refused in the file, too', async (t) => {
  for (const root of ['~/media', '$HOME/media']) {
    t.throws(() => locations(t, { file: { locations: [{ kind: 'media', prefix: '/a', root }] } }), {
      code: 'MEDIA_SERVE_BAD_VALUE',
      message: /config\.json: locations\[0\]: .* write the whole path/,
    });
  }
});

t.test('nothing but an app needs an app, and no directory of uploads', async (t) => {
  const refused = (flags: Flags, message: RegExp): void => {
    t.throws(() => loadConfig({ proxyOnly: true, ...flags }, {}), { code: 'MEDIA_SERVE_BAD_VALUE', message });
  };
  refused({}, /^--proxy-only: is for an app, and none is named; write for example --upstream :8000$/);
  refused({ upstream: ':8000', root: '/media' }, /^--proxy-only: .*leave out one of them$/);
  refused({ upstream: ':8000', mount: ['/a/=/b'] }, /^--proxy-only: .*leave out one of them$/);
});
