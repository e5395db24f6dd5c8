/** Starts the servers under test, and the stub as if it were one. */
import type { Server, Target } from './cases/case.js';
import type { Cores } from './machine.js';
import type { Peer } from './peers/peer.js';
import { start } from './proc.js';
import { freePort, untilAnswered } from './ready.js';
import type { Stub, Stubs } from './stub/start.js';
import type { Workspace } from './workspace.js';

/** nginx's default is 512; enough for all cases but those that say more. */
const CONNECTIONS = 1024;

export function peerTarget(peer: Peer, workspace: Workspace, stubs: Stubs, cores: Cores): Target {
  return {
    async start({
      upstream = stubs.fast,
      protectedFiles,
      hasBucket,
      connections = CONNECTIONS,
    } = {}): Promise<Server> {
      const folder = workspace.folder(peer.id);
      const port = await freePort();
      const command = peer.command({
        port,
        folder,
        media: workspace.media,
        protectedFiles,
        bucketPort: hasBucket === true ? stubs.fast.port : undefined,
        upstreamPort: upstream.port,
        connections,
      });
      const startedAt = performance.now();
      const running = start(command, { core: cores.server, folder });
      try {
        await untilAnswered(running, port, '/media/f4k.jpg');
      } catch (error) {
        await running.stop();
        throw error;
      }
      return {
        origin: `http://127.0.0.1:${port}`,
        core: cores.server,
        running,
        startedIn: performance.now() - startedAt,
      };
    },
  };
}

/** The stub, measured like a server. It runs already, and goes on running when the case is done with it. */
export function stubTarget({ port, running, core }: Stub): Target {
  return {
    async start() {
      return {
        origin: `http://127.0.0.1:${port}`,
        core,
        running: { ...running, exited: false, stop: async () => {} },
        startedIn: 0,
      };
    },
  };
}
