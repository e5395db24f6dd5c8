/** Which of the wanted servers are here, in which version, and what they can take part in. */
import type { Case } from './cases/case.js';
import type { Cores } from './machine.js';
import type { Contestant } from './measure.js';
import type { Findings, Peer } from './peers/peer.js';
import type { Stubs } from './stub/start.js';
import { peerTarget } from './target.js';
import type { Workspace } from './workspace.js';

export interface Entry extends Contestant {
  readonly name: string;
  /** Undefined when it is not installed. */
  readonly version: string | undefined;
  /** How it is set up, or why it is absent. */
  readonly note: string;
}

export function probePeers(
  peers: readonly Peer[],
  workspace: Workspace,
  stubs: Stubs,
  cores: Cores,
): Promise<readonly Entry[]> {
  return Promise.all(
    peers.map(async (peer) => {
      const target = peerTarget(peer, workspace, stubs, cores);
      const { id, name, setup } = peer;
      try {
        const findings = await peer.probe();
        const cannot = (what: Case): string | undefined => reasonAgainst(findings, what);
        return { id, name, target, cannot, version: findings.version, note: setup };
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return {
          id,
          name,
          target,
          cannot: () => `absent: ${reason}`,
          version: undefined,
          note: `ABSENT: ${reason}`,
        };
      }
    }),
  );
}

function reasonAgainst({ cannot }: Findings, { needs }: Case): string | undefined {
  return needs.map((ability) => cannot[ability]).find((reason) => reason !== undefined);
}
