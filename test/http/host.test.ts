// Hosts: one table for every place where a request names one, since whom it is meant for must not depend on the place.
import t from 'tap';
import type { ClientRequest } from '../../src/http/exchange.js';
import { originOf } from '../../src/http/forwarded.js';
import { hostFault } from '../../src/http/framing.js';
import { isHost } from '../../src/http/host.js';
import { parseTarget } from '../../src/http/target.js';

const HOSTS = [
  'a',
  'example.org',
  'Example.ORG.',
  'my_app',
  'xn--bcher-kva.example',
  "a-._~!$&'()*+,;=",
  'a%20b%FF',
  '192.0.2.1',
  '999.1',
  '[::]',
  '[::1]',
  '[2001:DB8::7:1]',
  '[1:2:3:4:5:6:7:8]',
  '[::ffff:192.0.2.1]',
  '[v1.a:b]',
  '[VF0.~:]',
];
const PORTS = ['', ':', ':0', ':80', ':8000', ':00080', ':59999', ':65535'];

const NO_HOSTS = [
  ':80',
  ':',
  'a/b',
  'a?b',
  'a#b',
  'a b',
  'a\tb',
  'a\nb',
  'a\0',
  'user@a',
  'a\\b',
  'a"b',
  'a<b',
  'a|b',
  'a^b',
  'a`b',
  'a{b}',
  '\xe4',
  '\xc3\xa4.example',
  '%',
  'a%4',
  'a%zz',
  'a%4g',
  '::1',
  '2001:db8::1',
  '[',
  ']',
  '[]',
  '[::1',
  '::1]',
  'a]',
  'a[',
  'extra[abcd::1]',
  '[abcd::1]extra',
  '[::1][::1]',
  '[::gggg]',
  '[:::]',
  '[1:2:3:4:5:6:7:8:9]',
  '[12345::]',
  '[192.0.2.1]',
  '[::192.0.2.256]',
  '[fe80::1%eth0]',
  '[fe80::1%25eth0]',
  '[v.a]',
  '[v1.]',
  '[v1a]',
  '[vg.a]',
  '[v1.a/b]',
];
const NO_PORTS = [
  '80',
  ':65536',
  ':99999',
  ':655350',
  ':000080',
  ':-1',
  ':+1',
  ':8 0',
  ':http',
  ':80:80',
  '::',
];

/** Whether each of the places takes it. */
function takenBy(host: string): Record<string, boolean> {
  const request = { httpVersion: '1.1', headers: { host }, rawHeaders: ['Host', host] };
  const quoted = `"${host.replaceAll(/[\\"]/g, '\\$&')}"`;
  const forwarded = (headers: Record<string, string>): boolean =>
    originOf({ headers, remoteAddress: '127.0.0.1' }, undefined, () => true).host === host;
  let authority: string | undefined;
  try {
    ({ authority } = parseTarget(`http://${host}/a`));
  } catch {
    // Refused.
  }
  return {
    host: hostFault(request as unknown as ClientRequest) === undefined,
    target: authority === host,
    'x-forwarded-host': forwarded({ 'x-forwarded-host': host }),
    forwarded: forwarded({ forwarded: `host=${quoted}` }),
  };
}

const EVERYWHERE = { host: true, target: true, 'x-forwarded-host': true, forwarded: true };
const NOWHERE = { host: false, target: false, 'x-forwarded-host': false, forwarded: false };

t.test('a name, an address or one in brackets is a host, with a port or none', async (t) => {
  for (const host of HOSTS) {
    for (const port of PORTS) {
      t.ok(isHost(host + port), host + port);
      const isList = host.includes(',');
      if (!isList) t.same(takenBy(host + port), EVERYWHERE, `${host}${port}, wherever it is said`);
    }
  }
});

t.test('anything else is none', async (t) => {
  for (const host of [...NO_HOSTS, ...NO_PORTS.map((port) => `[::1]${port}`)]) {
    t.notOk(isHost(host), JSON.stringify(host));
    t.same(takenBy(host), NOWHERE, `${JSON.stringify(host)}, wherever it is said`);
  }
  for (const port of NO_PORTS.filter((port) => port.startsWith(':'))) t.notOk(isHost(`a${port}`), port);
  t.notOk(isHost(''), 'and nothing is none');
});

t.test('every port that there is can be named, and no other', async (t) => {
  const wrong = Array.from({ length: 100_000 }, (_, port) => port).filter(
    (port) => isHost(`a:${port}`) !== port <= 65_535,
  );
  t.same(wrong, []);
});
