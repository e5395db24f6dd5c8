/** Whom to believe about the client (nginx: set_real_ip_from, real_ip_recursive; RFC 7239). */
import { join } from 'node:path';
import t from 'tap';
import { parseNetwork } from '../../src/config/network.js';
import { originOf } from '../../src/http/forwarded.js';
import { networkTest } from '../../src/http/network-test.js';
import { startRecorder } from '../support/app.js';
import { type ServerHere, startHere } from '../support/here.js';
import { get, rawExchange, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { socketDirectory } from '../support/unix.js';

t.test('ranges and names', async (t) => {
  const cases: [networks: string[], address: string | undefined, trusted: boolean][] = [
    [[], '127.0.0.1', false],
    [[], undefined, false],
    [['loopback'], '127.0.0.1', true],
    [['loopback'], '127.9.9.9', true],
    [['loopback'], '::1', true],
    [['loopback'], '10.0.0.1', false],
    [['private'], '10.1.2.3', true],
    [['private'], '172.31.255.255', true],
    [['private'], '172.32.0.0', false],
    [['private'], '192.168.0.1', true],
    [['private'], 'fd00::1', true],
    [['private'], '127.0.0.1', true],
    [['private'], '::1', true],
    [['private'], undefined, false],
    [['private'], '8.8.8.8', false],
    [['192.0.2.1'], '192.0.2.1', true],
    [['192.0.2.1'], '192.0.2.2', false],
    [['2001:db8::/32', '192.0.2.0/24'], '2001:db8:1::1', true],
    [['2001:db8::/32', '192.0.2.0/24'], '192.0.2.200', true],
    [['0.0.0.0/0'], '::1', false],
    [['::/0'], '192.0.2.1', true],
    [['::ffff:10.0.0.0/104'], '10.1.2.3', true],
    [['::ffff:10.0.0.0/104'], '11.1.2.3', false],
    [['2001:DB8:0:0::1'], '2001:db8::1', true],
    [['Private'], 'fe80::1', true],
    [['UNIX:'], undefined, true],
    [['unix'], undefined, true],
    [['unix'], '127.0.0.1', false],
    [['loopback'], undefined, false],
    [['loopback'], 'not an address', false],
  ];
  for (const [networks, address, trusted] of cases) {
    const isTrusted = networkTest(networks.flatMap(parseNetwork));
    t.equal(isTrusted(address), trusted, `${address} in ${networks.join(', ') || 'nothing'}`);
    t.equal(isTrusted(address), trusted, 'and when asked again');
  }
  for (const wrong of [
    '',
    'local',
    '10.0.0.0/33',
    '10.0.0.0/x',
    '10.0.0/8',
    '::1/129',
    '1.2.3.4/8/8',
    '10.0.0.0/-1',
    'fe80::1%eth0',
    '*',
  ]) {
    t.throws(() => parseNetwork(wrong), TypeError, wrong);
  }
});

t.test('the walk from the right', async (t) => {
  const isTrusted = networkTest(['loopback', '10.0.0.0/8'].flatMap(parseNetwork));
  const cases: [
    what: string,
    peer: string,
    headers: Record<string, string>,
    client: string,
    told: { readonly proto: string; readonly host?: string; readonly port?: string },
  ][] = [
    ['no proxy', '192.0.2.9', {}, '192.0.2.9', { proto: 'http' }],
    [
      'a stranger says much',
      '192.0.2.9',
      {
        'x-forwarded-for': '1.1.1.1',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'evil',
        forwarded: 'for=1.1.1.1;proto=https',
      },
      '192.0.2.9',
      { proto: 'http' },
    ],
    ['one proxy', '10.0.0.1', { 'x-forwarded-for': '1.1.1.1' }, '1.1.1.1', { proto: 'http' }],
    [
      'one proxy with all it can tell',
      '10.0.0.1',
      {
        'x-forwarded-for': '1.1.1.1',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'www.example.com',
        'x-forwarded-port': '443',
      },
      '1.1.1.1',
      { proto: 'https', host: 'www.example.com', port: '443' },
    ],
    ['two proxies', '10.0.0.1', { 'x-forwarded-for': '1.1.1.1, 10.0.0.2' }, '1.1.1.1', { proto: 'http' }],
    [
      'a client that claims to be someone else',
      '10.0.0.1',
      { 'x-forwarded-for': '127.0.0.1, 6.6.6.6, 1.1.1.1, 10.0.0.2' },
      '1.1.1.1',
      { proto: 'http' },
    ],
    ['all trusted', '10.0.0.1', { 'x-forwarded-for': '10.0.0.3, 10.0.0.2' }, '10.0.0.3', { proto: 'http' }],
    [
      'more trusted proxies than anybody has: the hundredth is as far as anybody looks',
      '10.0.0.1',
      { 'x-forwarded-for': Array.from({ length: 150 }, (_, index) => `10.0.1.${index}`).join(', ') },
      '10.0.1.50',
      { proto: 'http' },
    ],
    [
      'what is no address',
      '10.0.0.1',
      { 'x-forwarded-for': '1.1.1.1, unknown' },
      '10.0.0.1',
      { proto: 'http' },
    ],
    [
      'an address with a port',
      '10.0.0.1',
      { 'x-forwarded-for': '1.1.1.1:5000' },
      '1.1.1.1',
      { proto: 'http' },
    ],
    ['IPv6', '10.0.0.1', { 'x-forwarded-for': '2001:db8::1' }, '2001:db8::1', { proto: 'http' }],
    [
      'IPv6 in brackets',
      '10.0.0.1',
      { 'x-forwarded-for': '[2001:db8::1]:99' },
      '2001:db8::1',
      { proto: 'http' },
    ],
    [
      'IPv6 in another spelling',
      '10.0.0.1',
      { 'x-forwarded-for': '2001:DB8:0:0:0:0:0:1' },
      '2001:db8::1',
      { proto: 'http' },
    ],
    [
      'IPv6 with a zone',
      '10.0.0.1',
      { 'x-forwarded-for': '[fe80:0::1%25wg_0]:5000' },
      'fe80::1',
      { proto: 'http' },
    ],
    [
      'IPv4 in IPv6, in capitals',
      '10.0.0.1',
      { 'x-forwarded-for': '::FFFF:203.0.113.9' },
      '203.0.113.9',
      { proto: 'http' },
    ],
    [
      'IPv4 in IPv6, as hexadecimal digits, of a proxy that is trusted',
      '10.0.0.1',
      { 'x-forwarded-for': '1.1.1.1, 0:0:0:0:0:ffff:a00:2' },
      '1.1.1.1',
      { proto: 'http' },
    ],
    [
      'Forwarded, in another spelling',
      '10.0.0.1',
      { forwarded: 'for="[2001:DB8:0::0:7]:4711"' },
      '2001:db8::7',
      { proto: 'http' },
    ],
    [
      'Forwarded, IPv4 in IPv6',
      '10.0.0.1',
      { forwarded: 'for="[::ffff:cb00:7109]"' },
      '203.0.113.9',
      { proto: 'http' },
    ],
    ['IPv4 in IPv6', '10.0.0.1', { 'x-forwarded-for': '::ffff:1.1.1.1' }, '1.1.1.1', { proto: 'http' }],
    [
      'a proto for each hop: the one of the client counts, not what it said of itself',
      '10.0.0.1',
      { 'x-forwarded-for': '6.6.6.6, 1.1.1.1, 10.0.0.2', 'x-forwarded-proto': 'https, http, https' },
      '1.1.1.1',
      { proto: 'http' },
    ],
    [
      'a proto that is none',
      '10.0.0.1',
      { 'x-forwarded-for': '1.1.1.1', 'x-forwarded-proto': 'javascript' },
      '1.1.1.1',
      { proto: 'http' },
    ],
    [
      'a port that is none',
      '10.0.0.1',
      { 'x-forwarded-for': '1.1.1.1', 'x-forwarded-port': '99999' },
      '1.1.1.1',
      { proto: 'http' },
    ],
    [
      'empty elements are none',
      '10.0.0.1',
      { 'x-forwarded-for': '1.1.1.1, , 10.0.0.2, ' },
      '1.1.1.1',
      { proto: 'http' },
    ],
    [
      'a host that is none',
      '10.0.0.1',
      { 'x-forwarded-for': '1.1.1.1', 'x-forwarded-host': 'a b/c' },
      '1.1.1.1',
      { proto: 'http' },
    ],
    ['only a proto', '10.0.0.1', { 'x-forwarded-proto': 'https' }, '10.0.0.1', { proto: 'https' }],
    [
      'Forwarded',
      '10.0.0.1',
      { forwarded: 'for="[2001:db8::7]:4711";proto=https;host="www.example.com", for=10.0.0.2' },
      '2001:db8::7',
      { proto: 'https', host: 'www.example.com' },
    ],
    [
      'Forwarded with separators inside quotes',
      '10.0.0.1',
      { forwarded: 'for=1.1.1.1;x="a,b;c\\"d";Proto=HTTPS' },
      '1.1.1.1',
      { proto: 'https' },
    ],
    [
      'Forwarded that hides',
      '10.0.0.1',
      { forwarded: 'for=_hidden;proto=https' },
      '10.0.0.1',
      { proto: 'https' },
    ],
    [
      'both: X-Forwarded-For counts',
      '10.0.0.1',
      { 'x-forwarded-for': '1.1.1.1', forwarded: 'for=2.2.2.2;proto=https' },
      '1.1.1.1',
      { proto: 'http' },
    ],
  ];
  for (const [what, peer, headers, client, { proto, host = 'own.example:81', port }] of cases) {
    const request = { headers: { host: 'own.example:81', ...headers }, remoteAddress: peer };
    const isFromProxy = peer === '10.0.0.1';
    const expected = { address: client, scheme: proto, host, port, isFromProxy };
    t.same(originOf(request, undefined, isTrusted), expected, what);
  }
  const request = { headers: { host: 'own.example' }, remoteAddress: undefined };
  t.match(
    originOf(request, 'target.example', isTrusted),
    { address: '', host: 'target.example' },
    'an absolute target names the host',
  );
});

t.test('a scheme is told in many ways, and is one of two', async (t) => {
  const isTrusted = networkTest(parseNetwork('loopback'));
  const schemes: readonly (readonly [said: string, scheme: string])[] = [
    ['https', 'https'],
    ['HTTPS', 'https'],
    ['wss', 'https'],
    ['WSS', 'https'],
    [' wss\t', 'https'],
    ['http', 'http'],
    ['ws', 'http'],
    ['Ws', 'http'],
    ['', 'http'],
    ['on', 'http'],
    ['httpsx', 'http'],
    ['https://', 'http'],
  ];
  const lists: readonly (readonly [said: string, scheme: string])[] = [
    // Those before it are what others have said, the client itself perhaps.
    ['https, http', 'http'],
    ['http,https', 'https'],
    ['http, wss', 'https'],
    ['WSS ,WS', 'http'],
    ['wss,', 'https'],
    [', ,wss, ,', 'https'],
  ];
  for (const [said, scheme] of [...schemes, ...lists]) {
    const headers = { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': said };
    t.equal(originOf({ headers, remoteAddress: '::1' }, undefined, isTrusted).scheme, scheme, said);
  }
  for (const [said, scheme] of schemes) {
    for (const forwarded of [`for=192.0.2.7;proto=${said.trim()}`, `Proto="${said.trim()}";for=192.0.2.7`]) {
      const request = { headers: { forwarded }, remoteAddress: '::1' };
      t.equal(originOf(request, undefined, isTrusted).scheme, scheme, forwarded);
    }
  }
  const hops = { 'x-forwarded-for': '192.0.2.7, 127.0.0.2, 127.0.0.3', 'x-forwarded-proto': 'wss, ws, ws' };
  t.equal(originOf({ headers: hops, remoteAddress: '::1' }, undefined, isTrusted).scheme, 'https', 'by hop');
});

t.test('a quote that a client leaves open hides nothing of what the proxy writes behind it', async (t) => {
  const isTrusted = networkTest(parseNetwork('loopback'));
  const own = ['for=192.0.2.7;proto=https', 'for="192.0.2.7:80";proto=https'];
  for (const opened of [
    'for="',
    '"',
    'for=6.6.6.6;x="\\',
    'for="a", for="b',
    'for="a\\"',
    'for="a\\"b, c=',
  ]) {
    for (const entry of own) {
      const request = { headers: { forwarded: `${opened}, ${entry}` }, remoteAddress: '127.0.0.1' };
      const { address, scheme } = originOf(request, undefined, isTrusted);
      t.same({ address, scheme }, { address: '192.0.2.7', scheme: 'https' }, `${opened}, ${entry}`);
    }
  }
});

t.test('the app is told what is believed, and nothing else', async (t) => {
  const app = await startRecorder(t);
  const lies = [
    'X-Forwarded-For: 203.0.113.7',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: www.example.com',
    'X-Forwarded-Port: 443',
    'X-Forwarded-Prefix: /evil',
    'X-Real-IP: 203.0.113.8',
    'X_Forwarded_For: 203.0.113.9',
    'Forwarded: for=203.0.113.7;proto=https',
    'Cookie: sessionid=abc',
  ];
  const ask = async (port: number, more: string[] = []) => {
    t.equal((await rawRequest(port, get('/', [...lies, ...more]))).status, 200);
    return app.received.at(-1)?.headers;
  };

  await t.test('by default: this server speaks for itself', async (t) => {
    const server = await startHere(t, ['--root', t.testdir({}), '--upstream', app.address]);
    const headers = await ask(server.port);
    t.match(headers, {
      'x-forwarded-for': '127.0.0.1',
      'x-real-ip': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'example.org',
      cookie: 'sessionid=abc',
    });
    for (const name of ['forwarded', 'x-forwarded-port', 'x-forwarded-prefix', 'x_forwarded_for']) {
      t.equal(headers?.[name], undefined, name);
    }
    await t.test('and a client cannot have its names dropped', async (t) => {
      const dropped =
        'Connection: close, X-Forwarded-For, X-Forwarded-Proto, X-Real-IP, Cookie, Host, X-Request-ID';
      const request = get('/', lies).replace('Connection: close', dropped);
      t.equal((await rawRequest(server.port, request)).status, 200);
      t.match(app.received.at(-1)?.headers, {
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'http',
        'x-real-ip': '127.0.0.1',
        'x-request-id': /^[\w-]{36}$/,
        cookie: 'sessionid=abc',
        host: 'example.org',
      });
    });
  });

  await t.test('--trust-proxy loopback: the proxy on this machine speaks for its client', async (t) => {
    const server = await startHere(t, [
      '--root',
      t.testdir({}),
      '--upstream',
      app.address,
      '--trust-proxy',
      'loopback',
    ]);
    t.match(await ask(server.port), {
      'x-forwarded-for': '203.0.113.7',
      'x-real-ip': '203.0.113.7',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'www.example.com',
      'x-forwarded-port': '443',
    });
    const line = await server.logged((entry) => entry['msg'] === 'request');
    t.equal(line['client'], '203.0.113.7', 'the access log names the client too');
  });

  await t.test('--trust-proxy of another network: not believed', async (t) => {
    const server = await startHere(t, [
      '--root',
      t.testdir({}),
      '--upstream',
      app.address,
      '--trust-proxy',
      '10.0.0.0/8',
    ]);
    t.match(await ask(server.port), { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' });
  });
});

/** What a proxy that has logged its users in says, and what tracing adds. */
const VOUCHED = [
  'X-Forwarded-User: alice',
  'X-Forwarded-Email: alice@example.com',
  'X-Forwarded-Groups: staff,admins',
  'X-Forwarded-Preferred-Username: al',
  'X-Forwarded-Access-Token: a.b.c',
  'X-Forwarded-Prefix: /shop',
  'X-Forwarded-Client-Cert: Hash=1',
  'X-Auth-Request-User: alice',
  'Remote-User: alice',
  'Remote-Groups: staff',
  'x-request-id: 4bf92f3577b34da6a3ce929d0e0e4736',
];
const VOUCHED_NAMES = VOUCHED.map((line) => line.slice(0, line.indexOf(':')).toLowerCase());

t.test('what a proxy has found out about its client passes from those that are trusted alone', async (t) => {
  const app = await startRecorder(t);
  const start = (...args: string[]) =>
    startHere(t, ['--root', t.testdir({ 'a.txt': '' }), '--upstream', app.address, ...args]);
  const trusting = await start('--trust-proxy', 'loopback');
  const ask = async ({ port }: ServerHere, fields: readonly string[]) => {
    t.equal((await rawRequest(port, get('/', fields))).status, 200);
    return app.received.at(-1)?.headers ?? {};
  };

  await t.test('from a trusted proxy all of it, once each', async (t) => {
    const headers = await ask(trusting, VOUCHED);
    for (const line of VOUCHED) {
      const [name = '', value] = line.split(': ');
      t.equal(headers[name.toLowerCase()], value, name);
    }
    const logged = trusting.log.findLast(({ msg }) => msg === 'request');
    t.equal(logged?.['requestId'], '4bf92f3577b34da6a3ce929d0e0e4736', 'the log has the id, too');
  });

  await t.test('also when the Connection field names it', async (t) => {
    const request = get('/', VOUCHED).replace('Connection: close', `Connection: close, ${VOUCHED_NAMES}`);
    t.equal((await rawRequest(trusting.port, request)).status, 200);
    for (const name of VOUCHED_NAMES) t.ok(app.received.at(-1)?.headers[name], name);
  });

  await t.test('from others nothing', async (t) => {
    const servers = [
      await start(),
      await start('--trust-proxy', '10.0.0.0/8'),
      await start('--trust-proxy', 'unix'),
    ];
    for (const server of servers) {
      const headers = await ask(server, [...VOUCHED, 'X-Own: kept']);
      for (const name of VOUCHED_NAMES) {
        if (name === 'x-request-id') t.match(headers[name], /^[0-9a-f-]{36}$/, name);
        else t.equal(headers[name], undefined, name);
      }
      t.equal(headers['x-own'], 'kept');
    }
  });

  await t.test(
    'through a balancer whose PROXY header names a client that is not trusted, nothing',
    async (t) => {
      const server = await start('--trust-proxy', 'loopback', '--proxy-protocol');
      for (const [client, isTrusted] of [
        ['203.0.113.7', false],
        ['127.0.0.1', true],
      ] as const) {
        const introduction = `PROXY TCP4 ${client} 127.0.0.1 1 80\r\n`;
        t.equal((await rawRequest(server.port, introduction + get('/', VOUCHED))).status, 200);
        t.equal(app.received.at(-1)?.headers['x-forwarded-user'], isTrusted ? 'alice' : undefined, client);
      }
    },
  );

  await t.test('names that WSGI takes for these do not pass, whoever has sent them', async (t) => {
    const underscored = VOUCHED.map((line) => line.replace(/^[^:]+/, (name) => name.replaceAll('-', '_')));
    for (const line of [...underscored, 'X-Forwarded_User: eve', 'REMOTE_USER: eve']) {
      const [name = ''] = line.split(':');
      const headers = await ask(trusting, [line]);
      t.equal(headers[name.toLowerCase()], undefined, name);
    }
  });

  await t.test('several of a name are two opinions, and none passes', async (t) => {
    for (const pair of [
      ['X-Forwarded-User: eve', 'X-Forwarded-User: alice'],
      ['X-Forwarded-User: alice', 'x-forwarded-user: alice'],
      ['Remote-User:', 'Remote-User: alice'],
      ['X-Forwarded-Groups: staff', 'X-Forwarded-Groups: admins'],
    ]) {
      const headers = await ask(trusting, pair);
      t.equal(headers[pair[0]?.split(':')[0]?.toLowerCase() ?? ''], undefined, pair.join());
    }
  });

  await t.test('what says the same as X-Forwarded-Proto and -For a second time does not pass', async (t) => {
    const seconds = ['Forwarded: for=192.0.2.1', 'X-Forwarded-Ssl: on', 'X-Forwarded-Scheme: https'];
    const more = ['X-Forwarded-Protocol: ssl', 'X-Forwarded: 1', 'X-Real-IP: 192.0.2.2'];
    const headers = await ask(trusting, [...seconds, ...more]);
    for (const line of [...seconds, ...more]) {
      const name = line.split(':')[0]?.toLowerCase() ?? '';
      t.equal(headers[name], name === 'x-real-ip' ? '192.0.2.1' : undefined, name);
    }
    t.equal(headers['x-forwarded-proto'], 'http');
  });

  await t.test('a request id is one, or is replaced', async (t) => {
    const good = [
      '4bf92f3577b34da6a3ce929d0e0e4736',
      'b04a8bb4-27f4-4b4f-8f15-6c6b3b8e0a17',
      'Root=1-67891233-abcdef012345678912345678',
      'a',
      'A_z.0:9+/=@-',
      'x'.repeat(200),
    ];
    for (const id of good) t.equal((await ask(trusting, [`X-Request-ID: ${id}`]))['x-request-id'], id, id);
    for (const id of ['', 'a b', 'a"b', 'a,b', '<b>', 'a\\b', '\xe4', 'x'.repeat(201)]) {
      const headers = await ask(trusting, [`X-Request-ID: ${id}`]);
      t.match(headers['x-request-id'], /^[0-9a-f]{8}-[0-9a-f-]{27}$/, id);
    }
    const twice = await ask(trusting, ['X-Request-ID: a', 'X-Request-ID: b']);
    t.match(twice['x-request-id'], /^[0-9a-f]{8}-[0-9a-f-]{27}$/, 'two');
  });

  await t.test('the page of an error has the id that the proxy knows', async (t) => {
    const { body } = await rawRequest(trusting.port, get('/media/none', ['X-Request-ID: trace-7']));
    t.match(body.toString(), /Request trace-7\n/);
  });
});

t.test('a proxy that --trust-proxy does not name is told of once, with the word that does', async (t) => {
  const app = await startRecorder(t);
  const start = (...args: string[]) =>
    startHere(t, ['--root', t.testdir({}), '--upstream', app.address, '--proxy-protocol', ...args]);
  const told = ({ log }: ServerHere) => log.filter(({ msg }) => String(msg).includes('X-Forwarded-Proto'));
  const ask = async ({ port }: ServerHere, peer: string, fields: readonly string[]) => {
    const family = peer.includes(':') ? `TCP6 ${peer} ::1` : `TCP4 ${peer} 127.0.0.1`;
    const request = `PROXY ${family} 1 80\r\n${get('/', fields)}`;
    t.equal((await rawRequest(port, request)).status, 200);
  };
  const https = ['X-Forwarded-Proto: https'];

  const cases: readonly (readonly [peer: string, word: string | undefined, trusted?: string])[] = [
    ['127.0.0.1', 'loopback'],
    ['::1', 'loopback'],
    ['10.1.2.3', 'private'],
    ['172.18.0.5', 'private'],
    ['100.64.0.9', 'private'],
    ['fd00::1', 'private'],
    ['10.1.2.3', 'private', '10.1.2.4'],
    ['127.0.0.1', 'loopback', '10.0.0.0/8'],
    ['127.0.0.1', undefined, 'private'],
    ['10.1.2.3', undefined, '10.0.0.0/8'],
    ['203.0.113.7', undefined],
    ['2001:db8::1', undefined],
  ];
  for (const [peer, word, trusted] of cases) {
    const what = `${peer}, trusted is ${trusted ?? 'nobody'}`;
    const server = await start(...(trusted === undefined ? [] : ['--trust-proxy', trusted]));
    await ask(server, peer, ['X-Forwarded-For: 192.0.2.1']);
    t.same(told(server), [], `${what}: nothing while no such field comes`);
    for (let count = 0; count < 3; count += 1) await ask(server, peer, https);
    if (word === undefined) {
      t.same(told(server), [], what);
      continue;
    }
    t.match(told(server), [{ level: 40, peer, msg: `--trust-proxy ${word}` }], what);
    t.equal(told(server).length, 1, `${what}: once`);
    t.equal(String(told(server)[0]?.['msg']).includes('beside'), trusted !== undefined, what);
  }

  const server = await start();
  for (const peer of ['127.0.0.1', '10.0.0.1', '10.0.0.2', '192.168.1.1', '127.0.0.2', '::1'])
    await ask(server, peer, https);
  t.same(
    told(server).map(({ peer }) => peer),
    ['127.0.0.1', '10.0.0.1'],
    'once for each word, whoever else comes',
  );
});

t.test('a proxy on a unix socket is told of, too', async (t) => {
  const app = await startRecorder(t);
  const path = join(socketDirectory(t), 'front.sock');
  const args = ['--root', t.testdir({}), '--upstream', app.address];
  const server = await startServer(t, args, { listen: `unix:${path}` });
  for (let count = 0; count < 2; count += 1)
    await rawRequest({ path }, get('/', ['X-Forwarded-Proto: https']));
  await server.logged(({ msg, peer }) => peer === 'unix' && String(msg).includes('--trust-proxy unix'));
  t.equal(server.log.filter(({ peer }) => peer === 'unix').length, 1);
});

t.test('a socket for both families has one name for a client', async (t) => {
  const app = await startRecorder(t);
  const args = ['--root', t.testdir({}), '--upstream', app.address, '--listen', ':0'];
  const server = await startHere(t, args);
  await rawRequest(server.port, get('/'));
  t.equal(app.received.at(-1)?.headers['x-forwarded-for'], '127.0.0.1');
  t.equal((await server.logged(({ msg }) => msg === 'request'))['client'], '127.0.0.1');
});

t.test(
  'a client that resets its connection is still the one it was, and not one on a unix socket',
  async (t) => {
    const app = await startRecorder(t);
    // Every connection is broken when its first bytes have been read, before the request in them is answered.
    const breaking = `import { Server } from 'node:net';
    const { emit } = Server.prototype;
    Server.prototype.emit = function (event, socket) {
      const result = emit.apply(this, arguments);
      if (event === 'connection') socket.once('data', () => socket.destroy());
      return result;
    };`;
    const server = await startServer(
      t,
      ['--root', t.testdir({}), '--trust-proxy', 'unix', '--upstream', app.address],
      { node: ['--import', `data:text/javascript,${encodeURIComponent(breaking)}`] },
    );
    await rawExchange(server.port, get('/page', ['X-Forwarded-For: 192.0.2.66'])).catch(() => {});
    const line = await server.logged(({ target }) => target === '/page');
    t.equal(line['client'], '127.0.0.1');
  },
);
