/** Connections that ask for an upgrade (RFC 9110 §7.8), and the tunnels that come of it. */
import { silent, writes, writesAndEnds } from './app-behavior.js';
import {
  answered,
  appFin,
  appReset,
  clientFin,
  clientReset,
  serverCloses,
  thenClientReads,
} from './endings.js';
import { followedBy, get, getApp, HANDSHAKE, LAST_OK, REFUSED, SWITCHING } from './messages.js';
import { areBlocked, receives } from './reached.js';
import { tunnelHalfClosedByClient, tunnelUnreadByApp, tunnelUnreadByClient } from './shared-states.js';
import type { State } from './table.js';

export const handshakes: State[] = [
  {
    name: 'the app has a handshake and is silent',
    request: getApp(...HANDSHAKE),
    app: silent,
    endings: [clientFin, clientReset, answered(502, appFin), answered(502, appReset)],
  },
  ...['', 'more'].flatMap((bytes): State[] => {
    const name = bytes === '' ? '' : ' with bytes behind it';
    return [
      {
        name: `a handshake${name} for a file`,
        request: followedBy(get('/media/a.txt', ...HANDSHAKE), bytes),
        endings: serverCloses(200),
      },
      {
        name: `a handshake${name} to which the app answers 200`,
        request: followedBy(getApp(...HANDSHAKE), bytes),
        app: writesAndEnds(LAST_OK),
        endings: serverCloses(200),
      },
      {
        name: `a handshake${name} that the app refuses`,
        request: followedBy(getApp(...HANDSHAKE), bytes),
        app: writesAndEnds(REFUSED),
        endings: serverCloses(403),
      },
    ];
  }),
  {
    name: 'an upgrade that the app takes although Connection does not name it',
    request: getApp('Upgrade: websocket', 'Connection: close'),
    app: writes(SWITCHING),
    endings: serverCloses(502),
  },
];

export const tunnels: State[] = [
  {
    name: 'a tunnel',
    request: getApp(...HANDSHAKE),
    app: writes(SWITCHING),
    reach: receives('101'),
    endings: [clientFin, clientReset, appFin, appReset],
  },
  {
    name: 'a tunnel whose client has ended its side',
    ...tunnelHalfClosedByClient,
    endings: [appFin, appReset],
  },
  {
    name: 'a tunnel whose app has ended its side',
    request: getApp(...HANDSHAKE),
    app: writesAndEnds(SWITCHING),
    client: { staysOpen: true },
    reach: ({ client }) => client.until(() => client.hasEnded),
    endings: [clientFin, clientReset],
  },
  {
    name: 'a tunnel whose client does not read',
    ...tunnelUnreadByClient,
    isReached: areBlocked,
    endings: [clientReset, thenClientReads(appFin), thenClientReads(appReset)],
  },
  {
    name: 'a tunnel whose app does not read',
    ...tunnelUnreadByApp,
    isReached: areBlocked,
    endings: [appReset],
  },
];
