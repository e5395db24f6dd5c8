// Addresses as operators write them.
import { resolve } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import {
  type Address,
  formatAddress,
  parseListenAddress,
  parseUpstreamAddress,
} from '../../src/config/address.js';

const tcp = (host: string | undefined, port: number): Address => ({ kind: 'tcp', host, port });
const unix = (path: string): Address => ({ kind: 'unix', path });

t.test('both kinds of address are read in the forms that people use', async (t) => {
  const both: readonly (readonly [text: string, address: Address])[] = [
    [':8000', tcp(undefined, 8000)],
    ['127.0.0.1:8000', tcp('127.0.0.1', 8000)],
    ['localhost:8000', tcp('localhost', 8000)],
    ['web-1.internal:8000', tcp('web-1.internal', 8000)],
    ['my_app:8000', tcp('my_app', 8000)],
    ['[::1]:8000', tcp('::1', 8000)],
    ['[::ffff:10.0.0.1]:65535', tcp('::ffff:10.0.0.1', 65535)],
    ['unix:/run/app.sock', unix('/run/app.sock')],
    ['unix:///run/app.sock', unix('/run/app.sock')],
    ['unix:run/app.sock', unix(resolve('run/app.sock'))],
  ];
  for (const [text, address] of both) {
    t.same(parseListenAddress(text), address, `${text} to listen on`);
    t.same(parseUpstreamAddress(text), address, `${text} to connect to`);
  }
});

t.test('a listening address may be a port alone, or leave the port to the system', async (t) => {
  t.same(parseListenAddress('8080'), tcp(undefined, 8080));
  t.same(parseListenAddress(':0'), tcp(undefined, 0));
  t.same(parseListenAddress('127.0.0.1:0'), tcp('127.0.0.1', 0));
});

t.test("the app's address may be a URL without a path", async (t) => {
  t.same(parseUpstreamAddress('http://app:8000'), tcp('app', 8000));
  t.same(parseUpstreamAddress('http://app:8000/'), tcp('app', 8000));
  t.same(parseUpstreamAddress('http://app'), tcp('app', 80));
  t.same(parseUpstreamAddress('http://[::1]'), tcp('::1', 80));
  t.same(parseUpstreamAddress('http://[::1]:8000'), tcp('::1', 8000));
});

t.test('a refusal quotes what was written and says what to write instead', async (t) => {
  const refused: readonly (readonly [text: string, cure: RegExp])[] = [
    ['', /write :8000/],
    ['localhost', /such as localhost:80/],
    ['0.0.0.0', /such as 0\.0\.0\.0:80/],
    ['app.example.com', /such as app\.example\.com:80/],
    ['::', /such as \[::\]:80/],
    ['/run/gunicorn.sock', /write unix:\/run\/gunicorn\.sock /],
    ['./app.sock', /write unix:\.\/app\.sock /],
    ['app.sock', /write unix:app\.sock /],
    ['tcp://app:8000', /without tcp:\/\//],
    ['gunicorn', /write :8000/],
    [':', /write :8000/],
    [':80000', /to 65535/],
    [':-1', /write :8000/],
    [':8000x', /write :8000/],
    ['::1:8000', /write :8000/],
    ['[::1]', /such as \[::1\]:80/],
    ['a b:8000', /write :8000/],
    ['user@host:8000', /write :8000/],
    ['host:8000/path', /write :8000/],
    ['unix:', /write unix:\/run\/app\.sock/],
  ];
  for (const [text, cure] of refused) {
    for (const parse of [parseListenAddress, parseUpstreamAddress]) {
      t.throws(() => parse(text), { name: 'TypeError', message: cure }, text);
      t.throws(() => parse(text), { message: JSON.stringify(text) }, `${text} is quoted`);
    }
  }
  const refusedUpstream: readonly (readonly [text: string, cure: RegExp])[] = [
    ['8000', /write :8000/],
    [':0', /from 1 to 65535/],
    ['https://app:8000', /write http:\/\//],
    ['http://app:8000/api', /write only http:\/\/host:port/],
    ['http://app:8000?a', /write only http:\/\/host:port/],
    ['http://', /write/],
  ];
  for (const [text, cure] of refusedUpstream) {
    t.throws(() => parseUpstreamAddress(text), { name: 'TypeError', message: cure }, text);
  }
});

t.test('a path that the system would cut off, or that only a shell understands, is refused', async (t) => {
  for (const parse of [parseListenAddress, parseUpstreamAddress]) {
    t.throws(() => parse('unix:~/app.sock'), { message: /^"~\/app\.sock" .*write the whole path/ });
  }
  const longest = `/tmp/${'x'.repeat(102)}`;
  for (const parse of [parseListenAddress, parseUpstreamAddress]) {
    t.same(parse(`unix:${longest}`), unix(longest));
    t.throws(() => parse(`unix:${longest}x`), {
      name: 'TypeError',
      message: /too long for a socket; .*107 bytes/,
    });
    t.throws(
      () => parse(`unix:/tmp/${'ü'.repeat(60)}`),
      { message: /too long/ },
      'bytes count, not characters',
    );
  }
});

t.test('an address that was written down is read as the same', async () => {
  const host = fc.oneof(fc.constant(undefined), fc.domain(), fc.ipV4(), fc.ipV6());
  const path = fc.stringMatching(/^(?:\/[\w.-]{1,12}){1,4}$/).map((text) => resolve(text));
  const address: fc.Arbitrary<Address> = fc.oneof(
    fc.record({ kind: fc.constant('tcp' as const), host, port: fc.integer({ min: 1, max: 65535 }) }),
    fc.record({ kind: fc.constant('unix' as const), path }),
  );
  const same = (a: Address, b: Address): boolean => JSON.stringify(a) === JSON.stringify(b);
  fc.assert(
    fc.property(address, (address) => {
      const text = formatAddress(address);
      return same(parseListenAddress(text), address) && same(parseUpstreamAddress(text), address);
    }),
  );
});
