/** Lets fast-check make pipelined batches of requests, and tells the smallest one that the two servers disagree on. */
import fc from 'fast-check';
import { type Comparison, compare, type Sides } from './compare.js';
import { requests } from './generate.js';
import { printed } from './outcome.js';
import { show } from './request.js';

/** Most requests in a batch; on average it has half as many. */
const BATCH = 40;

export interface Findings {
  /** How many requests were compared, without those of shrinking. */
  readonly compared: number;
  /** The smallest disagreement, as text; undefined when there is none. */
  readonly disagreement: string | undefined;
}

/**
 * Compares batches until one disagrees or there were enough.
 * @param seed of fast-check; the same seed makes the same requests
 * @param see is called with every comparison
 */
export async function explore(
  sides: Sides,
  { batches, seed, see }: { batches: number; seed: number; see?: (comparison: Comparison) => void },
): Promise<Findings> {
  let compared = 0;
  let failed = false;
  const property = fc.asyncProperty(
    fc.array(requests(sides.tree), { minLength: 1, maxLength: BATCH, size: 'max' }),
    async (batch) => {
      const comparisons = await compare(sides, batch);
      for (const comparison of comparisons) see?.(comparison);
      if (!failed) compared += batch.length;
      const wrong = comparisons.find(({ differences }) => differences.length > 0);
      if (wrong === undefined) return;
      failed = true;
      throw new Error(told(comparisons, wrong));
    },
  );
  const result = await fc.check(property, { numRuns: batches, seed });
  const { errorInstance } = result;
  if (!result.failed) return { compared, disagreement: undefined };
  return {
    compared,
    disagreement: errorInstance instanceof Error ? errorInstance.message : String(errorInstance),
  };
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
