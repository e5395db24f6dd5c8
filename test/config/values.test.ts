// The kinds of value an option can have.
import { resolve } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import {
  checkAddedFields,
  checkMediaType,
  checkTypes,
  directory,
  duration,
  file,
  oneOf,
  prefix,
  requiredTimeout,
  size,
  type ValueType,
} from '../../src/config/values.js';

/** Each of these is refused with a message that quotes it and has this cure. */
function refuses(t: Test, type: ValueType<unknown>, values: readonly unknown[], cure: RegExp): void {
  for (const value of values) {
    const quoted = JSON.stringify(value);
    t.throws(() => type.parse(value), { name: 'TypeError', message: cure }, quoted);
    t.throws(() => type.parse(value), { message: quoted }, `${quoted} is quoted`);
  }
}

t.test('a duration has a unit, or is in seconds', async (t) => {
  const cases: readonly (readonly [text: string | number, milliseconds: number])[] = [
    ['0', 0],
    ['500ms', 500],
    ['60s', 60_000],
    ['60', 60_000],
    [60, 60_000],
    ['1.5s', 1500],
    ['10m', 600_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['365d', 31_536_000_000],
    [' 60s ', 60_000],
  ];
  for (const [text, milliseconds] of cases) t.equal(duration.parse(text), milliseconds, String(text));
  const odd = [
    '',
    's',
    '60 seconds',
    '1h30m',
    '-1s',
    '+1s',
    '1e3',
    '0x10',
    '60S',
    '1w',
    `${10 ** 15}d`,
    'inf',
  ];
  refuses(t, duration, odd, /such as 60s/);
});

t.test('a limit that there must be is not zero', async (t) => {
  t.equal(requiredTimeout.parse('1ms'), 1);
  refuses(t, requiredTimeout, ['0', '0s', 0, '0.4ms'], /write one such as 10s/);
  refuses(t, requiredTimeout, ['25d'], /at most 24d/);
});

t.test('a duration is the product of its number and its unit', async () => {
  const unit = fc.constantFrom<[string, number]>(
    ['ms', 1],
    ['s', 1000],
    ['m', 60_000],
    ['h', 3_600_000],
    ['d', 86_400_000],
  );
  fc.assert(
    fc.property(
      fc.nat({ max: 1_000_000 }),
      unit,
      (number, [name, factor]) => duration.parse(`${number}${name}`) === number * factor,
    ),
  );
});

t.test('a size has a unit of a power of 1024, or is in bytes', async (t) => {
  const cases: readonly (readonly [text: string | number, bytes: number])[] = [
    ['0', 0],
    ['512', 512],
    [512, 512],
    ['512b', 512],
    ['64k', 65_536],
    ['64kb', 65_536],
    ['64KiB', 65_536],
    ['100mb', 104_857_600],
    ['100 MB', 104_857_600],
    ['1g', 1_073_741_824],
  ];
  for (const [text, bytes] of cases) t.equal(size.parse(text), bytes, String(text));
  refuses(t, size, ['', 'mb', '1.5mb', '-1', '1tb', '1e3', '0x10', '9999999999g', 'a'], /such as 100mb/);
});

t.test('a prefix is a path with a slash at both ends, however it is written', async (t) => {
  const cases: readonly (readonly [text: string, prefix: string])[] = [
    ['/media/', '/media/'],
    ['media', '/media/'],
    ['/media', '/media/'],
    ['media/', '/media/'],
    ['//media//', '/media/'],
    ['/a//b', '/a/b/'],
    ['/', '/'],
    ['https://cdn.example.com/media/', '/media/'],
    ['https://cdn.example.com/media', '/media/'],
    ['http://cdn.example.com:8080/a/b/', '/a/b/'],
    ['https://cdn.example.com', '/'],
    ['https://cdn.example.com/', '/'],
    ['/hochgeladen/für%20alle/', '/hochgeladen/für alle/'],
  ];
  for (const [text, expected] of cases) t.equal(prefix.parse(text), expected, text);
  refuses(t, prefix, ['/media/?v=1', '/media/#a', '/media/%zz', '/media/%3Fa'], /write a path such as/);
  refuses(t, prefix, ['/media/../a', '..', '/./', '/%2e%2e/'], /write the path it stands for/);
  refuses(t, prefix, [''], /\/media\//);
  const odd = ['/"media"/', '/media /', '/ media/', '/a/ /b/', '\\media\\', '/a%0ab/', '/a\tb/'];
  refuses(t, prefix, odd, /a blank beside a slash in it; write a path such as/);
});

t.test('a prefix that was read is read as itself', async () => {
  const text = fc.string({ unit: fc.constantFrom('/', 'a', 'b', '-', 'é', ' ', '.x', ':'), maxLength: 12 });
  fc.assert(
    fc.property(text, (text) => {
      fc.pre(text !== '' && !/(?:^|\/) | (?:\/|$)/.test(text));
      const once = prefix.parse(text);
      return prefix.parse(once) === once && /^\/(?:[^/]+\/)*$/.test(once);
    }),
  );
});

t.test('a directory becomes absolute', async (t) => {
  t.equal(directory.parse('/srv/media'), '/srv/media');
  t.equal(directory.parse('/srv/media/'), '/srv/media');
  t.equal(directory.parse('./media'), resolve('media'));
  refuses(t, directory, [''], /write for example \.\/media/);
  for (const type of [directory, file]) {
    refuses(
      t,
      type,
      ['~', '~/media', '~django/media', '$HOME/a', '$'.concat('{BASE_DIR}/a')],
      /write the whole path/,
    );
    for (const name of ['./~/a', '~a b/c', '/a/~/b', '/$HOME', '$'])
      t.equal(type.parse(name), resolve(name), name);
  }
});

t.test('one of a few words is exactly one of them', async (t) => {
  const type = oneOf('json', 'pretty');
  t.equal(type.parse('json'), 'json');
  refuses(t, type, ['', 'JSON', 'text', ' json', 0, null], /is not one of json, pretty/);
});

t.test('fields may be added unless the server must write them itself', async (t) => {
  const allowed: readonly Readonly<Record<string, string>>[] = [
    { 'X-Robots-Tag': 'noindex', 'Cache-Control': 'private' },
    { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip', 'Content-Disposition': 'attachment' },
    { 'Accept-Ranges': 'bytes' },
    { 'Accept-Ranges': '', 'Content-Type': '', ETag: '', 'last-modified': '' },
  ];
  for (const fields of allowed) t.doesNotThrow(() => checkAddedFields(fields), JSON.stringify(fields));
  const framing = [
    'Connection',
    'Content-Length',
    'CONTENT-RANGE',
    'date',
    'Keep-Alive',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'transfer-encoding',
    'Upgrade',
  ];
  for (const name of framing) {
    for (const value of ['1', '']) {
      const message = `"${name}" is set for each response by the server itself; leave it out`;
      t.throws(() => checkAddedFields({ 'X-A': 'a', [name]: value }), { name: 'TypeError', message }, name);
    }
  }
  for (const name of ['ETag', 'etag', 'Last-Modified']) {
    const message = `"${name}" comes from the file, for preconditions to hold; leave it out, or write "" to send none`;
    t.throws(() => checkAddedFields({ [name]: '"1"' }), { name: 'TypeError', message }, name);
  }
});

t.test('types have an extension without its dot, and are media types', async (t) => {
  for (const type of ['text/plain', 'text/plain;charset=utf-8', 'image/svg+xml; a="b"']) {
    t.doesNotThrow(() => checkMediaType(type), type);
  }
  for (const type of ['', 'text', 'text/', ' text/plain', 'text/plain; ü', 'text/plain\r\nX: y']) {
    const message = `${JSON.stringify(type)} is not a media type; write one such as model/gltf-binary`;
    t.throws(() => checkMediaType(type), { name: 'TypeError', message }, type);
    t.throws(() => checkTypes({ a: type }), { name: 'TypeError', message }, type);
  }
  for (const extension of ['glb', 'GLB', 'date', 'größe']) {
    t.doesNotThrow(() => checkTypes({ [extension]: 'a/b' }), extension);
  }
  for (const extension of ['', '.glb', 'tar.gz', 'a/b']) {
    const message = `${JSON.stringify(extension)} is not an extension; write what follows the last dot`;
    t.throws(() => checkTypes({ [extension]: 'a/b' }), { name: 'TypeError', message }, extension);
  }
});
