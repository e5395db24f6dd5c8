/**
 * Requests that two servers could read in two ways (RFC 9112 §11.2): refused with 400, or 501 where it is the transfer
 * coding that nobody knows (§6.1), and the end of the connection.
 * The app's side is recorded byte for byte: exactly one request reaches it, or none.
 */
import type { Socket } from 'node:net';
import t, { type Test } from 'tap';
import { startTcpApp } from '../support/app.js';
import { startHere } from '../support/here.js';
import { get, openConnection, parseResponse, rawRequest } from '../support/raw.js';
import { until } from '../support/until.js';

/** An app that records each connection's bytes and answers every request head. */
async function startTape(t: Test): Promise<{ address: string; taken(): string }> {
  let tape = '';
  const address = await startTcpApp(t, (socket: Socket) => {
    let pending = '';
    socket.on('data', (chunk: Buffer) => {
      tape += chunk.toString('latin1');
      pending += chunk.toString('latin1');
      const length = Number(/^content-length: (\d+)/im.exec(pending)?.[1] ?? 0);
      const end = pending.indexOf('\r\n\r\n');
      if (end < 0 || pending.length < end + 4 + length) return;
      pending = pending.slice(end + 4 + length);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  return {
    address,
    taken() {
      const taken = tape;
      tape = '';
      return taken;
    },
  };
}

const POST = 'POST /a HTTP/1.1\r\nHost: a\r\n';
const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n';
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const LAST_CHUNK = '0\r\n\r\n';

/** Transfer codings that are none, or that are more than chunks. */
const UNKNOWN_CODINGS: Readonly<Record<string, string>> = {
  'Transfer-Encoding: xchunked': `${POST}Transfer-Encoding: xchunked\r\n\r\n${LAST_CHUNK}`,
  'Transfer-Encoding: identity': `${POST}Transfer-Encoding: identity\r\n\r\n${LAST_CHUNK}`,
  'Transfer-Encoding: gzip, chunked': `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n${LAST_CHUNK}`,
  'Transfer-Encoding: chunked, identity': `${POST}Transfer-Encoding: chunked, identity\r\n\r\n${LAST_CHUNK}`,
  'Transfer-Encoding with a leading comma': `${POST}Transfer-Encoding: ,chunked\r\n\r\n${LAST_CHUNK}`,
  'an empty Transfer-Encoding': `${POST}Transfer-Encoding:\r\n\r\n`,
  'an unknown Transfer-Encoding before chunked': `${POST}Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n${LAST_CHUNK}`,
  'an unknown Transfer-Encoding after chunked': `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n${LAST_CHUNK}`,
  'a quoted Transfer-Encoding': `${POST}Transfer-Encoding: "chunked"\r\n\r\n${LAST_CHUNK}`,
};

/** What is refused; behind each stands a request that must not be found there. */
const REFUSED: Readonly<Record<string, string>> = {
  ...UNKNOWN_CODINGS,
  'CL.TE': `${POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n${LAST_CHUNK}G`,
  'TE.CL': `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${LAST_CHUNK}`,
  'two different Content-Length': `${POST}Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde`,
  'two equal Content-Length': `${POST}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
  'a list in Content-Length': `${POST}Content-Length: 3, 3\r\n\r\nabc`,
  'a sign in Content-Length': `${POST}Content-Length: +3\r\n\r\nabc`,
  'a negative Content-Length': `${POST}Content-Length: -3\r\n\r\nabc`,
  'a hexadecimal Content-Length': `${POST}Content-Length: 0x3\r\n\r\nabc`,
  'an empty Content-Length': `${POST}Content-Length:\r\n\r\nabc`,
  'a Content-Length beyond all numbers': `${POST}Content-Length: 99999999999999999999\r\n\r\nabc`,
  'Content-Length with a space inside': `${POST}Content-Length: 3 3\r\n\r\nabc`,
  'two Transfer-Encoding': `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${LAST_CHUNK}`,
  'a vertical tab in Transfer-Encoding': `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n${LAST_CHUNK}`,
  'Transfer-Encoding in HTTP/1.0': `POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${LAST_CHUNK}`,
  'a space before the colon of Content-Length': `${POST}Content-Length : 3\r\n\r\nabc`,
  'a space before the colon of Transfer-Encoding': `${POST}Transfer-Encoding : chunked\r\n\r\n${LAST_CHUNK}`,
  'a tab before a colon': `${GET}X\t: b\r\n\r\n`,
  'obs-fold with a space': `${GET}X: b\r\n c\r\n\r\n`,
  'obs-fold with a tab': `${GET}X: b\r\n\tc\r\n\r\n`,
  'a folded Transfer-Encoding': `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n${LAST_CHUNK}`,
  'a space before the first field': 'GET /a HTTP/1.1\r\n Host: a\r\n\r\n',
  'bare LF everywhere': 'GET /a HTTP/1.1\nHost: a\n\n',
  'bare LF after a field': 'GET /a HTTP/1.1\r\nHost: a\nX: b\r\n\r\n',
  'bare LF at the end of the head': `GET /a HTTP/1.1\r\nHost: a\r\n\n`,
  'bare CR in a field': 'GET /a HTTP/1.1\r\nHost: a\rX: b\r\n\r\n',
  'a field without a name': `${GET}: b\r\n\r\n`,
  'a field without a colon': `${GET}abc\r\n\r\n`,
  'a parenthesis in a field name': `${GET}X(a): b\r\n\r\n`,
  'a byte above ASCII in a field name': `${GET}X\xe9: b\r\n\r\n`,
  'NUL in a field name': `${GET}X\0: b\r\n\r\n`,
  'NUL in a field': `${GET}X: a\0b\r\n\r\n`,
  'a control character in a field': `${GET}X: a\x01b\r\n\r\n`,
  'bare LF after a chunk size': `${POST}Transfer-Encoding: chunked\r\n\r\n1\nx\r\n${LAST_CHUNK}`,
  'bare LF after a chunk': `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\n${LAST_CHUNK}`,
  'bare LF in a chunk extension': `${POST}Transfer-Encoding: chunked\r\n\r\n1;a\nx\r\n${LAST_CHUNK}`,
  'a chunk longer than it says': `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n${LAST_CHUNK}`,
  'a chunk size with 0x': `${POST}Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n${LAST_CHUNK}`,
  'a negative chunk size': `${POST}Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n${LAST_CHUNK}`,
  'a chunk size beyond all numbers': `${POST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx\r\n${LAST_CHUNK}`,
  'Content-Length in the trailers': `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n`,
  'two Host': 'GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'no Host': 'GET /a HTTP/1.1\r\n\r\n',
  'a space in Host': 'GET /a HTTP/1.1\r\nHost: a b\r\n\r\n',
  'a user in Host': 'GET /a HTTP/1.1\r\nHost: a@b\r\n\r\n',
  'a path in Host': 'GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n',
  'HTTP/0.9': 'GET /a\r\n\r\n',
  'HTTP/1.2': 'GET /a HTTP/1.2\r\nHost: a\r\n\r\n',
  'HTTP/2.0': 'GET /a HTTP/2.0\r\nHost: a\r\n\r\n',
  'HTTP/1.10': 'GET /a HTTP/1.10\r\nHost: a\r\n\r\n',
  'http/1.1 in lower case': 'GET /a http/1.1\r\nHost: a\r\n\r\n',
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a space at the end of the request line': 'GET /a HTTP/1.1 \r\nHost: a\r\n\r\n',
  'a tab in the request line': 'GET\t/a HTTP/1.1\r\nHost: a\r\n\r\n',
  'a space in the target': 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n',
  'a control character in the target': 'GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n',
  'a method in lower case': 'get /a HTTP/1.1\r\nHost: a\r\n\r\n',
};

t.test('refused, with the end of the connection, and the app has seen nothing whole', async (t) => {
  const app = await startTape(t);
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', app.address]);
  for (const [name, request] of Object.entries(REFUSED)) {
    const client = await openConnection(t, server.port);
    client.socket.write(Buffer.from(request + SMUGGLED, 'latin1'));
    const answers = await client.closed();
    t.match(answers, UNKNOWN_CODINGS[name] === undefined ? /^HTTP\/1\.1 400 / : /^HTTP\/1\.1 501 /, name);
    t.equal(answers.split('HTTP/1.1 ').length, 2, `${name}: one answer`);
    t.equal(app.taken(), '', `${name}: no byte for the app`);
  }
});

t.test('with requestBuffering off neither: what was begun at the app is cut off', async (t) => {
  const app = await startTape(t);
  const server = await startHere(t, [
    '--root',
    t.testdir({}),
    '--upstream',
    app.address,
    '--no-request-buffering',
  ]);
  for (const [name, request] of Object.entries(REFUSED)) {
    const client = await openConnection(t, server.port);
    client.socket.write(Buffer.from(request + SMUGGLED, 'latin1'));
    const answers = await client.closed();
    t.notMatch(answers, /^HTTP\/1\.1 200/, name);
    const tape = app.taken();
    t.notMatch(tape, /smuggled/, `${name}: nothing smuggled`);
    t.notMatch(tape, /\r\n0\r\n\r\n$/, `${name}: no request that looks complete`);
  }
});

t.test('many that break off in the middle of a body harm nobody else', async (t) => {
  const app = await startTape(t);
  const options = [
    '--root',
    t.testdir({ 'a.txt': 'file' }),
    '--upstream',
    app.address,
    '--no-request-buffering',
  ];
  const server = await startHere(t, options);
  for (let round = 0; round < 10; round++) {
    const clients = Object.values(REFUSED).map(async (request) => {
      const client = await openConnection(t, server.port);
      client.socket.write(Buffer.from(request + SMUGGLED, 'latin1'));
      await client.closed();
    });
    await Promise.all(clients);
  }
  t.equal((await rawRequest(server.port, get('/media/a.txt'))).body.toString(), 'file');
});

/** What is allowed, and the one request that the app sees. */
const PASSED: Readonly<Record<string, readonly [request: string, seen: RegExp]>> = {
  'a body in chunks': [
    `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n2\r\nyz\r\n${LAST_CHUNK}`,
    /^POST \/a HTTP\/1\.1\r\n.*\r\ncontent-length: 3\r\n\r\nxyz$/is,
  ],
  'chunk extensions, which are left out': [
    `${POST}Transfer-Encoding: chunked\r\n\r\n1;a=b;c="d"\r\nx\r\n${LAST_CHUNK}`,
    /content-length: 1\r\n\r\nx$/i,
  ],
  'blanks behind the size of a chunk': [
    `${POST}Transfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n${LAST_CHUNK}`,
    /content-length: 1\r\n\r\nx$/i,
  ],
  'trailers, which are left out': [
    `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n`,
    /content-length: 1\r\n\r\nx$/i,
  ],
  'CHUNKED in capitals': [
    `${POST}Transfer-Encoding: CHUNKED\r\n\r\n1\r\nx\r\n${LAST_CHUNK}`,
    /content-length: 1\r\n\r\nx$/i,
  ],
  'a request that looks like the body of another': [
    `${POST}Content-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
    /^POST \/a .*\r\n\r\nGET \/smuggled HTTP\/1\.1\r\nHost: a\r\n\r\n$/s,
  ],
  'a GET with a body': [`${GET}Content-Length: 3\r\n\r\nabc`, /^GET \/a .*content-length: 3\r\n\r\nabc$/is],
  'bytes beyond ASCII in the target, which stay as they are': [
    'GET /\xe9?\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n',
    /^GET \/\xe9\?\xc3\xa4 HTTP/,
  ],
  'an empty line before the request': [`\r\n${GET}\r\n`, /^GET \/a /],
};

t.test('passed on as exactly one request', async (t) => {
  const app = await startTape(t);
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', app.address]);
  for (const [name, [request, seen]] of Object.entries(PASSED)) {
    const client = await openConnection(t, server.port);
    client.socket.write(Buffer.from(request, 'latin1'));
    await client.until((received) => received.endsWith('ok'));
    const tape = app.taken();
    t.match(tape, seen, name);
    t.notMatch(tape, /transfer-encoding/i, `${name}: with one length`);
    t.equal(tape.match(/^host: /gim)?.length, name.includes('looks like') ? 2 : 1);
    client.socket.destroy();
  }
});

t.test('requests in one packet reach the app one by one, each on its own', async (t) => {
  const app = await startTape(t);
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', app.address]);
  const client = await openConnection(t, server.port);
  client.socket.write(
    `${GET}\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
  );
  t.equal((await client.closed()).split('HTTP/1.1 200').length, 4);
  t.same(app.taken().match(/^GET \/\w/gm), ['GET /a', 'GET /b', 'GET /c']);
});

/** Answers of an app with which another answer could be smuggled to a client; test/upstream/response-parser has more. */
const TWO_ANSWERS: Readonly<Record<string, string>> = {
  'both lengths':
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  'two Content-Length': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!',
  'a list in Content-Length': 'HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok',
  'a sign in Content-Length': 'HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok',
  'a folded field': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: a\r\n b\r\n\r\nok',
  'a folded Content-Length': 'HTTP/1.1 200 OK\r\nX: a\r\n Content-Length: 0\r\nContent-Length: 2\r\n\r\nok',
  'a space before a colon': 'HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok',
  'a field without a colon': 'HTTP/1.1 200 OK\r\nContent-Length 2\r\n\r\nok',
  'bare LF': 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
  'bare LF in a field': 'HTTP/1.1 200 OK\r\nX: a\nContent-Length: 0\r\nContent-Length: 2\r\n\r\nok',
  'bare CR in a field': 'HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok',
  'bare LF in the reason': 'HTTP/1.1 200 O\nK\r\nContent-Length: 2\r\n\r\nok',
  NUL: 'HTTP/1.1 200 OK\r\nX: a\0\r\nContent-Length: 2\r\n\r\nok',
  'an unknown coding': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  'a vertical tab before chunked':
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  'chunks in HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  'a switch that nobody asked for': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nok',
  'no HTTP': 'hello\r\n\r\n',
};

t.test('an answer that can be read in two ways is a 502, and the end of its connection', async (t) => {
  let answer = '';
  let open = 0;
  let taken = 0;
  const address = await startTcpApp(t, (socket) => {
    open += 1;
    socket.on('close', () => {
      open -= 1;
    });
    socket.on('data', () => {
      taken += 1;
      socket.write(answer, 'latin1');
    });
  });
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', address]);
  for (const [name, bytes] of Object.entries(TWO_ANSWERS)) {
    answer = bytes;
    taken = 0;
    const client = await openConnection(t, server.port);
    client.socket.write(`${GET}Connection: close\r\n\r\n`);
    const received = await client.closed();
    t.equal(parseResponse(Buffer.from(received, 'latin1')).status, 502, name);
    t.equal(received.split('HTTP/1.1 ').length, 2, `${name}: one answer`);
    t.notMatch(received, /X: a|Set-Cookie|ok$/, `${name}: nothing of it`);
    t.equal(taken, 1, `${name}: it is not asked for again`);
    await until(() => open === 0, `${name}: the connection is closed`);
  }
});

t.test('bytes behind an answer answer nobody', async (t) => {
  const sound = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned';
  let later = 0;
  let closed = 0;
  const address = await startTcpApp(t, (socket) => {
    socket.on('close', () => {
      closed += 1;
    });
    socket.on('data', () => {
      if (later === 0) socket.write(sound + poison);
      else socket.write(sound, () => setTimeout(() => socket.write(poison), later));
    });
  });
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', address]);
  // In the same piece, just behind it, and while the connection is idle.
  for (later of [0, 1, 100]) {
    closed = 0;
    const client = await openConnection(t, server.port);
    client.socket.write(`${GET}\r\n`);
    await client.until((received) => received.endsWith('ok'));
    await until(() => closed > 0, 'the connection on which they came is closed');
    client.socket.write(`${GET}Connection: close\r\n\r\n`);
    t.notMatch(await client.closed(), 'poisoned', `after ${later} ms`);
    // Else what comes on this one could be taken for the answer to the next round's request: then it cannot be told.
    await until(() => closed > 1, 'the other connection is closed, too');
  }
});
