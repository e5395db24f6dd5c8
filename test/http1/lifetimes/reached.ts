/** How it shows that a state is reached. */
import type { CountedServer } from './server-resources.js';
import type { Peers } from './table.js';

/** The client has this text. */
export const receives =
  (text: string) =>
  async ({ client }: Peers): Promise<void> => {
    await client.until(() => client.text.includes(text));
    if (!client.text.includes(text)) throw new Error(`instead of "${text}" the client got "${client.text}"`);
  };

/** The kernel may take all that one or the other does not read. */
export const areMostlyInFiles = (server: CountedServer, connections: number): boolean =>
  server.descriptors().temporaryFiles > connections / 2;
export const areInFiles = (server: CountedServer, connections: number): boolean =>
  server.descriptors().temporaryFiles >= connections;
/** Each has bytes that the other side does not take. */
export const areBlocked = async (server: CountedServer, connections: number): Promise<boolean> =>
  (await server.nodeResources()).blockedSockets >= connections;
