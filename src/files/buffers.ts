// Buffers for reading large files, used again instead of allocated for each read.

/**
 * Bytes a read asks for. Node's default for streams, 64 KiB, costs a trip to another thread too often for a large
 * file; each slow reader holds one buffer, so that it cannot be much more.
 */
export const BUFFER_SIZE = 128 * 1024;
/** What is kept for later: 8 MiB at most. */
const MOST_KEPT = 64;

const free: Buffer[] = [];

/** Takes a buffer; its content is whatever was there before. */
export function takeBuffer(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_SIZE);
}

/** Gives a buffer back, once nothing reads from it any more. */
export function giveBuffer(buffer: Buffer): void {
  if (free.length < MOST_KEPT) free.push(buffer);
}
