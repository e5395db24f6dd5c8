/** What work costs as its input grows: whether it is linear, and how much more than ordinary work it is. */
import type { Input, Reader } from './inputs.js';

/** Milliseconds of work done so far: of processor time, which no other process on the machine can make longer. */
export type Clock = () => number;

/** This process's own. */
export const processorTime: Clock = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Two sizes, in bytes; the larger is more than a head may have. */
export const SMALL = 1024;
export const LARGE = 65_536;
/** A head of the usual size, in bytes: what is called ordinary. */
export const HEAD = 16_384;
/**
 * Linear work grows as its input does, or, with all that memory and its collection do to it, this many times as much.
 * Work that grows with the square would be 64 times over.
 */
const SLACK = 12;
/** How much more than ordinary bytes of the same size any bytes may cost. */
const MOST = 20;
/** In milliseconds: no input may cost so much, on any machine, once the code that reads it is compiled, if it comes at once. */
const TOO_MUCH = 100;
/** In milliseconds: what costs so much is not measured again. */
const HOPELESS = 10 * TOO_MUCH;
/** The clock tells no less, in milliseconds. */
const LEAST = 0.002;
/** In milliseconds: how long the first attempt measures each size; each later one four times as long, until all is compiled. */
const FIRST = 0.5;
const ATTEMPTS = 6;
/** The least of so many runs is the cost: a collection of garbage, or a compiler, falls into one of them. */
const RUNS = { fewest: 3, most: 2000 } as const;

/**
 * Milliseconds that one run takes: the least of several.
 * @param prepare returns what is run; what it does itself is not counted
 * @param time how long it is run again and again, in milliseconds
 */
export async function costOf(prepare: () => () => unknown, time: number, clock: Clock): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  const startedAt = clock();
  let end = startedAt;
  for (let runs = 0; runs < RUNS.fewest || (runs < RUNS.most && end - startedAt < time); runs++) {
    const run = prepare();
    const before = clock();
    try {
      await run();
    } catch {
      // To refuse is an answer.
    }
    end = clock();
    least = Math.min(least, end - before);
    // More would only take longer.
    if (least > TOO_MUCH) break;
  }
  return least;
}

/**
 * What is wrong with the cost of reading such input, if anything: measured until nothing is, or too often.
 * @param ordinary what an ordinary request of the size of a head costs, in milliseconds; infinite where that is no measure
 */
export async function examine(
  prepare: Reader['prepare'],
  input: Input,
  ordinary: number,
  clock: Clock = processorTime,
): Promise<string | undefined> {
  const costs = { small: Number.POSITIVE_INFINITY, large: Number.POSITIVE_INFINITY };
  const [small, large] = [SMALL, LARGE].map((size) => flat(input(size)));
  let fault: string | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const time = FIRST * 4 ** attempt;
    costs.small = Math.min(costs.small, await costOf(() => prepare(small ?? ''), time, clock));
    costs.large = Math.min(costs.large, await costOf(() => prepare(large ?? ''), time, clock));
    fault = faultOf(costs, ordinary);
    if (fault === undefined || costs.large > HOPELESS) return fault;
  }
  return fault;
}

/** Of one byte for each character and in one piece, as a parser has it. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

function faultOf({ small, large }: { small: number; large: number }, ordinary: number): string | undefined {
  const grown = Math.max(small, LEAST) * (LARGE / SMALL) * SLACK;
  const isAtOnce = Number.isFinite(ordinary);
  if (large > grown || (isAtOnce && large > TOO_MUCH)) {
    return `${LARGE} bytes cost ${large} ms, and ${SMALL} bytes ${small} ms`;
  }
  const usual = ordinary * (LARGE / HEAD);
  return large > MOST * usual ? `${large} ms, and ordinary requests cost ${usual} ms` : undefined;
}
