/** States that end by a time limit too, or under several options: what the test files have in common. */
import { reset } from '../../support/reset.js';
import type { AppSide } from '../raw-app.js';
import { answersEndlessly, writeEndlessly, writes } from './app-behavior.js';
import { clientReset } from './endings.js';
import { ENDLESS, get, getApp, HANDSHAKE, headOfLength, postApp, SWITCHING } from './messages.js';
import { receives } from './reached.js';
import { FEW, type Peers, type State } from './table.js';

export const tunnelUnreadByClient = {
  request: getApp(...HANDSHAKE),
  app: answersEndlessly(SWITCHING),
  client: { isPaused: true },
  atOnce: FEW,
};

export const tunnelUnreadByApp = {
  request: getApp(...HANDSHAKE),
  app({ socket }: AppSide) {
    socket.pause();
    socket.write(SWITCHING);
  },
  async reach({ client }: Peers) {
    await client.until(() => client.text !== '');
    writeEndlessly(client.socket);
  },
  atOnce: FEW,
};

export const tunnelHalfClosedByClient = {
  request: getApp(...HANDSHAKE),
  app(side: AppSide) {
    side.staysOpen = true;
    writes(SWITCHING)(side);
  },
  async reach(peers: Peers) {
    await receives('101')(peers);
    peers.client.socket.end();
    await peers.app?.ended;
  },
};

/** Without buffering. */
export const answerUnread = {
  request: getApp('Connection: close'),
  app: answersEndlessly(headOfLength(ENDLESS)),
  client: { isPaused: true },
  atOnce: FEW,
};

export const bodyUnreadByApp = {
  name: 'the app does not read the body',
  request: postApp('', `Content-Length: ${ENDLESS}`),
  app: ({ socket }: AppSide) => void socket.pause(),
  reach: async ({ client }: Peers) => writeEndlessly(client.socket),
  atOnce: FEW,
};

/** Files that are sent in parts. */
export const files: State[] = [
  {
    name: 'a large file is not read',
    request: get('/media/large.bin'),
    client: { isPaused: true },
    atOnce: FEW,
    endings: [
      clientReset,
      {
        name: 'the client ends its side, and resets',
        async end({ client }) {
          client.socket.end();
          await new Promise((resolve) => client.socket.once('finish', resolve));
          reset(client.socket);
        },
      },
    ],
  },
];
