// Connections whose requests are read without Node: requests in pieces, bodies, what comes behind them, the way to
// Node and its moment, ends and time limits; and that the answers written here are what Node would write.
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as nodeRequest, type ServerResponse } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { ClientRequest, ClientResponse } from '../../src/http/exchange.js';
import { type ClientLimits, readPlainRequests } from '../../src/server/plain-connection.js';
import { get, openConnection, rawExchange } from '../support/raw.js';
import { until } from '../support/until.js';

type Answer = (request: ClientRequest, response: ClientResponse, received: string) => void;

interface Site {
  readonly port: number;
  /** Targets in the order they were answered; those that Node has read begin with `node `. */
  readonly answered: string[];
  readonly sockets: Socket[];
  closeIdle(): void;
}

const LONG: ClientLimits = { keepAlive: 60_000, head: 60_000 };

/** A server whose requests all go to `answer`, whoever read them. */
async function startSite(t: Test, answer: Answer, limits = LONG): Promise<Site> {
  const answered: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    answered.push(`node ${request.url}`);
    answer(Object.assign(request, { body: request }), response, request.url ?? '');
  });
  server.on('clientError', (_error, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  readPlainRequests(
    server,
    (request, response, received) => {
      answered.push(received);
      answer(request, response, received);
    },
    limits,
  );
  server.on('connection', (socket: Socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { port, answered, sockets, closeIdle: () => server.closeIdleConnections() };
}

/** Answers with the method, the target and the body. */
const echo: Answer = (request, response, received) => {
  const send = (body: Buffer): void => {
    const text = `<${request.method} ${received} ${body.toString('latin1')}>`;
    response.writeHead(200, ['Content-Length', String(text.length)]);
    response.end(text, 'latin1');
  };
  if (request.complete && request.headers['content-length'] === undefined) send(Buffer.alloc(0));
  else buffer(request.body).then(send, () => response.destroy());
};

const PLAIN = 'GET /plain HTTP/1.1\r\nHost: x\r\n\r\n';
const POST = 'POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello';
const CHUNKED =
  'POST /chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n';

t.test('requests come out the same wherever their bytes are cut', async (t) => {
  const site = await startSite(t, echo);
  const requests = fc.array(fc.constantFrom(PLAIN, POST, CHUNKED, 'HEAD /head HTTP/1.1\r\nHost: x\r\n\r\n'), {
    minLength: 1,
    maxLength: 5,
  });
  const bodies: Readonly<Record<string, string>> = {
    [PLAIN]: '<GET /plain >',
    [POST]: '<POST /post hello>',
    [CHUNKED]: '<POST /chunked hello>',
  };
  await fc.assert(
    fc.asyncProperty(requests, fc.array(fc.double({ min: 0, max: 1, noNaN: true })), async (sent, cuts) => {
      const connection = await openConnection(t, site.port);
      connection.socket.setNoDelay(true);
      const all = sent.join('') + get('/last');
      const places = [0, ...cuts.map((cut) => Math.floor(cut * all.length)), all.length].sort(
        (a, b) => a - b,
      );
      for (let index = 1; index < places.length; index++) {
        const piece = all.slice(places[index - 1], places[index]);
        if (piece !== '') await new Promise((resolve) => connection.socket.write(piece, 'latin1', resolve));
      }
      const received = await connection.closed();
      const found = received.match(/<[^>]*>/g) ?? [];
      t.strictSame(found, [...sent.flatMap((each) => bodies[each] ?? []), '<GET /last >']) || t.bailout();
    }),
    { numRuns: 150 },
  );
});

t.test('one that is not plain, and all behind it, are read by Node', async (t) => {
  const { port, answered } = await startSite(t, echo);
  await rawExchange(port, PLAIN + POST + CHUNKED + PLAIN + get('/last'));
  t.strictSame(answered, ['/plain', '/post', 'node /chunked', 'node /plain', 'node /last']);
});

t.test('one that is not plain waits for the answers to those before it', async (t) => {
  const late: (() => void)[] = [];
  const { port, answered } = await startSite(t, (request, response, received) => {
    if (received === '/late') late.push(() => echo(request, response, received));
    else echo(request, response, received);
  });
  const connection = await openConnection(t, port);
  connection.socket.write(`GET /late HTTP/1.1\r\nHost: x\r\n\r\n${CHUNKED}`);
  await until(() => late.length > 0, 'the first request is here');
  t.strictSame(answered, ['/late']);
  late[0]?.();
  await connection.until((received) => received.endsWith('<POST /chunked hello>'));
  t.match(connection.received(), /<GET \/late >[\s\S]*<POST \/chunked hello>$/);
});

t.test('many requests in one piece are answered without end to the stack', async (t) => {
  const { port } = await startSite(t, echo);
  const received = await rawExchange(port, PLAIN.repeat(20_000) + get('/last'));
  t.equal(received.toString('latin1').split('<GET ').length - 1, 20_001);
});

t.test('a client that sends requests without end and reads nothing is not read any further', async (t) => {
  let count = 0;
  const content = Buffer.alloc(64 * 1024);
  const { port, sockets } = await startSite(t, (_request, response) => {
    count += 1;
    response.writeHead(200, ['Content-Length', String(content.length)]);
    response.end(content);
  });
  const { socket } = await openConnection(t, port);
  socket.pause();
  const requests = PLAIN.repeat(1000);
  await new Promise<void>((resolve) => {
    const send = (): void => {
      while (socket.write(requests));
    };
    socket.on('drain', send);
    send();
    // Both sides' buffers are full when nothing has moved for a while.
    let before = -1;
    const timer = setInterval(() => {
      const now = count + (sockets[0]?.bytesRead ?? 0) + socket.bytesWritten;
      if (now === before) resolve(clearInterval(timer));
      before = now;
    }, 300);
  });
  const held = (sockets[0]?.bytesRead ?? 0) - count * PLAIN.length;
  t.ok(held < 1024 * 1024, `${held} bytes were read ahead`);
  t.ok((sockets[0]?.writableLength ?? 0) < 1024 * 1024, 'and one answer waits, not all');
});

t.test('a body that nobody reads is dropped, and the connection goes on', async (t) => {
  const { port, answered } = await startSite(t, (_request, response) => {
    response.writeHead(200, ['Content-Length', '2']);
    response.end('ok', 'latin1');
  });
  const large = `POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n${'a'.repeat(3_000_000)}`;
  const received = await rawExchange(port, large + PLAIN + get('/last'));
  t.equal(received.toString().split('200 OK').length - 1, 3);
  t.strictSame(answered, ['/large', '/plain', '/last']);
});

t.test('a body stops the client when it is not read, and arrives whole when it is', async (t) => {
  let request: ClientRequest | undefined;
  let response: ClientResponse | undefined;
  const { port, sockets } = await startSite(t, (...given) => {
    [request, response] = given;
  });
  const connection = await openConnection(t, port);
  const size = 32 * 1024 * 1024;
  connection.socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`);
  connection.socket.write(Buffer.alloc(size, 'a'));
  await until(() => sockets[0]?.isPaused() === true, 'the client is not read any more');
  t.ok((sockets[0]?.bytesRead ?? size) < 1024 * 1024, 'little was read');
  if (request === undefined) throw new Error('no request');
  t.equal((await buffer(request.body)).length, size);
  t.equal(request.complete, true);
  response?.writeHead(200, ['Content-Length', '0']);
  response?.end();
  await connection.until((received) => received.includes('200 OK'));
});

t.test('a client that leaves within its body breaks it off, and has no answer', async (t) => {
  const ends: string[] = [];
  let request: ClientRequest | undefined;
  const { port } = await startSite(t, (given, response) => {
    request = given;
    given.body
      .on('data', () => {})
      .once('end', () => ends.push('end'))
      .once('close', () => ends.push('close'));
    response.on('close', () => ends.push(`answer ${response.writableFinished}`));
  });
  const { socket } = await openConnection(t, port);
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello');
  await until(() => request !== undefined, 'the request is here');
  socket.resetAndDestroy();
  await until(() => ends.length === 2, 'both have ended');
  t.strictSame(ends.sort(), ['answer false', 'close']);
  t.strictSame([request?.destroyed, request?.complete], [true, false]);
});

t.test('an idle connection ends after its time, and one that waits for an answer does not', async (t) => {
  const responses: ClientResponse[] = [];
  const limits = { keepAlive: 100, head: 60_000 };
  const { port } = await startSite(t, (_request, response) => responses.push(response), limits);
  const idle = await openConnection(t, port);
  const waiting = await openConnection(t, port);
  waiting.socket.write(PLAIN);
  t.equal(await idle.closed(), '');
  const other = await openConnection(t, port);
  await other.closed();
  t.equal(responses.length, 1);
  responses[0]?.writeHead(200, ['Content-Length', '0']);
  responses[0]?.end();
  t.match(await waiting.closed(), /^HTTP\/1\.1 200 OK\r\n/);
});

t.test('a head that does not come to its end in time is 408, and not if it does', async (t) => {
  const { port, answered } = await startSite(t, echo, { keepAlive: 60_000, head: 200 });
  const slow = await openConnection(t, port);
  slow.socket.write(PLAIN.slice(0, -3));
  t.match(await slow.closed(), /^HTTP\/1\.1 408 /);
  t.strictSame(answered, []);
  const kept = await openConnection(t, port);
  kept.socket.write(PLAIN.slice(0, -3));
  kept.socket.write(PLAIN.slice(-3));
  await kept.until((received) => received.includes('<GET /plain >'));
  const other = await openConnection(t, port);
  other.socket.write(PLAIN.slice(0, -3));
  await other.closed();
  t.equal(kept.socket.closed, false);
});

t.test('a head that is too long is for Node to refuse', async (t) => {
  const { port, answered } = await startSite(t, echo);
  const long = `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(17_000)}`;
  for (const request of [long, `${long}\r\n\r\n`]) {
    t.match((await rawExchange(port, request)).toString(), /^HTTP\/1\.1 400 /);
  }
  t.strictSame(answered, []);
});

t.test('idle connections are closed on demand, and no others', async (t) => {
  const site = await startSite(t, (request, response, received) => {
    if (received !== '/never') echo(request, response, received);
  });
  const idle = await openConnection(t, site.port);
  const waiting = await openConnection(t, site.port);
  const partly = await openConnection(t, site.port);
  const node = await openConnection(t, site.port);
  idle.socket.write(PLAIN);
  waiting.socket.write(`${PLAIN}GET /never HTTP/1.1\r\nHost: x\r\n\r\n`);
  partly.socket.write(PLAIN + PLAIN.slice(0, 5));
  node.socket.write(CHUNKED);
  for (const connection of [idle, waiting, partly, node]) await connection.until((all) => all.endsWith('>'));
  await until(() => site.answered.includes('/never'), 'the second request is here');
  site.closeIdle();
  await Promise.all([idle.closed(), node.closed()]);
  t.strictSame([waiting.socket.closed, partly.socket.closed], [false, false]);
});

t.test('an answer that ends the connection is the last', async (t) => {
  const { port, answered } = await startSite(t, echo);
  const received = await rawExchange(port, get('/last') + PLAIN);
  t.match(received.toString(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\nConnection: close\r\n[\s\S]*<GET \/last >$/);
  t.strictSame(answered, ['/last']);
});

t.test('answers are what Node would write', async (t) => {
  type Write = (response: ClientResponse) => void;
  const answers: Readonly<Record<string, Write>> = {
    '/length': (response) => {
      response.writeHead(200, ['Content-Length', '5', 'X-A', 'b']);
      response.end(Buffer.from('hello'));
    },
    '/pieces': (response) => {
      response.writeHead(206, 'Some Of It', ['Content-Length', '6']);
      response.write(Buffer.from('abc'));
      response.write(Buffer.alloc(0));
      response.end('d\xe9f', 'latin1');
    },
    '/chunks': (response) => {
      response.writeHead(200, ['X-A', 'b']);
      response.flushHeaders();
      response.write(Buffer.from('hello '));
      response.write(Buffer.from('world'));
      response.end();
    },
    '/trailers': (response) => {
      response.writeHead(200, ['Trailer', 'X-Sum']);
      response.write(Buffer.from('hello'));
      response.addTrailers([['X-Sum', '42']]);
      response.end();
    },
    '/empty-chunks': (response) => {
      response.writeHead(200, []);
      response.end();
    },
    '/no-content': (response) => {
      response.writeHead(204, []);
      response.end();
    },
    '/not-modified': (response) => {
      response.writeHead(304, ['ETag', '"a"']);
      response.end();
    },
    '/dated': (response) => {
      response.writeHead(200, ['Date', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Content-Length', '0']);
      response.end();
    },
    '/last': (response) => {
      response.shouldKeepAlive = false;
      response.writeHead(200, ['Content-Length', '2']);
      response.end('ok', 'latin1');
    },
  };
  const site = await startSite(t, (_request, response, received) => answers[received]?.(response));
  const ask = async (target: string, method: string, fields: Record<string, string>): Promise<unknown> => {
    const request = nodeRequest({ port: site.port, path: target, method, headers: fields, agent: false });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const body = (await buffer(response)).toString('latin1');
    const { date, connection, 'keep-alive': _time, ...headers } = response.headers;
    const { statusCode, statusMessage, trailers } = response;
    return { statusCode, statusMessage, headers, connection, trailers, body, dated: date !== undefined };
  };
  for (const target of Object.keys(answers)) {
    // Node throws at trailers behind no content.
    for (const method of target === '/trailers' ? ['GET'] : ['GET', 'HEAD']) {
      const plain = await ask(target, method, { Connection: 'keep-alive' });
      const nodes = await ask(target, method, { Connection: 'keep-alive, x-a' });
      t.strictSame(plain, nodes, `${method} ${target}`);
    }
  }
  t.equal(site.answered.filter((each) => each.startsWith('node ')).length, site.answered.length / 2);
});

t.test('a response ends when the socket has taken all of it', async (t) => {
  const content = Buffer.alloc(64 * 1024 * 1024);
  const ends: string[] = [];
  const { port } = await startSite(t, (_request, response, received) => {
    response.on('close', () => ends.push(`${received} ${response.writableFinished}`));
    if (received === '/at-once') response.writeAtOnce?.(200, content, 60_000);
    else {
      response.writeHead(200, ['Content-Length', String(content.length)]);
      response.end(content);
    }
  });
  for (const target of ['/at-once', '/in-two']) {
    const connection = await openConnection(t, port);
    connection.socket.pause();
    connection.socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await until(() => connection.socket.readableLength > 0, 'the answer has begun');
    t.strictSame(ends, [], 'it has not ended');
    connection.socket.resume();
    await until(() => ends.length > 0, 'it ends');
    t.strictSame(ends.splice(0), [`${target} true`]);
    connection.socket.destroy();
  }
});

t.test(
  'a client that has said its last byte still gets its answers, unless somebody works for them',
  async (t) => {
    const content = Buffer.alloc(8 * 1024 * 1024, 'a');
    const ends: string[] = [];
    const { port } = await startSite(t, (request, response, received) => {
      response.on('close', () => ends.push(`${received} ${response.writableFinished}`));
      if (received === '/app') response.once('left', () => ends.push('left'));
      else if (received === '/file') {
        response.writeHead(200, ['Content-Length', String(content.length)]);
        response.write(content, () => response.end());
      } else echo(request, response, received);
    });
    const reader = await openConnection(t, port);
    reader.socket.end(`GET /file HTTP/1.1\r\nHost: x\r\n\r\n${PLAIN}`);
    t.match(await reader.closed(), /a<?HTTP\/1\.1 200 OK\r\n[\s\S]*<GET \/plain >$/);
    const impatient = await openConnection(t, port);
    impatient.socket.end('GET /app HTTP/1.1\r\nHost: x\r\n\r\n');
    t.equal(await impatient.closed(), '');
    await until(() => ends.length === 4, 'all have ended');
    t.strictSame(ends, ['/file true', '/plain true', 'left', '/app false']);
    const partly = await openConnection(t, port);
    partly.socket.end(PLAIN.slice(0, 10));
    t.equal(await partly.closed(), '');
  },
);

t.test('what ends a connection within the turn of a request comes after the answer to it', async (t) => {
  const ends: string[] = [];
  const { port, sockets, answered } = await startSite(t, ({ socket }, response) => {
    t.equal(socket.remoteAddress, '127.0.0.1', 'it is still known who the client was');
    response.on('close', () => ends.push(`closed ${response.writableFinished}`));
    response.once('left', () => ends.push('left'));
  });
  for (const [end, expected] of [
    [(socket: Socket) => socket.destroy(), ['closed false']],
    [(socket: Socket) => socket.push(null), ['left', 'closed false']],
  ] as const) {
    const connection = await openConnection(t, port);
    await until(() => sockets.length > 0, 'the connection is here');
    const [socket] = sockets.splice(0);
    // This listener comes behind the one that reads requests.
    socket?.once('data', () => end(socket));
    connection.socket.write(PLAIN);
    t.equal(await connection.closed(), '');
    await until(() => ends.length === expected.length, 'the response is over');
    t.strictSame([answered.splice(0), ends.splice(0)], [['/plain'], expected]);
  }
});

t.test('a connection that ends between two turns has its next request answered first', async (t) => {
  const ends: string[] = [];
  const { port, sockets } = await startSite(t, (_request, response, received) => {
    response.on('close', () => {
      ends.push(`${received} ${response.writableFinished}`);
      // By then the next request is waiting.
      if (received === '/first') queueMicrotask(() => sockets[0]?.destroy());
    });
    if (received === '/first') response.writeAtOnce?.(200, 'HTTP/1.1 204 No Content\r\n\r\n', 1000);
  });
  const connection = await openConnection(t, port);
  connection.socket.write(`GET /first HTTP/1.1\r\nHost: x\r\n\r\n${PLAIN}`);
  await connection.closed();
  await until(() => ends.length === 2, 'both are over');
  t.strictSame(ends, ['/first true', '/plain false']);
});

t.test('a body of which much is here before its turn arrives whole', async (t) => {
  const body = Buffer.alloc(1024 * 1024, 'a');
  const late: (() => void)[] = [];
  const lengths: number[] = [];
  const { port, sockets } = await startSite(t, (request, response, received) => {
    if (received === '/late') late.push(() => echo(request, response, received));
    else {
      void buffer(request.body).then(({ length }) => lengths.push(length));
      response.writeHead(204, []);
      response.end();
    }
  });
  const connection = await openConnection(t, port);
  connection.socket.write('GET /late HTTP/1.1\r\nHost: x\r\n\r\n');
  connection.socket.write(`POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`);
  connection.socket.write(body);
  await until(() => late.length > 0 && sockets[0]?.isPaused() === true, 'much is here');
  late[0]?.();
  await until(() => lengths.length > 0, 'the body is here');
  t.strictSame(lengths, [body.length]);
});

t.test('a connection whose client cannot be told is closed, but on a unix socket nobody can', async (t) => {
  for (const [address, isKept] of [
    [{ address: '127.0.0.1', family: 'IPv4', port: 80 }, false],
    ['/run/media.sock', true],
  ] as const) {
    const server = createServer();
    server.address = () => address;
    readPlainRequests(server, echo, LONG);
    // One without a handle has no address, just as one that was reset.
    const socket = new Socket();
    server.emit('connection', socket);
    t.equal(socket.destroyed, !isKept);
    socket.destroy();
  }
});

t.test('an answer that the socket was destroyed before it could take is not whole', async (t) => {
  const ends: boolean[] = [];
  const { port, answered } = await startSite(t, ({ socket }, response) => {
    response.on('close', () => ends.push(response.writableFinished));
    response.writeAtOnce?.(200, 'HTTP/1.1 204 No Content\r\n\r\n', 1000);
    socket.destroy();
  });
  const connection = await openConnection(t, port);
  connection.socket.write(PLAIN + PLAIN);
  t.equal(await connection.closed(), '');
  await until(() => ends.length > 0, 'the response is over');
  t.strictSame([answered, ends], [['/plain'], [false]], 'and the next request is not answered');
});
