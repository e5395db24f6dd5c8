// Which hosts nginx takes, in a Host field and in a target, and which we do: in both places those of RFC 3986. Where the
// two differ, this table says so.
import t from 'tap';
import { isHost } from '../../src/http/host.js';
import { startNginx, withoutNginx } from '../support/nginx.js';
import { rawRequest } from '../support/raw.js';

interface Group {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly ours: boolean;
  /** Whether nginx takes them. */
  readonly inField: boolean;
  readonly inTarget: boolean;
}

const GROUPS: readonly Group[] = [
  {
    name: 'names and addresses: all take them',
    hosts: [
      'a',
      'Example.ORG.',
      'xn--bcher-kva.example',
      '192.0.2.1',
      '999.1',
      '[::1]',
      '[::ffff:192.0.2.1]',
    ],
    ours: true,
    inField: true,
    inTarget: true,
  },
  {
    name: 'ports: all take them',
    hosts: ['a:', 'a:0', 'a:80', 'a:00080', 'a:65535', '192.0.2.1:80', '[::1]:80', '[::1]:'],
    ours: true,
    inField: true,
    inTarget: true,
  },
  {
    name: 'addresses of versions to come: all take them',
    hosts: ['[v1.a:b]', '[vF0.~:]:80'],
    ours: true,
    inField: true,
    inTarget: true,
  },
  {
    name: 'names with what is no letter, digit, dot or hyphen: nginx has them only in Host',
    hosts: ['my_app', 'my_app:8000', "a~!$&'()*+,;=", 'a%20b'],
    ours: true,
    inField: true,
    inTarget: false,
  },
  {
    name: 'empty labels: nginx has none of them; RFC 3986 §3.2.2 leaves them to those who look names up',
    hosts: ['a..b', '.', 'a.b..'],
    ours: true,
    inField: false,
    inTarget: false,
  },
  {
    name: 'nothing, spaces and slashes: nobody takes them',
    hosts: ['', ':80', ':', '::1', 'a b', 'a\tb', '[v1.a/b]', 'a:8 0'],
    ours: false,
    inField: false,
    inTarget: false,
  },
  {
    name: 'characters that no host has: nginx does not look for them in Host',
    hosts: ['user@a', 'a#b', 'a\\b', 'a"b', 'a<b', 'a|b', '\xc3\xa4', '%', 'a%zz', 'a]', '[::1', 'a['],
    ours: false,
    inField: true,
    inTarget: false,
  },
  {
    name: 'what stands around brackets: nginx drops it in Host',
    hosts: ['extra[abcd::1]', '[abcd::1]extra', '[::1][::1]', '[::1]80', '2001:db8::1', '[fe80::1%25eth0]'],
    ours: false,
    inField: true,
    inTarget: false,
  },
  {
    name: 'addresses that are none: nginx does not read them',
    hosts: ['[]', '[:::]', '[::gggg]', '[1:2:3:4:5:6:7:8:9]', '[192.0.2.1]', '[v.a]', '[v1.]', '[v1a]'],
    ours: false,
    inField: true,
    inTarget: true,
  },
  {
    name: 'ports beyond 65535: nginx does not read them',
    hosts: ['a:65536', 'a:99999', '[::1]:99999', 'a:000080'],
    ours: false,
    inField: true,
    inTarget: true,
  },
  {
    name: 'ports that are none: nginx drops them in Host',
    hosts: ['a:-1', 'a:+1', 'a:http', 'a:80:80', '1.2.3.4:9000:80', 'a::', '[::1]:80:80'],
    ours: false,
    inField: true,
    inTarget: false,
  },
];

t.test('which hosts are taken', { skip: await withoutNginx() }, async (t) => {
  const nginx = await startNginx(t, (port) => `server { listen 127.0.0.1:${port}; return 204; }`);
  const [port = 0] = nginx.ports;
  const takes = async (target: string, host: string): Promise<boolean> => {
    const { status } = await rawRequest(
      port,
      `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    return status === 204;
  };
  for (const { name, hosts, ours, inField, inTarget } of GROUPS) {
    await t.test(name, async (t) => {
      for (const host of hosts) {
        t.equal(isHost(host), ours, `${JSON.stringify(host)} here`);
        t.equal(await takes('/', host), inField, `${JSON.stringify(host)} in Host, nginx`);
        t.equal(await takes(`http://${host}/`, 'a'), inTarget, `${JSON.stringify(host)} in a target, nginx`);
      }
    });
  }
});
