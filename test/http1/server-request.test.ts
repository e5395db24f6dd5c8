// Bodies of requests: they arrive whole, at the reader's pace, and what ends them early is told.
import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import type { ClientRequest, ClientResponse } from '../../src/http/exchange.js';
import { get, openConnection, rawExchange } from '../support/raw.js';
import { steady, until } from '../support/until.js';
import { answersIn, echo, say, startSite } from './site.js';

const PLAIN = 'GET /plain HTTP/1.1\r\nHost: x\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: x\r\n';
const KIB = 1024;

const sized = (body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${POST}Content-Length: ${body.length}\r\n\r\n`), body]);

/** @param size of each chunk but the last, in bytes */
function chunked(body: Buffer, size: number): Buffer {
  const parts: Buffer[] = [Buffer.from(`${POST}Transfer-Encoding: chunked\r\n\r\n`)];
  for (let at = 0; at < body.length; at += size) {
    const part = body.subarray(at, at + size);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

const digest = (body: Buffer): string => createHash('sha256').update(body).digest('hex');

t.test('a body of any size arrives byte for byte, and the request behind it is the next', async (t) => {
  const { port } = await startSite(t, (request, response) => {
    // Later than the next reads, which must not overwrite what waits here.
    setImmediate(() => {
      void buffer(request.body).then((body) => say(response, `<${digest(body)}>`));
    });
  });
  const around = [1, 16 * KIB, 64 * KIB, 256 * KIB, 320 * KIB, 512 * KIB, 1024 * KIB];
  for (const size of around.flatMap((size) => [size - 1, size, size + 1])) {
    const bodies = [randomBytes(size), randomBytes(100), randomBytes(size)];
    const forms: readonly (readonly [what: string, sent: readonly Buffer[]])[] = [
      ['sized', bodies.map(sized)],
      ['in one chunk', bodies.map((body) => chunked(body, Math.max(1, size)))],
      ['in chunks of a page', bodies.map((body) => chunked(body, 4096))],
    ];
    for (const [what, sent] of forms) {
      const received = await rawExchange(port, Buffer.concat([...sent, Buffer.from(get('/last'))]));
      const expected = [...bodies, Buffer.alloc(0)].map((body) => `<${digest(body)}>`);
      t.strictSame(answersIn(received.toString()), expected, `${size} bytes, ${what}`);
    }
  }
});

t.test('a body of chunks of a byte arrives in as many parts as were read', async (t) => {
  let parts = 0;
  const { port } = await startSite(t, (request, response) => {
    request.body.on('data', () => {
      parts += 1;
    });
    echo(request, response);
  });
  const body = Buffer.from('a'.repeat(8 * KIB));
  const received = await rawExchange(port, Buffer.concat([chunked(body, 1), Buffer.from(get('/last'))]));
  t.strictSame(answersIn(received.toString()), [`<POST / ${body}>`, '<GET /last >']);
  t.ok(parts < 100, `${parts} parts of ${body.length} bytes`);
});

t.test('a body that is all here with its head is complete', async (t) => {
  const seen: (readonly [length: number | undefined, isComplete: boolean])[] = [];
  const { port } = await startSite(t, (request, response) => {
    seen.push([request.bodyLength, request.complete]);
    echo(request, response);
  });
  const hello = Buffer.from('hello');
  const nothing = Buffer.alloc(0);
  const all = [
    sized(hello),
    chunked(hello, 2),
    sized(nothing),
    chunked(nothing, 1),
    Buffer.from(get('/last')),
  ];
  const received = await rawExchange(port, Buffer.concat(all));
  t.strictSame(answersIn(received.toString()), [
    '<POST / hello>',
    '<POST / hello>',
    '<POST / >',
    '<POST / >',
    '<GET /last >',
  ]);
  t.strictSame(seen, [
    [5, true],
    [undefined, true],
    [0, true],
    [undefined, true],
    [0, true],
  ]);
});

t.test('a body that nobody reads is dropped, and the connection goes on', async (t) => {
  const { port, answered } = await startSite(t, (_request, response) => say(response, '<ok>'));
  const body = Buffer.alloc(3_000_000, 'a');
  for (const large of [sized(body), chunked(body, 4096), chunked(body, 100_000)]) {
    const received = await rawExchange(port, Buffer.concat([large, Buffer.from(PLAIN + get('/last'))]));
    t.equal(answersIn(received.toString()).length, 3);
    t.strictSame(answered.splice(0), ['/', '/plain', '/last']);
  }
});

t.test('a body stops the client when it is not read, and arrives whole when it is', async (t) => {
  let request: ClientRequest | undefined;
  let response: ClientResponse | undefined;
  const { port, bytesRead } = await startSite(t, (...given) => {
    [request, response] = given;
  });
  const body = randomBytes(32 * KIB * KIB);
  for (const bytes of [sized(body), chunked(body, 100_000)]) {
    const connection = await openConnection(t, port);
    connection.socket.write(bytes);
    const read = await steady(() => bytesRead().at(-1) ?? 0);
    t.ok(read > 0 && read < 1024 * KIB, `${read} bytes were read`);
    if (request === undefined || response === undefined) throw new Error('no request');
    t.equal(request.complete, false);
    t.equal(digest(await buffer(request.body)), digest(body));
    t.equal(request.complete, true);
    say(response, '<ok>');
    await connection.until((received) => received.includes('<ok>'));
  }
});

t.test('a body of which much is here before its turn arrives whole', async (t) => {
  const late: (() => void)[] = [];
  const { port, bytesRead } = await startSite(t, (request, response) => {
    if (request.target === '/late') late.push(() => say(response, '<late>'));
    else void buffer(request.body).then((body) => say(response, `<${digest(body)}>`));
  });
  const body = randomBytes(1024 * KIB);
  for (const bytes of [sized(body), chunked(body, 4096)]) {
    const connection = await openConnection(t, port);
    connection.socket.write('GET /late HTTP/1.1\r\nHost: x\r\n\r\n');
    connection.socket.write(bytes);
    await until(() => late.length > 0, 'the first request is here');
    await steady(() => bytesRead().at(-1) ?? 0, 50);
    late.splice(0)[0]?.();
    await connection.until((received) => received.includes(digest(body)));
  }
  t.pass();
});

/** How each body ends that is not all here: by its client's hand. */
const LEAVING: Readonly<Record<string, (socket: Socket) => void>> = {
  'that resets': (socket) => socket.resetAndDestroy(),
  'that says its last byte': (socket) => socket.end(),
};

t.test('a client that leaves within its body breaks it off, and has no answer', async (t) => {
  for (const [how, leave] of Object.entries(LEAVING)) {
    for (const bytes of [sized(Buffer.from('hello!')), chunked(Buffer.from('hello!'), 3)]) {
      const ends: string[] = [];
      let request: ClientRequest | undefined;
      const { port, server } = await startSite(t, (given, response) => {
        request = given;
        given.body
          .on('data', () => {})
          .on('error', (error) => ends.push(`error ${error}`))
          .once('end', () => ends.push('end'))
          .once('close', () => ends.push('close'));
        response.on('close', () => ends.push(`answer ${response.writableFinished}`));
      });
      const { socket } = await openConnection(t, port);
      socket.write(bytes.subarray(0, -5));
      await until(() => request !== undefined, 'the request is here');
      leave(socket);
      await until(() => ends.length === 2, 'both have ended');
      t.strictSame(ends.sort(), ['answer false', 'close'], how);
      t.strictSame([request?.destroyed, request?.complete, request?.fault], [true, false, undefined]);
      await until(() => server.openConnections === 0, 'the connection is given back');
    }
  }
});

t.test('a body that goes wrong tells whoever reads it', async (t) => {
  const errors: unknown[] = [];
  let isHere = false;
  const { port, server } = await startSite(t, (request, response) => {
    isHere = true;
    request.body
      .on('data', () => {})
      .on('error', (error) => {
        errors.push(error, request.fault);
        say(response, '<refused>', 400);
      });
  });
  const connection = await openConnection(t, port);
  connection.socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
  await until(() => isHere, 'the request is here');
  connection.socket.write(`x\r\n${PLAIN}`);
  t.match(await connection.closed(), /^HTTP\/1\.1 400 [\s\S]*\r\nConnection: close\r\n[\s\S]*<refused>$/);
  t.match(errors, [
    { statusCode: 400, message: 'The request has a malformed chunk' },
    { statusCode: 400, message: 'The request has a malformed chunk' },
  ]);
  await until(() => server.openConnections === 0, 'the connection is given back');
});

t.test('a body that goes wrong behind its answer ends the connection, and is not a crash', async (t) => {
  const { port, server } = await startSite(t, (_request, response) => say(response, '<early>'));
  const connection = await openConnection(t, port);
  connection.socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
  await connection.until((received) => received.includes('<early>'));
  connection.socket.write(`x\r\n${PLAIN}`);
  t.strictSame(answersIn(await connection.closed()), ['<early>']);
  await until(() => server.openConnections === 0, 'the connection is given back');
});

t.test('a client that is silent within its body is told of, or cut off', async (t) => {
  const { port } = await startSite(
    t,
    (request, response) => {
      response.setTimeout(100);
      request.body.on('data', () => {});
      if (request.target === '/heard') request.body.once('timeout', () => say(response, '<late>', 408));
    },
    { keepAliveTimeout: 60_000 },
  );
  const silent = async (target: string): Promise<string> => {
    const connection = await openConnection(t, port);
    connection.socket.write(`POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello`);
    return connection.until((received) => received.includes('<late>')).catch(() => 'cut off');
  };
  t.match(await silent('/heard'), /^HTTP\/1\.1 408 /);
  t.equal(await silent('/unheard'), 'cut off');
});

t.test('an answer before the body is all here is the last when the body may not come', async (t) => {
  const { port, server } = await startSite(t, (_request, response) => say(response, '<early>'));
  const connection = await openConnection(t, port);
  connection.socket.write(`${POST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`);
  t.match(await connection.closed(), /\r\nConnection: close\r\n[\s\S]*<early>$/);
  await until(() => server.openConnections === 0, 'the connection is given back');
});
