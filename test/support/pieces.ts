/** Bytes in the pieces that a connection might bring them in. */

/** The bytes of a text with one character for each. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** The bytes cut at these places, in any order; a place beyond their end counts on from their beginning. */
export function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  const ends = [...sorted, bytes.length];
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

/** Each byte by itself. */
export function single(bytes: Buffer): Buffer[] {
  return [...bytes].map((byte) => Buffer.from([byte]));
}

/** All ways to cut the bytes once, and each byte by itself. */
export function allWays(bytes: Buffer): Buffer[][] {
  return [...Array.from({ length: bytes.length + 1 }, (_, place) => cut(bytes, [place])), single(bytes)];
}
