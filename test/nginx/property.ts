/** Lets fast-check make pipelined batches of requests, and tells the smallest one that the two servers disagree on. */
import fc from 'fast-check';
import { type Comparison, compare, type Sides } from './compare.js';
import { requests } from './generate.js';
import { printed } from './outcome.js';
import { show } from './request.js';

export interface Findings {
  /** How many requests were compared, without those of shrinking. */
  readonly compared: number;
  /** The smallest disagreement, as text; undefined when there is none. */
  readonly disagreement: string | undefined;
}

export interface Exploration {
  /** How many requests are compared at least, if all agree. */
  readonly count: number;
  /** The same seed makes the same requests. */
  readonly seed: number;
  /** Most requests in a batch; on average it has half as many. */
  readonly batch?: number;
  /** Is called with every comparison. */
  see?(comparison: Comparison): void;
}

/** Compares batches until one disagrees or there were enough. */
export async function explore(
  sides: Sides,
  { count, seed, batch = 40, see }: Exploration,
): Promise<Findings> {
  let compared = 0;
  let failed = false;
  const property = fc.asyncProperty(
    fc.array(requests(sides.tree), { minLength: 1, maxLength: batch, size: 'max' }),
    async (asked) => {
      const comparisons = await compare(sides, asked);
      for (const comparison of comparisons) see?.(comparison);
      if (!failed) compared += asked.length;
      const wrong = comparisons.find(({ differences }) => differences.length > 0);
      if (wrong === undefined) return;
      failed = true;
      throw new Error(told(comparisons, wrong));
    },
  );
  for (let round = 0; compared < count; round += 1) {
    const numRuns = Math.ceil((2 * (count - compared)) / batch);
    const { failed, errorInstance } = await fc.check(property, { numRuns, seed: seed + round });
    if (!failed) continue;
    const disagreement = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
    return { compared, disagreement };
  }
  return { compared, disagreement: undefined };
}

/** A disagreement as text: the raw requests on that connection, and the answers to the one in question. */
export function told(batch: readonly Comparison[], wrong: Comparison): string {
  const { differences, rules } = wrong;
  const before = batch.slice(0, batch.indexOf(wrong));
  return [
    ...before.map(({ request }) => `before it, on the same connection:\n${show(request.raw)}`),
    show(wrong.request.raw),
    ...differences.map((difference) => `✗ ${difference}`),
    `nginx answered:\n${printed(wrong.nginx)}`,
    `media-serve answered:\n${printed(wrong.ours)}`,
    rules.length === 0 ? 'no rule applies' : `rules that apply: ${rules.map(({ name }) => name).join('; ')}`,
  ].join('\n\n');
}
