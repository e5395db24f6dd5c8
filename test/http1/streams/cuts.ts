/** Where a stream is cut into TCP writes. */
import type { Random } from './random.js';

const CR = 0x0d;
const LF = 0x0a;

/** Most writes for one stream. */
const MOST = 40;

/** Positions, ascending, each within the bytes. */
export function cutsFor(random: Random, bytes: Buffer): number[] {
  const length = bytes.length;
  if (length < 2) return [];
  const anywhere = (): number => random.between(1, length - 1);
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return [];
    case 4:
    case 5:
      return [anywhere()];
    case 6:
      return sorted(Array.from({ length: random.between(2, 6) }, anywhere));
    case 7:
      // The places where a reader that looks for two bytes at once goes wrong.
      return sorted(ends(bytes).filter(() => random.percent(25)));
    case 8:
      return sorted(Array.from({ length: random.between(6, 20) }, anywhere));
    default: {
      const from = anywhere();
      return sorted(Array.from({ length: MOST }, (_, place) => from + place).filter((at) => at < length));
    }
  }
}

/** Between CR and LF, and behind LF. */
function ends(bytes: Buffer): number[] {
  const found: number[] = [];
  for (let at = 1; at < bytes.length; at += 1) {
    if (bytes[at - 1] === LF || (bytes[at - 1] === CR && bytes[at] === LF)) found.push(at);
  }
  return found;
}

function sorted(positions: readonly number[]): number[] {
  return [...new Set(positions)].sort((a, b) => a - b).slice(0, MOST);
}
