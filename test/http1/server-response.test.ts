// Responses: what they look like on the wire beside Node's, when they are over, and how they break off.
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as nodeRequest } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import type { ClientResponse } from '../../src/http/exchange.js';
import { PreparedResponse } from '../../src/http/prepared.js';
import { Wire } from '../../src/http1/wire.js';
import { WireEnd } from '../../src/http1/wire-end.js';
import type { WireOwner } from '../../src/http1/wire-owner.js';
import { get, openConnection, parseResponse, rawExchange } from '../support/raw.js';
import { steady, until } from '../support/until.js';
import { answersIn, say, startSite } from './site.js';

const PLAIN = 'GET /plain HTTP/1.1\r\nHost: x\r\n\r\n';

/** Owns a wire until it is an end of a tunnel. */
const NOBODY: WireOwner = {
  onRead() {},
  readInto: () => Buffer.alloc(1024),
  onEnd() {},
  onDrain() {},
  onTimeout() {},
  onClose() {},
};

/** The part of a response that Node's own has, too. */
type Writable = Pick<
  ClientResponse,
  'shouldKeepAlive' | 'writeHead' | 'flushHeaders' | 'write' | 'addTrailers' | 'end'
>;

/** The same answers by Node's own server. Returns its port. */
async function startNode(
  t: Test,
  answers: Readonly<Record<string, (response: Writable) => void>>,
): Promise<number> {
  const server = createServer((request, response) => {
    const { shouldKeepAlive } = response;
    const adapter: Writable = {
      shouldKeepAlive,
      writeHead(status, fields, reason) {
        response.shouldKeepAlive = adapter.shouldKeepAlive;
        if (reason === undefined) response.writeHead(status, [...fields]);
        else response.writeHead(status, reason, [...fields]);
      },
      flushHeaders: () => response.flushHeaders(),
      write: (bytes) => response.write(bytes),
      addTrailers: (fields) => response.addTrailers([fields as [string, string]]),
      end: (bytes) => void response.end(bytes),
    };
    answers[request.url ?? '']?.(adapter);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

const ANSWERS: Readonly<Record<string, (response: Writable) => void>> = {
  '/length': (response) => {
    response.writeHead(200, ['Content-Length', '5', 'X-A', 'b']);
    response.end(Buffer.from('hello'));
  },
  '/pieces': (response) => {
    response.writeHead(206, ['Content-Length', '6'], 'Some Of It');
    response.write(Buffer.from('abc'));
    response.write(Buffer.alloc(0));
    response.end(Buffer.from('d\xe9f', 'latin1'));
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
    response.addTrailers(['X-Sum', '42']);
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
    response.end(Buffer.from('ok'));
  },
};

t.test('answers are what Node would write', async (t) => {
  const site = await startSite(t, ({ target }, response) => ANSWERS[target]?.(response));
  const node = await startNode(t, ANSWERS);
  const ask = async (port: number, target: string, method: string): Promise<unknown> => {
    const headers = { Connection: 'keep-alive' };
    const request = nodeRequest({ port, path: target, method, headers, agent: false });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const body = (await buffer(response)).toString('latin1');
    const { date, 'keep-alive': _time, ...rest } = response.headers;
    // RFC 9110 §9.3.2: a HEAD may leave out what is known only once there is content.
    if (method === 'HEAD') delete rest['transfer-encoding'];
    const { statusCode, statusMessage, trailers } = response;
    return { statusCode, statusMessage, headers: rest, trailers, body, dated: date !== undefined };
  };
  for (const target of Object.keys(ANSWERS)) {
    // Node throws at trailers behind no content.
    for (const method of target === '/trailers' ? ['GET'] : ['GET', 'HEAD']) {
      const [ours, nodes] = [await ask(site.port, target, method), await ask(node, target, method)];
      t.strictSame(ours, nodes, `${method} ${target}`);
    }
  }
});

const prepared = new PreparedResponse(200, ['Content-Length', '5', 'X-A', 'b'], 5, (content) => {
  content.write('hello');
});
const largeHead = new PreparedResponse(
  200,
  ['Content-Length', '5', 'X-A', 'b'.repeat(2000)],
  5,
  (content) => {
    content.write('hello');
  },
);

t.test('an answer that is sent at once is whole, whatever the client asks with', async (t) => {
  const fields = ['Content-Length', '5', 'X-A', 'b'];
  const answers: Readonly<Record<string, (response: ClientResponse) => void>> = {
    '/text': (response) => response.sendText(200, fields, 'hello', 1000),
    '/filled': (response) => response.sendFilled(200, fields, 5, (content) => content.write('hello'), 1000),
    '/prepared': (response) => response.sendPrepared(prepared, 1000),
    '/large-head': (response) => response.sendPrepared(largeHead, 1000),
    '/in-two': (response) => {
      response.writeHead(200, fields);
      response.end(Buffer.from('hello'));
    },
    '/second': (response) => {
      try {
        response.sendFilled(
          200,
          fields,
          5,
          () => {
            throw new Error('gone');
          },
          1000,
        );
      } catch {
        response.sendText(200, fields, 'hello', 1000);
      }
    },
  };
  const site = await startSite(t, ({ target }, response) => answers[target]?.(response));
  for (const target of Object.keys(answers)) {
    for (const method of ['GET', 'HEAD']) {
      for (const [version, connection, answered] of [
        ['1.1', 'close', 'close'],
        ['1.1', 'a', /^keep-alive$|^$/],
        ['1.0', 'keep-alive', 'keep-alive'],
        ['1.0', 'a', 'close'],
      ] as const) {
        const request = `${method} ${target} HTTP/${version}\r\nHost: x\r\nConnection: ${connection}\r\n\r\n`;
        const received = parseResponse(await rawExchange(site.port, `${request}${get('/text', [], 'HEAD')}`));
        const { status, headers, body } = received;
        const what = `${request} ${JSON.stringify(received.headers)}`;
        const { 'content-length': length, 'x-a': own, connection: told = '', date } = headers;
        t.match({ status, length, own }, { status: 200, length: '5', own: /^b+$/ }, what);
        t.match(told, answered, what);
        t.ok(Math.abs(Date.parse(date ?? '') - Date.now()) < 60_000, what);
        const content = method === 'HEAD' ? '' : 'hello';
        // Behind it comes the other answer, or nothing.
        t.match(
          body.toString(),
          told === 'close' ? new RegExp(`^${content}$`) : new RegExp(`^${content}HTTP/1`),
        );
      }
    }
  }
});

t.test('an answer is over when the client has taken all of it, and the next comes behind it', async (t) => {
  const content = Buffer.alloc(16 * 1024 * 1024, 'a');
  const whole = new PreparedResponse(
    200,
    ['Content-Length', String(content.length)],
    content.length,
    (into) => content.copy(into),
  );
  const fields = ['Content-Length', String(content.length)];
  const ends: string[] = [];
  const { port } = await startSite(t, ({ target }, response) => {
    response.on('close', () => ends.push(`${target} ${response.writableFinished}`));
    if (target === '/prepared') response.sendPrepared(whole, 60_000);
    else if (target === '/filled') {
      response.sendFilled(200, fields, content.length, (into) => content.copy(into), 60_000);
    } else if (target === '/chunks') {
      response.writeHead(200, []);
      response.write(content);
      response.end();
    } else if (target === '/in-two') {
      response.writeHead(200, fields);
      response.end(content);
    } else say(response, '<next>');
  });
  for (const target of ['/prepared', '/filled', '/chunks', '/in-two']) {
    const connection = await openConnection(t, port);
    connection.socket.pause();
    connection.socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n${PLAIN}`);
    await until(() => connection.socket.readableLength > 0, 'the answer has begun');
    await steady(() => connection.socket.bytesRead, 50);
    t.strictSame(ends, [], 'it has not ended');
    connection.socket.resume();
    await until(() => ends.length === 2, 'both have ended');
    t.strictSame(ends.splice(0), [`${target} true`, '/plain true']);
    await until(() => connection.socket.bytesRead > content.length, 'all of it is here');
    const received = await connection.until((all) => all.endsWith('<next>'));
    t.ok(received.length > content.length);
    connection.socket.destroy();
  }
});

t.test('a client that takes nothing of its answer for too long is cut off', async (t) => {
  const content = Buffer.alloc(16 * 1024 * 1024, 'a');
  const ends: boolean[] = [];
  const { port, server } = await startSite(t, (_request, response) => {
    response.on('close', () => ends.push(response.writableFinished));
    const fields = ['Content-Length', String(content.length)];
    response.sendFilled(200, fields, content.length, (into) => content.copy(into), 100);
  });
  const { socket } = await openConnection(t, port);
  socket.pause();
  socket.write(PLAIN);
  await until(() => ends.length > 0, 'it is over');
  t.strictSame(ends, [false]);
  await until(() => server.openConnections === 0, 'the connection is given back');
});

t.test(
  'an answer that the connection was broken before is not whole, and the next is not begun',
  async (t) => {
    const ends: boolean[] = [];
    const { port, answered } = await startSite(t, (_request, response) => {
      response.on('close', () => ends.push(response.writableFinished));
      say(response, 'ok');
      response.destroy();
    });
    const connection = await openConnection(t, port);
    connection.socket.write(PLAIN + PLAIN);
    t.equal(await connection.closed(), '');
    await until(() => ends.length > 0, 'the response is over');
    t.strictSame([answered, ends], [['/plain'], [false]]);
  },
);

/** Reads to the end; whether that was a reset is told. */
async function readAll(socket: Socket): Promise<{ readonly received: string; readonly wasReset: boolean }> {
  let received = '';
  let wasReset = false;
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1');
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    wasReset = error.code === 'ECONNRESET';
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return { received, wasReset };
}

t.test(
  'an answer that breaks off is delivered as far as it came, and its end can be told from a whole',
  async (t) => {
    const content = Buffer.alloc(1024 * 1024, 'a');
    const ends: boolean[] = [];
    const { port, server } = await startSite(t, ({ target }, response) => {
      response.on('close', () => ends.push(response.writableFinished));
      response.writeHead(200, target === '/length' ? ['Content-Length', '2000000'] : []);
      response.write(content);
      response.breakOff(60_000);
    });
    for (const [target, version, wasReset] of [
      ['/length', '1.1', false],
      ['/length', '1.0', false],
      ['/chunks', '1.1', false],
      ['/close', '1.0', true],
    ] as const) {
      const socket = connect({ port, host: '127.0.0.1' });
      t.teardown(() => socket.destroy());
      socket.write(`GET ${target} HTTP/${version}\r\nHost: x\r\n\r\n${PLAIN}`);
      const all = await readAll(socket);
      t.equal((all.received.match(/a+$|a+(?=\r\n$)/)?.[0] ?? '').length, content.length, target);
      t.equal(all.wasReset, wasReset, `${target} of HTTP/${version}`);
      t.notMatch(all.received, /\r\n0\r\n/);
      await until(() => server.openConnections === 0, 'the connection is given back');
      t.strictSame(ends.splice(0), [false]);
    }
  },
);

t.test('informational responses go to clients that know and take them', async (t) => {
  const { port } = await startSite(t, (_request, response) => {
    response.writeInformational(103, ['Link', '</a>']);
    response.writeInformational(199, [], 'Of My Own');
    say(response, '<ok>');
    response.writeInformational(103, []);
  });
  const received = (await rawExchange(port, get('/'))).toString();
  t.match(
    received,
    /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 199 Of My Own\r\n\r\nHTTP\/1\.1 200 OK/,
  );
  t.match((await rawExchange(port, 'GET / HTTP/1.0\r\n\r\n')).toString(), /^HTTP\/1\.1 200 OK[\s\S]*<ok>$/);
});

t.test('informational responses that a client does not take are left out', async (t) => {
  const hint = 'a'.repeat(10_000);
  let response: ClientResponse | undefined;
  let written = 0;
  const { port } = await startSite(t, (_request, given) => {
    response = given;
    const send = (): void => {
      if (written > 100 * 1024 * 1024) return;
      for (let times = 0; times < 100; times++) given.writeInformational(103, ['Link', hint]);
      written += 100 * hint.length;
      setImmediate(send);
    };
    send();
  });
  const { socket } = await openConnection(t, port);
  socket.pause().removeAllListeners('data');
  socket.write(PLAIN);
  await until(() => written > 100 * 1024 * 1024, 'all of them have been given');
  if (response !== undefined) say(response, '<ok>');
  let last = '';
  socket.on('data', (bytes: Buffer) => {
    last = bytes.toString('latin1');
  });
  socket.resume();
  await until(() => last.endsWith('<ok>'), 'the answer is here');
  t.ok(socket.bytesRead < 32 * 1024 * 1024, `${socket.bytesRead} of ${written} bytes have been sent`);
});

t.test(
  'behind a switch of protocols the bytes are the other side’s, both ways and to the last',
  async (t) => {
    const ends: string[] = [];
    let count = 0;
    const received: string[] = [];
    const other = createNetServer({ allowHalfOpen: true }, (socket) => {
      socket.on('data', (bytes: Buffer) => received.push(bytes.toString('latin1')));
      socket.once('data', () => socket.write('welcome'));
      socket.on('end', () => socket.end('bye'));
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    t.teardown(() => other.close());
    const there = { port: (other.address() as AddressInfo).port, host: '127.0.0.1' };
    const fields = ['Upgrade', 'websocket', 'Connection', 'upgrade'];
    const { port, server, answered } = await startSite(t, (_request, response) => {
      response.on('close', () => ends.push(`${response.statusCode} ${response.writableFinished}`));
      const side = new Wire(NOBODY);
      side.connect(there, () => {
        const end = new WireEnd(side, undefined);
        void response.switchProtocols(fields, end, 60_000, (bytes) => {
          count += bytes;
        });
      });
    });
    const offer = 'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n';
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    t.teardown(() => socket.destroy());
    socket.write(`${offer}${PLAIN}`);
    const all = readAll(socket);
    await until(() => received.join('') === PLAIN, 'what was sent along is there');
    socket.end('last words');
    const { received: answer } = await all;
    t.match(
      answer,
      /^HTTP\/1\.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nwelcomebye$/,
    );
    t.equal(received.join(''), `${PLAIN}last words`);
    await until(() => server.openConnections === 0, 'the connection is given back');
    t.strictSame([answered, ends, count], [['/ws'], ['101 true'], 'welcomebye'.length]);
  },
);

t.test('answers that are sent often come in their order among others', async (t) => {
  const { port } = await startSite(t, ({ target }, response) => {
    if (target === '/prepared') response.sendPrepared(prepared, 1000);
    else say(response, `<${target}>`);
  });
  const received = await rawExchange(
    port,
    `${PLAIN}${'GET /prepared HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3)}${get('/l')}`,
  );
  t.strictSame(answersIn(received.toString()), ['</plain>', '</l>']);
  t.equal(received.toString().split('\r\n\r\nhello').length - 1, 3);
});
