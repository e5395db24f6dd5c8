// Flags, environment and file become one configuration; every mistake names value, source and cure.
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../src/config/load.js';
import type { Environment, Flags } from '../../src/config/sources.js';

t.test('without any word from the operator everything has its default', async (t) => {
  t.match(loadConfig({}, {}), {
    listen: { kind: 'tcp', host: undefined, port: 8080 },
    logLevel: 'info',
    shutdownTimeout: 30_000,
    locations: [{ kind: 'media', prefix: '/media/', maxAge: 60_000 }],
  });
});

t.test('the configuration cannot be changed afterwards', async (t) => {
  const config = loadConfig({ upstream: ':8000', mount: ['/a/=/b'] }, {});
  const frozen = (value: unknown): boolean =>
    typeof value !== 'object' ||
    value === null ||
    (Object.isFrozen(value) && Object.values(value).every((inner) => frozen(inner)));
  t.ok(frozen(config));
  t.equal(config.locations.length, 2);
});

t.test(
  'the file is found by flag or variable, and a relative path starts at the working directory',
  async (t) => {
    const path = join(t.testdir({ 'config.json': '{"logLevel": "warn"}' }), 'config.json');
    t.equal(loadConfig({ config: path }, {}).logLevel, 'warn');
    t.equal(loadConfig({}, { MEDIA_SERVE_CONFIG: path }).logLevel, 'warn');
    t.equal(loadConfig({ config: path }, { MEDIA_SERVE_LOG_LEVEL: 'error' }).logLevel, 'error');
    t.equal(
      loadConfig({ config: path, logLevel: 'debug' }, { MEDIA_SERVE_LOG_LEVEL: 'error' }).logLevel,
      'debug',
    );
  },
);

t.test('every refusal is one line that names the source, the value and the cure', async (t) => {
  const file = join(
    t.testdir({
      'config.json': JSON.stringify({
        maxAge: 'soon',
        locations: [
          { kind: 'media', prefix: '/media/', root: '.' },
          { kind: 'upstream', prefix: '/', upstream: 'nowhere' },
        ],
      }),
    }),
    'config.json',
  );
  interface Case {
    readonly flags?: Flags;
    readonly environment?: Environment;
    readonly source: string;
    readonly value: string;
    readonly cure: string;
  }
  const cases: readonly Case[] = [
    { flags: { maxAge: 'soon' }, source: '--max-age', value: '"soon"', cure: 'such as 60s' },
    { flags: { listen: 'nowhere' }, source: '--listen', value: '"nowhere"', cure: 'write :8000' },
    {
      flags: { upstream: 'https://a:1' },
      source: '--upstream',
      value: '"https://a:1"',
      cure: 'write http://',
    },
    { flags: { url: '/a?b' }, source: '--url', value: '"/a?b"', cure: 'write a path such as /media/' },
    { flags: { mount: ['/a/'] }, source: '--mount', value: '"/a/"', cure: 'write for example' },
    { flags: { root: '' }, source: '--root', value: '""', cure: 'write for example ./media' },
    { flags: { config: '' }, source: '--config', value: '""', cure: 'write for example' },
    { flags: { logLevel: 'loud' }, source: '--log-level', value: '"loud"', cure: 'trace, debug, info' },
    { flags: { logFormat: 'xml' }, source: '--log-format', value: '"xml"', cure: 'json, pretty' },
    { flags: { shutdownTimeout: '-1' }, source: '--shutdown-timeout', value: '"-1"', cure: 'such as 60s' },
    { flags: { maxConnections: '0' }, source: '--max-connections', value: '"0"', cure: 'write 1 or more' },
    {
      flags: { maxConnections: 'off' },
      source: '--max-connections',
      value: '"off"',
      cure: 'write one such as',
    },
    {
      environment: { MEDIA_SERVE_MAX_CONNECTIONS: '1.5' },
      source: 'MEDIA_SERVE_MAX_CONNECTIONS',
      value: '"1.5"',
      cure: 'write one such as',
    },
    { environment: { PORT: 'http' }, source: 'PORT', value: '"http"', cure: 'write :8000' },
    { environment: { PORT: '99999' }, source: 'PORT', value: '99999', cure: 'to 65535' },
    {
      environment: { MEDIA_URL: '/a/../b' },
      source: 'MEDIA_URL',
      value: '"/a/../b"',
      cure: 'write the path',
    },
    {
      environment: { STATIC_ROOT: '/s', STATIC_URL: '/s#' },
      source: 'STATIC_URL',
      value: '"/s#"',
      cure: 'write a path such as',
    },
    {
      environment: { MEDIA_SERVE_MOUNT: '/a/=/b,c' },
      source: 'MEDIA_SERVE_MOUNT',
      value: '"c"',
      cure: 'write for example',
    },
    {
      environment: { MEDIA_SERVE_CONFIG: '/nowhere/at/all.json' },
      source: 'MEDIA_SERVE_CONFIG',
      value: '/nowhere/at/all.json',
      cure: 'write the path of a JSON file',
    },
    { flags: { config: file }, source: `${file}: maxAge`, value: '"soon"', cure: 'such as 60s' },
    {
      flags: { config: file, maxAge: '1s' },
      source: `${file}: locations[1].upstream`,
      value: '"nowhere"',
      cure: 'write :8000',
    },
  ];
  for (const { flags = {}, environment = {}, source, value, cure } of cases) {
    let message = 'nothing was refused';
    try {
      loadConfig(flags, environment);
    } catch (error) {
      message = (error as Error).message;
    }
    t.ok(message.startsWith(`${source}: `), `${source} in: ${message}`);
    t.ok(message.includes(value), `${value} in: ${message}`);
    t.ok(message.includes(cure), `${cure} in: ${message}`);
    t.notMatch(message, /\n/);
  }
});

t.test('a value that nothing uses is refused all the same', async (t) => {
  const file = join(
    t.testdir({
      'config.json': JSON.stringify({
        maxAge: 'soon',
        locations: [{ kind: 'upstream', prefix: '/', upstream: ':8000' }],
      }),
    }),
    'config.json',
  );
  t.throws(() => loadConfig({ readTimeout: 'soon' }, {}), { message: /^--read-timeout: "soon" / });
  t.throws(() => loadConfig({}, { STATIC_URL: '/s?' }), { message: /^STATIC_URL: "\/s\?" / });
  t.throws(() => loadConfig({ config: file }, {}), { message: `${file}: maxAge: "soon" ` });
});

t.test('nothing that would end a response field can be configured', async (t) => {
  const evil = 'a/b\r\nSet-Cookie: a=b';
  const options: readonly object[] = [
    { headers: { 'X-A': evil } },
    { headers: { [`X-A: a\r\nX-B`]: 'b' } },
    { cacheControl: [{ match: '.', value: evil }] },
    { types: { txt: evil } },
    { defaultType: evil },
    { charset: evil },
    { cors: [`https://${evil}`] },
    { cors: ['https://a.example\r\nSet-Cookie:b'] },
  ];
  for (const option of options) {
    const locations = [{ kind: 'media', prefix: '/media/', root: '.', ...option }];
    const directory = t.testdir({ 'c.json': JSON.stringify({ locations }) });
    const load = () => loadConfig({ config: join(directory, 'c.json') }, {});
    t.throws(load, { message: /c\.json: locations\[0\]\./ }, JSON.stringify(option));
  }
});

t.test(
  'a location cannot have fields that frame a response, and may have an extension of the same name',
  async (t) => {
    const load = (option: object): unknown => {
      const locations = [{ kind: 'media', prefix: '/media/', root: '.', ...option }];
      const directory = t.testdir({ 'c.json': JSON.stringify({ locations }) });
      return loadConfig({ config: join(directory, 'c.json') }, {});
    };
    t.throws(() => load({ headers: { 'Transfer-Encoding': 'chunked' } }), {
      code: 'MEDIA_SERVE_BAD_VALUE',
      message: /c\.json: locations\[0\]\.headers: "Transfer-Encoding" is set .*; leave it out/,
    });
    t.doesNotThrow(() => load({ types: { te: 'text/x-te', date: 'text/x-date' } }));
  },
);

t.test('variables that look like ours and are none are a warning with the nearest one', async (t) => {
  const warned = (environment: Environment, flags: Flags = {}): readonly string[] =>
    loadConfig(flags, environment).warnings;
  const cases: readonly (readonly [name: string, write: RegExp])[] = [
    ['MEDIA_SERVE_MAXAGE', /write MEDIA_SERVE_MAX_AGE$/],
    ['MEDIA_SERVE_UPSTREM', /write MEDIA_SERVE_UPSTREAM$/],
    ['MEDIA_SERVE_MEDIA_ROOT', /write MEDIA_SERVE_ROOT$/],
    ['MEDIA_SERVE_PORT', /write MEDIA_SERVE_LISTEN$/],
    ['media_serve_listen', /write MEDIA_SERVE_LISTEN$/],
    ['MEDIA_SERVE_PROXY_READ_TIMEOUT', /write MEDIA_SERVE_READ_TIMEOUT$/],
    ['MEDIA_SERVE_AUTH_REQUEST', /write "authRequest" into a location of the config file/],
    ['MEDIA_SERVE_S3_ENDPOINT_URL', /write MEDIA_SERVE_S3_ENDPOINT$/],
    ['MEDIA_SERVE_QUITE_ANOTHER_THING', /the most like it are MEDIA_SERVE_/],
  ];
  for (const [name, write] of cases) {
    const [line = '', ...more] = warned({ [name]: '9000' });
    t.ok(line.startsWith(`"${name}" `), line);
    t.match(line, write);
    t.same(more, []);
  }
  t.same(warned({ MEDIA_SERVE_MAX_AGE: '5s', MEDIA_ROOT: '/a', MEDIA_SERVER: 'x', PORT: '1' }), []);
  const links = {
    MEDIA_SERVE_SERVICE_HOST: '10.0.0.7',
    MEDIA_SERVE_SERVICE_PORT: '8080',
    MEDIA_SERVE_SERVICE_PORT_HTTP: '8080',
    MEDIA_SERVE_PORT: 'tcp://10.0.0.7:8080',
    MEDIA_SERVE_PORT_8080_TCP: 'tcp://10.0.0.7:8080',
    MEDIA_SERVE_PORT_8080_TCP_PROTO: 'tcp',
    MEDIA_SERVE_PORT_8080_TCP_PORT: '8080',
    MEDIA_SERVE_PORT_8080_TCP_ADDR: '10.0.0.7',
    MEDIA_SERVE_WEB_SERVICE_HOST: '10.0.0.8',
    MEDIA_SERVE_WEB_PORT: 'udp://10.0.0.8:53',
  };
  t.same(warned(links), [], 'what Kubernetes sets beside a Service of that name is none of the operator');
  const location = { kind: 'media', prefix: '/a/', root: '.', secureLink: 'hmac-sha256' };
  const locations = [{ ...location, secureLinkSecret: 'env:MEDIA_SERVE_KEY' }];
  const config = join(t.testdir({ 'a.json': JSON.stringify({ locations }) }), 'a.json');
  t.same(warned({ MEDIA_SERVE_KEY: 'x'.repeat(40) }, { config }), [], 'nor the variable of a secret');
});
