// Lifetimes of connections while the app is asked, answers in part, has a part of the body, or is joined with the client.
import t from 'tap';
import { silent, writes } from './app-behavior.js';
import {
  answered,
  appFin,
  appReset,
  clientCloses,
  clientFin,
  clientReset,
  thenClientReads,
} from './endings.js';
import {
  BEGUN_ANSWERS,
  CHUNKED,
  EARLY_HINTS,
  get,
  getApp,
  getAppOld,
  LARGE_BODY,
  LAST_OK,
  postApp,
} from './messages.js';
import { areBlocked, areInFiles, receives } from './reached.js';
import { testLifetimes } from './run.js';
import { answerUnread, bodyUnreadByApp } from './shared-states.js';
import { FEW, type State } from './table.js';
import { handshakes, tunnels } from './upgrade-states.js';

const answers: State[] = [
  {
    name: 'the app is silent',
    request: getApp(),
    app: silent,
    endings: [clientFin, clientReset, answered(502, appFin), answered(502, appReset)],
  },
  {
    name: 'the app has the body and is silent',
    request: postApp('x'.repeat(1000), 'Content-Length: 1000'),
    app: silent,
    endings: [clientReset, answered(502, appFin), answered(502, appReset)],
  },
  {
    name: 'the app has said something in advance (103)',
    request: getApp(),
    app: writes(EARLY_HINTS),
    reach: receives('103'),
    endings: [clientFin, clientReset, answered(502, appFin), answered(502, appReset)],
  },
  ...Object.entries(BEGUN_ANSWERS).map(
    ([name, bytes]): State => ({
      name: `an answer ${name} has begun`,
      request: getApp(),
      app: writes(bytes),
      reach: receives('begun'),
      endings: [clientFin, clientReset, answered(200, appFin), answered(200, appReset)],
    }),
  ),
  ...Object.entries(BEGUN_ANSWERS).map(
    ([name, bytes]): State => ({
      name: `an answer ${name} has begun, to a client of HTTP/1.0`,
      request: getAppOld,
      app: writes(bytes),
      reach: receives('begun'),
      endings: [
        clientReset,
        answered(200, appFin),
        answered(200, appReset),
        {
          ...answered(200, appReset),
          name: 'the app resets, and the client stays',
          client: { staysOpen: true },
        },
      ],
    }),
  ),
  {
    name: 'the app ordered a file and has not ended its own answer',
    request: getApp(),
    app: writes(`HTTP/1.1 200 OK\r\nX-Accel-Redirect: /media/a.txt\r\nContent-Length: 1000\r\n\r\nbegun`),
    reach: receives('hello'),
    endings: [clientReset, answered(200, appReset)],
  },
];

const states = [...answers, ...handshakes, ...tunnels];
/** What is not read on the side that is no unix socket is in the first group. */
const unreadBy = (side: 'client' | 'app') => (state: State) =>
  !state.name.endsWith('does not read') || state.name.includes(`${side} does not read`);

testLifetimes(t, [
  { name: 'no options', args: [], states },
  {
    name: 'clients on a unix socket',
    args: [],
    unixSocket: 'clients',
    states: states.filter(unreadBy('client')),
  },
  {
    name: 'the app on a unix socket',
    args: [],
    unixSocket: 'app',
    states: states.filter(({ app }) => app !== undefined).filter(unreadBy('app')),
  },
  {
    name: 'bodies in files',
    args: ['--upload-memory', '0', '--buffer-memory', '16kb'],
    states: [
      {
        name: 'a body is in a file as far as it has come',
        request: postApp('x'.repeat(100_000), 'Content-Length: 200000'),
        isReached: areInFiles,
        endings: [clientFin, clientReset],
      },
      {
        name: 'a body in chunks is in a file as far as it has come',
        request: postApp(`186a0\r\n${'x'.repeat(100_000)}\r\n`, CHUNKED),
        isReached: areInFiles,
        endings: [clientFin, clientReset],
      },
      {
        name: 'a body in a file is with the app, which is silent',
        request: postApp('x'.repeat(100_000), 'Content-Length: 100000'),
        app: silent,
        endings: [clientReset, answered(502, appFin), answered(502, appReset)],
      },
      {
        name: 'a body in a file is not read by the app',
        request: (id) =>
          Buffer.concat([Buffer.from(postApp('', `Content-Length: ${LARGE_BODY.length}`)(id)), LARGE_BODY]),
        app: ({ socket }) => void socket.pause(),
        atOnce: FEW,
        endings: [clientReset, answered(502, appReset)],
      },
    ],
  },
  {
    name: 'nothing is held back',
    args: ['--no-request-buffering', '--no-response-buffering', '--max-body', '0'],
    states: [
      {
        name: 'the app has the beginning of a body',
        request: postApp('x'.repeat(10), 'Content-Length: 1000'),
        app: silent,
        endings: [
          clientFin,
          clientReset,
          answered(502, appFin),
          answered(502, appReset),
          { ...answered(200, clientCloses), end: ({ app }) => void app?.socket.end(LAST_OK) },
        ],
      },
      {
        name: 'the app has the beginning of a body in chunks',
        request: postApp('a\r\nxxxxxxxxxx\r\n1', CHUNKED),
        app: silent,
        endings: [
          clientFin,
          clientReset,
          answered(502, appFin),
          answered(502, appReset),
          { ...answered(200, clientCloses), end: ({ app }) => void app?.socket.end(LAST_OK) },
        ],
      },
      { ...bodyUnreadByApp, isReached: areBlocked, endings: [appReset] },
      {
        name: 'an answer is not read',
        ...answerUnread,
        isReached: areBlocked,
        endings: [clientReset, thenClientReads(appFin), thenClientReads(appReset)],
      },
    ],
  },
  {
    name: 'the app may finish without its client, and files have a rate',
    args: ['--no-abort-on-client-close', '--limit-rate', '1kb'],
    states: [
      {
        name: 'a file is sent at its pace',
        request: get('/media/medium.bin'),
        reach: receives('200 OK'),
        endings: [clientReset],
      },
      {
        name: 'the app is silent',
        request: getApp(),
        app: silent,
        endings: [clientReset, clientFin].map(({ name, end }) => ({
          name: `${name}, and the app answers`,
          async end(peers) {
            await end?.(peers);
            peers.app?.socket.end(LAST_OK);
          },
        })),
      },
    ],
  },
]);
