// Buckets as they are written, and where that leads.
import t from 'tap';
import {
  type BucketLocation,
  type BucketOptions,
  type BucketUrl,
  type Endpoint,
  isSameBucket,
  locateBucket,
  parseBucketUrl,
  parseEndpoint,
} from '../../src/config/bucket.js';

t.test('a bucket and a prefix', async (t) => {
  const cases: readonly (readonly [text: string, bucket: string, prefix: string])[] = [
    ['s3://media', 'media', ''],
    ['s3://media/', 'media', ''],
    ['s3://media/a', 'media', 'a/'],
    ['s3://media/a/b/', 'media', 'a/b/'],
    ['s3://my.bucket-1/a b/%20', 'my.bucket-1', 'a b/%20/'],
    ['s3://media/ä', 'media', '\xc3\xa4/'],
    ['s3://Old_Bucket', 'Old_Bucket', ''],
  ];
  for (const [text, bucket, prefix] of cases) t.same(parseBucketUrl(text), { bucket, prefix }, text);
});

t.test('what is no bucket is told with what to write instead', async (t) => {
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    ['media', /names no bucket; write s3:\/\/bucket/],
    ['s3:/media', /names no bucket/],
    ['s3:///a', /names no bucket/],
    ['https://media.s3.eu-central-1.amazonaws.com/a/b', /is a web address; write s3:\/\/media\/a\/b$/],
    ['https://s3.eu-central-1.amazonaws.com/media/a', /write s3:\/\/media\/a$|write s3:\/\/media/],
    ['https://example.com/media', /web address; .*endpoint/],
    ['s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/x', /access point/],
    ['s3://key:secret@media', /more than a bucket and a prefix/],
    ['s3://media?region=x', /more than a bucket and a prefix/],
    ['s3://a', /no name of a bucket/],
    ['s3://-media', /no name of a bucket/],
    ['s3://me..dia', /no name of a bucket/],
    ['s3://media//a', /empty segment/],
    ['s3://media/a/../b', /empty segment or one of dots/],
    ['s3://media/.', /one of dots/],
    [`s3://media/${'x'.repeat(1023)}`, /more than 1023 bytes/],
  ];
  for (const [text, message] of cases)
    t.throws(() => parseBucketUrl(text), { name: 'TypeError', message }, text);
});

t.test('the address of a store', async (t) => {
  const cases: readonly (readonly [text: string, endpoint: Endpoint])[] = [
    ['https://s3.example.com', { secure: true, host: 's3.example.com', port: 443, path: '' }],
    ['http://127.0.0.1:9000/', { secure: false, host: '127.0.0.1', port: 9000, path: '' }],
    ['HTTP://[::1]:7070', { secure: false, host: '::1', port: 7070, path: '' }],
    ['http://minio', { secure: false, host: 'minio', port: 80, path: '' }],
    [
      'https://x.supabase.co/storage/v1/s3',
      { secure: true, host: 'x.supabase.co', port: 443, path: '/storage/v1/s3' },
    ],
  ];
  for (const [text, endpoint] of cases) t.same(parseEndpoint(text), endpoint, text);
});

t.test(
  'what is no address of a store is told with what to write instead, and without a password',
  async (t) => {
    const cases: readonly (readonly [text: string, message: RegExp])[] = [
      ['minio:9000', /has no scheme; write https:\/\/minio:9000, or http:\/\/minio:9000/],
      ['[::1]:9000', /has no scheme; write https:\/\/\[::1\]:9000/],
      ['s3.example.com', /has no scheme/],
      ['ftp://x', /is not the address of a store; write https:\/\/s3.example.com/],
      ['https://', /is not the address/],
      ['https://x/?sig=hunter2', /has a query or a fragment.*write only the address/],
      ['x?sig=hunter2', /has a query or a fragment/],
      ['https://x#hunter2', /has a query or a fragment/],
      ['http://[::g]:1', /is not the address/],
      ['http://[:::1]:1', /is not the address/],
      ['http://x:0', /no valid port/],
      ['http://x:99999', /no valid port/],
      ['https://me:hunter2@x', /name or a password/],
    ];
    for (const [text, message] of cases) {
      t.throws(() => parseEndpoint(text), { name: 'TypeError', message }, text);
      t.throws(() => parseEndpoint(text), { message: /^(?!.*hunter2)/ }, text);
    }
  },
);

const at = (bucket: string): BucketUrl => ({ bucket, prefix: 'a/' });

t.test('where a bucket is', async (t) => {
  const cases: readonly (readonly [what: string, BucketOptions, Partial<BucketLocation>])[] = [
    [
      'AWS',
      { url: at('media'), region: 'eu-central-1' },
      {
        host: 'media.s3.eu-central-1.amazonaws.com',
        authority: 'media.s3.eu-central-1.amazonaws.com',
        port: 443,
        secure: true,
        basePath: '',
        style: 'virtual',
        prefix: 'a/',
      },
    ],
    [
      'AWS in China',
      { url: at('media'), region: 'cn-north-1' },
      { host: 'media.s3.cn-north-1.amazonaws.com.cn' },
    ],
    [
      'dots in the name, which no certificate of AWS is good for',
      { url: at('my.media'), region: 'eu-central-1' },
      { host: 's3.eu-central-1.amazonaws.com', basePath: '/my.media', style: 'path' },
    ],
    [
      'dots, where that is wanted',
      { url: at('my.media'), region: 'eu-central-1', style: 'virtual' },
      { host: 'my.media.s3.eu-central-1.amazonaws.com' },
    ],
    [
      'an old name',
      { url: at('Old_Bucket'), region: 'us-east-1' },
      { basePath: '/Old_Bucket', style: 'path' },
    ],
    [
      'an endpoint',
      { url: at('media'), endpoint: parseEndpoint('http://127.0.0.1:9000') },
      {
        host: '127.0.0.1',
        port: 9000,
        authority: '127.0.0.1:9000',
        basePath: '/media',
        region: 'us-east-1',
        style: 'path',
        secure: false,
      },
    ],
    [
      'an endpoint in IPv6',
      { url: at('media'), endpoint: parseEndpoint('https://[::1]') },
      { host: '::1', authority: '[::1]' },
    ],
    [
      'an endpoint with a path',
      {
        url: at('media'),
        endpoint: parseEndpoint('https://x.supabase.co/storage/v1/s3'),
        region: 'eu-west-1',
      },
      { basePath: '/storage/v1/s3/media', region: 'eu-west-1' },
    ],
    [
      'in front of the host',
      { url: at('media'), endpoint: parseEndpoint('https://fra1.example.com:8443'), style: 'virtual' },
      { host: 'media.fra1.example.com', authority: 'media.fra1.example.com:8443', basePath: '' },
    ],
    [
      "AWS's own endpoint",
      { url: at('media'), endpoint: parseEndpoint('https://s3.dualstack.eu-west-1.amazonaws.com') },
      { region: 'eu-west-1', host: 'media.s3.dualstack.eu-west-1.amazonaws.com' },
    ],
    [
      'Wasabi',
      { url: at('media'), endpoint: parseEndpoint('https://s3.eu-central-2.wasabisys.com') },
      { region: 'eu-central-2', style: 'path' },
    ],
    [
      'Backblaze',
      { url: at('media'), endpoint: parseEndpoint('https://s3.us-west-004.backblazeb2.com') },
      { region: 'us-west-004' },
    ],
    [
      'R2',
      { url: at('media'), endpoint: parseEndpoint('https://x.r2.cloudflarestorage.com') },
      { region: 'auto' },
    ],
    [
      'another',
      { url: at('media'), endpoint: parseEndpoint('https://s3.home.example.com') },
      { region: 'us-east-1' },
    ],
  ];
  for (const [what, options, location] of cases) t.match(locateBucket(options), location, what);
});

t.test('where a bucket cannot be is told with what to give', async (t) => {
  const cases: readonly (readonly [what: string, BucketOptions, RegExp])[] = [
    [
      'no region',
      { url: at('media') },
      /s3:\/\/media has no region; write the one .* --s3-region .*AWS_REGION.*--s3-endpoint/,
    ],
    ['no region', { url: at('media'), endpoint: parseEndpoint('https://s3.amazonaws.com') }, /no region/],
    ['a wrong region', { url: at('media'), region: 'eu central' }, /is no region/],
    [
      'the bucket in the endpoint',
      {
        url: at('media'),
        endpoint: parseEndpoint('https://media.s3.eu-west-1.amazonaws.com'),
        region: 'eu-west-1',
      },
      /write https:\/\/s3.eu-west-1.amazonaws.com/,
    ],
    [
      'in front of an address',
      { url: at('media'), endpoint: parseEndpoint('http://127.0.0.1:9000'), style: 'virtual' },
      /write --s3-addressing path/,
    ],
    [
      'a name that is none of a host',
      { url: at('Old_Bucket'), region: 'us-east-1', style: 'virtual' },
      /write --s3-addressing path/,
    ],
  ];
  for (const [what, options, message] of cases)
    t.throws(() => locateBucket(options), { name: 'TypeError', message }, what);
});

t.test('a bucket is the same, however it is addressed', async (t) => {
  const [path, virtual] = [{ style: 'path' }, { style: 'virtual' }] as const;
  const on = (address: string): Pick<BucketOptions, 'endpoint'> => ({ endpoint: parseEndpoint(address) });
  const region = 'eu-west-1';
  const cases: readonly (readonly [
    same: boolean,
    one: Omit<BucketOptions, 'url'>,
    other: Omit<BucketOptions, 'url'>,
  ])[] = [
    [true, { region, ...path }, { region, ...virtual }],
    [true, { region }, { region: 'eu-west-2' }],
    [true, { region }, { region, ...on('https://s3.dualstack.eu-west-1.amazonaws.com') }],
    [true, { region, ...on('https://s3.amazonaws.com'), ...path }, { region }],
    [true, { ...on('http://minio:9000'), ...path }, { ...on('http://minio:9000'), ...virtual }],
    [true, { ...on('http://minio'), ...path }, { ...on('https://minio'), ...virtual }],
    [true, on('https://a.example/s3'), { ...on('https://a.example/s3/'), ...virtual }],
    [false, on('http://minio:9000'), on('http://minio:9001')],
    [false, on('http://minio'), on('http://other')],
    [false, on('https://a.example/s3'), on('https://a.example/other')],
    [false, { region }, on('http://minio')],
  ];
  for (const [same, one, other] of cases) {
    const [a, b] = [one, other].map((options) => locateBucket({ url: at('media'), ...options }));
    if (a === undefined || b === undefined) throw new Error('there are two');
    t.equal(isSameBucket(a, b), same, JSON.stringify([one, other]));
    t.equal(isSameBucket(b, a), same);
    const below = { ...a, prefix: 'a/' };
    t.equal(isSameBucket(a, below), true, 'whatever the prefix');
    t.equal(isSameBucket(a, locateBucket({ url: at('other'), ...one })), false, 'by its name');
  }
});
