// Locations whose files are in a bucket: how they are written, where that leads, and what is refused.
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { BucketLocation } from '../../src/config/bucket.js';
import { loadConfig } from '../../src/config/load.js';
import { type FileLocation, isInBucket, isInDirectory, isOfFiles } from '../../src/config/location.js';
import type { Environment, Flags } from '../../src/config/sources.js';

interface Given {
  readonly flags?: Flags;
  readonly environment?: Environment;
  readonly file?: object;
}

function load(t: Test, { flags = {}, environment = {}, file }: Given): ReturnType<typeof loadConfig> {
  if (file === undefined) return loadConfig(flags, environment);
  const config = join(t.testdir({ 'config.json': JSON.stringify(file) }), 'config.json');
  return loadConfig({ ...flags, config }, environment);
}

/** The only location of files. */
function filesOf(t: Test, given: Given): FileLocation {
  const [found, ...others] = load(t, given).locations.filter(isOfFiles);
  t.equal(others.length, 0);
  if (found === undefined) throw new Error('there is no location of files');
  return found;
}

const AWS_REGION = 'eu-central-1';
const URL = 's3://media/a/b';
const AT_AWS: BucketLocation = {
  bucket: 'media',
  prefix: 'a/b/',
  region: 'eu-central-1',
  style: 'virtual',
  secure: true,
  host: 'media.s3.eu-central-1.amazonaws.com',
  port: 443,
  authority: 'media.s3.eu-central-1.amazonaws.com',
  basePath: '',
};
const inFile = (location: object, top: object = {}): object => ({
  ...top,
  locations: [{ kind: 'media', prefix: '/media/', root: URL, ...location }],
});

t.test('a bucket is written wherever a directory is', async (t) => {
  const cases: readonly (readonly [given: Given, kind: FileLocation['kind'], from: string])[] = [
    [{ flags: { root: URL } }, 'media', '--root'],
    [{ flags: { staticRoot: URL, proxyOnly: true, upstream: ':1' } }, 'static', '--static-root'],
    [{ flags: { mount: [`/media/=${URL}`] } }, 'media', '--mount'],
    [{ flags: { internal: [`/media/=${URL}`], proxyOnly: true, upstream: ':1' } }, 'internal', '--internal'],
    [{ environment: { MEDIA_ROOT: URL } }, 'media', 'MEDIA_ROOT'],
    [{ environment: { MEDIA_SERVE_ROOT: ` "${URL}"\r` } }, 'media', 'MEDIA_SERVE_ROOT'],
    [
      { environment: { STATIC_ROOT: URL }, flags: { proxyOnly: true, upstream: ':1' } },
      'static',
      'STATIC_ROOT',
    ],
    [{ environment: { MEDIA_SERVE_MOUNT: `/media/=${URL}` } }, 'media', 'MEDIA_SERVE_MOUNT'],
    [{ file: inFile({}) }, 'media', 'config.json: locations[0]'],
    [{ file: inFile({ kind: 'static' }) }, 'static', 'config.json: locations[0]'],
    [{ file: inFile({ kind: 'internal' }) }, 'internal', 'config.json: locations[0]'],
  ];
  for (const [given, kind, from] of cases) {
    const location = filesOf(t, { ...given, environment: { ...given.environment, AWS_REGION } });
    const what = `${from} (${kind})`;
    t.match(location, { kind, root: URL, bucket: AT_AWS, s3Anonymous: false }, what);
    t.ok(location.from.endsWith(from), what);
    t.same([isInBucket(location), isInDirectory(location)], [true, false], what);
  }
  const directory = filesOf(t, { flags: { root: '/srv/media', s3Region: 'eu-west-1' } });
  t.match(directory, { root: '/srv/media', bucket: undefined, s3Anonymous: false });
  t.same([isInBucket(directory), isInDirectory(directory)], [false, true]);
});

t.test('endpoint, region and style come from the strongest that says them', async (t) => {
  const own = { s3Endpoint: 'https://own:1', s3Region: 'own-1', s3Addressing: 'virtual' };
  const top = { s3Endpoint: 'https://top:1', s3Region: 'top-1', s3Addressing: 'path' };
  const flags = { s3Endpoint: 'https://flag:1', s3Region: 'flag-1', s3Addressing: 'path' };
  const ours = {
    MEDIA_SERVE_S3_ENDPOINT: 'http://ours:1',
    MEDIA_SERVE_S3_REGION: 'ours-1',
    MEDIA_SERVE_S3_ADDRESSING: 'virtual',
  };
  const django = {
    AWS_S3_ENDPOINT_URL: 'https://django:1',
    AWS_S3_REGION_NAME: 'django-1',
    AWS_S3_ADDRESSING_STYLE: 'virtual',
  };
  const aws = {
    AWS_ENDPOINT_URL: 'https://aws-any:1',
    AWS_ENDPOINT_URL_S3: 'https://aws:1',
    AWS_REGION: 'aws-1',
    AWS_DEFAULT_REGION: 'aws-2',
  };
  const usual = { AWS_ENDPOINT_URL: 'http://aws-any', AWS_DEFAULT_REGION: 'aws-2' };
  const bucket = { root: URL };
  const cases: readonly (readonly [given: Given, expected: Partial<BucketLocation>])[] = [
    [
      { file: inFile(own, top), flags, environment: { ...ours, ...django, ...aws } },
      { host: 'media.own', region: 'own-1', style: 'virtual', basePath: '' },
    ],
    [
      { file: inFile({}, top), flags, environment: { ...ours, ...django, ...aws } },
      { host: 'flag', region: 'flag-1', style: 'path', basePath: '/media' },
    ],
    [
      { flags: bucket, environment: { ...ours, ...django, ...aws } },
      { host: 'media.ours', region: 'ours-1', style: 'virtual', secure: false },
    ],
    [
      { flags: bucket, environment: { ...django, ...aws } },
      { host: 'media.django', region: 'django-1', style: 'virtual' },
    ],
    [
      { flags: bucket, environment: aws },
      { host: 'aws', region: 'aws-1', style: 'path' },
    ],
    [
      { flags: bucket, environment: usual },
      { authority: 'aws-any', region: 'aws-2', port: 80 },
    ],
    [{ file: inFile({}, top) }, { authority: 'top:1', region: 'top-1', style: 'path' }],
    [
      { file: inFile({}, top), environment: { AWS_ENDPOINT_URL: '', AWS_REGION: ' ' } },
      { authority: 'top:1', region: 'top-1' },
    ],
    // What need not be said.
    [{ flags: { ...bucket, s3Endpoint: 'http://minio:9000' } }, { region: 'us-east-1', style: 'path' }],
    [
      { flags: { ...bucket, s3Addressing: 'auto' }, environment: { AWS_REGION } },
      { host: AT_AWS.host, style: 'virtual' },
    ],
    [
      { flags: { root: 's3://Media', s3Addressing: 'path', s3Region: 'us-east-1' } },
      { bucket: 'Media', basePath: '/Media' },
    ],
    [{ flags: { root: 's3://Media', s3Endpoint: 'http://ceph' } }, { bucket: 'Media' }],
  ];
  for (const [given, expected] of cases) t.match(filesOf(t, given).bucket, expected, JSON.stringify(given));
});

t.test('each location of a file may have a store of its own', async (t) => {
  const file = {
    s3Region: AWS_REGION,
    locations: [
      { kind: 'media', prefix: '/a/', root: 's3://media/a', s3Anonymous: true },
      { kind: 'media', prefix: '/b/', root: 's3://media/b', s3Endpoint: 'http://minio:9000' },
      { kind: 'media', prefix: '/c/', root: './media' },
    ],
  };
  const [a, b, c] = load(t, { file }).locations.filter(isOfFiles);
  t.match(a, { s3Anonymous: true, bucket: { authority: AT_AWS.authority } });
  t.match(b, { s3Anonymous: false, bucket: { authority: 'minio:9000', region: AWS_REGION } });
  t.match(c, { s3Anonymous: false, bucket: undefined });
  for (const given of [
    { flags: { root: URL, s3Anonymous: true } },
    { flags: { root: URL }, environment: { MEDIA_SERVE_S3_ANONYMOUS: 'yes' } },
  ]) {
    const environment = { AWS_REGION, ...('environment' in given ? given.environment : {}) };
    t.match(filesOf(t, { ...given, environment }), { s3Anonymous: true });
  }
});

t.test('what cannot be is refused where it was written, with what to write', async (t) => {
  const environment = { AWS_REGION };
  const cases: readonly (readonly [given: Given, message: RegExp])[] = [
    [
      { flags: { root: URL } },
      /^--root: s3:\/\/media has no region; .*--s3-region eu-central-1 .*AWS_REGION.*"s3Region".*--s3-endpoint/,
    ],
    [{ file: inFile({}) }, /config\.json: locations\[0\]: s3:\/\/media has no region; /],
    [{ environment: { STATIC_ROOT: URL } }, /^STATIC_ROOT: s3:\/\/media has no region; /],
    [{ flags: { root: 'S3://media' }, environment }, /^--root: .*write s3:\/\/media$/],
    [{ flags: { mount: ['/a/=s3:/media'] }, environment }, /^--mount: .*write s3:\/\/media, /],
    [{ environment: { MEDIA_ROOT: 's3://', AWS_REGION } }, /^MEDIA_ROOT: .*write s3:\/\/bucket/],
    [
      { flags: { root: 's3://My.Media/a' }, environment },
      /^--root: s3:\/\/My\.Media\/a has a capital .*write s3:\/\/my\.media, or --s3-addressing path .*--s3-endpoint/,
    ],
    [{ file: inFile({ root: 'gs://media' }) }, /locations\[0\]: "gs:\/\/media" .*--s3-endpoint/],
    [
      { flags: { root: 'https://media.s3.amazonaws.com/a' }, environment },
      /^--root: .*write s3:\/\/media\/a$/,
    ],
    [
      { flags: { root: URL, s3Endpoint: 'minio:9000' } },
      /^--s3-endpoint: .*write https:\/\/minio:9000, or http/,
    ],
    [
      { flags: { root: URL, s3Endpoint: 'http://127.0.0.1:9000', s3Addressing: 'virtual' } },
      /^--root: .*write --s3-addressing path/,
    ],
    [
      { flags: { root: URL, s3Endpoint: 'https://media.s3.eu-west-1.amazonaws.com' } },
      /^--root: .*write https:\/\/s3\.eu-west-1\.amazonaws\.com$/,
    ],
    [{ flags: { root: URL, s3Region: 'eu central' } }, /^--s3-region: "eu central" is no region; /],
    [{ flags: { root: URL, s3Addressing: 'host' } }, /^--s3-addressing: "host" is not one of auto, path/],
    [{ flags: { root: URL }, environment: { AWS_ENDPOINT_URL: 'localhost:4566' } }, /^AWS_ENDPOINT_URL: /],
    [{ flags: { root: URL }, environment: { AWS_REGION: 'eu central' } }, /^AWS_REGION: /],
    [
      { flags: { root: URL }, environment: { AWS_S3_ADDRESSING_STYLE: 'None', AWS_REGION } },
      /^AWS_S3_ADDRESSING_STYLE: "None" is not one of auto/,
    ],
    [{ file: inFile({ s3Endpoint: 'minio' }) }, /locations\[0\]\.s3Endpoint: .*write https:\/\/minio/],
    [{ file: inFile({}, { s3Region: '-' }) }, /config\.json: s3Region: "-" is no region/],
  ];
  for (const [given, message] of cases) {
    t.throws(() => load(t, given), { code: 'MEDIA_SERVE_BAD_VALUE', message }, String(message));
  }
});

t.test('no message repeats a password', async (t) => {
  for (const value of ['https://me:hush@minio:9000', '"https://me:hush@minio', 'me:hush@minio:9000']) {
    for (const given of [
      { flags: { root: URL, s3Endpoint: value } },
      { flags: { root: URL }, environment: { AWS_ENDPOINT_URL: value } },
      { file: inFile({ s3Endpoint: value }) },
      { flags: { root: `s3://${value}` } },
      { environment: { MEDIA_ROOT: `"s3://${value}` } },
    ]) {
      let message = 'nothing was refused';
      try {
        load(t, given);
      } catch (error) {
        message = (error as Error).message;
      }
      t.match(message, /; write /, value);
      t.notMatch(message, /hush/, value);
    }
  }
});

t.test('an option without a meaning for its root is refused where it stands in the location', async (t) => {
  const disk = {
    symlinks: 'never',
    diskIo: 'threads',
    diskThreads: 4,
    diskTimeout: '5s',
    sendfile: false,
  };
  const storage = { s3Endpoint: 'http://a', s3Region: 'a', s3Addressing: 'path', s3Anonymous: true };
  for (const [options, own, message] of [
    [disk, { s3Region: 'a' }, /is about files on disk, and the root .* is a bucket; leave it out$/],
    [
      storage,
      { root: './media' },
      /is about buckets, and the root .* is a directory; leave it out, or write /,
    ],
  ] as const) {
    for (const [name, value] of Object.entries(options)) {
      const where = new RegExp(`config\\.json: locations\\[0\\]\\.${name}: ${message.source}`);
      const file = inFile({ ...own, [name]: value });
      t.throws(() => load(t, { file }), { code: 'MEDIA_SERVE_BAD_VALUE', message: where }, name);
      t.doesNotThrow(() => load(t, { file: inFile(own, { [name]: value }) }), `${name} at the top`);
    }
  }
  const held = { dotfiles: ['.cache'], index: 'index.html', precompressed: ['br'], maxRanges: 2 };
  t.match(filesOf(t, { file: inFile({ s3Region: 'a', ...held }) }), held);
});

t.test('who has no bucket hears nothing of the variables of AWS', async (t) => {
  const environment = {
    AWS_ENDPOINT_URL: 'localhost:4566',
    AWS_ENDPOINT_URL_S3: 'https://me:secret@minio',
    AWS_S3_ENDPOINT_URL: '"quoted',
    AWS_REGION: 'eu central',
    AWS_DEFAULT_REGION: '-',
    AWS_S3_REGION_NAME: 'None None',
    AWS_S3_ADDRESSING_STYLE: 'None',
  };
  t.same(load(t, { environment, flags: { upstream: ':8000', mount: ['/a/=/b'] } }).warnings, []);
  const file = { locations: [{ kind: 'static', prefix: '/static/', root: '.' }] };
  t.same(load(t, { environment, file }).warnings, []);
});

t.test('an option of our own that is about buckets is a warning where there is none', async (t) => {
  const says = (from: string): string =>
    `${from}: is about buckets, and no location has one; write s3://bucket/prefix as a root`;
  const s3Endpoint = 'http://minio:9000';
  t.same(load(t, { flags: { root: './media', s3Endpoint } }).warnings, [says('--s3-endpoint')]);
  t.same(load(t, { environment: { MEDIA_SERVE_S3_REGION: 'a', AWS_REGION: 'b' } }).warnings, [
    says('MEDIA_SERVE_S3_REGION'),
  ]);
  const [warning] = load(t, { file: inFile({ root: '.' }, { s3Anonymous: true }) }).warnings;
  t.ok(warning?.endsWith(says('config.json: s3Anonymous')), String(warning));
  t.same(load(t, { flags: { root: URL, s3Endpoint } }).warnings, []);
  t.throws(() => load(t, { environment: { MEDIA_SERVE_S3_ENDPOINT: 'minio' } }), {
    message: /^MEDIA_SERVE_S3_ENDPOINT: .*write https:\/\/minio/,
  });
});
