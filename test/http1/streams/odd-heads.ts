/** What can be odd in a request's head. */
import { type Draft, field, headOf, removeField, setField } from './draft.js';
import type { Oddity } from './oddities.js';
import type { Random } from './random.js';
import { LARGEST_HEAD } from './rules.js';

/** Replaces a part of the draft by one of these. */
function replaced(name: string, key: 'method' | 'version' | 'target', values: readonly string[]): Oddity {
  return [
    name,
    (draft, random) => {
      draft[key] = random.pick(values);
      return draft[key].slice(0, 40);
    },
  ];
}

function setTo(name: string, values: readonly string[]): Oddity {
  return [
    name,
    (draft, random) => {
      const value = random.pick(values);
      setField(draft, name, value);
      return value.slice(0, 40);
    },
  ];
}

function repeated(name: string, values: readonly string[]): Oddity {
  return [
    `another ${name}`,
    (draft, random) => {
      const value = random.pick(values);
      draft.fields.splice(random.between(0, draft.fields.length), 0, field(name, value));
      return value;
    },
  ];
}

/** Changes one field's line. */
function inField(name: string, change: (draft: Draft, random: Random) => string): Oddity {
  return [
    name,
    (draft, random) => {
      if (draft.fields.length === 0) draft.fields.push(field('X-Custom', 'one'));
      return change(draft, random);
    },
  ];
}

const HOSTS = [
  '', 'a b', 'a@b', 'a/b', 'a,b', 'a\\b', 'a?b', 'a#b', '[::1]', '[::1', '::1', '[abcd::1]x', 'extra[abcd::1]', '[v1.a:b]',
  '[v1.]', 'a:', 'a:b', 'a:99999', 'a:999999', 'a:1:2', ':80', 'a\tb', 'a%20b', '%41', 'a..b', '.', '-', 'a\xc3\xa4',
  "!$&'()*+;=", '"a"', '<a>', 'a|b', 'x'.repeat(300),
]; // biome-ignore format: a list of short values

export const HEADS: readonly Oddity[] = [
  replaced('the method', 'method', [
    'get', 'Get', 'FOO', 'BREW', 'CONNECT', 'CONNECT', 'PRI', 'G@T', '', 'GET\0', '\xc3\xa4', 'GE(T', 'A'.repeat(40), 'SOURCE',
    'QUERY', 'DESCRIBE', 'G', '0', '"GET"',
  ]), // biome-ignore format: a list of short values
  replaced('the version', 'version', [
    'HTTP/1.2', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', 'HTTP/1.10', 'HTTP/1.', 'HTTP/11', 'HTTP/1.1 ', '', 'HTTP /1.1',
    'HTTP/1.1\t', 'HTTP/01.1', 'HTTP/3', 'HTTPS/1.1', 'RTSP/1.0', 'ICE/1.0', 'HTTP/1.\xb9', 'HTTP/9.9',
  ]), // biome-ignore format: a list of short values
  replaced('the target', 'target', [
    '*', 'example.org:80', 'http://user@example.org/', 'http://extra[abcd::1]/', 'http://[abcd::1/', 'http://[v1.a:b]/x',
    'http://1.2.3.4:9000:80/', 'http:///x', 'http://', 'http:/x', 'http:x', 'https://example.org/x', '//double/x', '/../x',
    '/a/../../x', '/%', '/%z', '/%zz', '/%00', '/a%0d%0ab', '/a b', '/\xc3\xa4', '/\xe9?\xff', '/app/\x80', '/\x01', '/\x7f', '/\0',
    '/#frag', '/a#b?c', '/a\\b', '/"<>{}|^`', 'ftp://example.org/x', '', '?x', '/?', '/a\tb', '/media/\xc3\xa4.txt', '/media/one.txt?x',
    '/media/../app/x', '/media/%2e%2e/app/x', '/media/%', '/media/a%00', 'HTTP://EXAMPLE.ORG:80/x', 'http://example.org:/x',
    'http://example.org:x/', 'http://example.org\\x', 'http://exa mple/', '/app/;a=b', '\\x', './x', 'x', 'http://a%zz/', 'http://\xc3\xa4/',
    `/${'x'.repeat(7_000)}`, `/${'x'.repeat(9_000)}`, `/${'x'.repeat(34_000)}`,
  ]), // biome-ignore format: a list of short values
  replaced('the path', 'target', [
    '/%00', '/media/a%00', '/app/%00?x', '/%', '/media/%', '/%zz', '/app/%e', '/../x', '/a/../../x', '/%2e%2e/', '/media/../../app', '*', 'x/y',
  ]), // biome-ignore format: a list of short values
  [
    'CONNECT as it is meant',
    (draft, random) => {
      draft.method = 'CONNECT';
      draft.target = random.pick(['example.org:443', 'h:80', '[::1]:80', 'example.org']);
      return draft.target;
    },
  ],
  [
    'the authority of an absolute target',
    (draft, random) => {
      draft.target = `${random.pick(['http', 'http', 'https'])}://${random.pick(HOSTS)}${random.pick(['/x', '', '?x'])}`;
      return draft.target.slice(0, 60);
    },
  ],
  [
    'the spaces of the request line',
    (draft, random) => {
      draft.space = random.pick(['  ', '\t', ' \t', '', '\x0b', '\xa0', '\r\n ']);
      return draft.space;
    },
  ],
  [
    'the end of the request line',
    (draft, random) => {
      draft.lineEnd = random.pick(['\n', '\r', '\r\r\n', '\n\r\n', ' \r\n', '\r\n ', '\r\n\t', '']);
      return draft.lineEnd;
    },
  ],
  [
    'the end of the head',
    (draft, random) => {
      draft.headEnd = random.pick(['\n', '\r', '\r\r\n', ' \r\n', '\n\r\n', '\t\r\n', '']);
      return draft.headEnd;
    },
  ],
  [
    'what stands before the request line',
    (draft, random) => {
      draft.leading = random.pick([
        '\r\n',
        '\r\n\r\n',
        '\r\n'.repeat(9),
        '\n',
        '\r',
        ' ',
        '\t',
        '\0',
        '\xef\xbb\xbf',
        ' \r\n',
      ]);
      return draft.leading;
    },
  ],
  setTo('Host', HOSTS),
  repeated('Host', ['example.org', 'b.example', '']),
  [
    'no Host',
    (draft) => {
      removeField(draft, 'host');
      return 'removed';
    },
  ],
  setTo('Connection', [
    ',', '', 'close, keep-alive', 'keep-alive, close', 'Close', 'close,', 'x-close', 'clos', '"close"', 'close;', 'content-length',
    'transfer-encoding', 'host', 'host, cookie', 'x-custom, x-custom', 'connection', 'upgrade', 'Keep-Alive', ' close', 'close\x0b',
    'x-real-ip, x-forwarded-for', 'keep-alive\t', 'a b', 'expect',
  ]), // biome-ignore format: a list of short values
  repeated('Connection', [
    'close',
    'keep-alive',
    'x-custom',
    'x-empty, x-latin1',
    'Upgrade',
    'content-length',
  ]),
  [
    'Connection in HTTP/1.0',
    (draft, random) => {
      const value = random.pick(['close, keep-alive', 'keep-alive, close', 'Keep-Alive', 'x-custom', '']);
      draft.version = 'HTTP/1.0';
      setField(draft, 'Connection', value);
      return value;
    },
  ],
  repeated('Proxy-Connection', ['close', 'keep-alive']),
  repeated('Upgrade', [
    'websocket',
    'h2c',
    'WebSocket',
    'websocket, h2c',
    'TLS/1.0',
    '',
    'websocket/13',
    'foo',
  ]),
  setTo('Expect', ['', '100-continue', '100-Continue', '200-ok', '100-continue, x', 'x', '100-continue;a=b']),
  repeated('Expect', ['100-continue', '100-continue', 'x']),
  [
    'Expect in HTTP/1.0',
    (draft) => {
      draft.version = 'HTTP/1.0';
      setField(draft, 'Expect', '100-continue');
      return '100-continue';
    },
  ],
  [
    'an offer of an upgrade that is none',
    (draft, random) => {
      for (const name of ['upgrade', 'connection']) removeField(draft, name);
      draft.fields.push(field('Upgrade', 'websocket'));
      const connection = random.pick(['', 'keep-alive', 'Upgrade', 'x-custom', 'Upgrade, x-custom']);
      if (connection !== '') draft.fields.push(field('Connection', connection));
      if (connection.startsWith('Upgrade')) draft.version = 'HTTP/1.0';
      return connection;
    },
  ],
  setTo('TE', ['trailers', 'gzip', 'trailers, gzip;q=0.5', '']),
  inField('a fold', (draft, random) => {
    const line = random.pick(draft.fields);
    const fold = random.pick(['\r\n ', '\r\n\t', '\n ', '\r\n  \r\n ']);
    line.value = random.pick([`${line.value}${fold}folded`, `${fold}${line.value}`, `${line.value}${fold}`]);
    return fold;
  }),
  inField('the end of a field', (draft, random) => {
    const line = random.pick(draft.fields);
    line.end = random.pick(['\n', '\r', '\r\r\n', '\r\n\r', '\0\r\n', ' \r\n', '\x0b\r\n', '\r\n\n', '']);
    return line.end;
  }),
  inField('the colon of a field', (draft, random) => {
    const line = random.pick(draft.fields);
    line.colon = random.pick([' : ', '\t:', ' :', '', '::', ': :', ';', '\0:', '\x85:', '\r\n:']);
    return line.colon;
  }),
  inField('the name of a field', (draft, random) => {
    const line = random.pick(draft.fields);
    const put = random.pick(['', ' ', '(', '@', '\xe9', '\0', '/', '[', '"', '\x7f', ',', '_', '\r']);
    line.name = random.pick([
      put,
      put + line.name,
      line.name + put,
      `${line.name.slice(0, 2)}${put}${line.name.slice(2)}`,
    ]);
    return line.name;
  }),
  inField('the value of a field', (draft, random) => {
    const line = random.pick(draft.fields);
    const put = random.pick([
      '\0',
      '\x01',
      '\x08',
      '\x0b',
      '\x0c',
      '\x1f',
      '\x7f',
      '\x80',
      '\xff',
      '\r',
      '\n',
      '\t',
      '   ',
    ]);
    line.value = random.pick([
      put + line.value,
      line.value + put,
      `${line.value.slice(0, 1)}${put}${line.value.slice(1)}`,
    ]);
    return line.value;
  }),
  [
    'many fields',
    (draft, random) => {
      const [from, to] = random.pick([
        [90, 300],
        [90, 300],
        [985, 1_005],
        [1_000, 1_020],
        [1_900, 2_300],
      ] as const);
      const count = random.between(from, to);
      for (let number = 0; number < count; number += 1) draft.fields.push(field(`n${number % 50}`, ''));
      return String(count);
    },
  ],
  [
    'large fields',
    (draft, random) => {
      const size = random.pick([7_900, 7_900, 8_300, 17_000, 40_000]);
      const times = size < 8_000 ? random.between(1, 3) : 1;
      for (let time = 0; time < times; time += 1) draft.fields.push(field('X-Large', 'l'.repeat(size)));
      return `${times} of ${size}`;
    },
  ],
  [
    'a head as large as may be',
    (draft, random) => {
      const missing = LARGEST_HEAD - headOf(draft).length - 'X-Large: \r\n'.length + random.between(-2, 2);
      draft.fields.push(field('X-Large', 'l'.repeat(Math.max(0, missing))));
      return String(headOf(draft).length);
    },
  ],
  [
    'a stream that breaks off',
    (draft, random) => {
      if (random.percent(50)) draft.body = draft.body.slice(0, random.below(draft.body.length + 1));
      else [draft.headEnd, draft.body] = ['', ''];
      return 'cut';
    },
  ],
];
