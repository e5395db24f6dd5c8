/** X-Sendfile: a path on disk, as Apache's mod_xsendfile and lighttpd take it, only below internal locations. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { type ServerHere, startHere } from '../support/here.js';
import { type RawResponse, rawRequest } from '../support/raw.js';
import { startStandIn } from '../support/stand-in.js';

interface Place {
  readonly root: string;
  readonly server: ServerHere;
  /** Asks for a page that the app answers with this X-Sendfile, given as bytes. */
  send(value: string | Buffer, headers?: string): Promise<RawResponse>;
}

async function start(t: Test, args: (root: string) => string[]): Promise<Place> {
  const root = t.testdir({
    protected: {
      'a.txt': '0123456789',
      'ü b+c 100%.txt': 'awkward',
      'ŝ.txt': 'not in latin-1',
      'a%20b.txt': 'percent in the name',
      'c d.txt': 'space in the name',
      deep: { 'a.txt': 'deep' },
    },
    media: { 'public.txt': 'public' },
    'secret.txt': 'secret',
  });
  symlinkSync(`${root}/secret.txt`, `${root}/protected/link.txt`);
  symlinkSync(`${root}/protected`, `${root}/alias`);
  mkdirSync(`${root}/protected-not`);
  const app = await startStandIn(t, (request, response) => {
    const value = Buffer.from(String(request.headers['x-value']), 'base64').toString('latin1');
    response.writeHead(200, [
      'X-Sendfile',
      value,
      'Content-Type',
      'text/x',
      'ETag',
      '"app"',
      'Set-Cookie',
      'a=1',
    ]);
    response.end('the body that nobody must see');
  });
  const server = await startHere(t, ['--root', `${root}/media`, '--upstream', app.address, ...args(root)]);
  return {
    root,
    server,
    send: (value, headers = '') =>
      rawRequest(
        server.port,
        `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Value: ${Buffer.from(value).toString('base64')}\r\n${headers}\r\n`,
      ),
  };
}

const place = await start(t, (root) => ['--internal', `/protected/=${root}/protected`]);
const directory = `${place.root}/protected`;

t.test('the file at an absolute path below an internal location is sent', async (t) => {
  const cases: readonly (readonly [string, string | Buffer, string])[] = [
    ['as it is', `${directory}/a.txt`, '0123456789'],
    ['in UTF-8', `${directory}/ü b+c 100%.txt`, 'awkward'],
    ['as Django sends what latin-1 has', Buffer.from(`${directory}/ü b+c 100%.txt`, 'latin1'), 'awkward'],
    [
      'as Django sends what latin-1 lacks, in base64',
      `=?utf-8?b?${Buffer.from(`${directory}/ŝ.txt`).toString('base64')}?=`,
      'not in latin-1',
    ],
    ['as Django sends what latin-1 lacks, quoted', `=?utf-8?q?${directory}/=C5=9D=2Etxt?=`, 'not in latin-1'],
    ['percent-encoded, as Apache takes it', `${directory}/c%20d.txt`, 'space in the name'],
    ['percent-encoded UTF-8', `${directory}/%C3%BC%20b+c%20100%25.txt`, 'awkward'],
    ['a name that looks percent-encoded', `${directory}/a%20b.txt`, 'percent in the name'],
    ['with slashes too many', `${place.root}//protected/./deep//a.txt`, 'deep'],
    ['by another name of the directory', `${place.root}/alias/a.txt`, '0123456789'],
  ];
  for (const [how, value, content] of cases) {
    const { status, body, headers } = await place.send(value);
    t.equal(status, 200, how);
    t.equal(body.toString(), content, how);
    t.notOk('x-sendfile' in headers);
  }
});

t.test("the file's own validators and the app's type, with ranges", async (t) => {
  const { status, headers, body } = await place.send(`${directory}/a.txt`, 'Range: bytes=1-2\r\n');
  t.equal(status, 206);
  t.equal(body.toString(), '12');
  t.equal(headers['content-type'], 'text/x');
  t.equal(headers['set-cookie'], 'a=1');
  t.not(headers['etag'], '"app"');
});

t.test('nothing else on the disk can be sent', async (t) => {
  const cases = [
    `${place.root}/secret.txt`,
    `${place.root}/media/public.txt`,
    `${place.root}/protected-not/x`,
    `${directory}/../secret.txt`,
    `${directory}/%2e%2e/secret.txt`,
    `${directory}/link.txt`,
    `${directory}/deep`,
    `${directory}`,
    `${directory}/missing.txt`,
    '/etc/passwd',
    'a.txt',
    '',
  ];
  for (const value of cases) {
    const { status, body } = await place.send(value);
    t.equal(status, 404, value);
    t.notMatch(body.toString(), /secret|public|nobody must see|root:/, value);
  }
  await place.send('/etc/passwd');
  const line = await place.server.logged((entry) => entry['xSendfile'] === '/etc/passwd');
  t.match(line['problem'], '--internal', 'the log names the option');
});

t.test('a name that cannot be one is 404, in whichever of its readings', async (t) => {
  symlinkSync('loop.txt%41', `${directory}/loop.txt%41`);
  symlinkSync('loop.txtA', `${directory}/loop.txtA`);
  const long = 'x'.repeat(256);
  const cases = [
    `${directory}/${long}`,
    `${directory}/${long}%41`,
    `${directory}/${'%41'.repeat(256)}`,
    `${directory}/${'%C3%BC'.repeat(128)}`,
    `${directory}/${'ü'.repeat(128)}%41`,
    Buffer.from(`${directory}/${'ü'.repeat(128)}`, 'latin1'),
    `${directory}/${'y/'.repeat(2500)}z%41`,
    `=?utf-8?q?${directory}/${'=C5=9D'.repeat(128)}?=`,
    `${directory}/a.txt/deeper%41`,
    `${directory}/missing%41/deeper`,
    `${directory}/loop.txt%41`,
    `${directory}/loop.txt%41/deeper`,
    `${directory}/nul%00`,
    `${directory}/%`,
    `${directory}/%zz`,
    `${directory}/a.txt%2F`,
    `${place.root}/alias/${long}%41`,
    `/${long}%41`,
    '%',
  ];
  for (const value of cases) {
    const { status } = await place.send(value);
    t.equal(status, 404, `${value.toString().slice(-40)}`);
  }
  const inTime = place.server.log.filter(({ level }) => Number(level) >= 50);
  t.same(
    inTime.filter(({ msg }) => !/^the app ordered/.test(String(msg))),
    [],
    'none is a defect, or a failure of the disk',
  );
  // The longest that a name can be, percent-encoded and not.
  writeFileSync(`${directory}/${'x'.repeat(251)}.txt`, 'long');
  for (const value of ['x'.repeat(251), '%78'.repeat(251)]) {
    t.equal((await place.send(`${directory}/${value}.txt`)).body.toString(), 'long');
  }
});

t.test('without an internal location the log says how to have one', async (t) => {
  const without = await start(t, () => []);
  const { status } = await without.send(`${without.root}/protected/a.txt`);
  t.equal(status, 404);
  t.match((await without.server.logged((entry) => 'xSendfile' in entry))['problem'], '--internal');
});

t.test('of two nested locations either will do', async (t) => {
  const nested = await start(t, (root) => [
    '--internal',
    `/all/=${root}/protected`,
    '--internal',
    `/deep/=${root}/protected/deep`,
  ]);
  const { body } = await nested.send(`${nested.root}/protected/deep/a.txt`);
  t.equal(body.toString(), 'deep');
  const line = await nested.server.logged((entry) => entry['msg'] === 'request');
  t.equal(line['location'], '/deep/');
});
