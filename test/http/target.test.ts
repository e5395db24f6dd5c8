// Target normalization: by table against what nginx does with the same target, and by property against Node's own
// path.posix, which normalizes paths that are already decoded.
import { posix } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { BadTargetError } from '../../src/http/errors.js';
import { normalizePath, parseTarget, percentEncoder, toBytePath, toText } from '../../src/http/target.js';

t.test('a target is decoded and normalized once', async (t) => {
  const cases: readonly (readonly [target: string, path: string])[] = [
    ['/', '/'],
    ['/?query', '/'],
    ['/media/photo.jpg', '/media/photo.jpg'],
    ['/media/photo.jpg?v=1/../2', '/media/photo.jpg'],
    ['/media/photo.jpg#part', '/media/photo.jpg'],
    ['/media/', '/media/'],
    ['/media//a///b', '/media/a/b'],
    ['/media/./a', '/media/a'],
    ['/media/a/.', '/media/a/'],
    ['/media/a/..', '/media/'],
    ['/media/a/../b', '/media/b'],
    ['/media/%2e%2E/b', '/b'],
    ['/media/..%2fb', '/b'],
    ['/a/b/%2e%2e%2f%2e%2e%2fc', '/c'],
    ['/media%2Fa', '/media/a'],
    ['/media/...', '/media/...'],
    ['/media/..a', '/media/..a'],
    ['/media/a..', '/media/a..'],
    ['/media/%61%20b', '/media/a b'],
    ['/media/a+b', '/media/a+b'],
    // Decoded once: what the first decoding leaves is a name.
    ['/media/%252e%252e/a', '/media/%2e%2e/a'],
    // No separator here, so a name like any other.
    ['/media/..\\a', '/media/..\\a'],
    ['/media/%5C..%5Ca', '/media/\\..\\a'],
    ['/media/%3F%23', '/media/?#'],
    // A path of bytes: é in UTF-8, and a byte that is no UTF-8.
    ['/media/%C3%A9', '/media/\xc3\xa9'],
    ['/media/%FF', '/media/\xff'],
    ['/media/\xff', '/media/\xff'],
    ['/media/\xc3\xa4', '/media/\xc3\xa4'],
    ['/media/\xc3%A4', '/media/\xc3\xa4'],
    ['/\xc3\xa4/../\x80', '/\x80'],
    ['/media/a?q=\xc3\xa4', '/media/a'],
  ];
  for (const [target, path] of cases) t.equal(parseTarget(target).path, path, target);
});

t.test('what cannot be normalized is refused', async (t) => {
  const refused = [
    '/..',
    '/../',
    '/../etc/passwd',
    '/a/../../b',
    '/%2e%2e/b',
    '/a/..%2f..%2fb',
    '/\0',
    '/a%00',
    '/media/a.png%00.html',
    '/%',
    '/%4',
    '/%zz',
    '/%4g',
    '/%-1',
    '/a%2',
    '/%%34%31',
    '',
    '*',
    'a',
    '?a',
    'example.org:443',
    'ftp://example.org/a',
    'file:///etc/passwd',
    // What ends a target for some readers.
    '/a b',
    '/a\tb',
    '/a\nb',
    '/a\rb',
    '/a\x0bb',
    '/a\x7fb',
    '/a ',
    '/a?b c',
    '/a?b\x7f',
    '/a?\0',
    '/a#b c',
    'http://a/b c',
    'http://a/b?c\td',
  ];
  for (const target of refused) t.throws(() => parseTarget(target), BadTargetError, JSON.stringify(target));
});

t.test('the raw target is kept for the app', async (t) => {
  for (const target of [
    '/a/../b//c%2Fd?e=%zz#f',
    '/?',
    '/%41',
    '/a+b%20c?x=1&y=/../',
    '/\xc3\xa4?\xff\x80',
  ]) {
    t.match(parseTarget(target), { raw: target, authority: undefined });
  }
});

t.test('an absolute-form target is its path, with the authority beside it', async (t) => {
  const cases: readonly (readonly [target: string, raw: string, path: string, authority: string])[] = [
    ['http://example.org/a/../b?c', '/a/../b?c', '/b', 'example.org'],
    ['http://example.org', '/', '/', 'example.org'],
    ['http://example.org?c', '/?c', '/', 'example.org'],
    ['HTTPS://Example.org:8443/a', '/a', '/a', 'Example.org:8443'],
    ['http://[::1]:80/a', '/a', '/a', '[::1]:80'],
    ['http://[v1.a:b]/a', '/a', '/a', '[v1.a:b]'],
    ['http://example.org:/a', '/a', '/a', 'example.org:'],
    ['http://example.org/\xc3\xa4?\xff', '/\xc3\xa4?\xff', '/\xc3\xa4', 'example.org'],
  ];
  for (const [target, raw, path, authority] of cases) {
    t.same(parseTarget(target), { raw, path, authority }, target);
  }
  const malformed = [
    '',
    ':80',
    'extra[abcd::1]',
    '[abcd::1',
    '1.2.3.4:9000:80',
    '[::gggg]',
    'a:99999',
    'a b',
  ];
  for (const authority of [...malformed, 'user@example.org', 'example.org\\', '\xc3\xa4', '%zz'])
    t.throws(() => parseTarget(`http://${authority}/a`), BadTargetError, authority);
  t.throws(() => parseTarget('http://example.org/../a'), BadTargetError);
  // Others take the mark for a part of the host, or for the end of the target.
  for (const rest of ['#', '#b', '#b/c', '#?b'])
    t.throws(() => parseTarget(`http://a${rest}`), BadTargetError, rest);
});

/** Pieces that normalization has an opinion about, in every spelling, between names. */
const piece = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'media', 'photo.jpg', '...', 'a..', '\\', 'é', ' ') },
  { weight: 3, arbitrary: fc.constantFrom('/', '//', '%2f', '%2F') },
  { weight: 3, arbitrary: fc.constantFrom('.', '..', '%2e', '%2E.', '.%2e') },
  { weight: 1, arbitrary: fc.constantFrom('%00', '\0', '%', '%4', '%zz', '%25', '%5c', '%C3%A9', '%ff') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom('?', '#', '?/../..') },
);
const target = fc
  .array(piece, { maxLength: 12 })
  .map((pieces) => Buffer.from(`/${pieces.join('')}`).toString('latin1'));

/** The path, or undefined when the target is refused; any other error is a failure of the test. */
function normalized(raw: string): string | undefined {
  try {
    return parseTarget(raw).path;
  } catch (error) {
    if (error instanceof BadTargetError) return undefined;
    throw error;
  }
}

/** Percent-encodes every byte but the separators. */
const encode = (path: string): string =>
  path.replace(/[^/]/gs, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);

t.test('a normalized path has no dot, empty or NUL segment, and is made of bytes', async () => {
  fc.assert(
    fc.property(target, (raw) => {
      const path = normalized(raw);
      if (path === undefined) return true;
      const [first, ...segments] = path.split('/');
      const last = segments.pop();
      return (
        first === '' &&
        !['.', '..'].includes(last ?? '.') &&
        segments.every((segment) => !['', '.', '..'].includes(segment)) &&
        [...path].every((byte) => byte > '\0' && byte <= '\xff')
      );
    }),
    { numRuns: 3000 },
  );
});

t.test('a normalized path stays below the root', async () => {
  fc.assert(
    fc.property(target, (raw) => {
      const path = normalized(raw);
      return path === undefined || `${posix.resolve(`/srv/root${path}`)}/`.startsWith('/srv/root/');
    }),
    { numRuns: 3000 },
  );
});

t.test('normalizing a normalized path again, however it is encoded, changes nothing', async () => {
  fc.assert(
    fc.property(target, (raw) => {
      const path = normalized(raw);
      return path === undefined || normalized(encode(path)) === path;
    }),
    { numRuns: 3000 },
  );
});

t.test(
  'the result is what posix normalization makes of the decoded path, or a refusal above the root',
  async () => {
    const withoutSlash = (path: string): string => path.replace(/(?<=.)\/$/s, '');
    fc.assert(
      fc.property(target, (raw) => {
        const [encoded = ''] = raw.split(/[?#]/);
        const path = normalized(raw);
        if (/[\0-\x20\x7f]/.test(raw)) return path === undefined;
        if (/%(?![0-9a-f]{2})|%00/i.test(encoded)) return path === undefined;
        const decoded = encoded.replace(/%(..)/g, (_, hex: string) =>
          String.fromCharCode(Number(`0x${hex}`)),
        );
        const relative = posix.normalize(decoded.replace(/^\/+/, ''));
        if (relative === '..' || relative.startsWith('../')) return path === undefined;
        return path !== undefined && withoutSlash(path) === withoutSlash(posix.normalize(decoded));
      }),
      { numRuns: 5000 },
    );
  },
);

t.test('plain targets, which skip decoding, come to the same', async () => {
  const segment = fc.string({ unit: fc.constantFrom(...'abcXYZ019._~!$&()*+,;=:@-'), maxLength: 6 });
  const plain = fc
    .tuple(fc.array(segment, { maxLength: 5 }), fc.constantFrom('', '?', '?a=/../b', '/', '/?x'))
    .map(([segments, end]) => `/${segments.join('/')}${end}`);
  const outcome = (parse: () => string): string => {
    try {
      return parse();
    } catch {
      return 'refused';
    }
  };
  fc.assert(
    fc.property(plain, (raw) => outcome(() => parseTarget(raw).path) === outcome(() => normalizePath(raw))),
    { numRuns: 3000 },
  );
});

t.test('what may not stand as it is, is percent-encoded byte by byte', async (t) => {
  const encode = percentEncoder(/[a-z/]/);
  for (const [bytes, expected] of [
    ['', ''],
    ['/a/z', '/a/z'],
    ['/A', '/%41'],
    ['\0 %\xff', '%00%20%25%FF'],
    [toBytePath('ä'), '%C3%A4'],
  ] as const) {
    t.equal(encode(bytes), expected, JSON.stringify(bytes));
  }
});

t.test('a path of bytes is read as text, unless its bytes are none', async (t) => {
  for (const text of ['', 'a.txt', 'größe', '日本', '😀', '\x7f\0'])
    t.equal(toText(toBytePath(text)), text, JSON.stringify(text));
  for (const bytes of ['caf\xe9', '\xc3', '\xff\xfe', 'a\x80'])
    t.equal(toText(bytes), bytes, JSON.stringify(bytes));
});
