// What an app says of its own address is a path here, as nginx's default makes it; everything else stays as it is.
import t from 'tap';
import { parseUpstreamAddress } from '../../src/config/address.js';
import { type Relocate, relocateRefresh, relocationFor } from '../../src/upstream/own-location.js';

const forApp = (...apps: string[]): Relocate | undefined =>
  relocationFor({ upstreams: apps.map((app) => ({ address: parseUpstreamAddress(app), backup: false })) });

t.test('what begins with the address of the app is a path', async (t) => {
  const cases: readonly (readonly [app: string, reference: string, expected: string])[] = [
    [':8000', 'http://127.0.0.1:8000/next?a=b#c', '/next?a=b#c'],
    [':8000', 'http://localhost:8000/next', '/next'],
    [':8000', 'HTTP://LocalHost:8000/Next', '/Next'],
    [':8000', 'http://[::1]:8000/next', '/next'],
    [':8000', 'http://127.0.0.1:8000', '/'],
    [':8000', 'http://127.0.0.1:8000?a', '/?a'],
    [':8000', 'http://127.0.0.1:8000#a', '/#a'],
    ['app:8000', 'http://app:8000/', '/'],
    ['[fd00::1]:8000', 'http://[fd00::1]:8000/x', '/x'],
    ['http://app', 'http://app/x', '/x'],
    ['http://app', 'http://app:80/x', '/x'],
  ];
  for (const [app, reference, expected] of cases) t.equal(forApp(app)?.(reference), expected, reference);
  const several = forApp('a:8001', 'b:8002');
  t.same(
    ['http://a:8001/x', 'http://b:8002/y', 'http://a:8002/z'].map((each) => several?.(each)),
    ['/x', '/y', 'http://a:8002/z'],
  );
});

t.test('everything else stays', async (t) => {
  const relocate = forApp(':8000', 'app.example:9000');
  for (const reference of [
    '/next',
    'next',
    '',
    'https://127.0.0.1:8000/next',
    '//127.0.0.1:8000/next',
    'http://127.0.0.1/next',
    'http://127.0.0.1:80001/next',
    'http://127.0.0.1:8000.evil.example/',
    'http://127.0.0.1:8000@evil.example/',
    'http://appXexample:9000/',
    'http://127.0.0.2:8000/',
    '/login?next=http://127.0.0.1:8000/',
    // Would be another host's.
    'http://127.0.0.1:8000//evil.example/x',
    'http://127.0.0.1:8000/\\evil.example/x',
  ]) {
    t.equal(relocate?.(reference), reference, reference);
  }
  t.equal(forApp('unix:/run/app.sock'), undefined);
});

t.test('Refresh has its reference behind a number', async (t) => {
  const relocate = forApp(':8000') ?? String;
  for (const [value, expected] of [
    ['0; url=http://127.0.0.1:8000/next', '0; url=/next'],
    ['5;URL = http://127.0.0.1:8000/a;url=http://127.0.0.1:8000/b', '5;URL = /a;url=http://127.0.0.1:8000/b'],
    ['0;url=https://elsewhere.example/', '0;url=https://elsewhere.example/'],
    ['5', '5'],
    ['', ''],
  ] as const) {
    t.equal(relocateRefresh(value, relocate), expected);
  }
});
