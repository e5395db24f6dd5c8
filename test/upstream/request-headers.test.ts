// The head of the request as the app gets it: what a client says of itself under a proxy's names is not believed.
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { startRecorder } from '../support/app.js';
import { startHere } from '../support/here.js';
import { get, rawRequest } from '../support/raw.js';

const app = await startRecorder(t);
const { port } = await startHere(t, ['--root', t.testdir({}), '--upstream', app.address]);

/** The fields that reach the app, names in lower case, in their order. */
async function fieldsAtApp(
  fields: readonly string[],
  method = 'GET',
): Promise<[name: string, value: string][]> {
  const target = `/${randomUUID()}`;
  await rawRequest(port, get(target, fields, method));
  const raw = app.received.find((request) => request.target === target)?.rawHeaders ?? [];
  return raw.flatMap((name, index) =>
    index % 2 === 0 ? [[name.toLowerCase(), raw[index + 1] ?? ''] as [string, string]] : [],
  );
}

const valuesOf = (fields: readonly [string, string][], name: string): string[] =>
  fields.filter(([each]) => each === name).map(([, value]) => value);

t.test('what the client sends reaches the app, in its order and as often', async (t) => {
  const own = [
    'User-Agent: test',
    'Cookie: sessionid=a; csrftoken=b',
    'Accept: text/html',
    'Accept: text/plain',
    'X-Own: one',
    'Authorization: Bearer x',
    'If-None-Match: "a"',
    'Range: bytes=0-1',
    'Accept-Encoding: gzip, br',
    'X-Empty:',
    'Origin: https://example.org',
    'Referer: https://example.org/form',
  ];
  const names = new Set(own.map((field) => field.slice(0, field.indexOf(':')).toLowerCase()));
  const arrived = (await fieldsAtApp(own)).filter(([name]) => names.has(name));
  t.same(
    arrived.map(([name, value]) => `${name}: ${value}`.trim()),
    own.map((field) => field.replace(/^[^:]+/, (name) => name.toLowerCase())),
  );
});

t.test('bytes above ASCII in a field are kept', async (t) => {
  const target = `/${randomUUID()}`;
  await rawRequest(port, Buffer.from(get(target, ['X-Bytes: \xe4\xc3\xa4\xff']), 'latin1'));
  const received = app.received.find((request) => request.target === target);
  t.equal(received?.headers['x-bytes'], '\xe4\xc3\xa4\xff');
});

t.test('Host is kept', async (t) => {
  t.same(valuesOf(await fieldsAtApp([]), 'host'), ['example.org']);
});

t.test('a client of HTTP/1.0 need not name a host, but the app is told one', async (t) => {
  const target = `/${randomUUID()}`;
  const { status } = await rawRequest(port, `GET ${target} HTTP/1.0\r\n\r\n`);
  t.equal(status, 200);
  t.equal(app.received.find((request) => request.target === target)?.headers.host, 'localhost');
});

t.test('fields that a proxy sets are set by this one, once, whatever the client sent', async (t) => {
  const forged = [
    'X-Forwarded-For: 1.2.3.4',
    'X-Forwarded-For: 5.6.7.8',
    'x-forwarded-proto: https',
    'X-Forwarded-Host: evil.example',
    'X-Forwarded-Port: 443',
    'X-Forwarded-Server: evil.example',
    'X-Forwarded-Prefix: /evil',
    'Forwarded: for=1.2.3.4;proto=https',
    'X-Real-IP: 1.2.3.4',
    'X-Request-ID: forged',
  ];
  for (const sent of [[], forged]) {
    const fields = await fieldsAtApp(sent);
    t.same(valuesOf(fields, 'x-forwarded-for'), ['127.0.0.1']);
    t.same(valuesOf(fields, 'x-real-ip'), ['127.0.0.1']);
    t.same(valuesOf(fields, 'x-forwarded-proto'), ['http']);
    t.same(valuesOf(fields, 'x-forwarded-host'), ['example.org']);
    t.match(valuesOf(fields, 'x-request-id'), [/^[0-9a-f-]{36}$/]);
    t.notMatch(JSON.stringify(fields), /1\.2\.3\.4|5\.6\.7\.8|evil|443|forged|https/);
  }
  const ids = await Promise.all(
    [1, 2, 3].map(async () => valuesOf(await fieldsAtApp([]), 'x-request-id')[0]),
  );
  t.equal(new Set(ids).size, 3, 'each request has a number of its own');
});

t.test('names that WSGI cannot tell apart, and Proxy, are dropped', async (t) => {
  const dropped = [
    'X_Real_IP: 1.2.3.4',
    'X_Forwarded_For: 1.2.3.4',
    'REMOTE_USER: admin',
    'a_b: c',
    '_: d',
    'Proxy: evil',
  ];
  const fields = await fieldsAtApp([...dropped, 'X-Own: kept']);
  t.same(
    fields.filter(([name]) => name.includes('_') || name === 'proxy'),
    [],
  );
  t.same(valuesOf(fields, 'x-own'), ['kept']);
});

t.test('fields of the connection stay on it, and those it names too', async (t) => {
  const fields = await fieldsAtApp([
    'Connection: X-Nominated, X-Other',
    'X-Nominated: a',
    'X-Other: b',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'TE: trailers',
    'Upgrade: h2c',
    'X-Own: kept',
  ]);
  for (const name of ['x-nominated', 'x-other', 'keep-alive', 'proxy-connection', 'te', 'upgrade']) {
    t.same(valuesOf(fields, name), [], name);
  }
  t.same(valuesOf(fields, 'x-own'), ['kept']);
});

t.test('a Connection field cannot make this server drop who the client is', async (t) => {
  const fields = await fieldsAtApp([
    'Connection: X-Forwarded-For, X-Real-IP, X-Forwarded-Proto, X-Request-ID, Cookie, Host, Authorization',
    'Cookie: sessionid=a',
    'Authorization: Bearer x',
  ]);
  for (const name of [
    'x-forwarded-for',
    'x-real-ip',
    'x-forwarded-proto',
    'x-request-id',
    'cookie',
    'host',
  ]) {
    t.equal(valuesOf(fields, name).length, 1, name);
  }
  t.equal(valuesOf(fields, 'authorization').length, 1);
});

t.test('several Cookie fields are one for the app, which would read them as one cookie', async (t) => {
  const cases: readonly (readonly [sent: readonly string[], arrived: readonly string[]])[] = [
    [[], []],
    [['Cookie: a=1'], ['a=1']],
    [['Cookie: a=1', 'Cookie: b=2'], ['a=1; b=2']],
    [['Cookie: a=1; b=2', 'X-Own: x', 'cookie: c=3', 'COOKIE: d="4,5"'], ['a=1; b=2; c=3; d="4,5"']],
    [['Cookie:', 'Cookie: a=1', 'Cookie:'], ['a=1']],
    [['Cookie:'], ['']],
    [['Cookie: a=1', 'Cookie: a=1'], ['a=1; a=1']],
  ];
  for (const [sent, arrived] of cases) {
    t.same(valuesOf(await fieldsAtApp(sent), 'cookie'), arrived, sent.join());
  }
});

t.test('trailers are not passed on, nor what announces them', async (t) => {
  const target = `/${randomUUID()}`;
  const chunked = ['Transfer-Encoding: chunked', 'Trailer: X-Sum', 'TE: trailers', 'Connection: TE, Trailer'];
  await rawRequest(port, `${get(target, chunked, 'POST')}3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n`);
  const received = app.received.find((request) => request.target === target);
  t.equal(received?.body.toString(), 'abc');
  for (const name of ['trailer', 'te', 'x-sum']) t.equal(received?.headers[name], undefined, name);
  t.same(valuesOf(await fieldsAtApp(['trailer: X-Sum']), 'trailer'), [], 'without a body, too');
});

t.test('the length of a body is told once', async (t) => {
  const target = `/${randomUUID()}`;
  await rawRequest(port, `${get(target, ['Content-Length: 3'], 'POST')}abc`);
  const raw = app.received.find((request) => request.target === target)?.rawHeaders ?? [];
  const names = raw.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  t.equal(names.filter((name) => name === 'content-length' || name === 'transfer-encoding').length, 1);
});
