// Lifetimes of connections whose requests are answered at once, refused, or not whole.
import t from 'tap';
import { silent, writes, writesAndEnds } from './app-behavior.js';
import {
  answered,
  appFin,
  appReset,
  clientCloses,
  clientFin,
  clientReset,
  clientResetAppAnswers,
  clientStays,
  serverCloses,
  silence,
} from './endings.js';
import { CHUNKED, get, getApp, head, LAST_OK, OK, postApp } from './messages.js';
import { receives } from './reached.js';
import { testLifetimes } from './run.js';
import { type State, TIMES } from './table.js';

const requests: State[] = [
  { name: 'no byte has come', request: () => '', endings: [clientFin, clientReset] },
  { name: 'half a head is here', request: () => 'GET / HTTP/1.1\r\nHos', endings: [clientFin, clientReset] },
  {
    name: 'a file was sent, and the connection is kept',
    request: get('/media/a.txt'),
    reach: receives('hello'),
    endings: [clientFin, clientReset],
  },
  {
    name: 'the app has answered, and both connections are kept',
    request: getApp(),
    app: writes(OK),
    reach: receives('ok'),
    endings: [clientFin, clientReset],
  },
  {
    name: 'the request said that it is the last',
    request: get('/media/a.txt', 'Connection: close'),
    endings: serverCloses(200),
  },
  {
    name: 'the last request went to the app',
    request: getApp('Connection: close'),
    app: writesAndEnds(LAST_OK),
    endings: serverCloses(200),
  },
  {
    name: 'a request of HTTP/1.0',
    request: () => 'GET /media/a.txt HTTP/1.0\r\n\r\n',
    endings: serverCloses(200),
  },
  {
    name: 'the client ended its side behind its request',
    request: get('/media/medium.bin'),
    reach: async ({ client }) => void client.socket.end(),
    endings: [answered(200, clientCloses), clientReset],
  },
  {
    name: 'a malformed head',
    request: () => 'GET / HTTP/1.1\r\nHost: a\r\nno field\r\n\r\n',
    endings: serverCloses(400),
  },
  {
    name: 'a head that is too large',
    request: get('/', `Cookie: ${'x'.repeat(200_000)}`),
    endings: serverCloses(431),
  },
  {
    name: 'a coding that is not understood',
    request: postApp('', 'Transfer-Encoding: gzip, chunked'),
    endings: serverCloses(501),
  },
  { name: 'a malformed chunk', request: postApp('zz\r\n', CHUNKED), endings: serverCloses(400) },
  {
    name: 'CONNECT',
    request: () => head('CONNECT h:80 HTTP/1.1'),
    endings: [...serverCloses('400|405'), clientFin],
  },
  {
    name: 'CONNECT with bytes behind it',
    request: () => `${head('CONNECT h:80 HTTP/1.1')}more`,
    endings: serverCloses('400|405'),
  },
  {
    name: 'requests in a row, the first of them with the app',
    request: (id) => getApp()(id) + get('/media/a.txt')().repeat(3) + head('PUT /media/a.txt HTTP/1.1'),
    app: silent,
    endings: [
      {
        name: 'the client ends its side, and the app answers',
        end({ client, app }) {
          client.socket.end();
          app?.socket.end(LAST_OK);
        },
      },
      clientResetAppAnswers,
      answered(502, appFin),
      answered(502, appReset),
    ],
  },
  {
    name: 'a malformed head behind a request that is with the app',
    request: (id) => `${getApp()(id)}no request\r\n\r\n`,
    app: silent,
    endings: [
      clientResetAppAnswers,
      answered(502, appFin),
      { ...answered(502, appReset), client: { staysOpen: true } },
    ],
  },
];

const bodies: State[] = [
  {
    name: 'the body has begun',
    request: postApp('x'.repeat(10), 'Content-Length: 1000'),
    endings: [clientFin, clientReset],
  },
  {
    name: 'a body in chunks has begun',
    request: postApp('a\r\nxxxxxxxxxx\r\n1', CHUNKED),
    endings: [clientFin, clientReset],
  },
  {
    name: 'the client was told to go on with its body',
    request: postApp('', 'Expect: 100-continue', 'Content-Length: 1000'),
    reach: receives('100 Continue'),
    endings: [clientFin, clientReset],
  },
];

const tooLarge: State[] = [
  {
    name: 'a body is announced that is too large',
    request: postApp('x'.repeat(1000), 'Content-Length: 100000'),
    endings: serverCloses(413),
  },
  {
    name: 'leave is asked to send a body that is too large',
    request: postApp('', 'Expect: 100-continue', 'Content-Length: 100000'),
    endings: serverCloses(413),
  },
  {
    name: 'a body in chunks becomes too large',
    request: postApp(`4e20\r\n${'x'.repeat(20_000)}\r\n`, CHUNKED),
    endings: serverCloses(413),
  },
];

const MAX_BODY = ['--max-body', '10kb'];
const states = [...requests, ...bodies, ...tooLarge];

testLifetimes(t, [
  { name: 'bodies of at most 10 KB', args: MAX_BODY, states },
  { name: 'clients on a unix socket', args: MAX_BODY, unixSocket: 'clients', states },
  {
    name: 'bodies of at most 10 KB that are not held back',
    args: [...MAX_BODY, '--no-request-buffering'],
    states: [
      {
        name: 'a body is announced that is too large',
        request: postApp('x'.repeat(1000), 'Content-Length: 100000'),
        endings: serverCloses(413),
      },
      {
        name: 'a body in chunks becomes too large',
        request: postApp(`4e20\r\n${'x'.repeat(20_000)}\r\n`, CHUNKED),
        endings: [answered(413, clientCloses), answered(413, clientStays), clientReset],
      },
    ],
  },
  {
    name: 'the PROXY protocol',
    args: ['--proxy-protocol'],
    preface: 'PROXY UNKNOWN\r\n',
    states: [
      { name: 'no header has come', request: () => '', endings: [clientFin, clientReset] },
      {
        name: 'half a header has come',
        request: () => 'PROXY TCP4 192.0.2.1',
        endings: [clientFin, clientReset, { ...silence, client: { staysOpen: true } }],
        atOnce: TIMES,
      },
      {
        name: 'something else has come',
        request: () => head('GET / HTTP/1.1'),
        endings: [silence, clientStays, clientReset],
      },
      {
        name: 'a header has come and no request',
        request: () => 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n',
        endings: [clientFin, clientReset],
      },
      {
        name: 'a request has come behind it',
        request: (id) => `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${getApp()(id)}`,
        app: silent,
        endings: [clientFin, clientReset, answered(502, appFin)],
      },
    ],
  },
]);
