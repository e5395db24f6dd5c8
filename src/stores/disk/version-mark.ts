// What tells one version of a file from another, for clients and caches: its time of modification; or where that tells
// nothing, since the build gave all files the same one, what is in it, so that all replicas say the same.
import { createHash } from 'node:crypto';
import { acquireBuffer, releaseBuffer } from '../../http/buffer-pool.js';
import { fileValidators, isTimeOfChange, undatedValidators, type Validators } from '../../http/validators.js';
import { fillFrom } from '../fill-from.js';
import { type DirectFile, SMALL_FILE, type VersionMark } from '../store.js';
import type { DiskVersion } from './disk-version.js';

/** A file that has been opened: its version, and its time of modification as `DiskFile.modified` is. */
export interface Marked {
  readonly version: DiskVersion;
  readonly modified: number;
}

/**
 * What tells this version of a file from others.
 * @param direct how it is read; undefined where it is not to be
 * @param now in milliseconds since the epoch
 */
export function versionMarkOf(
  { version, modified }: Marked,
  direct: DirectFile | undefined,
  now: number,
): VersionMark {
  return isTimeOfChange(modified, now)
    ? new DatedMark(version, modified)
    : new UndatedMark(version, contentTag(version, direct) ?? changeTag(version, now));
}

class DatedMark implements VersionMark {
  readonly #version: DiskVersion;
  readonly #modified: number;

  constructor(version: DiskVersion, modified: number) {
    this.#version = version;
    this.#modified = modified;
  }

  get changed(): number {
    return changedAt(this.#version);
  }

  validators(now: number, suffix?: string): Validators {
    return fileValidators(this.#modified, this.#version.size, now, suffix);
  }
}

class UndatedMark implements VersionMark {
  readonly #version: DiskVersion;
  readonly #tag: string | undefined;

  /** @param tag opaque; undefined when nothing tells this version from others */
  constructor(version: DiskVersion, tag: string | undefined) {
    this.#version = version;
    this.#tag = tag;
  }

  get changed(): number {
    return changedAt(this.#version);
  }

  validators(now: number, suffix?: string): Validators {
    return undatedValidators(this.#tag, this.#version.ctimeMs, now, suffix);
  }
}

function changedAt({ ctimeMs, mtimeMs }: DiskVersion): number {
  return Math.max(ctimeMs, mtimeMs);
}

/** Undefined for a file that takes too long to read for this, or cannot be read: sending it will tell why. */
function contentTag({ size }: DiskVersion, direct: DirectFile | undefined): string | undefined {
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
function changeTag({ ino, ctimeMs, size }: DiskVersion, now: number): string | undefined {
  if (!isTimeOfChange(ctimeMs, now)) return undefined;
  return [ino, Math.floor(ctimeMs * 1000), size].map((number) => number.toString(16)).join('-');
}
