/** Signed links: nginx's secure_link_md5 and HMAC-SHA256, checked against signatures made here and by Python. */
import { execFile } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { loadConfig } from '../../src/config/load.js';
import { type ServerHere, startHere } from '../support/here.js';
import { type RawResponse, rawRequest } from '../support/raw.js';
import { skipUnless } from '../support/skip.js';
import { startStandIn } from '../support/stand-in.js';

const SECRET = 'open sesame';
const now = Math.floor(Date.now() / 1000);
const soon = now + 600;

const base64url = (digest: Buffer): string => digest.toString('base64url');
const md5 = (text: string): string => base64url(createHash('md5').update(text).digest());
const hmac = (path: string, expires: number | string, secret = SECRET): string =>
  base64url(createHmac('sha256', secret).update(`${path}\n${expires}`).digest());

/** Writes a config file with these locations, all of them over the same files, and returns its path. */
function configure(t: Test, locations: readonly object[]): string {
  const root = t.testdir({ 'a.txt': 'hello', 'ü b+c 100%.txt': 'awkward', 'secret.key': `${SECRET}\n` });
  const complete = locations.map((location) => ({
    kind: 'media',
    prefix: '/files/',
    root: '.',
    ...location,
  }));
  writeFileSync(`${root}/config.json`, JSON.stringify({ locations: complete }));
  return `${root}/config.json`;
}

const ENVIRONMENT = { LINK_SECRET: SECRET };

function start(t: Test, ...locations: object[]): Promise<ServerHere> {
  return startHere(t, ['--config', configure(t, locations)], ENVIRONMENT);
}

function get({ port }: ServerHere, target: string, headers = ''): Promise<RawResponse> {
  return rawRequest(
    port,
    `GET ${target} HTTP/1.1\r\nHost: Example.org:81\r\nConnection: close\r\n${headers}\r\n`,
  );
}

t.test('an HMAC-SHA256 link opens its own file until it expires', async (t) => {
  const server = await start(t, { secureLink: 'hmac-sha256', secureLinkSecret: 'env:LINK_SECRET' });
  const link = (path: string, expires: number | string, signature: string): string =>
    `/files/${path}?expires=${expires}&signature=${signature}`;
  const good = hmac('/files/a.txt', soon);
  const cases: readonly (readonly [string, string, number])[] = [
    ['right', link('a.txt', soon, good), 200],
    ['with padding', link('a.txt', soon, `${good}=`), 200],
    ['in the other order, among others', `/files/a.txt?x=1&signature=${good}&expires=${soon}&y`, 200],
    ['names in capitals', `/files/a.txt?EXPIRES=${soon}&Signature=${good}`, 200],
    ['written otherwise', link('./%61.txt', soon, good), 200],
    [
      'awkward name',
      link(encodeURIComponent('ü b+c 100%.txt'), soon, hmac('/files/ü b+c 100%.txt', soon)),
      200,
    ],
    ['a file that is not there', link('b.txt', soon, hmac('/files/b.txt', soon)), 404],
    ['no arguments', '/files/a.txt', 403],
    ['no signature', `/files/a.txt?expires=${soon}`, 403],
    ['no time', `/files/a.txt?signature=${hmac('/files/a.txt', '')}`, 403],
    ['empty signature', link('a.txt', soon, ''), 403],
    ['shorter signature', link('a.txt', soon, good.slice(0, -2)), 403],
    ['longer signature', link('a.txt', soon, `${good}AA`), 403],
    ['another signature', link('a.txt', soon, hmac('/files/a.txt', soon, 'guess')), 403],
    ["another file's", link('b.txt', soon, good), 403],
    ['another time', link('a.txt', soon + 1, good), 403],
    ['no number for a time', link('a.txt', 'never', hmac('/files/a.txt', 'never')), 403],
    ['expired', link('a.txt', now - 5, hmac('/files/a.txt', now - 5)), 410],
    ['expired and wrong', link('a.txt', now - 5, good), 403],
    ['a second signature that is right', link('a.txt', soon, `x&signature=${good}`), 403],
  ];
  for (const [name, target, status] of cases) t.equal((await get(server, target)).status, status, name);
  const { headers } = await get(server, link('a.txt', soon, good));
  t.match(headers['cache-control'], /^private/, 'a link is for the one who has it');
  t.equal((await get(server, link('a.txt', soon, good), 'Range: bytes=1-2\r\n')).body.toString(), 'el');
});

t.test("nginx's expressions", async (t) => {
  const user = 'User-Agent: test\r\nCookie: a=1; session=s%20\r\n';
  const cases: readonly (readonly [expression: string, signed: string, query: string])[] = [
    [
      '$secure_link_expires$uri$remote_addr $secret',
      `${soon}/files/a.txt127.0.0.1 ${SECRET}`,
      `&expires=${soon}`,
    ],
    [`\${secure_link_expires}\${uri} literal`, `${soon}/files/a.txt literal`, `&expires=${soon}`],
    ['$secret$uri$arg_expires', `${SECRET}/files/a.txt${soon}`, `&expires=${soon}`],
    [
      '$uri$arg_user$http_user_agent$cookie_session$host ü',
      '/files/a.txta%20btests%20example.org ü',
      '&user=a%20b',
    ],
    // What is not signed does not count.
    ['$uri $secret', `/files/a.txt ${SECRET}`, '&expires=1'],
  ];
  const secret = { secureLink: 'md5', secureLinkSecret: 'env:LINK_SECRET' };
  const server = await start(
    t,
    ...cases.map(([expression], index) => ({ ...secret, prefix: `/${index}/`, secureLinkMd5: expression })),
  );
  for (const [index, [expression, signed, query]] of cases.entries()) {
    const text = signed.replace('/files/', `/${index}/`);
    const ask = async (signature: string): Promise<number> =>
      (await get(server, `/${index}/a.txt?md5=${signature}${query}`, user)).status;
    t.equal(await ask(md5(text)), 200, expression);
    t.equal(await ask(`${md5(text)}==`), 200, 'with padding');
    t.equal(await ask(md5(`${text}.`)), 403);
    t.equal(await ask(''), 403);
  }
});

t.test('a link is signed for the client and the host that the app knows, whoever tells them', async (t) => {
  const location = {
    secureLink: 'md5',
    secureLinkSecret: 'env:LINK_SECRET',
    secureLinkMd5: '$remote_addr $host $uri $secret',
  };
  const ways = {
    '--trust-proxy': await startHere(
      t,
      ['--config', configure(t, [location]), '--trust-proxy', 'loopback'],
      ENVIRONMENT,
    ),
    '--proxy-protocol': await startHere(
      t,
      ['--config', configure(t, [location]), '--proxy-protocol'],
      ENVIRONMENT,
    ),
  };
  const mapped = Buffer.from('0d0a0d0a000d0a515549540a2121002400000000000000000000ffffcb007109', 'hex');
  const version2 = Buffer.concat([mapped, Buffer.alloc(20)]);
  const cases: readonly (readonly [
    way: keyof typeof ways,
    introduction: string | Buffer,
    fields: string,
    client: string,
    host: string,
  ])[] = [
    ['--trust-proxy', '', 'X-Forwarded-For: ::FFFF:203.0.113.9\r\n', '203.0.113.9', 'example.org'],
    ['--trust-proxy', '', 'X-Forwarded-For: 2001:DB8:0:0:0:0:0:1\r\n', '2001:db8::1', 'example.org'],
    [
      '--trust-proxy',
      '',
      'Forwarded: for="[2001:DB8:0::1]:4711";host="WWW.example.com:8443"\r\n',
      '2001:db8::1',
      'www.example.com',
    ],
    ['--trust-proxy', '', 'X-Forwarded-Host: www.example.com\r\n', '127.0.0.1', 'www.example.com'],
    ['--proxy-protocol', version2, '', '203.0.113.9', 'example.org'],
    ['--proxy-protocol', 'PROXY TCP6 2001:DB8::0:1 ::1 1 2\r\n', '', '2001:db8::1', 'example.org'],
    // Its client is nobody who is believed.
    ['--proxy-protocol', version2, 'X-Forwarded-Host: www.example.com\r\n', '203.0.113.9', 'example.org'],
  ];
  for (const [way, introduction, fields, client, host] of cases) {
    const signature = md5(`${client} ${host} /files/a.txt ${SECRET}`);
    const head = `GET /files/a.txt?md5=${signature} HTTP/1.1\r\nHost: Example.org:81\r\nConnection: close\r\n`;
    const request = Buffer.concat([Buffer.from(introduction), Buffer.from(`${head}${fields}\r\n`)]);
    const { status } = await rawRequest(ways[way].port, request);
    t.equal(status, 200, `${way}: ${fields || introduction.toString('latin1')}`);
  }
});

t.test('an md5 link that has expired, and one without its time', async (t) => {
  const server = await start(t, { secureLink: 'md5', secureLinkSecret: 'file:secret.key' });
  const sign = (expires: number | string): string => md5(`${expires}/files/a.txt ${SECRET}`);
  t.equal(
    (await get(server, `/files/a.txt?md5=${sign(soon)}&expires=${soon}`)).status,
    200,
    'secret from a file',
  );
  t.equal((await get(server, `/files/a.txt?md5=${sign(now - 5)}&expires=${now - 5}`)).status, 410);
  t.equal((await get(server, `/files/a.txt?md5=${sign('')}`)).status, 403);
  t.equal((await get(server, `/files/a.txt?md5=${sign(0)}&expires=0`)).status, 403);
});

t.test('an order of the app needs a signature too, as in nginx', async (t) => {
  const signature = hmac('/files/a.txt', soon);
  const app = await startStandIn(t, ({ target }, response) => {
    const query = target === '/good' ? `?expires=${soon}&signature=${signature}` : '';
    response.writeHead(200, { 'X-Accel-Redirect': `/files/a.txt${query}` });
    response.end();
  });
  const options = { secureLink: 'hmac-sha256', secureLinkSecret: 'env:LINK_SECRET' };
  const upstream = { kind: 'upstream', prefix: '/', root: undefined, upstream: app.address };
  const server = await start(t, options, upstream);
  t.equal((await get(server, '/good')).status, 200);
  t.equal((await get(server, '/other')).status, 403);
});

t.test('a location whose links cannot be checked does not start', async (t) => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ secureLink: 'hmac-sha256' }, /no secureLinkSecret/],
    [{ secureLink: 'md5' }, /no secureLinkSecret/],
    [{ secureLink: 'md5', secureLinkMd5: '$uri $nonsense' }, /unknown variable \$nonsense/],
    [{ secureLink: 'hmac-sha256', secureLinkSecret: 'env:NOT_SET' }, /env:NOT_SET is empty or not set/],
    [{ secureLink: 'hmac-sha256', secureLinkSecret: 'file:missing' }, /missing cannot be read \(ENOENT\)/],
    [{ secureLink: 'hmac-sha256', secureLinkSecret: 'hunter2' }, /secureLinkSecret.*write env:NAME/],
    [{ secureLink: 'sha1', secureLinkSecret: 'env:LINK_SECRET' }, /secureLink/],
  ];
  for (const [options, message] of cases) {
    const load = (): unknown => loadConfig({ config: configure(t, [options]) }, ENVIRONMENT);
    t.throws(load, { message, code: 'MEDIA_SERVE_BAD_VALUE' }, JSON.stringify(options));
  }
  for (const [index, secret] of ['"hunter2"', "'hunter2'", 'hunter2\r', ' hunter2'].entries()) {
    const links = { secureLink: 'md5', secureLinkSecret: 'env:LINK_SECRET' };
    const load = (): unknown => loadConfig({ config: configure(t, [links]) }, { LINK_SECRET: secret });
    t.throws(load, { message: /env:LINK_SECRET has .*write it without$/ }, `secret ${index}`);
  }
  const leaking = { secureLink: 'md5', secureLinkSecret: 'hunter2' };
  try {
    loadConfig({ config: configure(t, [leaking]) }, ENVIRONMENT);
    t.fail('a secret in the file is refused');
  } catch (error) {
    t.notMatch(String(error), 'hunter2', 'and not shown');
  }
});

/** The function of the README. */
const PYTHON = `
import base64, hashlib, hmac, time
from urllib.parse import quote

def signed_link(path, secret, seconds=3600, scheme="hmac-sha256"):
    expires = int(time.time()) + seconds
    if scheme == "md5":  # nginx: secure_link_md5 "$secure_link_expires$uri $secret"
        name, digest = "md5", hashlib.md5(f"{expires}{path} {secret}".encode()).digest()
    else:
        name, digest = "signature", hmac.digest(secret.encode(), f"{path}\\n{expires}".encode(), "sha256")
    return f"{quote(path)}?expires={expires}&{name}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
`;

const run = promisify(execFile);
const hasPython = await run('python3', ['--version']).then(
  () => true,
  () => false,
);
const skip = skipUnless(hasPython, 'python3 is not installed');

t.test("the README's Python function signs both schemes", { skip }, async (t) => {
  const schemes = ['hmac-sha256', 'md5'];
  const secret = { secureLinkSecret: 'env:LINK_SECRET' };
  const server = await start(
    t,
    ...schemes.map((secureLink) => ({ ...secret, secureLink, prefix: `/${secureLink}/` })),
  );
  for (const scheme of schemes) {
    for (const [name, seconds, status] of [
      ['a.txt', 60, 200],
      ['ü b+c 100%.txt', 60, 200],
      ['a.txt', -60, 410],
    ]) {
      const call = `print(signed_link("/${scheme}/${name}", "${SECRET}", ${seconds}, "${scheme}"))`;
      const { stdout } = await run('python3', ['-c', PYTHON + call], { env: { PYTHONUTF8: '1' } });
      t.equal((await get(server, stdout.trim())).status, status, `${scheme} ${name} for ${seconds} s`);
    }
  }
});
