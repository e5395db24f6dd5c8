/** Every function that reads bytes of a client or of an app, and the worst that is known for it. */
import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import type { FileLocation } from '../../src/config/location.js';
import { parseNetwork } from '../../src/config/network.js';
import { linkExpression, Secret } from '../../src/config/secure-link.js';
import { createAuthRequest } from '../../src/files/auth-request.js';
import { cacheControlFor } from '../../src/files/cache-control.js';
import { contentTypeFor } from '../../src/files/content-type.js';
import { corsFieldsFor } from '../../src/files/cors.js';
import { redirectToSlash } from '../../src/files/directory.js';
import { describeOrdered } from '../../src/files/ordered.js';
import { isCompressible } from '../../src/files/precompressed.js';
import { describeFor } from '../../src/files/representation.js';
import { createSecureLink } from '../../src/files/secure-link.js';
import { select } from '../../src/files/select.js';
import { parseAcceptEncoding } from '../../src/http/accept-encoding.js';
import type { Selecting } from '../../src/http/conditional.js';
import { NotFoundError } from '../../src/http/errors.js';
import type { Exchange } from '../../src/http/exchange.js';
import { connectionOptions, fieldValue } from '../../src/http/fields.js';
import { originOf } from '../../src/http/forwarded.js';
import { hostFault } from '../../src/http/framing.js';
import { networkTest } from '../../src/http/network-test.js';
import { parseTarget, type Target, toText } from '../../src/http/target.js';
import { byName } from '../../src/http1/request-head.js';
import { logWhenClosed } from '../../src/server/access-log.js';
import { sendErrorPage } from '../../src/server/error-page.js';
import { readProxyHeader } from '../../src/server/proxy-protocol.js';
import { createRedirector } from '../../src/server/redirect.js';
import { RouteTable } from '../../src/server/routes.js';
import { DiskStore } from '../../src/stores/disk/disk-store.js';
import { locateSendfile } from '../../src/stores/disk/sendfile.js';
import { versionMarkOf } from '../../src/stores/disk/version-mark.js';
import { dotfileRule } from '../../src/stores/dotfiles.js';
import { LoopGuard } from '../../src/upstream/loop.js';
import { readOrder } from '../../src/upstream/order.js';
import { relocationFor } from '../../src/upstream/own-location.js';
import { requestFields, requestLine } from '../../src/upstream/request-headers.js';
import { ResponseBuffer } from '../../src/upstream/response-buffer.js';
import { readResponseHead } from '../../src/upstream/response-headers.js';
import { COMMON, type Input, numbered, type Reader, repeat } from './inputs.js';
import { WIRE_READERS } from './wire-readers.js';

const relocate = relocationFor({
  upstreams: [{ address: { kind: 'tcp', host: undefined, port: 8000 }, backup: false }],
});

/** Addresses of a network that is trusted, each of them once. */
const trusted = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;

const FILE: FileLocation = {
  kind: 'static',
  prefix: '/f/',
  from: 'a test',
  root: '/nowhere',
  bucket: undefined,
  s3Anonymous: false,
  storeMode: 'proxy',
  maxAge: 0,
  access: {},
  cacheControl: undefined,
  symlinks: 'inside',
  dotfiles: undefined,
  diskIo: 'auto',
  diskThreads: 16,
  diskTimeout: 10_000,
  maxRanges: 64,
  sendfile: false,
  limitRate: 0,
  limitRateAfter: 0,
  index: undefined,
  precompressed: undefined,
  headers: undefined,
  cors: undefined,
  types: undefined,
  defaultType: 'application/octet-stream',
  charset: 'utf-8',
  sendTimeout: 60_000,
};
const VERSION = { dev: 1, ino: 1, size: 1_000_000_000, mtimeMs: 1_000_000_000_000, ctimeMs: 1 };
const LOOP = new LoopGuard();
const LOG = pino({ level: 'silent' });

const contentTypeOf = contentTypeFor(FILE);
const asked = (headers: Selecting['headers']): Selecting => ({ method: 'GET', headers });
const describe = describeFor(FILE, contentTypeOf, isCompressible);
const REPRESENTATION = describe({
  name: 'a.txt',
  version: VERSION,
  mark: versionMarkOf({ version: VERSION, modified: VERSION.mtimeMs }, undefined, Date.now()),
  coding: undefined,
});

/** A request with these fields, whose answer goes nowhere. */
function exchangeOf(rawHeaders: readonly string[], target: Target = parseTarget('/a')): Exchange {
  const response = Object.assign(new EventEmitter(), {
    headersSent: true,
    writeHead() {},
    end() {},
    write: () => true,
  });
  const request = {
    method: 'GET',
    target: target.raw,
    httpVersion: '1.1',
    complete: true,
    headers: byName(rawHeaders),
    rawHeaders,
  };
  return {
    request,
    response,
    target,
    id: 'id',
    origin: { address: '192.0.2.1', scheme: 'http', host: undefined, port: undefined, isFromProxy: true },
    orders: 0,
    bytes: 0,
  } as unknown as Exchange;
}

const isTrusted = networkTest(['loopback', '10.0.0.0/8'].flatMap(parseNetwork));
const askOrigin = (headers: Record<string, string>): unknown =>
  originOf({ headers, remoteAddress: '127.0.0.1' }, undefined, isTrusted);

const table = new RouteTable();
table.add({ location: FILE, handle: () => undefined });
const CONFIG = { locations: [{ ...FILE, kind: 'internal', root: '/nowhere' }] };
const redirect = createRedirector(table, [], LOG);
const findFile = (value: string) => locateSendfile(value, CONFIG.locations as FileLocation[]);
const dotfiles = dotfileRule(['.cache']);
const store = new DiskStore('/', { symlinks: 'inside', dotfiles: ['.cache'] });
const cacheControlOf = cacheControlFor(FILE);
const corsFields = corsFieldsFor(['https://a.example']);
const secret = new Secret(Buffer.from('secret'));
const EXPRESSION = '$secure_link_expires$uri$host$arg_a$cookie_b$http_c$secret';
const checkMd5 = createSecureLink({ scheme: 'md5', secret, expression: linkExpression.parse(EXPRESSION) });
const checkHmac = createSecureLink({ scheme: 'hmac-sha256', secret });
const checkWithApp = createAuthRequest(
  { target: '/may', cache: 60_000 },
  async () => ({ status: 204, headers: [], body: Buffer.alloc(0) }),
  LOG,
);

const MD5 = `md5=${'a'.repeat(22)}&expires=1`;
const PATHS: Readonly<Record<string, Input>> = {
  'many segments': repeat('/a'),
  'many long segments': repeat('/abcdefghi'),
  'many hidden segments': repeat('/.a'),
  'many segments of dots': repeat('/...'),
  'up and down': repeat('/a/..'),
  'up and down, encoded': repeat('/a/%2e%2E'),
  'empty segments': repeat('/'),
  'escapes that are not needed': repeat('%41', '/'),
  'escaped slashes': repeat('%2Fa', '/'),
  'escapes that are no UTF-8': repeat('%ff', '/'),
  'a plain path and a bad end': repeat('/a', '', '%'),
  'a long name and a bad end': repeat('a', '/', '%'),
  'a long query': repeat('a=1&', '/?'),
  'a query of nothing': repeat('&', '/?'),
  'a query of bytes beyond ASCII': repeat('\xe4', '/?'),
  'bytes beyond ASCII': repeat('\xc3\xa4', '/'),
  fragments: repeat('#', '/'),
  dots: repeat('.', '/'),
  'extensions that are none': repeat('.a', '/'),
  'hashes that are none': repeat('.0123456789ab', '/'),
  'a hash and no end': repeat('0', '/a.0123456789ab.', '/'),
};

const FIELDS: Readonly<Record<string, Input>> = {
  'many fields': numbered((index) => `x-${index}\n1\n`),
  'many empty fields': numbered((index) => `${index}\n\n`),
  'the same field': repeat('x-a\n1\n'),
  'the same field of a proxy': repeat('x-forwarded-user\n1\n'),
  'many fields of a proxy': numbered((index) => `x-forwarded-${index}\n1\n`),
  'the same cookie': repeat('cookie\na=1\n'),
  'a long field': repeat('a', 'x-a\n', '\n'),
  'long names': numbered((index) => `x-forwarded${'-'.repeat(400)}${index}\n1\n`),
  'names that a table of strings would keep in one place': numbered((index) => `${(index + 1) * 8192}\n1\n`),
};
/** Names and values in turn. */
const fieldsOf = (text: string): string[] => text.split('\n').slice(0, -1);

export const READERS: readonly Reader[] = [
  ...WIRE_READERS,
  {
    name: 'Range',
    prepare: (field) => () => select(asked({ range: field }), REPRESENTATION, 1_000_000),
    inputs: {
      ...COMMON,
      'spaces behind a dash': repeat(' ', 'bytes=1-', 'x'),
      'spaces around a dash': (size) => `bytes=1${' '.repeat(size / 2)}-${' '.repeat(size / 2)}x`,
      'spaces before anything': repeat(' ', 'bytes=', 'x'),
      'spaces behind a range': repeat(' ', 'bytes=1-2', 'x'),
      'digits without a dash': repeat('1', 'bytes=', 'x'),
      'digits behind a dash': repeat('1', 'bytes=1-', 'x'),
      dashes: repeat('-', 'bytes='),
      'ranges that do not touch': numbered((index) => `,${index * 2}-${index * 2}`, 'bytes=0-0'),
      'ranges that do not touch, backwards': numbered(
        (index) => `,${999_999 - index * 2}-${999_999 - index * 2}`,
        'bytes=0-0',
      ),
      'ranges that all overlap': repeat(',0-1', 'bytes=0-1'),
      'a range over many': numbered((index) => `,${index * 2}-${index * 2 + 2}`, 'bytes=0-9'),
      'ranges that do not exist': repeat(',9999999999-', 'bytes=0-1'),
    },
  },
  {
    name: 'Accept-Encoding',
    prepare: (field) => () => parseAcceptEncoding(field).weightOf('br'),
    inputs: {
      ...COMMON,
      codings: repeat('gzip;q=0.5, br, '),
      'a coding and spaces': repeat(' ', 'gzip;q=1', 'x'),
      'spaces everywhere': (size) => ['gzip', ';', 'q', '=', '1', 'x'].join(' '.repeat(size / 5)),
      'a long weight': repeat('0', 'gzip;q=0.', 'x'),
    },
  },
  {
    name: 'entity tags in preconditions',
    prepare: (field) => () => select(asked({ 'if-match': field }), REPRESENTATION, 1),
    inputs: {
      ...COMMON,
      tags: repeat('"a", '),
      'weak tags': repeat('W/"a", '),
      'tags that do not begin': repeat('W/'),
      'a tag that does not end': repeat('a', 'W/"'),
      'tags that touch': repeat('W/"'),
    },
  },
  {
    name: 'dates and If-Range',
    prepare: (field) => () => [
      select(asked({ 'if-modified-since': field }), REPRESENTATION, 1),
      select(asked({ 'if-unmodified-since': field }), REPRESENTATION, 1),
      select(asked({ 'if-range': field, range: 'bytes=0-1' }), REPRESENTATION, 1),
    ],
    inputs: { ...COMMON, 'a long day': repeat('a', 'S'), 'a long date': repeat('1', 'Sunday, 06-Nov-') },
  },
  {
    name: 'Host',
    prepare: (field) => {
      const { request } = exchangeOf(['Host', field]);
      return () => hostFault(request);
    },
    inputs: {
      ...COMMON,
      escapes: repeat('%41'),
      'an address that does not end': repeat('1:', '['),
      'an address without its end': repeat(':', '['),
      'an address of a version to come': repeat('a:', '[v1.', ']:x'),
      'a version without a dot': repeat('f', '[v'),
      'a long port': repeat('1', 'a:'),
    },
  },
  {
    name: 'the target',
    prepare: (text) => () => parseTarget(text),
    inputs: {
      ...COMMON,
      ...PATHS,
      'a long authority': repeat('a', 'http://'),
      'an authority with a bad end': repeat('a', 'http://', '|/'),
      'an authority of escapes': repeat('%41', 'http://', '%/'),
      'a path behind an authority': repeat('/a', 'http://a'),
    },
  },
  {
    name: 'X-Forwarded-For',
    prepare: (list) => () => askOrigin({ 'x-forwarded-for': list }),
    inputs: {
      ...COMMON,
      'proxies that are trusted': numbered((index) => `,${trusted(index)}`, '10.0.0.1'),
      'proxies with ports': numbered((index) => `,${trusted(index)}:1`, '10.0.0.1'),
      'a proxy with a long port': repeat('1', '10.0.0.1:', 'x'),
      'ports of ports': repeat(':1'),
      'an address without its end': repeat('1:', '['),
      'an address with a long zone': repeat('a', 'fe80::1%'),
    },
  },
  {
    name: 'X-Forwarded-Host and -Proto',
    prepare: (list) => () => askOrigin({ 'x-forwarded-host': list, 'x-forwarded-proto': list }),
    inputs: COMMON,
  },
  {
    name: 'Forwarded',
    prepare: (forwarded) => () => askOrigin({ forwarded }),
    inputs: {
      ...COMMON,
      'proxies that are trusted': numbered((index) => `,for=${trusted(index)}`, 'for=10.0.0.1'),
      'names of parameters': numbered((index) => `;a${index}=1`, 'for=10.0.0.1'),
      'one parameter again and again': repeat(';for=10.0.0.1'),
      'escapes in quotes': repeat('\\a', 'for="', '"'),
      'a quoted string after the other': repeat('"a,b"'),
      'a quote that is left open': repeat(',for=10.0.0.1', '"'),
      'spaces around parameters': repeat(' ', 'for', '=10.0.0.1'),
    },
  },
  {
    name: 'Connection',
    prepare: (field) => () => connectionOptions(field)?.['x-a'],
    inputs: {
      ...COMMON,
      names: numbered((index) => `x-${index},`),
      'names that stay': repeat('content-a,'),
      'names of a proxy': repeat('x-forwarded-user,'),
      'a name that nearly stays': repeat('a', 'x-forwarded-', '\n'),
    },
  },
  {
    name: 'CDN-Loop',
    prepare: (list) => () => LOOP.faultOf({ headers: { 'cdn-loop': list } }),
    inputs: {
      ...COMMON,
      marks: repeat('media-serve,'),
      'marks with parameters': repeat('media-serve;id=0,'),
      'parameters of one mark': repeat(';id=0', 'media-serve'),
      'spaces around marks': repeat(' ', 'media-serve', 'media-serve'),
    },
  },
  {
    name: 'fields of a request, for the app',
    prepare: (text) => {
      const exchange = exchangeOf(fieldsOf(text));
      return () => requestLine('GET', '/a') + requestFields(exchange);
    },
    inputs: FIELDS,
  },
  {
    name: 'fields of a request, as the key of a permission',
    prepare: (text) => {
      const [exchange, target] = [exchangeOf(fieldsOf(text)), parseTarget('/a')];
      return () => checkWithApp(exchange, target);
    },
    inputs: FIELDS,
  },
  { name: 'Origin', prepare: (field) => () => corsFields?.(field), inputs: COMMON },
  {
    name: 'Accept, for an error page',
    prepare: (accept) => {
      const exchange = exchangeOf(['Accept', accept]);
      return () => sendErrorPage(exchange, new NotFoundError(), new Map());
    },
    inputs: { ...COMMON, 'nearly JSON': repeat('jso '), 'nearly HTML': repeat('text/htm ') },
  },
  {
    name: 'a signed link',
    prepare: (target) => () => {
      for (const check of [checkMd5, checkHmac]) {
        try {
          check(exchangeOf([]), { raw: target, path: target, authority: undefined });
        } catch {
          // Wrong, as it has to be.
        }
      }
    },
    inputs: {
      ...PATHS,
      'arguments in front': repeat('b=1&', '/?', MD5),
      'nothing in front': repeat('&', '/?', `&${MD5}`),
      'a long signature': repeat('a', '/?md5='),
      'a long time': repeat('1', `/?md5=${'a'.repeat(22)}&expires=`),
      'a long argument': repeat('a', `/?${MD5}&a=`),
    },
  },
  {
    name: 'Cookie, for a signed link',
    prepare: (cookie) => {
      const [exchange, target] = [exchangeOf(['Cookie', cookie, 'Host', cookie]), parseTarget(`/?${MD5}`)];
      return () => checkMd5(exchange, target);
    },
    inputs: { ...COMMON, cookies: repeat('a=1; '), 'ports in Host': repeat(':1') },
  },
  {
    name: 'the name of a file',
    prepare: (name) => () => [
      dotfiles.hiddenName(name),
      contentTypeOf(name),
      cacheControlOf(name),
      toText(name),
      store.stat(name),
      store.open(name),
    ],
    inputs: PATHS,
  },
  {
    name: 'the redirect of a directory',
    prepare: (target) => () =>
      redirectToSlash(exchangeOf([], { raw: target, path: target, authority: '' }), target),
    inputs: PATHS,
  },
  {
    name: 'the access log',
    prepare: (target) => () => {
      const exchange = exchangeOf([], { raw: target, path: '/', authority: undefined });
      logWhenClosed(exchange, 0, () => {});
      (exchange.response as unknown as EventEmitter).emit('close');
    },
    inputs: { ...COMMON, ...PATHS, 'control characters': repeat('\x01'), DEL: repeat('\x7f') },
  },
  {
    name: 'X-Accel-Redirect',
    prepare: (value) => () => redirect(exchangeOf([]), { kind: 'redirect', value, fields: [], limitRate: 0 }),
    inputs: { ...COMMON, ...PATHS, 'nearly two dots': repeat('%2e', '/f/'), spaces: repeat(' ', '/f/') },
  },
  {
    name: 'X-Sendfile',
    prepare: (value) => () => findFile(value),
    inputs: {
      ...COMMON,
      ...PATHS,
      'encoded words': repeat('=?utf-8?q?=2Fa?='),
      'encoded words that do not end': repeat('=?utf-8?q?'),
      'an encoded word that does not end': repeat('a', '=?utf-8?q?'),
      'an encoded word of escapes': repeat('=2F', '=?utf-8?q?', '?='),
      'an encoded word in base64': repeat('L2Fi', '=?utf-8?b?', '?='),
      'an encoded word of question marks': repeat('?', '=?utf-8?b'),
    },
  },
  {
    name: 'Content-Type and the other orders of an app',
    prepare: (value) => () => {
      const raw = ['X-Accel-Redirect', '/f/a', 'X-Accel-Charset', 'utf-8', 'X-Accel-Limit-Rate', value];
      const order = readOrder([...raw, 'Content-Type', value]);
      if (order !== undefined) {
        describeOrdered(REPRESENTATION, { ...order, target: parseTarget('/f/a') }, describe);
      }
    },
    inputs: {
      ...COMMON,
      'spaces in a type': repeat(' ', 'text/html', 'x'),
      'parameters, and one that is none': repeat('; a=b', 'image/png', ';'),
      'values in quotes, and one that does not end': repeat(';a="b"', 'image/png', ';a="'),
      'a parameter that goes on': repeat('a', 'image/png;a=', ','),
      'spaces before a parameter': repeat(' ', 'text/html', '; charset=latin-1'),
      'spaces behind a semicolon': repeat(' ', 'text/html;', 'x'),
      'spaces and semicolons': repeat('    ;', 'text/html'),
      'a charset after the other': repeat(';charset="', 'text/html'),
      'a charset that does not end': repeat('a', 'text/html;charset="'),
      'a suffix that does not come': repeat('a.', 'application/'),
      'a suffix after the other': repeat('+xm', 'application/a'),
      'types that are nearly shown': repeat('image/', 'image/'),
    },
  },
  {
    name: 'fields of an answer',
    prepare: (text) => {
      const fields = fieldsOf(text);
      const head = { status: 200, fields, connection: fieldValue(fields, 'connection') };
      return () => readResponseHead(head, relocate);
    },
    inputs: {
      ...FIELDS,
      'a long Refresh': (size) => `refresh\n0; url${' '.repeat(size)}\n`,
      'a long Location': (size) => `location\nhttp://127.0.0.1:8000${'/'.repeat(size)}\n`,
      'a long Connection': numbered((index) => `x-${index},`, 'connection\n'),
      'instructions that nobody knows': numbered((index) => `x-accel-${index}\n1\n`),
    },
  },
  {
    name: 'an answer for a client that does not read yet',
    prepare: (body) => {
      const limits = { memory: body.length, file: 0, createFile: never, onFileFailed: never };
      const chunks = Array.from(body.matchAll(/1\r\n(.)\r\n/g), ([, data = '']) => Buffer.from(data));
      return async () => {
        const buffer = new ResponseBuffer(limits, () => {});
        for (const chunk of chunks) buffer.add(chunk);
        while ((await buffer.take()) !== undefined);
      };
    },
    inputs: { 'chunks of a byte': repeat('1\r\na\r\n') },
  },
  {
    name: 'the PROXY protocol',
    prepare: (text) => {
      const bytes = Buffer.from(text, 'latin1');
      return () => readProxyHeader(bytes);
    },
    inputs: {
      ...COMMON,
      'a line without an end': repeat('1', 'PROXY TCP4 '),
      'a line of spaces': repeat(' ', 'PROXY TCP4'),
      'a long header': repeat('\0', '\r\n\r\n\0\r\nQUIT\n\x21\x11\x0f\xff'),
    },
  },
];

function never(): never {
  throw new Error('there is no file');
}
