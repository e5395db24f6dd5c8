// What tells one version of a file from another, for clients and caches: its time of modification; or where that tells
// nothing, since the build gave all files the same one, what is in it, so that all replicas say the same.
import { createHash } from 'node:crypto';
import { acquireBuffer, releaseBuffer } from '../http/buffer-pool.js';
import { isTimeOfChange } from '../http/validators.js';
import { fillFrom } from '../stores/fill-from.js';
import { SMALL_FILE, type StoredFile } from '../stores/store.js';
import type { VersionMark } from './representation.js';

/** @param now in milliseconds since the epoch */
export function versionMarkOf(file: StoredFile, now: number): VersionMark {
  const { modified, said } = file;
  if (said !== undefined) return { etag: said.etag, lastModified: said.lastModified };
  return isTimeOfChange(modified, now) ? { modified } : { tag: contentTag(file) ?? changeTag(file, now) };
}

/** Undefined for a file that takes too long to read for this, or cannot be read: sending it will tell why. */
function contentTag(file: StoredFile): string | undefined {
  const { direct, version } = file;
  const { size } = version;
  if (direct === undefined || size > SMALL_FILE) return undefined;
  const buffer = acquireBuffer(size);
  try {
    const content = buffer.subarray(0, size);
    fillFrom(direct, content, 0);
    // 128 bits.
    return createHash('sha256').update(content).digest('base64url').slice(0, 22);
  } catch {
    return undefined;
  } finally {
    releaseBuffer(buffer);
  }
}

/**
 * Inode and the time of the last status change, in microseconds, which nobody can set. Replicas that share the disk say the
 * same, and for others it is another version: they send the file once more. File systems that are images (SquashFS, EROFS)
 * have no such time, and repeat the one of modification.
 */
function changeTag({ version }: StoredFile, now: number): string | undefined {
  const { ino, ctimeMs, size } = version;
  if (!isTimeOfChange(ctimeMs, now)) return undefined;
  return [ino, Math.floor(ctimeMs * 1000), size].map((number) => number.toString(16)).join('-');
}
