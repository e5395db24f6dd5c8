/** authRequest: the app is asked before each file. A stand-in app answers by the cookie, and keeps what it was asked. */
import { writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { createLog, createMediaServer, loadConfig } from '../../src/index.js';
import { type ServerHere, startHere } from '../support/here.js';
import { type RawResponse, rawRequest } from '../support/raw.js';
import { type Seen, type StandIn, startStandIn } from '../support/stand-in.js';

interface Place {
  readonly server: ServerHere;
  readonly app: StandIn;
}

/** The answer is what the cookie `answer` says: a status, and the fields of that case. */
function answerByCookie({ headers }: Seen, response: ServerResponse): void {
  const status = Number(/answer=(\d+)/.exec(headers.cookie ?? '')?.[1] ?? 401);
  const fields: Record<number, string[]> = {
    204: ['Set-Cookie', 'granted=1'],
    302: ['Location', '/login/?next=/files/a.txt', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'],
    401: ['WWW-Authenticate', 'Basic realm="files"', 'X-Accel-Expires', '5', 'Content-Type', 'text/html'],
    403: ['Content-Type', 'application/json', 'Cache-Control', 'private'],
  };
  response.writeHead(status, fields[status] ?? []);
  response.end(status === 204 || status === 304 ? undefined : `the app says ${status}`);
}

/** Writes the config file and returns its path. */
function configure(t: Test, options: object, upstream: string): string {
  const root = t.testdir({ files: { 'a.txt': '0123456789', 'b.txt': 'other' } });
  const locations = [
    { kind: 'media', prefix: '/files/', root: './files', authRequest: '/may-i/?of=files', ...options },
    { kind: 'media', prefix: '/open/', root: './files' },
    { kind: 'upstream', prefix: '/', upstream },
  ];
  writeFileSync(`${root}/config.json`, JSON.stringify({ locations }));
  return `${root}/config.json`;
}

async function start(
  t: Test,
  options: object = {},
  answer = answerByCookie,
  ...args: string[]
): Promise<Place> {
  const app = await startStandIn(t, answer);
  return { app, server: await startHere(t, ['--config', configure(t, options, app.address), ...args]) };
}

function get(
  { server }: Place,
  cookie: string,
  {
    target = '/files/a.txt',
    method = 'GET',
    headers = '',
  }: { target?: string; method?: string; headers?: string } = {},
): Promise<RawResponse> {
  return rawRequest(
    server.port,
    `${method} ${target} HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n${cookie === '' ? '' : `Cookie: ${cookie}\r\n`}${headers}\r\n`,
  );
}

const plain = await start(t);

t.test('the app is asked at its own path, as the client, and about the file', async (t) => {
  const { status, body } = await get(plain, 'answer=204', {
    target: '/files/./a.txt?x=%20',
    headers:
      'Authorization: Bearer t\r\nX-Original-URI: /forged\r\nx-original-method: FORGED\r\nRange: bytes=1-2\r\nIf-None-Match: "x"\r\nX-Key: k\r\n',
  });
  t.equal(status, 206);
  t.equal(body.toString(), '12');
  const asked = plain.app.seen.at(-1);
  t.match(asked, {
    method: 'GET',
    target: '/may-i/?of=files',
    body: '',
    headers: {
      host: 'example.org',
      cookie: 'answer=204',
      authorization: 'Bearer t',
      'x-key': 'k',
      'x-real-ip': '127.0.0.1',
    },
  });
  t.ok(asked?.headers['x-request-id']);
  // Exactly: what the client says under these names does not count.
  t.equal(asked?.headers['x-original-uri'], '/files/./a.txt?x=%20');
  t.equal(asked?.headers['x-original-method'], 'GET');
  for (const name of ['range', 'if-none-match', 'content-length', 'transfer-encoding']) {
    t.notOk(name in (asked?.headers ?? {}), `no ${name}: it is about the file`);
  }
});

t.test('what the app says decides', async (t) => {
  const cases: readonly (readonly [answer: number, status: number])[] = [
    [200, 200],
    [204, 200],
    [299, 200],
    [401, 401],
    [403, 403],
    [301, 301],
    [302, 302],
    [303, 303],
    [307, 307],
    [308, 308],
    [300, 500],
    [304, 500],
    [404, 500],
    [429, 500],
    [500, 500],
    [503, 500],
  ];
  for (const [answer, expected] of cases) {
    const { status, headers, body } = await get(plain, `answer=${answer}`);
    t.equal(status, expected, `${answer} makes ${expected}`);
    const content =
      expected === 200 ? '0123456789' : expected === 500 ? '500 Internal' : `the app says ${answer}`;
    t.match(body.toString(), content);
    t.notOk('x-accel-expires' in headers);
    if (expected === 200)
      t.notOk('set-cookie' in headers, "the permission's cookies are not the file's (as in nginx)");
    else t.notMatch(body.toString(), '0123456789');
  }
  const line = await plain.server.logged((entry) => /it answered 404/.test(String(entry['msg'])));
  t.match(line, { level: 50, code: 'MEDIA_SERVE_AUTH_REQUEST' });
});

t.test('a refusal comes with its fields', async (t) => {
  const unknown = await get(plain, '');
  t.match(unknown.headers, {
    'www-authenticate': 'Basic realm="files"',
    'content-type': 'text/html',
    'cache-control': 'no-store',
    'content-length': '16',
  });
  const away = await get(plain, 'answer=302');
  t.equal(away.headers['location'], '/login/?next=/files/a.txt');
  t.equal(away.fields.filter(([name]) => name === 'set-cookie').length, 2);
  const forbidden = await get(plain, 'answer=403');
  t.equal(forbidden.headers['cache-control'], 'private', "the app's own");
  const head = await get(plain, '', { method: 'HEAD' });
  t.equal(head.status, 401);
  t.equal(head.body.length, 0);
  t.match(plain.app.seen.at(-1), { method: 'GET', headers: { 'x-original-method': 'HEAD' } });
});

t.test('a missing file is not told from a forbidden one', async (t) => {
  t.equal((await get(plain, '', { target: '/files/missing' })).status, 401);
  t.equal((await get(plain, 'answer=204', { target: '/files/missing' })).status, 404);
});

t.test('only the location that says so is guarded', async (t) => {
  const before = plain.app.seen.length;
  t.equal((await get(plain, '', { target: '/open/a.txt' })).status, 200);
  t.equal(plain.app.seen.length, before);
});

t.test('a request with a body does not send it along', async (t) => {
  const request =
    'POST /files/a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: answer=204\r\nContent-Length: 3\r\n\r\nabc';
  t.equal((await rawRequest(plain.server.port, request)).status, 405);
  t.match(plain.app.seen.at(-1), { method: 'GET', body: '', headers: { 'x-original-method': 'POST' } });
});

t.test('an app that is not there, or breaks off, is 500 and in the log', async (t) => {
  const broken = await start(t, {}, (_request, response) => {
    response.writeHead(204);
    response.socket?.destroy();
  });
  t.equal((await get(broken, '')).status, 500);
  await broken.server.logged((line) => line['code'] === 'MEDIA_SERVE_AUTH_REQUEST');
});

t.test('an app whose worker dies of the question is asked once', async (t) => {
  let times = 0;
  const dying = await start(t, {}, (_seen, response) => {
    times += 1;
    response.socket?.destroy();
  });
  t.equal((await get(dying, 'answer=204')).status, 500);
  t.equal(times, 1);
});

t.test('a kept connection that the app closes at this moment costs nothing', async (t) => {
  const used = new WeakSet<object>();
  const closing = await start(t, {}, (_request, response) => {
    const socket = response.socket ?? {};
    if (used.has(socket)) response.socket?.destroy();
    else response.writeHead(204).end();
    used.add(socket);
  });
  for (let count = 0; count < 3; count++) t.equal((await get(closing, '')).status, 200);
  t.ok(closing.app.seen.length > 3, 'asked again where the connection broke');
});

t.test('a refusal with an endless page is passed on without it', async (t) => {
  const endless = await start(t, {}, (_request, response) => {
    response.writeHead(403, { 'Content-Type': 'text/html' });
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
  const { status, headers, body } = await get(endless, '');
  t.equal(status, 403);
  t.equal(headers['content-length'], '0');
  t.equal(body.length, 0);
});

t.test('a client that leaves while the app thinks ends the question', async (t) => {
  let asked = (): void => {};
  let left = (): void => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const isLeft = new Promise<void>((resolve) => {
    left = resolve;
  });
  const slow = await start(t, {}, (_request, response) => {
    response.on('close', () => left());
    asked();
  });
  const socket = connect(slow.server.port, '127.0.0.1', () => {
    socket.write('GET /files/a.txt HTTP/1.1\r\nHost: a\r\n\r\n');
  });
  await isAsked;
  socket.destroy();
  await isLeft;
  const line = await slow.server.logged((entry) => entry['msg'] === 'request');
  t.match(line, { status: 499, aborted: true });
});

t.test('permissions are asked for each time, and browsers ask again too', async (t) => {
  const before = plain.app.seen.length;
  const { headers } = await get(plain, 'answer=204');
  await get(plain, 'answer=204');
  t.equal(plain.app.seen.length, before + 2);
  t.equal(headers['cache-control'], 'private, no-cache');
});

t.test('a cached permission is for one client, one file and a moment', async (t) => {
  const place = await start(t, { authCache: '1m' });
  const asked = async (cookie: string, options: Parameters<typeof get>[2] = {}): Promise<boolean> => {
    const before = place.app.seen.length;
    await get(place, cookie, options);
    return place.app.seen.length > before;
  };
  const { headers } = await get(place, 'answer=204; user=1');
  t.equal(headers['cache-control'], 'private, max-age=60');
  t.notOk(await asked('answer=204; user=1'), 'the same again');
  t.notOk(
    await asked('answer=204; user=1', { headers: 'Range: bytes=0-1\r\nUser-Agent: x\r\n' }),
    'a part of it',
  );
  const others: readonly (readonly [string, string, Parameters<typeof get>[2]])[] = [
    ['another user', 'answer=204; user=2', {}],
    ['nobody', '', {}],
    ['another file', 'answer=204; user=1', { target: '/files/b.txt' }],
    ['another query', 'answer=204; user=1', { target: '/files/a.txt?token=1' }],
    ['another Authorization', 'answer=204; user=1', { headers: 'Authorization: Bearer x\r\n' }],
    ['another key in a field of its own', 'answer=204; user=1', { headers: 'X-Api-Key: x\r\n' }],
    ['another method', 'answer=204; user=1', { method: 'HEAD' }],
    ['another host', 'answer=204; user=1', { target: 'http://other.example/files/a.txt' }],
  ];
  for (const [who, cookie, options] of others) t.ok(await asked(cookie, options), `${who} is asked for`);

  t.ok(await asked('answer=403; user=1'));
  t.ok(await asked('answer=403; user=1'), 'a refusal is not cached');
});

t.test('a cached permission is not for who only says what a trusted proxy has said', async (t) => {
  const place = await start(t, { authCache: '1m' }, answerByCookie, '--trust-proxy', '127.0.0.1');
  // As the client at 127.0.0.2 comes through the proxy, and as it comes by itself.
  const head =
    'GET /files/a.txt HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\nCookie: answer=204\r\n';
  const request = `${head}X-Forwarded-For: 127.0.0.2\r\nX-Forwarded-User: alice\r\n\r\n`;
  const ask = async (from: string, id: number): Promise<string | string[] | undefined> => {
    const { port } = place.server;
    const fields = `X-Request-ID: ${id}\r\nX-Forwarded-For`;
    await rawRequest(
      { host: '127.0.0.1', port, localAddress: from },
      request.replace('X-Forwarded-For', fields),
    );
    return place.app.seen.at(-1)?.headers['x-forwarded-user'];
  };
  t.equal(await ask('127.0.0.1', 1), 'alice');
  await ask('127.0.0.1', 2);
  t.equal(place.app.seen.length, 1, 'the id of a request is nobody');
  t.equal(await ask('127.0.0.2', 1), undefined);
  t.equal(place.app.seen.length, 2, 'the app is asked anew');
});

t.test('a cached permission ends', async (t) => {
  const place = await start(t, { authCache: '1h' });
  const { now } = performance;
  t.teardown(() => {
    performance.now = now;
  });
  const counts: number[] = [];
  for (const minutes of [0, 59, 61]) {
    performance.now = () => now.call(performance) + minutes * 60_000;
    await get(place, 'answer=204');
    counts.push(place.app.seen.length);
  }
  t.same(counts, [1, 1, 2]);
});

t.test('the app can forbid to keep a permission', async (t) => {
  const place = await start(t, { authCache: '1m' }, (_request, response) => {
    response.writeHead(204, { 'Cache-Control': 'max-age=0, no-store' });
    response.end();
  });
  await get(place, 'a=1');
  await get(place, 'a=1');
  t.equal(place.app.seen.length, 2);
});

t.test('a question that no app could answer is a mistake of the configuration', async (t) => {
  const log = await createLog({ logLevel: 'silent', logFormat: 'json' });
  for (const authRequest of ['/open/may-i', 'may-i', '/a/../b', '/a b', '/%zz']) {
    const build = async (): Promise<unknown> =>
      createMediaServer(loadConfig({ config: configure(t, { authRequest }, ':1') }, {}), log);
    await t.rejects(build, { message: /authRequest/, code: 'MEDIA_SERVE_BAD_VALUE' }, authRequest);
  }
});
