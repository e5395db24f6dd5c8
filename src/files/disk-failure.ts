// Failures of the disk, or of the store in its place, each answered with its status and logged once, with the cure where there is a usual one.
import type { Logger } from 'pino';
import {
  BusyError,
  ClientGoneError,
  DiskHangsError,
  DiskTimeoutError,
  ForbiddenError,
  NotFoundError,
  ReadFailedError,
  StoreBusyError,
  StoreFailedError,
  StoreTimeoutError,
} from '../http/errors.js';
import type { StoreError } from '../stores/store.js';

/** The response that a failure to open deserves. */
export function toHttpError({ failure, path, reason, advice }: StoreError, log: Logger): Error {
  switch (failure) {
    case 'not-found':
    case 'directory':
      log.debug({ path, reason }, 'no such file');
      return new NotFoundError();
    case 'forbidden':
      log.warn({ path, reason, uid: process.getuid?.() }, advice ?? `${path} may not be read (${reason})`);
      return new ForbiddenError(path);
    case 'busy':
      // The answer to the client is logged where it is made, like all of 500 and above.
      return new BusyError(path, `${reason}; raise the limit on open files (ulimit -n)`);
    case 'failed':
      return new ReadFailedError(path, reason);
    case 'timeout':
      return new DiskTimeoutError(path, reason);
    case 'hung':
      return new DiskHangsError(path, reason);
    case 'gone':
      return new ClientGoneError();
    case 'store-busy':
      return new StoreBusyError(reason);
    case 'store-timeout':
      return new StoreTimeoutError(reason);
    case 'changed':
    case 'store-failed':
      return new StoreFailedError(reason);
  }
}
