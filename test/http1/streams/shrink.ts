/** Makes a stream smaller as long as the same is wrong with it. */
import type { Stream } from './generate.js';

type Part = Pick<Stream, 'bytes' | 'cuts'>;
/** Sends this, and judges what comes of it. */
type Judge<J> = (part: Part) => Promise<J>;

/** Most attempts, each of which sends a stream, and how long they may take, in milliseconds. */
const MOST = 400;
const LONGEST = 30_000;

/** The smallest stream found that has a fault, with what came of it. */
export async function shrink<J extends { readonly verdict: { readonly faults: readonly string[] } }>(
  judge: Judge<J>,
  stream: Part,
  found: J,
): Promise<J> {
  let [best, judgement] = [stream, found];
  let attempts = 0;
  const end = performance.now() + LONGEST;
  const attempt = async (smaller: Part): Promise<boolean> => {
    attempts += 1;
    const result = await judge(smaller);
    if (result.verdict.faults.length === 0) return false;
    [best, judgement] = [smaller, result];
    return true;
  };
  if (best.cuts.length > 0) await attempt({ ...best, cuts: [] });
  for (let size = Math.ceil(best.bytes.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.bytes.length && attempts < MOST && performance.now() < end; ) {
      const bytes = Buffer.concat([best.bytes.subarray(0, at), best.bytes.subarray(at + size)]);
      const cuts = best.cuts.filter((cut) => cut < bytes.length);
      if (bytes.length === 0 || !(await attempt({ bytes, cuts }))) at += size;
    }
  }
  return judgement;
}
