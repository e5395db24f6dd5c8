/** How an address is said: RFC 5952, IPv4 that is mapped to IPv6 as IPv4, no zone. */
import fc from 'fast-check';
import t from 'tap';
import { canonicalAddress, formatIPv6 } from '../../src/http/address.js';

t.test('each address is said in one way', async (t) => {
  const cases: readonly (readonly [text: string, said: string | undefined])[] = [
    ['203.0.113.9', '203.0.113.9'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['2001:db8::0:1', '2001:db8::1'],
    // RFC 5952 §4.2.2: a single group of zeros stays; §4.2.3: the longest run, the first of several.
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['::FFFF:203.0.113.9', '203.0.113.9'],
    ['::ffff:cb00:7109', '203.0.113.9'],
    ['0:0:0:0:0:ffff:cb00:7109', '203.0.113.9'],
    ['0000:0000:0000:0000:0000:FFFF:203.0.113.9', '203.0.113.9'],
    ['::ffff:0:0', '0.0.0.0'],
    ['::fffe:203.0.113.9', '::fffe:cb00:7109'],
    ['64:ff9b::203.0.113.9', '64:ff9b::cb00:7109'],
    ['1::ffff:203.0.113.9', '1::ffff:cb00:7109'],
    ['fe80::1%eth0', 'fe80::1'],
    ['FE80:0::1%wg_home-2', 'fe80::1'],
    ['::ffff:203.0.113.9%1', '203.0.113.9'],
    ['', undefined],
    ['unknown', undefined],
    ['203.0.113', undefined],
    ['203.0.113.256', undefined],
    ['203.0.113.09', undefined],
    ['203.0.113.9%eth0', undefined],
    ['203.0.113.9:80', undefined],
    [' 203.0.113.9', undefined],
    ['[2001:db8::1]', undefined],
    ['2001:db8::1::1', undefined],
    ['12345::', undefined],
    ['%eth0', undefined],
  ];
  for (const [text, said] of cases) t.equal(canonicalAddress(text), said, text);
});

t.test(
  'any spelling of any address is said as a browser says it, and said again it is the same',
  async () => {
    const group = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat({ max: 0xffff }));
    const groups = fc.array(group, { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(groups, fc.boolean(), fc.nat({ max: 4 }), (all, isUpper, width) => {
        const text = all.map((each) => each.toString(16).padStart(width, '0')).join(':');
        const said = canonicalAddress(isUpper ? text.toUpperCase() : text) ?? '';
        // The URL Standard does the same but for IPv4.
        const expected = new URL(`http://[${text}]/`).hostname.slice(1, -1);
        const isMapped = said.includes('.');
        return (
          said === formatIPv6(all) &&
          canonicalAddress(said) === said &&
          (isMapped ? canonicalAddress(expected) === said : said === expected)
        );
      }),
    );
  },
);
