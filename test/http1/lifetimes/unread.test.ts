// Lifetimes of connections on which a file or an answer waits for a client that does not read.
import t from 'tap';
import { writes, writesAndEnds } from './app-behavior.js';
import { appReset, clientReset, thenClientReads } from './endings.js';
import { get, getApp, headOfLength, LARGE_BODY } from './messages.js';
import { areMostlyInFiles } from './reached.js';
import { testLifetimes } from './run.js';
import { files } from './shared-states.js';
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
    name: 'answers in memory, and files in plain reads',
    args: ['--buffer-memory', '16mb', '--no-sendfile'],
    states: [...backlogs('in memory', undefined), ...files],
  },
]);
