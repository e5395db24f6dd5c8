// Accept-Encoding (RFC 9110 §12.5.3): which content coding a client wants most, of those that are there.

/** What files are kept in, by its name in lower case. */
export type Coding = 'br' | 'zstd' | 'gzip' | 'identity';

/** How much a client wants each coding, 0 to 1; `identity` is the file as it is. */
export interface CodingWishes {
  /** Weight of a coding; what the field does not name falls under `*`, or is unwanted. */
  weightOf(coding: Coding): number;
}

/** Those that files are kept in. No others are remembered: a client could invent names without end. */
const KNOWN = new Set(['br', 'zstd', 'gzip', 'identity', '*']);

const ELEMENT = /^\s*([\w!#$%&'*+.^`|~-]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?$/i;

/** Reads the field; without one (or with an empty one) only identity is wanted, as nginx takes it. */
export function parseAcceptEncoding(field: string | undefined): CodingWishes {
  const weights = new Map<string, number>();
  for (const element of (field ?? '').split(',')) {
    const match = ELEMENT.exec(element);
    if (match === null) continue;
    // x-gzip is gzip's old name (RFC 9110 §8.4.1.3).
    const coding = (match[1] ?? '').toLowerCase().replace(/^x-gzip$/, 'gzip');
    if (KNOWN.has(coding)) weights.set(coding, Number(match[2] ?? 1));
  }
  return {
    weightOf(coding) {
      const own = weights.get(coding);
      if (own !== undefined) return own;
      // Identity is always acceptable unless it, or everything unnamed, is refused.
      const rest = weights.get('*');
      if (coding === 'identity') return rest === 0 ? 0 : LEAST;
      return rest ?? 0;
    },
  };
}

/** Identity that was not named is taken after every coding that was. */
const LEAST = 0.0001;
