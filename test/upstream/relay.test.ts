// Answers on their way from the app to the client: as they come, with bounded memory, and never ended as if complete.
// The apps are stand-ins that stop, break off and dawdle exactly where a test wants it.
import type { ChildProcess } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { RequestListener, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { startApp, startTcpApp } from '../support/app.js';
import { startHere } from '../support/here.js';
import { peakMemory, withoutProc } from '../support/proc.js';
import { get, openConnection, parseResponse, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { until } from '../support/until.js';

const MEBIBYTE = 1024 * 1024;

/** How the app answers, by the last part of the target; each test adds its own. */
const listeners = new Map<string, RequestListener>([['page', (_request, response) => response.end('page')]]);
const app = await startApp(t, (request, response) => {
  const name = request.url?.slice(request.url.lastIndexOf('/') + 1) ?? '';
  listeners.get(name)?.(request, response);
});
const server = await startServer(t, [
  ...['--root', t.testdir({ 'a.txt': 'hello' }), '--upstream', app.address],
  ...['--upload-memory', '8mb'],
]);

/** An app that answers each target with exactly these bytes and closes. */
const canned = new Map<string, string>();
const cannedUpstream = await startTcpApp(t, (socket) => {
  socket.once('data', (request) => {
    const [, target = ''] = /^\S+ (\S+) /.exec(request.toString('latin1')) ?? [];
    socket.end(canned.get(target) ?? '', 'latin1');
  });
});
const cannedServer = await startHere(t, ['--root', t.testdir({}), '--upstream', cannedUpstream]);

t.test('what the app writes arrives before it writes more', async (t) => {
  let response: ServerResponse | undefined;
  for (const [name, type] of [
    ['events', 'text/event-stream'],
    ['stream', 'text/plain'],
  ] as const) {
    listeners.set(name, (_request, answer) => {
      answer.writeHead(200, { 'Content-Type': type }).flushHeaders();
      response = answer;
    });
    const connection = await openConnection(t, server.port);
    connection.socket.write(get(`/${name}`));
    await connection.until((received) => received.includes('\r\n\r\n'));
    for (const part of ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']) {
      // The next part is written only when this one has arrived.
      response?.write(part);
      await connection.until((received) => received.includes(part));
    }
    response?.end();
    t.match(await connection.closed(), /\r\n0\r\n\r\n$/, `${name} ends as complete`);
  }
});

t.test('an answer ends for the client as it did for the server', async (t) => {
  const [head, chunked] = [
    'HTTP/1.1 200 OK\r\nConnection: close\r\n',
    'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
  ];
  const cases: readonly (readonly [name: string, answer: string, complete: boolean])[] = [
    ['a sized answer', `${head}Content-Length: 5\r\n\r\nhello`, true],
    ['chunks', `${head}${chunked}0\r\n\r\n`, true],
    ['the end of the connection', `${head}\r\nhello`, true],
    ['an answer of HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nhello', true],
    ['a sized answer cut short', `${head}Content-Length: 10\r\n\r\nhello`, false],
    ['chunks cut short', `${head}${chunked}`, false],
    ['a broken chunk', `${head}${chunked}zz\r\n`, false],
  ];
  for (const [index, [name, answer, complete]] of cases.entries()) {
    canned.set(`/ends/${index}`, answer);
    // Without Connection: close, so that only a cut ends the connection.
    const connection = await openConnection(t, cannedServer.port);
    connection.socket.write(`GET /ends/${index} HTTP/1.1\r\nHost: x\r\n\r\n`);
    if (complete) {
      const received = await connection.until((all) => /hello(?:\r\n0\r\n\r\n)?$/.test(all));
      t.equal(parseResponse(Buffer.from(received, 'latin1')).status, 200, name);
    } else {
      t.notMatch(await connection.closed(), /\r\n0\r\n\r\n$/, `${name} is not ended as complete`);
    }
  }
});

t.test('a small answer is the same in whatever pieces it comes, and to whatever client', async (t) => {
  const fields = 'Content-Type: text/plain\r\nX-Own: \u00e4\r\nContent-Length: 5\r\n';
  const date = 'Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n';
  const pieces: Record<string, readonly string[]> = {
    whole: [`HTTP/1.1 200 Fine\r\n${fields}${date}\r\nhello`],
    'head-first': [`HTTP/1.1 200 Fine\r\n${fields}${date}\r\n`, 'hello'],
    'three-pieces': [`HTTP/1.1 200 Fine\r\n${fields}${date}\r\n`, 'he', 'llo'],
    undated: [`HTTP/1.1 200 Fine\r\n${fields}\r\nhello`],
    'cut-short': [`HTTP/1.1 200 Fine\r\n${fields}${date}\r\n`, 'he'],
    'head-alone': [`HTTP/1.1 200 Fine\r\n${fields}${date}\r\n`],
  };
  const upstream = await startTcpApp(t, (socket) => {
    socket.once('data', async (request) => {
      const [, name = ''] = /^\S+ \/(\S+) /.exec(request.toString('latin1')) ?? [];
      for (const piece of pieces[name] ?? []) {
        socket.write(piece, 'latin1');
        // A piece of its own for who reads it, in this process.
        for (let count = 0; count < 3; count++) await turn();
      }
      socket.end();
    });
  });
  const front = await startHere(t, ['--root', t.testdir({}), '--upstream', upstream]);
  for (const [name, { length }] of Object.entries(pieces)) {
    for (const [version, ending] of [
      ['1.1', 'keep-alive'],
      ['1.1', 'close'],
      ['1.0', 'close'],
    ] as const) {
      const connection = await openConnection(t, front.port);
      connection.socket.write(`GET /${name} HTTP/${version}\r\nHost: x\r\nConnection: ${ending}\r\n\r\n`);
      const what = `${name} (${length} pieces), HTTP/${version}, ${ending}`;
      if (name === 'cut-short') {
        t.match(await connection.closed(), /\r\n\r\nhe$/, `${what}: the connection is cut behind what came`);
        continue;
      }
      if (name === 'head-alone') {
        const received = await connection.until((all) => all.includes('Request '));
        t.match(received, /^HTTP\/1\.1 502 /, `${what}: nothing was sent before`);
        connection.socket.destroy();
        continue;
      }
      const received = await connection.until((all) => all.endsWith('hello'));
      const answer = parseResponse(Buffer.from(received, 'latin1'));
      t.match(
        answer,
        { status: 200, reason: 'Fine', headers: { connection: ending, 'x-own': '\u00e4' } },
        what,
      );
      t.equal(answer.fields.filter(([field]) => field === 'date').length, 1, `${what}: one date`);
      t.equal(answer.body.toString(), 'hello');
    }
  }
});

t.test('an app that dies within its answer cuts the client off, and others go on', async (t) => {
  listeners.set('dies', (_request, response) => void response.write('begun'));
  const connection = await openConnection(t, server.port);
  connection.socket.write('GET /dies HTTP/1.1\r\nHost: x\r\n\r\n');
  await connection.until((received) => received.includes('begun'));
  app.server.closeAllConnections();
  const received = await connection.closed();
  t.match(received, /begun\r\n$/, 'without the last chunk');
  await server.logged(({ level, msg }) => level === 50 && /broke off/.test(String(msg)));
  t.equal((await rawRequest(server.port, get('/page'))).body.toString(), 'page');
});

t.test('a client that leaves ends its request at the app', async (t) => {
  const ended: string[] = [];
  for (const name of ['reading', 'silent']) {
    listeners.set(name, (_request, response) => {
      response.once('close', () => {
        if (!response.writableFinished) ended.push(name);
      });
      if (name === 'reading') response.write('begun');
    });
  }
  const reading = await openConnection(t, server.port);
  reading.socket.write(get('/reading'));
  await reading.until((received) => received.includes('begun'));
  reading.socket.destroy();
  await until(() => ended.includes('reading'), 'the answer is broken off at the app');
  const waiting = await openConnection(t, server.port);
  waiting.socket.write(get('/silent'));
  await rawRequest(server.port, get('/media/a.txt'));
  waiting.socket.destroy();
  await until(() => ended.includes('silent'), 'the request is broken off at the app');
});

t.test('a client that leaves within its body never had a request', async (t) => {
  const complete: string[] = [];
  listeners.set('upload', (request, response) => {
    request.resume().once('end', () => {
      complete.push(request.url ?? '');
      response.end('ok');
    });
  });
  for (const field of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
    const connection = await openConnection(t, server.port);
    connection.socket.write(`${get('/upload', [field], 'POST')}5\r\nhello\r\n`);
    await rawRequest(server.port, get('/media/a.txt'));
    connection.socket.destroy();
  }
  await server.logged(({ msg, target }) => msg === 'request' && target === '/upload');
  t.equal((await rawRequest(server.port, get('/other/upload'))).status, 200);
  t.same(complete, ['/other/upload']);
});

/** Writes this many bytes as fast as they are taken, and tells their hash. */
async function pour(
  size: number,
  write: (chunk: Buffer) => boolean,
  drained: () => Promise<unknown>,
): Promise<string> {
  const hash = createHash('sha256');
  for (let sent = 0; sent < size; sent += MEBIBYTE) {
    const chunk = Buffer.alloc(MEBIBYTE, `${sent} `);
    hash.update(chunk);
    if (!write(chunk)) await drained();
  }
  return hash.digest('hex');
}

t.test(
  'large answers to slow clients take bounded memory, and arrive whole',
  { skip: withoutProc() },
  async (t) => {
    const size = 96 * MEBIBYTE;
    let expected: Promise<string> | undefined;
    listeners.set('answer', (_request, response) => {
      response.writeHead(200, { 'Content-Length': size });
      expected = pour(
        size,
        (chunk) => response.write(chunk),
        () => once(response, 'drain'),
      ).then((hash) => {
        response.end();
        return hash;
      });
    });
    const before = peakMemory(server.process.pid);
    const connection = await openConnection(t, server.port);
    connection.socket.write(get('/answer'));
    const head = await connection.until((received) => received.includes('\r\n\r\n'));
    connection.socket.pause();
    // Another request shows that the server has had time to read on, and is not held up.
    for (let index = 0; index < 20; index++) await rawRequest(server.port, get('/page'));

    const hash = createHash('sha256').update(Buffer.from(head.slice(head.indexOf('\r\n\r\n') + 4), 'latin1'));
    let bytes = head.length - head.indexOf('\r\n\r\n') - 4;
    connection.socket.removeAllListeners('data');
    connection.socket.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      bytes += chunk.length;
    });
    connection.socket.resume();
    await connection.closed();
    t.equal(bytes, size);
    t.equal(hash.digest('hex'), await expected);
    const growth = peakMemory(server.process.pid) - before;
    t.ok(growth < 48 * MEBIBYTE, `the server grew by ${Math.round(growth / MEBIBYTE)} MiB`);
  },
);

t.test(
  'large bodies to slow apps take bounded memory, and arrive whole',
  { skip: withoutProc() },
  async (t) => {
    const size = 64 * MEBIBYTE;
    let read: (() => void) | undefined;
    let arrived: Hash | undefined;
    listeners.set('body', (request, response) => {
      // Not read before the test says so.
      read = () => {
        const hash = createHash('sha256');
        request.on('data', (chunk: Buffer) => hash.update(chunk));
        request.on('end', () => {
          arrived = hash;
          response.end('ok');
        });
      };
    });
    const before = peakMemory(server.process.pid);
    const connection = await openConnection(t, server.port);
    connection.socket.write(get('/body', [`Content-Length: ${size}`], 'POST'));
    const poured = pour(
      size,
      (chunk) => connection.socket.write(chunk),
      () => once(connection.socket, 'drain'),
    );
    for (let index = 0; index < 20; index++) await rawRequest(server.port, get('/page'));
    await until(() => read !== undefined, 'the app has the request');
    read?.();
    t.match(await connection.closed(), /^HTTP\/1\.1 200 OK\r\n/);
    t.equal(arrived?.digest('hex'), await poured);
    const growth = peakMemory(server.process.pid) - before;
    t.ok(growth < 48 * MEBIBYTE, `the server grew by ${Math.round(growth / MEBIBYTE)} MiB`);
  },
);

t.test('an answer that comes before the body has been read is passed on', async (t) => {
  listeners.set('early', (_request, response) => {
    response.writeHead(413, { 'Content-Length': 9 }).end('too large');
  });

  const { status, body } = await rawRequest(
    server.port,
    Buffer.concat([Buffer.from(get('/early', ['Content-Length: 1000000'], 'POST')), Buffer.alloc(1_000_000)]),
  );
  t.equal(status, 413);
  t.equal(body.toString(), 'too large');
});

t.test('a reason phrase that cannot be passed on costs the phrase, not the answer', async (t) => {
  const phrases = ['Sch\xc3\xb6n \xe2\x82\xac', '\xff\xfe', ''];
  for (const [index, phrase] of phrases.entries()) {
    canned.set(`/phrase/${index}`, `HTTP/1.1 200 ${phrase}\r\nContent-Length: 2\r\n\r\nok`);
    const { status, body } = await rawRequest(cannedServer.port, get(`/phrase/${index}`));
    t.equal(status, 200);
    t.equal(body.toString(), 'ok');
  }
});

t.test(
  'an app that breaks off behind a head without a length is 502, not an empty answer',
  {
    skip: withoutProc(),
  },
  async (t) => {
    let target: ChildProcess | undefined;
    const isStopped = (): boolean =>
      /^\d+ \(.*\) T /.test(readFileSync(`/proc/${target?.pid}/stat`, 'latin1'));
    let answer = '';
    const upstream = await startTcpApp(t, (socket) => {
      socket.once('data', async () => {
        // Head and end are both with the server's system when it looks.
        target?.kill('SIGSTOP');
        try {
          await until(isStopped, 'the server stands still');
          socket.end(answer);
          await once(socket, 'finish');
        } finally {
          target?.kill('SIGCONT');
        }
      });
    });
    const stopped = await startServer(t, ['--root', t.testdir({}), '--upstream', upstream]);
    target = stopped.process;
    for (const version of ['1.1', '1.0']) {
      for (const rest of ['', '5']) {
        answer = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${rest}`;
        const request = get('/', ['Content-Length: 0'], 'POST').replace('HTTP/1.1', `HTTP/${version}`);
        t.equal(
          (await rawRequest(stopped.port, request)).status,
          502,
          `HTTP/${version}, behind it '${rest}'`,
        );
      }
    }
  },
);

t.test('what one attempt has told the client is not told again by the next', async (t) => {
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n';
  canned.set('/early', early);
  const answer = await openConnection(t, cannedServer.port);
  answer.socket.write(get('/early'));
  t.match(await answer.closed(), /^HTTP\/1\.1 103 [^\r]*\r\nLink: <\/a\.css>\r\n\r\nHTTP\/1\.1 502 /);
});
