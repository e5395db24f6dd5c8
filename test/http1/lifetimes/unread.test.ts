// Lifetimes of connections on which more has been written than the other side reads.
import t from 'tap';
import { writes, writesAndEnds } from './app-behavior.js';
import { answered, appFin, appReset, clientReset, thenClientReads } from './endings.js';
import { get, getApp, headOfLength, LARGE_BODY, postApp } from './messages.js';
import { areBlocked, areMostlyInFiles, receives } from './reached.js';
import { testLifetimes } from './run.js';
import { answerUnread, bodyUnreadByApp, files } from './shared-states.js';
import { FEW, type State } from './table.js';

/** What the app adds when its client has caught up. */
const END = Buffer.alloc(100_000, 'x');

const filesInARow: State = {
  name: 'files in a row that are not read',
  request: () => get('/media/medium.bin')().repeat(30),
  client: { isPaused: true },
  atOnce: FEW,
  endings: [clientReset],
};

/** An answer of the app, all of which the client does not read. */
const backlogs = (name: string, isReached: State['isReached']): State[] => {
  const common = {
    request: getApp(),
    client: { isPaused: true },
    atOnce: FEW,
    ...(isReached === undefined ? {} : { isReached }),
  };
  return [
    {
      ...common,
      name: `a whole answer waits ${name}`,
      app: writesAndEnds(headOfLength(LARGE_BODY.length), LARGE_BODY),
      reach: async ({ app }) => app?.closed,
      endings: [clientReset],
    },
    {
      ...common,
      name: `an answer that is not whole waits ${name}`,
      app: writes(headOfLength(LARGE_BODY.length + END.length), LARGE_BODY),
      endings: [
        clientReset,
        thenClientReads(appReset),
        {
          name: 'the client catches up, and then the app ends it',
          async end({ client, app }) {
            client.socket.resume();
            await client.until(() => client.received >= LARGE_BODY.length);
            app?.socket.end(END);
            await client.until(() => client.received >= LARGE_BODY.length + END.length);
            client.socket.end();
          },
        },
      ],
    },
  ];
};

testLifetimes(t, [
  {
    name: 'no options',
    args: [],
    states: [filesInARow, ...files, ...backlogs('in a file', areMostlyInFiles)],
  },
  {
    name: 'answers in memory',
    args: ['--buffer-memory', '16mb'],
    states: backlogs('in memory', undefined),
  },
  {
    name: 'bodies in files',
    args: ['--upload-memory', '0', '--buffer-memory', '16kb'],
    states: [
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
        ...bodyUnreadByApp,
        isReached: areBlocked,
        endings: [appReset],
      },
      {
        name: 'an answer is not read',
        ...answerUnread,
        isReached: areBlocked,
        endings: [clientReset, thenClientReads(appFin), thenClientReads(appReset)],
      },
    ],
  },
  {
    name: 'plain reads',
    args: ['--no-sendfile'],
    states: files,
  },
  {
    name: 'a rate',
    args: ['--limit-rate', '1kb'],
    states: [
      {
        name: 'a file is sent at its pace',
        request: get('/media/medium.bin'),
        reach: receives('200 OK'),
        endings: [clientReset],
      },
    ],
  },
]);
