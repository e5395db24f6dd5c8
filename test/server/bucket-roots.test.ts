// Several locations in one bucket: uploads are not sent as static files, and what is protected is nobody else's.
import t from 'tap';
import { checkContent } from '../../src/config/file.js';
import { configFrom, loadConfig } from '../../src/config/load.js';
import { type Config, isInBucket } from '../../src/config/location.js';
import {
  bucketsAmongUploads,
  bucketsInDoubt,
  checkBuckets,
  namesKeptFrom,
} from '../../src/server/bucket-roots.js';

const STORE = { AWS_REGION: 'eu-west-1' };

/** A configuration file of these locations; each has a prefix of its own, named by its place. */
function configOf(
  ...locations: readonly (readonly [kind: string, root: string, options?: object | undefined])[]
): Config {
  const content = {
    locations: locations.map(([kind, root, options], index) => ({
      kind,
      prefix: `/${index}/`,
      root,
      ...options,
    })),
  };
  return configFrom(
    {},
    STORE,
    checkContent(content, 'file.json', (index) => `locations[${index}]`),
  );
}

const ASKED = { authRequest: '/may-i/' };

t.test('uploads in a bucket that would be sent as static files are refused', async (t) => {
  const told = (how: string, root: string, media: string): string =>
    `file.json: locations[0]: ${root} ${how} the place of uploads ${media} (file.json: locations[1]): under /0/ they would be sent as the app's own files, and a stranger's page would run as part of the site; give the static files a place of their own, with no uploads in it`;
  const path = { s3Addressing: 'path' };
  const elsewhere = { s3Endpoint: 'http://minio:9000' };
  const cases: readonly (readonly [
    how: 'is' | 'contains' | undefined,
    files: readonly [root: string, options?: object],
    uploads: readonly [root: string, options?: object],
  ])[] = [
    ['is', ['s3://site'], ['s3://site/']],
    ['is', ['s3://site/a'], ['s3://site/a/', path]],
    ['is', ['s3://site/a', ASKED], ['s3://site/a', ASKED]],
    ['contains', ['s3://site'], ['s3://site/media']],
    ['contains', ['s3://site/a', path], ['s3://site/a/b/c']],
    // Those are kept from other locations.
    [undefined, ['s3://site'], ['s3://site/media', ASKED]],
    [undefined, ['s3://site/media/static'], ['s3://site/media']],
    [undefined, ['s3://site/static'], ['s3://site/media']],
    [undefined, ['s3://site/media'], ['s3://site/media-too']],
    [undefined, ['s3://assets'], ['s3://site']],
    [undefined, ['s3://site'], ['s3://site', elsewhere]],
    [undefined, ['s3://site'], ['./media']],
    [undefined, ['./s3:/site'], ['s3://site']],
  ];
  for (const [how, [root, options], [media, its]] of cases) {
    const config = configOf(['static', root, options], ['media', media, its]);
    const check = (): void => checkBuckets(config);
    if (how === undefined) t.doesNotThrow(check, `${root} ${media}`);
    else t.throws(check, { code: 'MEDIA_SERVE_BAD_VALUE', message: told(how, root, media) });
  }
  t.doesNotThrow(() => checkBuckets(configOf(['internal', 's3://site'], ['media', 's3://site/a'])));
  t.doesNotThrow(() => checkBuckets(configOf(['media', 's3://site'], ['media', 's3://site/a'])));
  t.throws(
    () => checkBuckets(loadConfig({ staticRoot: 's3://site' }, { MEDIA_ROOT: 's3://site/m', ...STORE })),
    { message: /^--static-root: s3:\/\/site contains the place of uploads s3:\/\/site\/m \(MEDIA_ROOT\)/ },
  );
});

t.test('static files below uploads are found', async (t) => {
  const found = (...roots: [files: string, uploads: string]): unknown =>
    bucketsAmongUploads(configOf(['static', roots[0]], ['media', roots[1]])).map((pair) =>
      pair.map(({ root }) => root),
    );
  t.same(found('s3://site/static', 's3://site'), [['s3://site/static', 's3://site']]);
  t.same(found('s3://site/m/static', 's3://site/m'), [['s3://site/m/static', 's3://site/m']]);
  t.same(found('s3://site/static', 's3://site/m'), []);
  t.same(found('s3://site/static', 's3://other'), []);
  t.same(found('./static', 's3://site'), []);
});

t.test('what is protected in a bucket is kept from the locations around it', async (t) => {
  const config = configOf(
    ['media', 's3://site'],
    ['media', 's3://site/a'],
    ['internal', 's3://site/a/private'],
    ['media', 's3://site/paid', ASKED],
    ['internal', 's3://site/a/private/more'],
    ['internal', 's3://other/private'],
    ['media', 's3://site/paid/preview'],
    ['internal', 's3://site/ä'],
    ['static', 's3://site/static'],
    ['media', 's3://site/paid'],
    ['internal', './site/private'],
  );
  const kept = config.locations
    .filter(isInBucket)
    .map((location) => [location.prefix, namesKeptFrom(location, config).toSorted()] as const);
  t.same(Object.fromEntries(kept), {
    '/0/': ['a/private/', 'a/private/more/', 'paid/', '\xc3\xa4/'],
    '/1/': ['private/', 'private/more/'],
    '/2/': [],
    // Who names the very place wants it served.
    '/3/': [],
    '/4/': [],
    '/5/': [],
    '/6/': [],
    '/7/': [],
    '/8/': [],
    '/9/': [],
  });
});

t.test('a bucket that may be another one under another name is in doubt', async (t) => {
  const at = (s3Endpoint: string, more: object = {}): object => ({ s3Endpoint, ...more });
  const [name, number] = [at('http://localhost:9000'), at('http://127.0.0.1:9000')];
  const cases: readonly (readonly [
    isInDoubt: boolean,
    location: readonly [kind: string, root: string, options?: object],
    kept: readonly [kind: string, root: string, options?: object],
  ])[] = [
    [true, ['media', 's3://site', name], ['internal', 's3://site/private', number]],
    [true, ['static', 's3://site/a', name], ['media', 's3://site/a', { ...number, ...ASKED }]],
    [true, ['media', 's3://site/a/b', name], ['internal', 's3://site/a', number]],
    [true, ['media', 's3://site'], ['internal', 's3://site/a', at('https://cdn.example')]],
    [
      true,
      ['media', 's3://site', at('http://minio:9000', { s3Addressing: 'virtual' })],
      ['internal', 's3://site/a', number],
    ],
    [true, ['media', 's3://site', name], ['internal', 's3://site/a', at('https://127.0.0.1:9000')]],
    // Where it can be told, what is protected is kept from the location.
    [false, ['media', 's3://site', name], ['internal', 's3://site/a', name]],
    [false, ['media', 's3://site', name], ['internal', 's3://site/a', at('https://localhost:9443')]],
    [
      false,
      ['media', 's3://site', at('http://minio:9000', { s3Addressing: 'virtual' })],
      ['internal', 's3://site/a', at('http://minio:9000', { s3Addressing: 'path' })],
    ],
    [false, ['media', 's3://site'], ['internal', 's3://site/a', { s3Region: 'eu-west-2' }]],
    [false, ['media', 's3://site', name], ['internal', 's3://other/a', number]],
    [false, ['media', 's3://site/a', name], ['internal', 's3://site/ab', number]],
    // Nothing is protected, and nobody gets what is internal without the app.
    [false, ['media', 's3://site', name], ['media', 's3://site/a', number]],
    [false, ['internal', 's3://site', name], ['internal', 's3://site/a', number]],
    [false, ['media', './site'], ['internal', 's3://site/a', number]],
  ];
  for (const [isInDoubt, location, kept] of cases) {
    const expected = isInDoubt ? [['/0/', '/1/']] : [];
    const found = bucketsInDoubt(configOf(location, kept)).map((pair) => pair.map(({ prefix }) => prefix));
    t.same(found, expected, JSON.stringify([location, kept]));
  }
});
