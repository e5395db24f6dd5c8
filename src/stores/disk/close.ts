// Closes descriptors of files that were only read.
import { closeSync } from 'node:fs';

/**
 * Closes a descriptor that was only read. A file system may say that this failed (FUSE and NFS: EIO, ENOTCONN); it is closed
 * all the same (close(2)), and nothing of what was read is lost by it.
 * @throws the system's error for a number that is no open descriptor: a defect, for the number may soon be another file's
 */
export function closeRead(descriptor: number): void {
  try {
    closeSync(descriptor);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBADF') throw error;
  }
}
