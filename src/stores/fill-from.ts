// Reads a known count of bytes of a file in one go.
import { TruncatedError } from '../http/errors.js';
import type { DirectFile } from './store.js';

/**
 * Fills the buffer with the file's bytes from this position on.
 * @throws {TruncatedError} when the file ends before the buffer is full
 */
export function fillFrom(file: DirectFile, buffer: Buffer, position: number): void {
  let filled = 0;
  while (filled < buffer.length) {
    const bytes = file.readSync(buffer.subarray(filled), position + filled);
    if (bytes === 0) throw new TruncatedError();
    filled += bytes;
  }
}
