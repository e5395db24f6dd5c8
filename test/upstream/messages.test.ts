/** HTTP's small print between app and client: 1xx, HEAD, 204, 304, trailers (RFC 9110, RFC 9112). */
import t from 'tap';
import { startTcpApp } from '../support/app.js';
import { startHere } from '../support/here.js';
import { openConnection } from '../support/raw.js';

interface Case {
  readonly what: string;
  readonly request?: string;
  readonly answer: string;
  /** What the client must get. */
  readonly gets: RegExp;
  /** What it must not get. */
  readonly not?: RegExp;
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n';
const HEAD = 'HEAD / HTTP/1.1\r\nHost: a\r\n';
const CASES: readonly Case[] = [
  {
    what: '103 Early Hints is passed on before the answer',
    answer:
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    gets: /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK\r\n.*ok$/s,
  },
  {
    what: 'but not to HTTP/1.0, which does not know it',
    request: 'GET / HTTP/1.0\r\nHost: a\r\n',
    answer: 'HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    gets: /^HTTP\/1\.1 200 OK\r\n.*ok$/s,
    not: /103/,
  },
  {
    what: 'HEAD has the length of the body, and no body',
    request: HEAD,
    answer: 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n',
    gets: /Content-Length: 10\r\n.*\r\n\r\n$/is,
    not: /chunked/i,
  },
  {
    what: 'HEAD of a chunked answer',
    request: HEAD,
    answer: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    gets: /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n$/s,
  },
  {
    what: '204 has neither body nor length',
    answer: 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
    gets: /^HTTP\/1\.1 204 No Content\r\n.*\r\n\r\n$/s,
    not: /content-length|transfer-encoding/i,
  },
  {
    what: '304 keeps its validators and has no body',
    answer: 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 10\r\n\r\n',
    gets: /^HTTP\/1\.1 304 Not Modified\r\nETag: "a"\r\n.*\r\n\r\n$/s,
    not: /transfer-encoding/i,
  },
  {
    what: 'a body without a length is passed on in chunks',
    answer: 'HTTP/1.1 200 OK\r\n\r\nuntil the end',
    gets: /Transfer-Encoding: chunked\r\n\r\nd\r\nuntil the end\r\n0\r\n\r\n$/i,
  },
  {
    what: 'trailers come behind the chunks',
    answer:
      'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n',
    gets: /2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n$/,
  },
  {
    what: 'trailers are not announced where there are no chunks: to HTTP/1.0',
    request: 'GET /a HTTP/1.0\r\nHost: x\r\n',
    answer:
      'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n',
    gets: /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/,
    not: /Trailer/i,
  },
  {
    what: 'nor to HEAD',
    // A field twice makes Node read it.
    request: 'HEAD /a HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-A: 2\r\n',
    answer: 'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n',
    gets: /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n$/,
    not: /Trailer/i,
  },
  {
    what: 'nor behind a length',
    answer: 'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nok',
    gets: /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/,
    not: /Trailer/i,
  },
  {
    what: 'trailers that would change the meaning of the head are left out',
    answer:
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSet-Cookie: a=b\r\nX-Accel-Redirect: /x\r\nX-Sum: 42\r\n\r\n',
    gets: /0\r\nX-Sum: 42\r\n\r\n$/,
    not: /Set-Cookie|X-Accel/i,
  },
  {
    what: "instructions to this server and the app server's name stay here",
    answer:
      'HTTP/1.1 200 OK\r\nServer: gunicorn\r\nX-Accel-Buffering: no\r\nX-Accel-Charset: utf-8\r\nContent-Length: 2\r\n\r\nok',
    gets: /ok$/,
    not: /gunicorn|x-accel|x-sendfile/i,
  },
  {
    what: 'fields that the app names in Connection stay here',
    answer: 'HTTP/1.1 200 OK\r\nX-Hop: 1\r\nConnection: X-Hop, close\r\nContent-Length: 2\r\n\r\nok',
    gets: /ok$/,
    not: /X-Hop/i,
  },
  {
    what: 'two cookies stay two fields',
    answer: 'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok',
    gets: /Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n/i,
  },
  {
    what: 'an empty answer in one piece',
    answer: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    gets: /Content-Length: 0\r\n.*\r\n\r\n$/is,
  },
  {
    what: 'a field that cannot be sent on makes the answer one that is none',
    answer: 'HTTP/1.1 200 OK\r\nX-Odd: a\x01b\r\nContent-Length: 2\r\n\r\nok',
    gets: /^HTTP\/1\.1 502 /,
    not: /X-Odd|ok$/,
  },
  {
    what: 'a body of bytes that are no text',
    answer: 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x00\xff\xfe\x80',
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the bytes are the point
    gets: /\r\n\r\n\x00\xff\xfe\x80$/,
  },
];

t.test('between app and client', async (t) => {
  let answer = '';
  const address = await startTcpApp(t, (socket) => {
    socket.once('data', () => socket.end(Buffer.from(answer, 'latin1')));
  });
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', address]);
  for (const { what, request = GET, answer: bytes, gets, not } of CASES) {
    answer = bytes;
    const client = await openConnection(t, server.port);
    client.socket.write(`${request}Connection: close\r\n\r\n`);
    const received = await client.closed();
    t.match(received, gets, what);
    if (not !== undefined) t.notMatch(received, not, what);
    if (!request.includes('HTTP/1.1')) continue;
    // A connection that stays open: small answers are written at once then.
    const keeping = await openConnection(t, server.port);
    keeping.socket.write(`${request}\r\n`);
    const kept = await keeping.until((all) => gets.test(all));
    if (not !== undefined) t.notMatch(kept, not, `${what}, and the connection is kept`);
  }
});
