/** A disk that is full after a few bytes: a tiny file system where root may mount one, else a limit on file sizes. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { startServer } from '../support/server.js';

export interface FullDisk {
  readonly path: string;
  /** What the system says when it is full. */
  readonly reason: 'ENOSPC' | 'EFBIG';
  /** For `startServer`. */
  readonly options: NonNullable<Parameters<typeof startServer>[2]>;
}

/** @param size in bytes that fit on it */
export async function fullDisk(t: Test, size: number): Promise<FullDisk> {
  const path = await mkdtemp(join(tmpdir(), 'media-serve-disk-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' });
    t.teardown(() => {
      execFileSync('umount', ['-l', path]);
    });
    return { path, reason: 'ENOSPC', options: {} };
  } catch {
    // The shell counts in blocks of 1,024 bytes. A process that the limit stops is told EFBIG.
    const wrap = ['bash', '-c', `ulimit -f ${Math.floor(size / 1024)}; exec "$@"`, 'bash'];
    return { path, reason: 'EFBIG', options: { wrap } };
  }
}
