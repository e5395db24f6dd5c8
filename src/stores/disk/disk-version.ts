// One version of a file on disk.
import type { FileVersion } from '../store.js';

/**
 * Tells one version of a file from any other: a file replaced, written in place, truncated, or given other
 * permissions differs in one of these, even when its size and modification time were put back, because nobody can
 * put back the time of the last status change. What the system says of a file is one, as it is.
 */
export interface DiskVersion extends FileVersion {
  /** Device and inode number. */
  readonly dev: number;
  readonly ino: number;
  /** Time of modification, in milliseconds since the epoch. */
  readonly mtimeMs: number;
  /** Time of the last status change, in milliseconds since the epoch. */
  readonly ctimeMs: number;
}

/** True when both are the same version of the same file. */
export function isSameVersion(a: DiskVersion, b: DiskVersion): boolean {
  return (
    a.ctimeMs === b.ctimeMs &&
    a.size === b.size &&
    a.mtimeMs === b.mtimeMs &&
    a.ino === b.ino &&
    a.dev === b.dev
  );
}
