/**
 * Runs one case on all servers: each is started and checked, then they take turns, round by round, so that what
 * else happens on the machine meets all of them. Every second round goes in the opposite order.
 */
import type { Bench, Case, Prepared, Sample, Target } from './cases/case.js';
import { stubTarget } from './target.js';

/** The row of the stub itself. */
export const DIRECT = 'stub alone';

/** A server that takes part in the run. */
export interface Contestant {
  readonly id: string;
  readonly target: Target;
  /** Why it cannot take part in this case; undefined when it can. */
  cannot(what: Case): string | undefined;
}

export type Outcome =
  | { readonly state: 'measured'; readonly samples: readonly Sample[] }
  /** An answer was wrong or missing: no figure is given, not even of the rounds that went well. */
  | { readonly state: 'failed'; readonly reason: string }
  | { readonly state: 'left out'; readonly reason: string };

export interface CaseResult {
  readonly what: Case;
  readonly rounds: number;
  /** By the id of the server. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

export async function measureCase(
  bench: Bench,
  what: Case,
  contestants: readonly Contestant[],
  wantedRounds: number,
): Promise<CaseResult> {
  const rounds = Math.min(wantedRounds, what.maxRounds ?? wantedRounds);
  const outcomes = new Map<string, Outcome>();
  const taking = new Map<string, { readonly prepared: Prepared; readonly samples: Sample[] }>();
  const fail = async (id: string, error: unknown): Promise<void> => {
    outcomes.set(id, { state: 'failed', reason: error instanceof Error ? error.message : String(error) });
    await taking.get(id)?.prepared.close();
    taking.delete(id);
  };

  for (const { id, target, cannot } of withStub(bench, what, contestants)) {
    const reason = cannot(what);
    if (reason !== undefined) {
      outcomes.set(id, { state: 'left out', reason });
      continue;
    }
    try {
      taking.set(id, { prepared: await what.prepare(bench, target), samples: [] });
    } catch (error) {
      await fail(id, error);
    }
  }

  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? [...taking] : [...taking].reverse();
    for (const [id, { prepared, samples }] of order) {
      try {
        samples.push(await prepared.sample());
      } catch (error) {
        await fail(id, error);
      }
    }
  }

  for (const [id, { prepared, samples }] of taking) {
    outcomes.set(id, { state: 'measured', samples });
    await prepared.close();
  }
  return { what, rounds, outcomes };
}

function withStub(bench: Bench, what: Case, contestants: readonly Contestant[]): readonly Contestant[] {
  if (what.direct === undefined) return contestants;
  const target = stubTarget(bench.stubs[what.direct]);
  return [...contestants, { id: DIRECT, target, cannot: () => undefined }];
}
