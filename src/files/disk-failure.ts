// Failures of the disk, each answered with its status and logged once, with the cure where there is a usual one.
import type { Logger } from 'pino';
import { BusyError, ForbiddenError, NotFoundError, ReadFailedError } from '../http/errors.js';
import type { StoreError } from '../stores/store.js';

/** The response that a failure to open deserves. */
export function toHttpError({ failure, path, reason }: StoreError, log: Logger): Error {
  const uid = process.getuid?.();
  switch (failure) {
    case 'not-found':
    case 'directory':
      log.debug({ path, reason }, 'no such file');
      return new NotFoundError();
    case 'forbidden':
      log.warn({ path, reason, uid }, forbiddenHint(path, uid));
      return new ForbiddenError(path);
    case 'busy':
      // The answer to the client is logged where it is made, like all of 500 and above.
      return new BusyError(path, `${reason}; raise the limit on open files (ulimit -n)`);
    case 'failed':
      return new ReadFailedError(path, reason);
  }
}

function forbiddenHint(path: string, uid: number | undefined): string {
  return (
    `user id ${uid ?? 'of this process'} may not read ${path}: ` +
    'Django writes uploads over 2.5 MB with mode 0600 unless FILE_UPLOAD_PERMISSIONS is set (from Django 3.0 on it is, ' +
    'unless settings say None); set FILE_UPLOAD_PERMISSIONS = 0o644 and FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755, ' +
    'chmod what is already there, or run media-serve as the user that writes the uploads'
  );
}
