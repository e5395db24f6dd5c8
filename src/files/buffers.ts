// Buffers for reading large files, used again instead of allocated for each read.

/**
 * Bytes a read asks for. 64 KiB, Node's default for streams, reaches 0.6 of nginx on a large file, 256 KiB passes it;
 * beyond that nothing is gained, and each slow reader holds one buffer.
 */
export const BUFFER_SIZE = 256 * 1024;
/** What is kept for later: 8 MiB at most. */
const MOST_KEPT = 32;

const free: Buffer[] = [];

/** Takes a buffer; its content is whatever was there before. */
export function takeBuffer(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_SIZE);
}

/** Gives a buffer back, once nothing reads from it any more. */
export function giveBuffer(buffer: Buffer): void {
  if (free.length < MOST_KEPT) free.push(buffer);
}
