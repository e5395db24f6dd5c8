// Buffers for reading large files, used again instead of allocated for each read.

/**
 * Bytes a read asks for. Node's default for streams, 64 KiB, costs a trip to another thread too often for a large
 * file; each slow reader holds one buffer, so that it cannot be much more.
 */
const SIZE = 128 * 1024;
/** What the first few readers get, who may well be the only ones: a trip to another thread costs as much as 64 KiB. */
const LARGE_SIZE = 512 * 1024;
const MOST_LARGE = 8;
/** What is kept for later: 8 MiB at most, beside the large ones. */
const MOST_KEPT = 64;

const free: Buffer[] = [];
const freeLarge: Buffer[] = [];
let largeLent = 0;

/**
 * Takes a buffer; its content is whatever was there before.
 * @param wanted bytes that will be read altogether
 */
export function takeBuffer(wanted: number): Buffer {
  if (wanted <= SIZE || largeLent === MOST_LARGE) return free.pop() ?? Buffer.allocUnsafeSlow(SIZE);
  largeLent += 1;
  return freeLarge.pop() ?? Buffer.allocUnsafeSlow(LARGE_SIZE);
}

/** Gives a buffer back, once nothing reads from it any more. */
export function giveBuffer(buffer: Buffer): void {
  if (buffer.length === LARGE_SIZE) {
    largeLent -= 1;
    freeLarge.push(buffer);
  } else if (free.length < MOST_KEPT) {
    free.push(buffer);
  }
}
