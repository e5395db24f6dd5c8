/** By whom and how a connection is ended. */
import { reset } from '../../support/reset.js';
import { LAST_OK } from './messages.js';
import type { Ending, Status } from './table.js';

export const clientFin: Ending = {
  name: 'the client ends its side',
  end: ({ client }) => void client.socket.end(),
};
export const clientReset: Ending = {
  name: 'the client resets',
  end: ({ client }) => reset(client.socket),
};
export const appFin: Ending = { name: 'the app ends its side', end: ({ app }) => void app?.socket.end() };
export const appReset: Ending = {
  name: 'the app resets',
  end: ({ app }) => {
    if (app !== undefined) reset(app.socket);
  },
};
/** While a next request waits nothing is read, and a reset is not heard of: the answer is what ends it. */
export const clientResetAppAnswers: Ending = {
  name: 'the client resets, and the app answers',
  end({ client, app }) {
    reset(client.socket);
    app?.socket.end(LAST_OK);
  },
};
export const silence: Ending = { name: 'nobody says any more' };
/** The server reads on so that its answer is not lost, but not for ever. */
export const goesOnSending: Ending = {
  name: 'the client goes on sending',
  client: { staysOpen: true },
  end({ client }) {
    const sending = setInterval(() => client.socket.write('x'), 20);
    client.socket.once('close', () => clearInterval(sending));
  },
};
export const clientCloses: Ending = { name: 'the client closes behind the answer' };
export const clientStays: Ending = {
  name: 'the client does not close behind the answer',
  client: { staysOpen: true },
};

export const answered = (status: Status, ending: Ending): Ending => ({ ...ending, status });

/** How a connection ends that the server has decided to close. */
export const serverCloses = (status: Status): Ending[] => [
  answered(status, clientCloses),
  answered(status, clientStays),
  clientReset,
];

/** The client reads again, and takes what was held back for it. */
export const thenClientReads = (ending: Ending): Ending => ({
  name: `${ending.name}, and the client reads on`,
  async end(peers) {
    await ending.end?.(peers);
    peers.client.socket.resume();
    await peers.client.closed;
  },
});
