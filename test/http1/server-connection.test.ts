// Connections of clients: requests in pieces and one behind the other, the order of answers, what is refused and when,
// limits of size and time, and how connections end.
import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { ClientResponse } from '../../src/http/exchange.js';
import { Server } from '../../src/http1/server.js';
import type { Introduction } from '../../src/http1/server-options.js';
import { holdUp } from '../support/clock.js';
import { cut } from '../support/pieces.js';
import { get, openConnection, type RawConnection, rawExchange } from '../support/raw.js';
import { steady, until } from '../support/until.js';
import { type Answer, answersIn, echo, say, startSite, statusesIn, USUAL } from './site.js';

const PLAIN = 'GET /plain HTTP/1.1\r\nHost: x\r\n\r\n';
const POST = 'POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello';
const CHUNKED =
  'POST /chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n';
const REPEATED = 'GET /repeated HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-A: 2\r\nRange: a\r\nRange: b\r\n\r\n';
const OLD = 'GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n';
const HEAD = 'HEAD /head HTTP/1.1\r\nHost: x\r\n\r\n';
const EMPTY = 'PUT /empty HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\r\n';

/** What is answered to each. */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  [PLAIN]: ['<GET /plain >'],
  [POST]: ['<POST /post hello>'],
  [CHUNKED]: ['<POST /chunked hello>'],
  [REPEATED]: ['<GET /repeated >'],
  [OLD]: ['<GET /old >'],
  [HEAD]: [],
  [EMPTY]: ['<PUT /empty >'],
};

t.test('requests come out the same wherever their bytes are cut', async (t) => {
  const site = await startSite(t, echo);
  const requests = fc.array(fc.constantFrom(...Object.keys(ANSWERS)), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(requests, fc.array(fc.nat()), async (sent, places) => {
      const connection = await openConnection(t, site.port);
      connection.socket.setNoDelay(true);
      const all = Buffer.from(sent.join('') + get('/last'), 'latin1');
      for (const piece of cut(all, places)) {
        if (piece.length > 0) await new Promise((resolve) => connection.socket.write(piece, resolve));
      }
      const received = await connection.closed();
      t.strictSame(answersIn(received), [...sent.flatMap((each) => ANSWERS[each] ?? []), '<GET /last >']) ||
        t.bailout();
    }),
    { numRuns: 150 },
  );
});

t.test('a request is looked at when those before it have been answered', async (t) => {
  const late: (() => void)[] = [];
  const { port, answered } = await startSite(t, (request, response) => {
    if (request.target === '/late') late.push(() => say(response, '<late>'));
    else echo(request, response);
  });
  const LATE = 'GET /late HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-A: 2\r\n\r\n';
  const bad = 'PUT /bad HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
  const cases: readonly (readonly [
    what: string,
    behind: string,
    answers: readonly string[],
    status: number,
  ])[] = [
    ['another', POST + get('/last'), ['<POST /post hello>', '<GET /last >'], 200],
    ['a bad chunk', `${bad}5\r\nhellox\r\n`, ['<The request has a malformed chunk>'], 400],
    ['a bad size', `${bad}x\r\n${PLAIN}`, ['<The request has a malformed chunk>'], 400],
    [
      'a coding that nobody knows',
      `PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n${PLAIN}`,
      ['<The request has the Transfer-Encoding "gzip">'],
      501,
    ],
    ['no HTTP', 'hello\r\n\r\n', ['<The request has a malformed request line>'], 400],
    ['half a head that is none', 'hello\n', ['<The request is no HTTP/1.1>'], 400],
  ];
  for (const [what, behind, answers, status] of cases) {
    const connection = await openConnection(t, port);
    connection.socket.write(`${PLAIN}${LATE}${behind}`, 'latin1');
    await until(() => late.length > 0, 'the slow one is here');
    t.equal(answered.at(-1), '/late', what);
    late.splice(0)[0]?.();
    const received = await connection.closed();
    t.strictSame(answersIn(received), ['<GET /plain >', '<late>', ...answers], what);
    t.equal(statusesIn(received).at(-1), status, what);
  }
});

t.test('a body that is not all here when its turn comes is read on', async (t) => {
  const { port, answered } = await startSite(t, echo);
  const bodies = [
    ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n', 'hello'],
    ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe', 'llo'],
    ['POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n'],
    ['POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe', 'llo\r\n0\r\n\r\n'],
  ] as const;
  for (const [here, later] of bodies) {
    const connection = await openConnection(t, port);
    connection.socket.write(PLAIN + here);
    await until(() => answered.at(-1) === '/', 'its turn has come');
    answered.splice(0);
    connection.socket.write(later);
    await connection.until((received) => received.endsWith('<POST / hello>'));
  }
  t.pass();
});

t.test('many requests in one piece are answered without end to the stack', async (t) => {
  const { port } = await startSite(t, echo);
  // With one within the other, half as many would be too many.
  const received = await rawExchange(port, PLAIN.repeat(4000) + get('/last'));
  t.equal(answersIn(received.toString('latin1')).length, 4001);
});

t.test(
  'requests that come in one turn are answered in one, and before what ends their connection',
  async (t) => {
    const turns: string[][] = [];
    const ends: string[] = [];
    let turn: string[] | undefined;
    const { port, server, answered } = await startSite(t, (request, response) => {
      if (turn === undefined) {
        turn = [];
        turns.push(turn);
        process.nextTick(() => {
          turn = undefined;
        });
      }
      turn.push(request.target);
      t.equal(request.remoteAddress, '127.0.0.1', 'it is still known who the client is');
      response.on('close', () => ends.push(`${request.target} ${response.writableFinished}`));
      if (request.target === '/break') server.closeAllConnections();
      else say(response, 'ok');
    });
    const connections = [await openConnection(t, port), await openConnection(t, port)];
    await until(() => server.openConnections === 2, 'both are here');
    // Written in one turn of the same process, they are read in one.
    connections[0]?.socket.write('GET /break HTTP/1.1\r\nHost: x\r\n\r\n');
    connections[1]?.socket.write(PLAIN);
    await Promise.all(connections.map((connection) => connection.closed()));
    await until(() => ends.length === 2, 'both are over');
    t.strictSame(answered, ['/break', '/plain']);
    t.strictSame(turns, [['/break', '/plain']]);
    t.strictSame(ends.sort(), ['/break false', '/plain false']);
  },
);

t.test('a request whose connection is closed before its turn is answered before it is told', async (t) => {
  const ends: string[] = [];
  const { port, server, answered } = await startSite(t, (request, response) => {
    response.on('close', () => {
      ends.push(`${request.target} ${response.writableFinished}`);
      // By then the next request is waiting for the end of the next turn.
      if (request.target === '/first') queueMicrotask(() => server.closeAllConnections());
    });
    say(response, '<ok>');
  });
  const connection = await openConnection(t, port);
  connection.socket.write(`GET /first HTTP/1.1\r\nHost: x\r\n\r\n${PLAIN}`);
  await connection.closed();
  await until(() => ends.length === 2, 'both are over');
  t.strictSame(ends, ['/first true', '/plain false']);
  t.strictSame(answered, ['/first', '/plain']);
});

t.test('a client that sends requests without end and reads nothing is not read any further', async (t) => {
  let count = 0;
  const content = 'a'.repeat(64 * 1024);
  const { port, bytesRead } = await startSite(t, (_request, response) => {
    count += 1;
    say(response, content);
  });
  const { socket } = await openConnection(t, port);
  socket.pause();
  const requests = PLAIN.repeat(1000);
  const send = (): void => {
    while (socket.write(requests));
  };
  socket.on('drain', send);
  send();
  await steady(() => count + (bytesRead()[0] ?? 0) + socket.bytesWritten);
  const ahead = (bytesRead()[0] ?? 0) - count * PLAIN.length;
  t.ok(ahead <= 64 * 1024, `${ahead} bytes were read ahead`);
});

t.test('HTTP/1.0 keeps its connection only when it asks for it, and has no chunks', async (t) => {
  const { port } = await startSite(t, (_request, response) => {
    response.writeHead(200, []);
    response.write(Buffer.from('some '));
    response.end(Buffer.from('text'));
  });
  for (const fields of ['', 'Connection: keep-alive\r\n', 'Connection: close, keep-alive\r\n']) {
    const received = (await rawExchange(port, `GET / HTTP/1.0\r\n${fields}\r\n`)).toString();
    t.match(received, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\nConnection: close\r\n\r\nsome text$/);
    t.notMatch(received, /transfer-encoding/i);
  }
  const site = await startSite(t, echo);
  const received = await rawExchange(site.port, `${OLD}GET /last HTTP/1.0\r\n\r\n${PLAIN}`);
  t.strictSame(answersIn(received.toString()), ['<GET /old >', '<GET /last >']);
  t.match(received.toString(), /\r\nConnection: keep-alive\r\n[\s\S]*\r\nConnection: close\r\n/);
});

const LARGE = 'a'.repeat(17_000);
const PUT = 'PUT / HTTP/1.1\r\nHost: x\r\n';

t.test('what cannot be read in one way is refused, and nothing behind it is read', async (t) => {
  const { port, server } = await startSite(t, echo);
  const cases: readonly (readonly [what: string, bytes: string, status: number])[] = [
    ['no request line', 'hello\r\n\r\n', 400],
    ['a control character, in half a head', 'GET / HTTP/1.1\r\nHost: \0', 400],
    ['a line feed of its own, in half a head', 'GET / HTTP/1.1\nHost: x\n', 400],
    ['HTTP/2, which nobody has agreed upon', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00', 400],
    ['two lengths', `${PUT}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`, 400],
    ['a length and chunks', `${PUT}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['chunks in HTTP/1.0', 'PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['chunks twice', `${PUT}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, 400],
    ['chunks within another coding', `${PUT}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
    ['two fields of codings', `${PUT}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n`, 501],
    ['an empty coding', `${PUT}Transfer-Encoding:\r\n\r\n`, 501],
    ['a malformed chunk', `${PUT}Transfer-Encoding: chunked\r\n\r\nx\r\n`, 400],
    [
      'a malformed chunk, and it is the last request',
      `${PUT}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naa`,
      400,
    ],
    ['a malformed trailer', `${PUT}Transfer-Encoding: chunked\r\n\r\n0\r\nX A: b\r\n\r\n`, 400],
    ['trailers without end', `${PUT}Transfer-Encoding: chunked\r\n\r\n0\r\nX: ${LARGE}`, 400],
    ['a large head', `${PUT}X-A: ${LARGE}\r\n\r\n`, 431],
    ['a large head that is not all here', `${PUT}X-A: ${LARGE}`, 431],
    ['a long request line', `GET /${LARGE}`, 414],
    ['many fields', `${PUT}${'a:\r\n'.repeat(1000)}\r\n`, 431],
  ];
  for (const [what, bytes, status] of cases) {
    for (const behind of ['', PLAIN, PLAIN.repeat(10_000)]) {
      // A fault at the end of what is here must not have anything behind it.
      const connection = await openConnection(t, port);
      connection.socket.write(Buffer.from(bytes + behind, 'latin1'));
      const received = await connection.closed();
      t.strictSame(statusesIn(received), [status], `${what}, ${behind.length} bytes behind it`);
      t.match(received, /\r\nConnection: close\r\n/);
    }
  }
  await until(() => server.openConnections === 0, 'no connection is left');
});

t.test('a client that does not close its refused connection is cut off', async (t) => {
  const answer: Answer = (request, response) => {
    // As the front does with CONNECT.
    response.shouldKeepAlive = false;
    echo(request, response);
  };
  const limits = [
    ['is silent', { lingeringTimeout: 50, lingeringTime: 60_000 }],
    ['goes on sending', { lingeringTimeout: 60_000, lingeringTime: 50 }],
  ] as const;
  for (const [what, options] of limits) {
    const { port, server } = await startSite(t, answer, options);
    const connections = await Promise.all(
      ['hello\r\n\r\n', 'CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\nbytes for a tunnel', PLAIN].map(
        async (bytes) => {
          const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).resume();
          t.teardown(() => socket.destroy());
          socket.on('error', () => {}).write(bytes);
          await once(socket, 'end');
          return socket;
        },
      ),
    );
    t.strictSame(
      connections.map(({ writable }) => writable),
      [true, true, true],
      'it is not the client who has closed them',
    );
    const isSending = what === 'goes on sending';
    await until(() => {
      if (isSending) for (const socket of connections) socket.write('more');
      return server.openConnections === 0;
    }, `all of them are given back when it ${what}`);
  }
});

t.test('a connection that is reset is given back, whatever it has sent', async (t) => {
  const { port, server, answered } = await startSite(t, (request, response) => {
    if (request.method === 'CONNECT') response.shouldKeepAlive = false;
    if (request.target !== '/never') echo(request, response);
  });
  const sent = [
    '',
    PLAIN,
    PLAIN.slice(0, 20),
    POST.slice(0, -2),
    CHUNKED.slice(0, -8),
    'CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n',
    'GET /never HTTP/1.1\r\nHost: x\r\n\r\n',
    `GET /never HTTP/1.1\r\nHost: x\r\n\r\n${PLAIN}`,
    'hello\r\n\r\n',
    `PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n`,
    'GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello',
  ];
  for (const bytes of sent) {
    for (const waits of [true, false]) {
      const { socket } = await openConnection(t, port);
      if (waits) await until(() => server.openConnections > 0, 'it is here');
      const before = answered.length;
      await new Promise((resolve) => socket.write(bytes, 'latin1', resolve));
      if (waits && /\r\n\r\n/.test(bytes)) await until(() => answered.length > before, 'it is looked at');
      socket.resetAndDestroy();
      if (bytes.includes('/never')) server.closeAllConnections();
      await until(() => server.openConnections === 0, `it is given back: ${bytes}`);
    }
  }
  t.pass();
});

/**
 * A connection on which this has been heard: on a busy machine one may have been idle for its whole time before what it has
 * sent is read.
 */
async function openHeard(
  t: Test,
  port: number,
  bytes: string,
  isHeard: () => boolean,
): Promise<RawConnection> {
  for (;;) {
    const connection = await openConnection(t, port);
    connection.socket.write(bytes);
    await until(() => isHeard() || connection.socket.closed, 'it is heard, or closed');
    if (isHeard()) return connection;
  }
}

t.test('an idle connection ends after its time, and one that waits for an answer does not', async (t) => {
  const responses: ClientResponse[] = [];
  const { port } = await startSite(t, (_request, response) => responses.push(response), {
    headTimeout: 100,
    keepAliveTimeout: 50,
  });
  const idle = await openConnection(t, port);
  t.equal(await idle.closed(), '');
  const waiting = await openHeard(t, port, PLAIN, () => responses.length > 0);
  const other = await openConnection(t, port);
  await other.closed();
  t.equal(responses.length, 1);
  for (const response of responses) say(response, '');
  t.match(await waiting.closed(), /^HTTP\/1\.1 200 OK\r\n/, 'closed when it has been idle behind its answer');
});

t.test('a head that has begun has its own time, however short that of idle connections is', async (t) => {
  const { port, answered } = await startSite(t, echo, { headTimeout: 200, keepAliveTimeout: 20 });
  const connection = await openHeard(t, port, `${PLAIN}GET /slow HTTP`, () => answered.length > 0);
  t.match(await connection.closed(), /^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 408 /);
});

t.test('a head that does not come to its end in time is 408, and not if it does', async (t) => {
  const { port, answered } = await startSite(t, echo, { headTimeout: 100 });
  const kept = await openConnection(t, port);
  kept.socket.write(PLAIN);
  await kept.until((received) => received.includes('<GET /plain >'));
  const slow = await openConnection(t, port);
  slow.socket.write(PLAIN);
  await slow.until((received) => received.includes('<GET /plain >'));
  // Each byte is in time, but not the head.
  const drip = setInterval(() => slow.socket.write('A'), 20);
  const received = await slow.closed();
  clearInterval(drip);
  t.match(received, /HTTP\/1\.1 408 [\s\S]*\r\nConnection: close\r\n/);
  t.strictSame(answered.splice(0), ['/plain', '/plain', '']);
  const other = await openConnection(t, port);
  other.socket.write(PLAIN.slice(0, -3));
  t.match(await other.closed(), /^HTTP\/1\.1 408 /);
  t.equal(kept.socket.closed, false, 'one whose head was whole is kept');
});

t.test('empty lines are no request: who sends nothing else is idle, and no longer than others', async (t) => {
  const { port, answered } = await startSite(t, echo, { headTimeout: 50 });
  const connection = await openConnection(t, port);
  connection.socket.write(`${PLAIN}\r\n`);
  await connection.until((received) => received.includes('<GET /plain >'));
  const other = await openConnection(t, port);
  other.socket.write('\r\nG');
  t.match(await other.closed(), /^HTTP\/1\.1 408 /, 'a head that has begun must come to its end in time');
  connection.socket.write(PLAIN);
  await connection.until((received) => answersIn(received).length === 2);
  t.strictSame(answered, ['/plain', '', '/plain']);
  const short = await startSite(t, echo, { keepAliveTimeout: 100 });
  const dripping = await openConnection(t, short.port);
  const drip = setInterval(() => dripping.socket.write('\r\n'), 20);
  t.teardown(() => clearInterval(drip));
  t.equal(await dripping.closed(), '');
  t.strictSame(short.answered, []);
});

t.test('what is here when a time is over came in time: it is the process that was held up', async (t) => {
  const times = { headTimeout: 100, keepAliveTimeout: 100, lingeringTimeout: 100, lingeringTime: 100 };
  const { port } = await startSite(t, echo, times);
  for (const [what, before, behind] of [
    ['an idle connection', '', PLAIN],
    ['a head', PLAIN.slice(0, 20), PLAIN.slice(20)],
    ['empty lines', '\r\n', PLAIN],
    ['a body', POST.slice(0, -2), POST.slice(-2)],
  ] as const) {
    let received = '';
    await until(async () => {
      const connection = await openConnection(t, port);
      connection.socket.write(PLAIN);
      await until(() => connection.received() !== '' || connection.socket.closed, 'it is answered');
      connection.socket.write(before);
      // Others are looked at meanwhile: what was written has been read.
      await rawExchange(port, get('/other'));
      const isOpen = !connection.socket.closed;
      connection.socket.write(behind);
      holdUp(200);
      received = await connection.closed();
      return isOpen;
    }, 'it was open when it was written to');
    t.strictSame(statusesIn(received), [200, 200], what);
  }
});

t.test('idle connections are closed on demand, and no others', async (t) => {
  const site = await startSite(t, (request, response) => {
    if (request.target !== '/never') echo(request, response);
  });
  const idle = await openConnection(t, site.port);
  const waiting = await openConnection(t, site.port);
  const partly = await openConnection(t, site.port);
  idle.socket.write(PLAIN);
  waiting.socket.write(`${PLAIN}GET /never HTTP/1.1\r\nHost: x\r\n\r\n`);
  partly.socket.write(PLAIN + PLAIN.slice(0, 5));
  for (const connection of [idle, waiting, partly]) await connection.until((all) => all.endsWith('>'));
  await until(() => site.answered.includes('/never'), 'the second request is here');
  site.server.closeIdleConnections();
  await idle.closed();
  t.strictSame([waiting.socket.closed, partly.socket.closed], [false, false]);
});

t.test('a server that stops answers what it has begun with, and takes no more', async (t) => {
  const late: (() => void)[] = [];
  const { port, server, answered } = await startSite(t, (request, response) => {
    late.push(() => echo(request, response));
  });
  const waiting = await openConnection(t, port);
  waiting.socket.write(PLAIN + POST);
  await until(() => late.length > 0, 'a request is here');
  let isClosed = false;
  const closed = new Promise<void>((resolve) =>
    server.close(() => {
      isClosed = true;
      resolve();
    }),
  );
  t.equal(isClosed, false);
  late[0]?.();
  const received = await waiting.closed();
  await closed;
  t.match(received, /\r\nConnection: close\r\n[\s\S]*<GET \/plain >$/);
  t.strictSame(answered, ['/plain']);
});

t.test('an answer that ends the connection is the last, and arrives whatever else was sent', async (t) => {
  const { port, answered, server } = await startSite(t, echo);
  // More than fits into the connection: there is something unread when it is closed.
  const large = Buffer.alloc(16 * 1024 * 1024, PLAIN);
  for (const behind of [Buffer.from(PLAIN), large]) {
    const connection = await openConnection(t, port);
    const errors: Error[] = [];
    connection.socket.on('error', (error) => errors.push(error));
    connection.socket.write(Buffer.concat([Buffer.from(get('/last')), behind]));
    t.match(
      await connection.closed(),
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\nConnection: close\r\n[\s\S]*<GET \/last >$/,
    );
    t.strictSame(errors, [], 'and the connection was not reset');
  }
  t.strictSame(answered, ['/last', '/last']);
  await until(() => server.openConnections === 0, 'none is left');
});

t.test('what a client that pipelines has on its way does not reset its last answer', async (t) => {
  const { port, answered, server } = await startSite(t, echo);
  const connection = await openConnection(t, { port, host: '127.0.0.1', allowHalfOpen: true });
  const errors: Error[] = [];
  connection.socket.on('error', (error) => errors.push(error));
  const ended = once(connection.socket, 'end');
  connection.socket.write(`${PLAIN}${get('/last')}`);
  await ended;
  // A reset would meet the second of them.
  for (let n = 0; n < 2; n++) await new Promise((resolve) => connection.socket.write(PLAIN, resolve));
  t.equal(server.openConnections, 1, 'it is waited for');
  connection.socket.end();
  t.strictSame(answersIn(await connection.closed()), ['<GET /plain >', '<GET /last >']);
  t.strictSame(errors, []);
  t.strictSame(answered, ['/plain', '/last']);
  await until(() => server.openConnections === 0, 'it is given back');
});

t.test(
  'a client that reads nothing is not kept by what it sends once its answer is broken off',
  async (t) => {
    const { port, server } = await startSite(t, (_request, response) => {
      response.writeHead(200, ['Content-Length', String(64 * 1024 * 1024)]);
      response.write(Buffer.alloc(16 * 1024 * 1024));
      response.breakOff(200);
    });
    const { socket } = await openConnection(t, port);
    socket.pause().write(PLAIN);
    const drip = setInterval(() => socket.write('more'), 20);
    t.teardown(() => clearInterval(drip));
    await until(() => server.openConnections === 1, 'it is here');
    await until(() => server.openConnections === 0, 'it is given back');
  },
);

t.test(
  'a client that has said its last byte still gets its answers, and whoever works for them can ask',
  async (t) => {
    const content = Buffer.alloc(8 * 1024 * 1024, 'a');
    const ends: string[] = [];
    const { port } = await startSite(t, (request, response) => {
      const { target } = request;
      response.on('close', () => ends.push(`${target} ${response.writableFinished}`));
      if (target === '/app') {
        response.once('left', () => {
          ends.push(`left ${response.hasLeft}`);
          response.destroy();
        });
      } else if (target === '/file') {
        response.writeHead(200, ['Content-Length', String(content.length)]);
        response.write(content, () => response.end());
      } else echo(request, response);
    });
    const reader = await openConnection(t, port);
    reader.socket.end(`GET /file HTTP/1.1\r\nHost: x\r\n\r\n${PLAIN}`);
    t.match(await reader.closed(), /aHTTP\/1\.1 200 OK\r\n[\s\S]*<GET \/plain >$/);
    const impatient = await openConnection(t, port);
    impatient.socket.end('GET /app HTTP/1.1\r\nHost: x\r\n\r\n');
    t.equal(await impatient.closed(), '');
    await until(() => ends.length === 4, 'all have ended');
    t.strictSame(ends, ['/file true', '/plain true', 'left true', '/app false']);
    for (const half of [PLAIN.slice(0, 10), '\r\n', '']) {
      const partly = await openConnection(t, port);
      partly.socket.end(half);
      t.equal(await partly.closed(), '', half);
    }
  },
);

t.test(
  'an offer to go on in another protocol is ignored, unless it is one for this connection',
  async (t) => {
    const seen: (string | undefined)[] = [];
    const { port } = await startSite(t, (request, response) => {
      seen.push(request.upgrade);
      echo(request, response);
    });
    const offers: readonly (readonly [fields: string, version?: string])[] = [
      ['Upgrade: websocket\r\n'],
      ['Upgrade: websocket\r\nConnection: keep-alive\r\n'],
      ['Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'],
      ['Upgrade: websocket, h2c\r\nConnection: upgrade\r\n'],
      ['Upgrade: websocket\r\nConnection: upgrade, keep-alive\r\n', '1.0'],
    ];
    for (const [fields, version = '1.1'] of offers) {
      const offer = `GET /offer HTTP/${version}\r\nHost: x\r\n${fields}\r\n`;
      const received = (await rawExchange(port, offer + get('/last'))).toString();
      t.strictSame(answersIn(received), ['<GET /offer >', '<GET /last >'], fields);
    }
    t.strictSame(new Set(seen.splice(0)), new Set([undefined]));
    const accepted = 'GET /offer HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: a, Upgrade\r\n\r\n';
    const received = (await rawExchange(port, accepted + PLAIN)).toString();
    t.strictSame(answersIn(received), ['<GET /offer >'], 'what stands behind one may be of that protocol');
    t.strictSame(seen, ['websocket']);
  },
);

t.test('a body that waits is asked for when it is wanted, and of HTTP/1.1 only', async (t) => {
  const { port } = await startSite(t, echo);
  const post = (expect: string, version = '1.1'): string =>
    `POST /post HTTP/${version}\r\nHost: x\r\n${expect}Connection: close\r\nContent-Length: 5\r\n\r\nhello`;
  const cases: readonly (readonly [request: string, statuses: readonly number[]])[] = [
    [post('Expect: 100-Continue\r\n'), [100, 200]],
    [post('Expect: a, 100-continue\r\n'), [100, 200]],
    [post('Expect: 100-continue\r\n', '1.0'), [200]],
    [post('Expect: 200-ok\r\n'), [200]],
    [post('Expect:\r\n'), [200]],
    [post(''), [200]],
  ];
  for (const [request, statuses] of cases) {
    const received = (await rawExchange(port, request)).toString();
    t.strictSame(statusesIn(received), statuses, request);
    t.strictSame(answersIn(received), ['<POST /post hello>']);
  }
  const refusing: Answer = (_request, response) => say(response, '<no>', 413);
  const site = await startSite(t, refusing);
  const waiting = await openConnection(t, site.port);
  waiting.socket.write(post('Expect: 100-continue\r\n').replace('Connection: close\r\n', '').slice(0, -5));
  const received = await waiting.closed();
  t.match(received, /^HTTP\/1\.1 413 [\s\S]*\r\nConnection: close\r\n/, 'the body may come or not');
});

t.test('an introduction comes before the first request, in whatever pieces', async (t) => {
  const seen: (string | undefined)[] = [];
  const late: (string | undefined)[] = [];
  const introduction: Introduction = {
    timeout: 60_000,
    read(bytes) {
      const text = bytes.toString('latin1');
      if (!'HELLO '.startsWith(text.slice(0, 6))) return 'refused';
      const end = text.indexOf('\n');
      return end < 0 ? undefined : { length: end + 1, address: text.slice(6, end) };
    },
    timedOut: (address) => late.push(address),
  };
  const answer: Answer = (request, response) => {
    seen.push(request.remoteAddress);
    echo(request, response);
  };
  const { port, server } = await startSite(t, answer, { introduction });
  const all = Buffer.from(`HELLO 192.0.2.1\n${POST}${get('/last')}`);
  for (const pieces of [[all], ...[1, 6, 15, 16, 17, 40, all.length].map((place) => cut(all, [place]))]) {
    const connection = await openConnection(t, port);
    connection.socket.setNoDelay(true);
    for (const piece of pieces) await new Promise((resolve) => connection.socket.write(piece, resolve));
    t.strictSame(answersIn(await connection.closed()), ['<POST /post hello>', '<GET /last >']);
  }
  t.strictSame(new Set(seen), new Set(['192.0.2.1']));
  const refused = await openConnection(t, port);
  refused.socket.write(PLAIN);
  t.equal(await refused.closed(), '');
  const half = await openConnection(t, port);
  half.socket.end('HELL');
  t.equal(await half.closed(), '');
  t.strictSame(late, []);
  await until(() => server.openConnections === 0, 'none is left');

  const hasty = await startSite(t, answer, { introduction: { ...introduction, timeout: 100 } });
  for (const beginning of ['', 'HELLO 1']) {
    const slow = await openConnection(t, hasty.port);
    const drip = setInterval(() => slow.socket.write('1'), 20);
    slow.socket.write(beginning);
    if (beginning === '') clearInterval(drip);
    t.equal(await slow.closed(), '');
    clearInterval(drip);
  }
  t.strictSame(late, ['127.0.0.1', '127.0.0.1']);
});

t.test('a connection whose client cannot be told is closed, but on a unix socket nobody can', async (t) => {
  for (const [address, isKept] of [
    [{ address: '127.0.0.1', family: 'IPv4', port: 80 }, false],
    ['/run/media.sock', true],
  ] as const) {
    const server = new Server({ ...USUAL, answer: echo });
    server.address = () => address;
    // One without a handle has no address, just as one that was reset.
    server.emit('connection', new Socket());
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(server.openConnections, isKept ? 1 : 0);
    server.closeAllConnections();
    await until(() => server.openConnections === 0, 'it is given back');
  }
});
