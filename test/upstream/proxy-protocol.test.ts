/** The PROXY protocol, versions 1 and 2 (nginx: listen … proxy_protocol). */
import t from 'tap';
import { readProxyHeader } from '../../src/server/proxy-protocol.js';
import { startRecorder } from '../support/app.js';
import { startHere } from '../support/here.js';
import { get, openConnection } from '../support/raw.js';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** A header of version 2. */
function version2(command: number, family: number, addresses: readonly number[]): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt8(0x20 | command, 0);
  head.writeUInt8(family, 1);
  head.writeUInt16BE(addresses.length, 2);
  return Buffer.concat([SIGNATURE, head, Buffer.from(addresses)]);
}

const IPV4 = [203, 0, 113, 7, 127, 0, 0, 1, 0x12, 0x34, 0, 80];
const IPV6 = [
  0x20,
  1,
  0xd,
  0xb8,
  ...Array(11).fill(0),
  7,
  ...Array(16).fill(0),
  0x12,
  0x34,
  0,
  80,
] as number[];

/** 203.0.113.7, mapped to IPv6. */
const MAPPED = [...Array(10).fill(0), 255, 255, 203, 0, 113, 7, ...IPV6.slice(16)] as number[];

t.test('headers', async (t) => {
  const line = 'PROXY TCP4 203.0.113.7 127.0.0.1 4660 80\r\n';
  const client = { kind: 'client', address: '203.0.113.7', port: 0x1234 };
  const cases: [what: string, bytes: Buffer | string, expected: object][] = [
    ['TCP4', line, { ...client, length: line.length }],
    ['bytes behind it', `${line}GET /`, { ...client, length: line.length }],
    [
      'TCP6',
      'PROXY TCP6 2001:db8::7 ::1 1 2\r\n',
      { kind: 'client', address: '2001:db8::7', port: 1, length: 32 },
    ],
    [
      'TCP6, in another spelling',
      'PROXY TCP6 2001:DB8:0:0::7 ::1 65535 0\r\n',
      { kind: 'client', address: '2001:db8::7', port: 65535, length: 40 },
    ],
    ['TCP6, an address of IPv4', 'PROXY TCP6 ::FFFF:cb00:7107 ::1 4660 2\r\n', { ...client, length: 40 }],
    ['UNKNOWN', 'PROXY UNKNOWN\r\n', { kind: 'local', length: 15 }],
    ['UNKNOWN with addresses', 'PROXY UNKNOWN a b 1 2\r\n', { kind: 'local', length: 23 }],
    ['a beginning', 'PRO', { kind: 'incomplete' }],
    ['no end yet', 'PROXY TCP4 203.0', { kind: 'incomplete' }],
    ['too long', `PROXY TCP4 ${'1'.repeat(200)}`, { kind: 'malformed' }],
    ['an address of the other family', 'PROXY TCP4 ::1 ::1 1 2\r\n', { kind: 'malformed' }],
    ['no address', 'PROXY TCP4 a b 1 2\r\n', { kind: 'malformed' }],
    ['a port beyond the last', 'PROXY TCP4 203.0.113.7 127.0.0.1 99999 80\r\n', { kind: 'malformed' }],
    ['a port one beyond the last', 'PROXY TCP4 203.0.113.7 127.0.0.1 65536 80\r\n', { kind: 'malformed' }],
    [
      'a port of this side that is none',
      'PROXY TCP4 203.0.113.7 127.0.0.1 1 99999\r\n',
      { kind: 'malformed' },
    ],
    ['a port with a zero in front', 'PROXY TCP4 203.0.113.7 127.0.0.1 080 80\r\n', { kind: 'malformed' }],
    ['a port that is a word', 'PROXY TCP4 203.0.113.7 127.0.0.1 1 x\r\n', { kind: 'malformed' }],
    ['no address of this side', 'PROXY TCP4 203.0.113.7 x 1 2\r\n', { kind: 'malformed' }],
    ['one word too many', 'PROXY TCP4 203.0.113.7 127.0.0.1 1 2 3\r\n', { kind: 'malformed' }],
    ['too few words', 'PROXY TCP4 203.0.113.7\r\n', { kind: 'malformed' }],
    ['another protocol', 'PROXY UDP4 203.0.113.7 127.0.0.1 1 2\r\n', { kind: 'malformed' }],
    ['plain HTTP', 'GET / HTTP/1.1\r\n', { kind: 'malformed' }],
    ['2, IPv4', version2(1, 0x11, IPV4), { ...client, length: 28 }],
    ['2, IPv4 with more behind', version2(1, 0x11, [...IPV4, 3, 0, 1, 9]), { ...client, length: 32 }],
    [
      '2, IPv6',
      version2(1, 0x21, IPV6),
      { kind: 'client', address: '2001:db8::7', port: 0x1234, length: 52 },
    ],
    ['2, IPv6, an address of IPv4', version2(1, 0x21, MAPPED), { ...client, length: 52 }],
    ['2, LOCAL', version2(0, 0, []), { kind: 'local', length: 16 }],
    ['2, a unix socket', version2(1, 0x31, Array(216).fill(0) as number[]), { kind: 'local', length: 232 }],
    ['2, an unknown command', version2(2, 0x11, IPV4), { kind: 'malformed' }],
    ['2, too short for its family', version2(1, 0x11, [1, 2, 3]), { kind: 'malformed' }],
    ['2, half', version2(1, 0x11, IPV4).subarray(0, 20), { kind: 'incomplete' }],
    ['2, much too long', version2(1, 0x11, Array(5000).fill(0) as number[]), { kind: 'malformed' }],
    [
      'version 3',
      Buffer.concat([SIGNATURE, Buffer.from([0x31, 0x11, 0, 12]), Buffer.from(IPV4)]),
      { kind: 'malformed' },
    ],
  ];
  for (const [what, bytes, expected] of cases) t.same(readProxyHeader(Buffer.from(bytes)), expected, what);
});

t.test('with --proxy-protocol the client is who the header names', async (t) => {
  const app = await startRecorder(t);
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', app.address, '--proxy-protocol']);
  const request = get('/', ['X-Forwarded-For: 6.6.6.6']);
  const headers: [what: string, parts: (string | Buffer)[], client: string][] = [
    ['version 1', [`PROXY TCP4 203.0.113.7 127.0.0.1 4660 80\r\n${request}`], '203.0.113.7'],
    [
      'version 1 in pieces',
      ['PROX', 'Y TCP4 203.0.113.8 127.0.0.1 4660 80\r', `\n${request.slice(0, 9)}`, request.slice(9)],
      '203.0.113.8',
    ],
    ['version 2', [version2(1, 0x11, IPV4), request], '203.0.113.7'],
    [
      'version 2 and the request at once',
      [Buffer.concat([version2(1, 0x21, IPV6), Buffer.from(request)])],
      '2001:db8::7',
    ],
    ['version 2, an address of IPv4 in IPv6', [version2(1, 0x21, MAPPED), request], '203.0.113.7'],
    ["the balancer's own check", [`PROXY UNKNOWN\r\n${request}`], '127.0.0.1'],
  ];
  for (const [what, parts, client] of headers) {
    const connection = await openConnection(t, server.port);
    connection.socket.setNoDelay(true);
    for (const part of parts)
      await new Promise<void>((resolve) => connection.socket.write(part, () => setImmediate(resolve)));
    t.match(await connection.closed(), /^HTTP\/1\.1 200/, what);
    t.equal(app.received.at(-1)?.headers['x-forwarded-for'], client, what);
    t.equal(app.received.at(-1)?.headers['x-real-ip'], client, what);
    t.equal(server.log.findLast(({ msg }) => msg === 'request')?.['client'], client, `${what}, in the log`);
  }

  await t.test('a connection without one is cut off, and the log says why', async (t) => {
    const connection = await openConnection(t, server.port);
    connection.socket.write(request);
    t.equal(await connection.closed(), '');
    t.match(await server.logged((line) => line['level'] === 40), {
      msg: /--proxy-protocol/,
      client: '127.0.0.1',
    });
    t.equal(app.received.length, headers.length);
  });
  await t.test('several requests go over one connection', async (t) => {
    const connection = await openConnection(t, server.port);
    connection.socket.write(
      `PROXY TCP4 203.0.113.7 127.0.0.1 1 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n${request}`,
    );
    t.equal((await connection.closed()).split('HTTP/1.1 200').length, 3);
  });
});
