// Lifetimes of connections that are ended by a time limit of the server.
import t from 'tap';
import { silent, writes, writesAndEnds } from './app-behavior.js';
import { answered, clientReset, clientStays, goesOnSending, silence } from './endings.js';
import {
  BEGUN_ANSWERS,
  CHUNKED,
  EARLY_HINTS,
  get,
  getApp,
  getAppOld,
  HANDSHAKE,
  headOfLength,
  LARGE_BODY,
  LAST_OK,
  OK,
  postApp,
} from './messages.js';
import { receives } from './reached.js';
import { testLifetimes } from './run.js';
import {
  answerUnread,
  bodyUnreadByApp,
  tunnelHalfClosedByClient,
  tunnelUnreadByApp,
  tunnelUnreadByClient,
} from './shared-states.js';
import { AT_ONCE, type State, TIMES } from './table.js';

const waits: State[] = [
  { name: 'no byte has come', request: () => '', atOnce: TIMES, endings: [silence] },
  {
    name: 'half a head is here',
    request: () => 'GET / HTTP/1.1\r\nHos',
    atOnce: TIMES,
    endings: [answered(408, silence)],
  },
  {
    name: 'the app has answered, and both connections are kept',
    request: getApp(),
    app: writes(OK),
    reach: receives('ok'),
    atOnce: TIMES,
    endings: [silence],
  },
  {
    name: 'a malformed head',
    request: () => 'GET / HTTP/1.1\r\nHost: a\r\nno field\r\n\r\n',
    reach: receives('400'),
    atOnce: TIMES,
    endings: [goesOnSending],
  },
  {
    name: 'the body has begun',
    request: postApp('x', 'Content-Length: 1000'),
    atOnce: TIMES,
    endings: [answered(408, { ...silence, ...clientStays })],
  },
  {
    name: 'a body in chunks has begun',
    request: postApp('1\r\nx', CHUNKED),
    atOnce: TIMES,
    endings: [answered(408, silence)],
  },
  {
    name: 'the client was told to go on with its body',
    request: postApp('', 'Expect: 100-continue', 'Content-Length: 1000'),
    reach: receives('100 Continue'),
    atOnce: TIMES,
    endings: [silence],
  },
  {
    name: 'the app is silent',
    request: getApp(),
    app: silent,
    atOnce: TIMES,
    endings: [answered(504, silence)],
  },
  {
    name: 'the app has a handshake and is silent',
    request: getApp(...HANDSHAKE),
    app: silent,
    atOnce: TIMES,
    endings: [answered(504, silence)],
  },
  {
    name: 'the app has said something in advance (103)',
    request: getApp(),
    app: writes(EARLY_HINTS),
    atOnce: TIMES,
    endings: [answered(504, silence)],
  },
  ...Object.entries(BEGUN_ANSWERS).map(
    ([name, bytes]): State => ({
      name: `an answer ${name} has begun`,
      request: getApp('Connection: close'),
      app: writes(bytes),
      reach: receives('begun'),
      atOnce: TIMES,
      endings: [silence],
    }),
  ),
  {
    name: 'an answer in chunks has begun, to a client of HTTP/1.0',
    request: getAppOld,
    app: writes(BEGUN_ANSWERS['in chunks']),
    reach: receives('begun'),
    atOnce: TIMES,
    endings: [silence],
  },
  {
    name: 'the app ordered a file and has not ended its own answer',
    request: getApp('Connection: close'),
    app: writes(`HTTP/1.1 200 OK\r\nX-Accel-Redirect: /media/a.txt\r\nContent-Length: 1000\r\n\r\nbegun`),
    reach: receives('hello'),
    atOnce: TIMES,
    endings: [silence],
  },
];

/** By clients. On a unix socket the kernel takes little of it. */
const filesUnread: State[] = [
  {
    name: 'a large file is not read',
    request: get('/media/large.bin'),
    client: { isPaused: true },
    atOnce: AT_ONCE,
    endings: [silence],
  },
  {
    name: 'files in a row are not read',
    request: () => get('/media/medium.bin')().repeat(30),
    client: { isPaused: true },
    atOnce: AT_ONCE,
    endings: [silence],
  },
];

const tunnelClientUnread: State = {
  name: 'the client of a tunnel does not read',
  ...tunnelUnreadByClient,
  atOnce: AT_ONCE,
  endings: [silence],
};

const tunnelAppUnread: State = {
  name: 'the app at the end of a tunnel does not read',
  ...tunnelUnreadByApp,
  atOnce: AT_ONCE,
  // What was sent before the reset keeps the server from hearing of it.
  endings: [silence, clientReset],
};

const tunnelHalfClosed: State = {
  name: 'the client of a tunnel has ended its side',
  ...tunnelHalfClosedByClient,
  atOnce: TIMES,
  endings: [silence, clientReset],
};

const bodiesUnread: State[] = [
  {
    name: 'a whole answer of the app is not read',
    request: getApp('Connection: close'),
    app: writesAndEnds(headOfLength(LARGE_BODY.length), LARGE_BODY),
    client: { isPaused: true },
    atOnce: AT_ONCE,
    endings: [silence],
  },
  {
    name: 'the app does not read a body',
    request: (id) =>
      Buffer.concat([Buffer.from(postApp('', `Content-Length: ${LARGE_BODY.length}`)(id)), LARGE_BODY]),
    app: ({ socket }) => void socket.pause(),
    atOnce: AT_ONCE,
    endings: [answered(504, silence)],
  },
];

testLifetimes(t, [
  {
    name: 'short time limits',
    args: [],
    endsByLimits: true,
    states: [
      ...waits,
      ...filesUnread,
      ...bodiesUnread,
      tunnelClientUnread,
      tunnelAppUnread,
      tunnelHalfClosed,
    ],
  },
  {
    name: 'short time limits, clients on a unix socket',
    args: [],
    endsByLimits: true,
    unixSocket: 'clients',
    states: [...waits, ...filesUnread, tunnelClientUnread, tunnelHalfClosed],
  },
  {
    name: 'short time limits, the app on a unix socket',
    args: [],
    endsByLimits: true,
    unixSocket: 'app',
    states: [...waits.filter(({ app }) => app !== undefined), tunnelAppUnread, tunnelHalfClosed],
  },
  {
    name: 'short time limits where nothing is held back',
    endsByLimits: true,
    args: ['--no-request-buffering', '--no-response-buffering', '--max-body', '0'],
    states: [
      {
        name: 'the app has the beginning of a body',
        request: postApp('x', 'Content-Length: 1000'),
        app: silent,
        atOnce: TIMES,
        endings: [answered(408, silence)],
      },
      {
        name: 'the app has the beginning of a body in chunks',
        request: postApp('1\r\nx', CHUNKED),
        app: silent,
        atOnce: TIMES,
        endings: [answered(408, silence)],
      },
      {
        name: 'the app has the beginning of a body and answers',
        request: postApp('x', 'Content-Length: 1000'),
        app: writesAndEnds(LAST_OK),
        atOnce: TIMES,
        endings: [answered(200, clientStays)],
      },
      {
        name: 'an answer is not read',
        ...answerUnread,
        atOnce: AT_ONCE,
        endings: [silence],
      },
      {
        ...bodyUnreadByApp,
        atOnce: AT_ONCE,
        // What was sent before the reset keeps the server from hearing of it.
        endings: [silence, clientReset],
      },
    ],
  },
]);
