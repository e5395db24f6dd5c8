/** A request's body is held until it is complete (nginx: proxy_request_buffering, client_max_body_size). */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import t from 'tap';
import { startApp, startRecorder } from '../support/app.js';
import { startHere } from '../support/here.js';
import { openDescriptors, withoutProc } from '../support/proc.js';
import { openConnection, parseResponse, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { steady, until } from '../support/until.js';
import { fullDisk } from './full-disk.js';

const KIB = 1024;
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Sends a body with Content-Length, or in chunks, and resolves with the status. */
function send(port: number, body: Buffer, how: 'length' | 'chunked', method = 'POST'): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = how === 'length' ? { 'Content-Length': body.length } : { 'Transfer-Encoding': 'chunked' };
    const request = httpRequest({ port, host: '127.0.0.1', method, headers, agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
    request.end(body);
  });
}

for (const memory of ['0', '64mb']) {
  t.test(
    `bodies of every size reach the app whole, with a Content-Length; ${memory} in memory`,
    async (t) => {
      const app = await startRecorder(t);
      const args = ['--root', t.testdir({}), '--upstream', app.address, '--upload-memory', memory];
      const server = await startHere(t, args);
      const sizes = [0, 1, 63 * KIB, 64 * KIB, 64 * KIB + 1, 256 * KIB, 256 * KIB + 1, 3 * KIB * KIB + 17];
      for (const size of sizes) {
        for (const how of ['length', 'chunked'] as const) {
          const body = randomBytes(size);
          t.equal(await send(server.port, body, how), 200, `${size} bytes, ${how}`);
          const got = app.received.at(-1);
          t.equal(got?.headers['content-length'], String(size));
          t.equal(got?.headers['transfer-encoding'], undefined);
          t.equal(got && digest(got.body), digest(body), 'the same bytes');
        }
      }
    },
  );
}

t.test('the app hears of a request when its body is complete, and not before', async (t) => {
  const app = await startRecorder(t);
  let begun = 0;
  app.server.on('request', () => {
    begun += 1;
  });
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', app.address]);
  const slow = await openConnection(t, server.port);
  slow.socket.write('POST /slow HTTP/1.1\r\nHost: example.org\r\nContent-Length: 6\r\n\r\nabc');
  t.equal(await send(server.port, Buffer.from('x'), 'length'), 200);
  t.equal(begun, 1, 'only the complete request has reached the app');
  slow.socket.write('def');
  await slow.until((received) => received.includes('\r\n\r\nok'));
  t.equal(app.received.at(-1)?.body.toString(), 'abcdef');
});

t.test('with requestBuffering off the app reads the body while it arrives', async (t) => {
  let seen = '';
  const app = await startApp(t, (request, response) => {
    request.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    request.on('end', () => response.end('ok'));
  });
  const server = await startHere(t, [
    '--root',
    t.testdir({}),
    '--upstream',
    app.address,
    '--no-request-buffering',
  ]);
  const slow = await openConnection(t, server.port);
  slow.socket.write(
    'POST /slow HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
  );
  await until(() => seen === 'abc', 'the first chunk is with the app');
  slow.socket.write('3\r\ndef\r\n0\r\n\r\n');
  await slow.until((received) => received.includes('ok'));
  t.equal(seen, 'abcdef');
});

t.test('a malformed body that the app reads while it arrives is the fault of its client', async (t) => {
  let arrived = 0;
  const app = await startApp(t, (request) => {
    request
      .on('error', () => {})
      .on('data', () => {
        arrived += 1;
      });
  });
  for (const limit of ['64mb', '0']) {
    const args = [
      '--root',
      t.testdir({}),
      '--upstream',
      app.address,
      '--no-request-buffering',
      '--max-body',
      limit,
    ];
    const server = await startHere(t, args);
    const client = await openConnection(t, server.port);
    const before = arrived;
    client.socket.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
    await until(() => arrived > before, 'the app has got the first chunk');
    client.socket.write('no size\r\n');
    t.match(await client.closed(), /^HTTP\/1\.1 400 /, `--max-body ${limit}`);
  }
});

t.test('a body over --max-body is refused, and the app hears nothing of it', async (t) => {
  const app = await startRecorder(t);
  const server = await startHere(t, [
    '--root',
    t.testdir({}),
    '--upstream',
    app.address,
    '--max-body',
    '1000',
  ]);
  const head = 'POST / HTTP/1.1\r\nHost: example.org\r\n';

  await t.test('at once when Content-Length tells', async (t) => {
    const client = await openConnection(t, server.port);
    client.socket.write(`${head}Content-Length: 1001\r\n\r\n`);
    const answer = parseResponse(
      Buffer.from(await client.until((received) => received.includes('\r\n\r\n413'))),
    );
    t.equal(answer.status, 413);
    t.equal(answer.headers['connection'], 'close');
    const line = await server.logged((entry) => String(entry['msg']).includes('--max-body'));
    t.match(line, { level: 40, contentLength: '1001', maxBody: 1000 });
  });
  await t.test('without a 100 Continue before it', async (t) => {
    const client = await openConnection(t, server.port);
    client.socket.write(`${head}Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n`);
    t.match(await client.until((received) => received.includes('413')), /^HTTP\/1\.1 413/);
  });
  await t.test('as soon as chunks exceed it', async (t) => {
    const client = await openConnection(t, server.port);
    client.socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n3e9\r\n${'x'.repeat(1001)}`);
    t.match(await client.until((received) => received.includes('\r\n\r\n413')), /^HTTP\/1\.1 413/);
  });
  await t.test('and the answer is not lost to a client that goes on sending', async (t) => {
    const client = await openConnection(t, server.port);
    const much = 8 * KIB * KIB;
    client.socket.write(`${head}Content-Length: ${much}\r\n\r\n`);
    client.socket.write(Buffer.alloc(much));
    t.match(await client.closed(), /^HTTP\/1\.1 413/);
  });
  t.equal(app.received.length, 0);
  t.equal(await send(server.port, Buffer.alloc(1000), 'length'), 200, 'the limit itself is allowed');
  t.equal(await send(server.port, Buffer.alloc(1000), 'chunked'), 200, 'in chunks too');
});

t.test('--max-body 0 is no limit, and a location can have its own', async (t) => {
  const app = await startRecorder(t);
  const config = {
    maxBody: 0,
    locations: [
      { kind: 'upstream', prefix: '/', upstream: app.address },
      { kind: 'upstream', prefix: '/small/', upstream: app.address, maxBody: '1kb' },
    ],
  };
  const directory = t.testdir({ 'config.json': JSON.stringify(config) });
  const server = await startHere(t, ['--config', `${directory}/config.json`]);
  t.equal(await send(server.port, Buffer.alloc(200_000), 'chunked'), 200);
  const refused = await rawRequest(
    server.port,
    'POST /small/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1025\r\n\r\n',
  );
  t.equal(refused.status, 413);
});

t.test('Expect: 100-continue is answered when the body is wanted', async (t) => {
  const app = await startRecorder(t);
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', app.address]);
  const client = await openConnection(t, server.port);
  client.socket.write('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');
  await client.until((received) => received.startsWith('HTTP/1.1 100 Continue\r\n\r\n'));
  client.socket.write('hi');
  await client.until((received) => received.endsWith('ok'));
  t.equal(app.received[0]?.headers.expect, undefined, 'the app need not answer it again');
});

t.test('a large body waits in a file that has no name', { skip: withoutProc() }, async (t) => {
  const app = await startRecorder(t);
  const directory = t.testdir({ spool: {} });
  const spool = `${directory}/spool`;
  const server = await startHere(t, [
    ...['--root', directory, '--upstream', app.address, '--spool-dir', spool, '--upload-memory', '0'],
  ]);
  const spooled = (): string[] => openDescriptors(process.pid).filter((path) => path.startsWith(spool));
  const size = 300 * KIB;
  const client = await openConnection(t, server.port);
  client.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
  client.socket.write(Buffer.alloc(size - 1));
  await until(() => spooled().length === 1, 'the body is in a file');
  t.match(spooled()[0], / \(deleted\)$/);
  t.same(readdirSync(spool), []);

  await t.test('which is freed with the answer', async (t) => {
    client.socket.write('x');
    await client.until((received) => received.includes('ok'));
    await until(() => spooled().length === 0, 'the file is closed');
    t.equal(app.received[0]?.body.length, size);
  });
  await t.test('and when the client leaves, of which the app hears nothing', async (t) => {
    const leaver = await openConnection(t, server.port);
    leaver.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
    leaver.socket.write(Buffer.alloc(size - 1));
    await until(() => spooled().length === 1, 'the body is in a file');
    leaver.socket.destroy();
    await until(() => spooled().length === 0, 'the file is closed');
    await server.logged((line) => line['msg'] === 'request' && line['status'] === 499);
    t.equal(app.received.length, 1);
  });
});

t.test('a client that stops sending its body gets 408', async (t) => {
  const app = await startRecorder(t);
  const server = await startHere(t, [
    '--root',
    t.testdir({}),
    '--upstream',
    app.address,
    '--send-timeout',
    '200ms',
  ]);
  const answer = await rawRequest(server.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab', {
    timeout: 20_000,
  });
  t.equal(answer.status, 408);
  t.equal(app.received.length, 0);
});

t.test('with requestBuffering off a client that stops sending its body gets 408, too', async (t) => {
  const seen: string[] = [];
  const asked = new Set<string | undefined>();
  const app = await startApp(t, (request, response) => {
    asked.add(request.url);
    if (request.url === '/early') response.writeHead(200, { 'Content-Length': 10 }).write('begun');
    request.on('data', (chunk: Buffer) => seen.push(`${request.url} has ${chunk}`));
    request.on('close', () => seen.push(`${request.url} ${request.complete ? 'is whole' : 'broke off'}`));
  });
  const args = ['--root', t.testdir({}), '--upstream', app.address, '--no-request-buffering'];
  for (const limit of ['100mb', '0']) {
    const server = await startHere(t, [...args, '--send-timeout', '200ms', '--max-body', limit]);
    const bodies = {
      length: 'Content-Length: 5\r\n\r\nab',
      chunks: 'Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n',
      nothing: 'Content-Length: 5\r\n\r\n',
      asked: 'Content-Length: 5\r\nExpect: 100-continue\r\n\r\n',
    };
    for (const [how, body] of Object.entries(bodies)) {
      const what = `${how}, --max-body ${limit}`;
      const target = `/${how}${limit}`;
      await until(async () => {
        const connection = await openConnection(t, server.port);
        connection.socket.write(`POST ${target} HTTP/1.1\r\nHost: a\r\n${body}`);
        const received = await connection.closed();
        t.match(received, /^(?:HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 408 /, what);
        t.match(received, /\r\nConnection: close\r\n/, what);
        t.match(server.log.at(-1), { msg: 'request', status: 408 }, what);
        // On a busy machine the limit may be reached before the app is.
        return asked.has(target);
      }, `the app is asked: ${what}`);
      await until(() => seen.includes(`${target} broke off`), `the app hears of it: ${what}`);
    }
    await t.test('an answer that has begun is cut off', async (t) => {
      let received = '';
      await until(async () => {
        const connection = await openConnection(t, server.port);
        connection.socket.write('POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab');
        received = await connection.closed();
        return !received.startsWith('HTTP/1.1 408 ');
      }, 'it has begun in time');
      t.match(received, /^HTTP\/1\.1 200 .*begun$/s);
    });
  }
});

t.test(
  'with requestBuffering off a client that has more to send than the app takes is not the slow one',
  async (t) => {
    let read = (): void => {};
    let taken = (): number => 0;
    const app = await startApp(t, (request, response) => {
      request.pause();
      request.on('end', () => response.end('whole'));
      read = () => void request.resume();
      taken = () => request.socket.bytesRead;
    });
    const server = await startHere(t, [
      ...['--root', t.testdir({}), '--upstream', app.address, '--no-request-buffering'],
      ...['--send-timeout', '100ms'],
    ]);
    const size = 30 * KIB * KIB;
    let received = '';
    await until(async () => {
      const connection = await openConnection(t, server.port);
      connection.socket.write(
        `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`,
      );
      connection.socket.write(Buffer.alloc(size));
      // Nothing moves for a multiple of the limit.
      await steady(() => taken(), 600);
      read();
      received = await connection.closed();
      // On a busy machine the client, which is in this process, may have been the slow one before.
      return !received.startsWith('HTTP/1.1 408 ');
    }, 'the client is not the slow one');
    t.match(received, /^HTTP\/1\.1 200 .*whole$/s);
  },
);

t.test('a full disk refuses the body that needs it, and no other', async (t) => {
  const disk = await fullDisk(t, 256 * KIB);
  const app = await startRecorder(t);
  const server = await startServer(
    t,
    [
      ...['--root', t.testdir({}), '--upstream', app.address],
      ...['--spool-dir', disk.path, '--upload-memory', '0'],
    ],
    disk.options,
  );
  const body = Buffer.alloc(2 * KIB * KIB);
  t.equal(await send(server.port, body, 'length'), 507);
  const line = await server.logged((entry) => entry['code'] === 'MEDIA_SERVE_SPOOL_FAILED');
  t.match(line['msg'], disk.path, 'the log names the path');
  t.match(line['msg'], disk.reason, 'and the reason');
  t.match(line['msg'], '--spool-dir', 'and the option');
  t.equal(app.received.length, 0);
  t.equal(
    await send(server.port, Buffer.alloc(10 * KIB), 'length'),
    200,
    'what fits into memory goes through',
  );
  t.equal(await send(server.port, Buffer.alloc(100 * KIB), 'length'), 200, 'and what still fits on the disk');
});
