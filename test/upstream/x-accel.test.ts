/** X-Accel-Redirect: the app decides, media-serve sends. A stand-in app orders whatever the query of a request says. */
import { symlinkSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { type ServerHere, startHere } from '../support/here.js';
import { parseResponse, type RawResponse, rawExchange, rawRequest } from '../support/raw.js';
import { type Seen, type StandIn, startStandIn } from '../support/stand-in.js';
import { until } from '../support/until.js';

const FILES = {
  'report.txt': '0123456789',
  'ü b+c 100%?#&.txt': 'awkward',
  'page.html': '<p>hello</p>',
  '.hidden': 'secret',
};

interface Place {
  readonly server: ServerHere;
  readonly app: StandIn;
}

/** `/order?NAME=VALUE…` is answered with these fields; other paths say what they are. */
function obey({ target, method }: Seen, response: ServerResponse): void {
  const url = new URL(target, 'http://app');
  if (url.pathname === '/order') {
    response.writeHead(Number(url.searchParams.get('status') ?? 200), [
      ...[...url.searchParams].filter(([name]) => name !== 'status').flat(),
    ]);
    response.end(method === 'HEAD' ? undefined : 'the body that nobody must see');
    return;
  }
  response.writeHead(200, ['Content-Type', 'text/x-app', 'Set-Cookie', 'second=2', 'X-Kind', 'second']);
  response.end(`app ${method} ${target}`);
}

async function start(t: Test, answer = obey, ...more: string[]): Promise<Place> {
  const root = t.testdir({ protected: FILES, media: { 'public.txt': 'public' } });
  const app = await startStandIn(t, answer);
  const server = await startHere(t, [
    ...['--root', `${root}/media`, '--internal', `/protected/=${root}/protected`, '--upstream', app.address],
    ...more,
  ]);
  return { server, app };
}

type Fields = Readonly<Record<string, string>>;

function ask(
  { server }: Place,
  fields: Fields,
  { method = 'GET', headers = '', body = '' }: { method?: string; headers?: string; body?: string } = {},
): Promise<RawResponse> {
  const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`;
  return rawRequest(
    server.port,
    `${method} /order?${new URLSearchParams(fields)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}${length}\r\n${body}`,
  );
}

const plain = await start(t);

t.test('nobody but the app reaches an internal location', async (t) => {
  for (const target of [
    '/protected/report.txt',
    '/protected/',
    '/x/../protected/report.txt',
    '/%70rotected/report.txt',
  ]) {
    const { status, body } = await rawRequest(
      plain.server.port,
      `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    );
    t.equal(status, 404, target);
    t.notMatch(body.toString(), '0123456789');
  }
  t.notOk(
    plain.app.seen.some(({ target }) => target.includes('protected')),
    'nor is the app asked for it',
  );
});

t.test('the app orders a file by its percent-encoded path', async (t) => {
  const cases: readonly (readonly [string, number, string])[] = [
    ['/protected/report.txt', 200, '0123456789'],
    ['/protected/report.txt?token=1', 200, '0123456789'],
    ['//protected/./report.txt', 200, '0123456789'],
    [`/protected/${encodeURIComponent('ü b+c 100%?#&.txt')}`, 200, 'awkward'],
    // Only what would be read otherwise must be encoded.
    ['/protected/%C3%BC b+c 100%25%3F#&.txt', 200, 'awkward'],
    ['/media/public.txt', 200, 'public'],
    ['/protected/missing.txt', 404, ''],
    ['/protected/', 404, ''],
    ['/protected/.hidden', 404, ''],
    ['/protected/../media/public.txt', 404, ''],
    ['/protected/%2e%2e/media/public.txt', 404, ''],
    ['/protected/x%2F..%2Freport.txt', 404, ''],
    ['/protected/100%.txt', 404, ''],
    ['/protected/%00', 404, ''],
    ['protected/report.txt', 404, ''],
    ['http://a/protected/report.txt', 404, ''],
    ['', 404, ''],
    ['@fallback', 500, ''],
  ];
  for (const [path, status, content] of cases) {
    const response = await ask(plain, { 'X-Accel-Redirect': path });
    t.equal(response.status, status, `${path} is ${status}`);
    if (status === 200) t.equal(response.body.toString(), content, path);
    else t.notMatch(response.body.toString(), 'nobody must see', path);
    t.notOk('x-accel-redirect' in response.headers, 'the order is not for the client');
  }
});

t.test('what is wrong with an order is in the log', async (t) => {
  await ask(plain, { 'X-Accel-Redirect': '/protected/../up' });
  const up = await plain.server.logged((line) => line['xAccelRedirect'] === '/protected/../up');
  t.match(up['problem'], '".."');
  await ask(plain, { 'X-Accel-Redirect': '/protected/gone' });
  const gone = await plain.server.logged((line) => line['xAccelRedirect'] === '/protected/gone');
  t.match(gone['msg'], 'not there');
  await ask(plain, { 'X-Accel-Redirect': '@named' });
  const named = await plain.server.logged((line) => line['code'] === 'MEDIA_SERVE_ORDER');
  t.match(named['msg'], /@\w+ names a location/);
});

t.test(
  'the file keeps what the app says of it, and nothing that the app said of its own answer',
  async (t) => {
    const response = await ask(plain, {
      'X-Accel-Redirect': '/protected/report.txt',
      status: '201',
      'Content-Type': 'application/x-report',
      'Content-Disposition': 'attachment; filename="r.txt"',
      'Content-Language': 'de',
      'Cache-Control': 'private, max-age=5',
      Expires: 'Thu, 01 Jan 2032 00:00:00 GMT',
      'Set-Cookie': 'a=1',
      ETag: '"app"',
      'Last-Modified': 'Thu, 01 Jan 2004 00:00:00 GMT',
      'Content-Encoding': 'gzip',
      Vary: 'Cookie',
      'X-Other': 'x',
      'X-Accel-Expires': '60',
      'X-Accel-Buffering': 'no',
      'X-Sendfile': '/nowhere',
    });
    t.equal(response.status, 200, "the file's status, not the app's");
    t.match(response.headers, {
      'content-type': 'application/x-report',
      'content-disposition': 'attachment; filename="r.txt"',
      'content-language': 'de',
      'cache-control': 'private, max-age=5',
      expires: 'Thu, 01 Jan 2032 00:00:00 GMT',
      'set-cookie': 'a=1',
      'content-length': '10',
      'accept-ranges': 'bytes',
    });
    t.match(response.headers['etag'], /^(W\/)?"[0-9a-f]+-a"$/, "the file's");
    t.notMatch(response.headers['last-modified'], '2004', "the file's");
    for (const name of [
      'content-encoding',
      'vary',
      'x-other',
      'x-sendfile',
      'x-accel-expires',
      'x-accel-buffering',
    ]) {
      t.notOk(name in response.headers, `no ${name}`);
    }
    for (const name of ['content-type', 'cache-control', 'etag', 'content-length']) {
      t.equal(response.fields.filter(([field]) => field === name).length, 1, `one ${name}`);
    }
    t.equal(response.body.toString(), '0123456789');
  },
);

t.test('each of several cookies arrives', async (t) => {
  const place = await start(t, (_request, response) => {
    response.writeHead(200, [
      'Set-Cookie',
      'a=1',
      'X-Accel-Redirect',
      '/protected/report.txt',
      'Set-Cookie',
      'b=2',
    ]);
    response.end();
  });
  const { fields } = await ask(place, {});
  t.strictSame(
    fields.filter(([name]) => name === 'set-cookie').map(([, value]) => value),
    ['a=1', 'b=2'],
  );
});

t.test('where the app says nothing, the name tells the type and nobody may share the file', async (t) => {
  for (const fields of [{}, { 'Content-Type': '' }]) {
    const { headers } = await ask(plain, { 'X-Accel-Redirect': '/protected/page.html', ...fields });
    t.equal(headers['content-type'], 'text/html; charset=utf-8');
    t.equal(headers['cache-control'], 'private, no-cache');
  }
});

t.test('several ranges each carry the type that the app says', async (t) => {
  const fields = { 'X-Accel-Redirect': '/protected/report.txt', 'Content-Type': 'application/x-report' };
  const {
    status,
    headers,
    fields: all,
    body,
  } = await ask(plain, fields, { headers: 'Range: bytes=0-1,4-5\r\n' });
  t.equal(status, 206);
  t.match(headers['content-type'], /^multipart\/byteranges/);
  t.equal(all.filter(([name]) => name === 'content-type').length, 1);
  t.equal(body.toString().match(/Content-Type: application\/x-report/g)?.length, 2);
});

t.test(
  "a protected upload is no more a part of the site than any other, by the app's own type",
  async (t) => {
    const cases: readonly (readonly [file: string, type: string, runs: boolean])[] = [
      ['page.html', '', true],
      ['report.txt', 'text/html', true],
      ['report.txt', 'application/pdf', false],
      ['page.html', 'image/png', false],
    ];
    for (const [file, type, runs] of cases) {
      const fields = { 'X-Accel-Redirect': `/protected/${file}`, 'Content-Type': type };
      // Twice, since the second may come from memory.
      for (const { headers } of [await ask(plain, fields), await ask(plain, fields)]) {
        t.equal('content-security-policy' in headers, runs, `${file} as ${type}`);
        t.match(headers, {
          'x-content-type-options': 'nosniff',
          'cross-origin-resource-policy': 'same-origin',
        });
      }
    }
  },
);

t.test('an internal directory inside MEDIA_ROOT cannot be had under MEDIA_URL', async (t) => {
  const root = t.testdir({ 'a.txt': 'public', private: { 'b.txt': 'private' } });
  symlinkSync(`${root}/private/b.txt`, `${root}/link.txt`);
  const app = await startStandIn(t, obey);
  const args = ['--root', root, '--internal', `/protected/=${root}/private`, '--upstream', app.address];
  const place = { server: await startHere(t, args), app };
  const get = async (target: string): Promise<number> =>
    (await rawRequest(place.server.port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`))
      .status;
  t.equal(await get('/media/a.txt'), 200);
  t.equal(await get('/media/private/b.txt'), 404);
  t.equal(await get('/media/link.txt'), 404, 'nor through a link');
  t.equal((await ask(place, { 'X-Accel-Redirect': '/protected/b.txt' })).body.toString(), 'private');
});

t.test('ranges, conditions, HEAD and POST', async (t) => {
  const file = { 'X-Accel-Redirect': '/protected/report.txt', 'Set-Cookie': 'a=1', 'Content-Type': 'text/x' };
  const { headers } = await ask(plain, file);
  const part = await ask(plain, file, { headers: 'Range: bytes=2-4\r\n' });
  t.equal(part.status, 206);
  t.equal(part.headers['content-range'], 'bytes 2-4/10');
  t.equal(part.body.toString(), '234');

  const beyond = await ask(plain, file, { headers: 'Range: bytes=20-\r\n' });
  t.equal(beyond.status, 416);

  const known = await ask(plain, file, { headers: `If-None-Match: ${headers['etag']}\r\n` });
  t.equal(known.status, 304);
  t.equal(known.headers['set-cookie'], 'a=1');
  t.notOk('content-type' in known.headers);

  const head = await ask(plain, file, { method: 'HEAD' });
  t.equal(head.status, 200);
  t.equal(head.headers['content-length'], '10');
  t.equal(head.body.length, 0);

  const post = await ask(plain, file, { method: 'POST', body: 'file=report' });
  t.equal(post.status, 200);
  t.equal(post.body.toString(), '0123456789');
  t.match(plain.app.seen.at(-1), { method: 'POST', body: 'file=report' });
});

t.test('X-Accel-Charset and X-Accel-Limit-Rate', async (t) => {
  const cases: readonly (readonly [type: string, charset: string, expected: string])[] = [
    ['text/plain', 'koi8-r', 'text/plain; charset=koi8-r'],
    ['text/plain; charset=utf-8', 'koi8-r', 'text/plain; charset=koi8-r'],
    ['text/plain; charset=utf-8', 'off', 'text/plain; charset=utf-8'],
    ['image/png', 'koi8-r', 'image/png'],
  ];
  for (const [type, charset, expected] of cases) {
    const { headers } = await ask(plain, {
      'X-Accel-Redirect': '/protected/report.txt',
      'Content-Type': type,
      'X-Accel-Charset': charset,
    });
    t.equal(headers['content-type'], expected);
  }

  // Ten bytes at fifty a second: five a step, so that the second half comes a tenth of a second later.
  const startedAt = performance.now();
  const slow = await ask(plain, { 'X-Accel-Redirect': '/protected/report.txt', 'X-Accel-Limit-Rate': '50' });
  t.equal(slow.body.toString(), '0123456789');
  t.ok(performance.now() - startedAt >= 150, 'the file takes the time it must');
  for (const rate of ['0', 'off', 'fast']) {
    const free = await ask(plain, {
      'X-Accel-Redirect': '/protected/report.txt',
      'X-Accel-Limit-Rate': rate,
    });
    t.equal(free.body.toString(), '0123456789', rate);
  }
});

t.test('a client that leaves a slow file takes the file with it', async (t) => {
  const place = await start(t);
  const socket = connect(place.server.port, '127.0.0.1', () => {
    const query = new URLSearchParams({
      'X-Accel-Redirect': '/protected/report.txt',
      'X-Accel-Limit-Rate': '1',
    });
    socket.write(`GET /order?${query} HTTP/1.1\r\nHost: a\r\n\r\n`);
  });
  socket.once('data', () => socket.destroy());
  const line = await place.server.logged((entry) => entry['msg'] === 'request');
  t.equal(line['aborted'], true);
  t.equal(line['location'], '/protected/');
});

t.test('an order can lead to the app again, which is asked with GET and without the body', async (t) => {
  const response = await ask(
    plain,
    {
      'X-Accel-Redirect': '/other/%C3%BC b?q=1&r=%20',
      'Content-Type': 'text/first',
      'Set-Cookie': 'first=1',
      'Content-Disposition': 'inline',
    },
    { method: 'POST', body: 'a=b', headers: 'Content-Type: application/x-www-form-urlencoded\r\n' },
  );
  t.match(response.body.toString(), 'app GET /other/%C3%BC%20b?q=1&r=%20\r\n');
  const { headers, body } = plain.app.seen.at(-1) ?? {};
  t.equal(body, '');
  t.notOk(headers?.['content-type'] ?? headers?.['content-length'] ?? headers?.['transfer-encoding']);
  t.equal(response.headers['content-type'], 'text/x-app', "the last answer's field counts");
  t.equal(response.headers['content-disposition'], 'inline', 'what it lacks comes from the first');
  t.strictSame(
    response.fields.filter(([name]) => name === 'set-cookie').map(([, value]) => value),
    ['second=2', 'first=1'],
  );
  const head = await ask(plain, { 'X-Accel-Redirect': '/other/' }, { method: 'HEAD' });
  t.equal(head.status, 200);
  t.equal(plain.app.seen.at(-1)?.method, 'HEAD');
});

t.test('an order can lead to another order, and not round in a circle', async (t) => {
  const file = new URLSearchParams({ 'X-Accel-Redirect': '/protected/report.txt', 'Set-Cookie': 'second=2' });
  const twice = await ask(plain, { 'X-Accel-Redirect': `/order?${file}`, 'Set-Cookie': 'first=1' });
  t.equal(twice.body.toString(), '0123456789');
  t.equal(twice.fields.filter(([name]) => name === 'set-cookie').length, 2, 'cookies of both');

  const place = await start(t, (_request, response) => {
    response.writeHead(200, ['X-Accel-Redirect', '/again']);
    response.end();
  });
  const circle = await ask(place, {});
  t.equal(circle.status, 500);
  t.equal(place.app.seen.length, 11, 'the first request and ten orders');
  t.match((await place.server.logged((line) => line['code'] === 'MEDIA_SERVE_ORDER'))['msg'], 'more than 10');
});

t.test("the app's own body is dropped, and its connection used again or cut", async (t) => {
  let cut = 0;
  const place = await start(t, ({ target }, response) => {
    response.on('close', () => {
      if (!response.writableFinished) cut += 1;
    });
    response.writeHead(200, ['X-Accel-Redirect', '/protected/report.txt']);
    if (target.includes('endless')) {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    } else if (target.includes('silent')) {
      response.write('a first part, and no more');
    } else response.end('short');
  });
  await ask(place, {});
  const connections = place.app.app.connections;
  for (let count = 0; count < 3; count++) {
    t.equal((await ask(place, {})).body.toString(), '0123456789');
  }
  t.equal(place.app.app.connections, connections, 'a short body does not cost the connection');
  for (const kind of ['endless', 'silent']) {
    const before = cut;
    const { body } = await ask(place, { kind });
    t.equal(body.toString(), '0123456789', kind);
    await until(() => cut === before + 1, `the ${kind} answer is cut off`);
  }
});

t.test('two ordered files on one connection', async (t) => {
  const target = `/order?${new URLSearchParams({ 'X-Accel-Redirect': '/protected/report.txt' })}`;
  const request = (end: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: ${end}\r\n\r\n`;
  const bytes = await rawExchange(plain.server.port, request('keep-alive') + request('close'));
  const first = parseResponse(bytes);
  const second = parseResponse(first.body.subarray(10));
  t.equal(first.body.subarray(0, 10).toString(), '0123456789');
  t.equal(second.body.toString(), '0123456789');
});

t.test('an ordinary answer loses its instructions and nothing else', async (t) => {
  const { headers, body } = await ask(plain, {
    'X-Accel-Buffering': 'no',
    'X-Accel-Expires': '1',
    'X-Accel-Charset': 'koi8-r',
    'X-Accel-Limit-Rate': '1',
    'X-Other': 'x',
  });
  t.notOk(Object.keys(headers).some((name) => name.startsWith('x-accel')));
  t.equal(headers['x-other'], 'x');
  t.equal(body.toString().includes('the body that nobody must see'), true);
});
