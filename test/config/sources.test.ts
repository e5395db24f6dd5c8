// Where a value comes from: flag, environment, file, default.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import type { ConfigFile } from '../../src/config/file.js';
import { loadConfig } from '../../src/config/load.js';
import { environmentOf, flagOf, type OptionName } from '../../src/config/options.js';
import { type Flags, read, Sources } from '../../src/config/sources.js';
import { duration } from '../../src/config/values.js';

const file = (options: Record<string, unknown>): ConfigFile => ({
  path: 'file.json',
  directory: '/',
  options,
  locations: [],
  hasLocations: false,
  places: [],
  notes: [],
});

interface Place {
  readonly from: string;
  readonly flags?: Flags;
  readonly environment?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly value: unknown;
}

/** For each option, the places it can be given in, the strongest first; then what it is when given nowhere. */
const CASES = [
  {
    name: 'root',
    places: [
      { from: '--root', flags: { root: '/flag' }, value: '/flag' },
      { from: 'MEDIA_SERVE_ROOT', environment: { MEDIA_SERVE_ROOT: '/own' }, value: '/own' },
      { from: 'MEDIA_ROOT', environment: { MEDIA_ROOT: '/django' }, value: '/django' },
    ],
    fallback: resolve('media'),
  },
  {
    name: 'url',
    places: [
      { from: '--url', flags: { url: 'flag' }, value: '/flag/' },
      { from: 'MEDIA_SERVE_URL', environment: { MEDIA_SERVE_URL: 'own' }, value: '/own/' },
      { from: 'MEDIA_URL', environment: { MEDIA_URL: 'https://cdn.example.com/files/' }, value: '/files/' },
    ],
    fallback: '/media/',
  },
  {
    name: 'listen',
    places: [
      { from: '--listen', flags: { listen: ':1' }, value: { kind: 'tcp', host: undefined, port: 1 } },
      {
        from: 'MEDIA_SERVE_LISTEN',
        environment: { MEDIA_SERVE_LISTEN: '127.0.0.1:2' },
        value: { kind: 'tcp', host: '127.0.0.1', port: 2 },
      },
      { from: 'PORT', environment: { PORT: '3' }, value: { kind: 'tcp', host: undefined, port: 3 } },
      {
        from: 'file.json: listen',
        options: { listen: ':4' },
        value: { kind: 'tcp', host: undefined, port: 4 },
      },
    ],
    fallback: { kind: 'tcp', host: undefined, port: 8080 },
  },
  {
    name: 'maxAge',
    places: [
      { from: '--max-age', flags: { maxAge: '1s' }, value: 1000 },
      { from: 'MEDIA_SERVE_MAX_AGE', environment: { MEDIA_SERVE_MAX_AGE: '2s' }, value: 2000 },
      { from: 'file.json: maxAge', options: { maxAge: 3 }, value: 3000 },
    ],
    fallback: 60_000,
  },
  {
    name: 'upstream',
    places: [
      {
        from: '--upstream',
        flags: { upstream: ':1' },
        value: [{ address: { kind: 'tcp', host: undefined, port: 1 }, backup: false }],
      },
      {
        from: 'MEDIA_SERVE_UPSTREAM',
        environment: { MEDIA_SERVE_UPSTREAM: 'unix:/a' },
        value: [{ address: { kind: 'unix', path: '/a' }, backup: false }],
      },
    ],
    fallback: undefined,
  },
] as const;

/** Every choice of elements, in their order. */
function subsets<T>(list: readonly T[]): T[][] {
  const [first, ...rest] = list;
  if (first === undefined) return [[]];
  return subsets(rest).flatMap((subset) => [[first, ...subset], subset]);
}

t.test('flag beats environment beats file beats default, in every combination', async (t) => {
  for (const { name, places, fallback } of CASES) {
    for (const given of subsets<Place>(places)) {
      const sources = new Sources(
        Object.assign({}, ...given.map(({ flags }) => flags)) as Flags,
        Object.assign({}, ...given.map(({ environment }) => environment)) as Record<string, string>,
        file(Object.assign({}, ...given.map(({ options }) => options)) as Record<string, unknown>),
      );
      const [strongest] = given;
      const label = `${name} from ${given.map(({ from }) => from).join(', ') || 'nowhere'}`;
      t.same(sources.get(name), strongest === undefined ? fallback : strongest.value, label);
      t.equal(
        sources.fromOf(name),
        strongest?.from ?? `the default of --${name.toLowerCase().replace('age', '-age')}`,
      );
    }
  }
});

t.test('an empty variable is one that is not set', async (t) => {
  const sources = new Sources({}, { MEDIA_SERVE_ROOT: '', MEDIA_ROOT: '/django', PORT: '' });
  t.equal(sources.get('root'), '/django');
  t.match(sources.get('listen'), { port: 8080 });
});

/** What Docker's --env-file, a Windows line end or a copied line leave around a value. */
const MISTAKES: readonly ((value: string) => string)[] = [
  (value) => `"${value}"`,
  (value) => `'${value}'`,
  (value) => `${value}\r`,
  (value) => `${value}\r\n`,
  (value) => ` ${value}`,
  (value) => `\t${value} `,
  (value) => `" ${value}\t"\r`,
  (value) => `\uFEFF${value}\u00a0`,
];

t.test('what nobody can mean around a value is not part of it, whatever the option', async (t) => {
  const values: Partial<Record<OptionName, string>> = {
    root: '/srv/media',
    url: '/files/',
    staticRoot: '/srv/static',
    staticUrl: 'assets',
    upstream: ':8001,unix:/run/app.sock backup',
    listen: '9000',
    config: 'a.json',
    maxAge: '1h',
    symlinks: 'never',
    maxRanges: '7',
    sendfile: 'false',
    cacheSize: '1mb',
    errorPage: '502=/a.html',
    trustProxy: 'private, 192.0.2.0/24',
    logLevel: 'warn',
    s3Endpoint: 'https://minio.example:9000',
    s3Region: 'eu-west-1',
    s3Addressing: 'path',
  };
  for (const [name, value] of Object.entries(values) as [OptionName, string][]) {
    const expected = new Sources({}, { [environmentOf(name)[0] ?? '']: value }).get(name);
    for (const mistake of MISTAKES) {
      for (const variable of environmentOf(name)) {
        const sources = new Sources({}, { [variable]: mistake(value) });
        t.same(sources.get(name), expected, `${variable}=${JSON.stringify(mistake(value))}`);
      }
      const flag = new Sources({ [name]: mistake(value) }, {});
      t.same(flag.get(name), expected, `${flagOf(name)} ${JSON.stringify(mistake(value))}`);
    }
  }
  for (const mistake of MISTAKES) {
    for (const text of [
      mistake('/a/=/1,/b/=/2'),
      `${mistake('/a/=/1')},${mistake('/b/=/2')}`,
      '/a/ = /1 , /b/=\t/2',
      '"/a/"="/1", /b/=\'/2\'\r',
    ]) {
      const mounts = new Sources({}, { MEDIA_SERVE_MOUNT: text }).list('mount');
      t.same(
        mounts.map(({ value }) => value),
        [
          { prefix: '/a/', root: '/1' },
          { prefix: '/b/', root: '/2' },
        ],
        JSON.stringify(text),
      );
    }
    t.same(
      new Sources({}, { MEDIA_SERVE_TRUST_PROXY: `${mistake('10.0.0.1')},${mistake('unix')}` }).get(
        'trustProxy',
      ),
      [{ address: '10.0.0.1', bits: 32 }, 'unix'],
    );
    t.same(new Sources({}, { MEDIA_URL: mistake('') }).get('url'), '/media/', 'nothing is no value');
  }
});

t.test('what is not plainly a mistake is refused, and told what to write', async (t) => {
  const cases: readonly (readonly [variable: string, value: string, message: RegExp])[] = [
    ['MEDIA_URL', '"/media/', /^MEDIA_URL: "\\"\/media\/" .*write it without quotes/],
    ['MEDIA_URL', "/media/'", /write it without quotes/],
    ['MEDIA_URL', '\u201c/media/\u201d', /write it without quotes/],
    ['MEDIA_URL', '""/media/""', /write it without quotes/],
    ['STATIC_URL', '"/a/" # static', /write it without quotes/],
    ['STATIC_URL', '/static/\n/other/', /line end/],
    ['MEDIA_SERVE_URL', '/me\tdia/', /control character/],
    ['MEDIA_URL', '/media /', /blank beside a slash.*such as \/media\//],
    ['MEDIA_URL', '/ media/', /blank beside a slash/],
    ['MEDIA_URL', '/me"dia/', /a quote/],
    ['MEDIA_URL', '\\media\\', /a backslash/],
    ['MEDIA_URL', '/media%0d/', /control character/],
    ['MEDIA_URL', '/media/ # uploads', /without \? or #/],
    ['MEDIA_ROOT', '"/srv/media', /write it without quotes/],
    ['MEDIA_ROOT', '/srv/me\rdia', /control character/],
    ['PORT', '"8080', /write it without quotes/],
    ['MEDIA_SERVE_UPSTREAM', ':8000,":8001', /write it without quotes/],
    ['MEDIA_SERVE_MOUNT', '/a/="/b', /write it without quotes/],
  ];
  for (const [variable, value, message] of cases) {
    const check = (): void => new Sources({}, { [variable]: value }).checkAll();
    t.throws(check, { code: 'MEDIA_SERVE_BAD_VALUE', message }, `${variable}=${JSON.stringify(value)}`);
  }
});

t.test('a prefix in the file is read as any other', async (t) => {
  const path = join(t.testdir({}), 'config.json');
  const prefixesOf = (prefix: string): string[] => {
    writeFileSync(path, JSON.stringify({ locations: [{ kind: 'media', prefix, root: '.' }] }));
    return loadConfig({ config: path }, {}).locations.map((location) => location.prefix);
  };
  for (const mistake of MISTAKES) t.same(prefixesOf(mistake('/files/')), ['/files/'], mistake('/files/'));
  t.throws(() => prefixesOf('"/files/'), { message: /locations\[0\]\.prefix: .*without quotes/ });
});

t.test('a repeatable option is a list, which the environment separates by commas', async (t) => {
  const roots = (sources: Sources): string[] => sources.list('mount').map(({ value }) => value.root);
  t.same(roots(new Sources({}, {})), []);
  t.same(roots(new Sources({ mount: ['/a/=/1', '/b/=/2'] }, {})), ['/1', '/2']);
  t.same(roots(new Sources({}, { MEDIA_SERVE_MOUNT: '/a/=/1, /b/=/2' })), ['/1', '/2']);
  t.same(roots(new Sources({ mount: ['/a/=/1'] }, { MEDIA_SERVE_MOUNT: '/b/=/2' })), ['/1']);
});

t.test('a value that cannot be read is reported with its source', async (t) => {
  const sources = new Sources({}, { MEDIA_SERVE_MAX_AGE: 'soon' });
  t.throws(() => sources.get('maxAge'), {
    code: 'MEDIA_SERVE_BAD_VALUE',
    message: /^MEDIA_SERVE_MAX_AGE: "soon" /,
  });
  const mounts = new Sources({ mount: ['/a/=/1', 'nothing'] }, {});
  t.throws(() => mounts.list('mount'), { message: /^--mount: "nothing" / });
});

t.test('an error that is not about the value is passed on as it is', async (t) => {
  const broken = {
    ...duration,
    parse(): number {
      throw new RangeError('a defect');
    },
  };
  t.throws(() => read(broken, { raw: '1s', from: '--max-age' }), { name: 'RangeError', message: 'a defect' });
});
