// Failures of the disk, each answered with its status and logged once, with the cure where there is a usual one.
import type { Logger } from 'pino';
import { BusyError, ForbiddenError, NotFoundError, ReadFailedError } from '../http/errors.js';
import { cureFor, describeRefusal, refusalOnTheWayTo } from '../stores/permissions.js';
import type { StoreError } from '../stores/store.js';

/** The response that a failure to open deserves. */
export function toHttpError({ failure, path, reason }: StoreError, log: Logger): Error {
  switch (failure) {
    case 'not-found':
    case 'directory':
      log.debug({ path, reason }, 'no such file');
      return new NotFoundError();
    case 'forbidden': {
      const refusal = refusalOnTheWayTo(path);
      const uid = process.getuid?.();
      if (refusal === undefined) log.warn({ path, reason, uid }, `${path} may not be read (${reason})`);
      else log.warn({ path, reason, uid }, `${describeRefusal(refusal)}; ${cureFor(refusal)}`);
      return new ForbiddenError(path);
    }
    case 'busy':
      // The answer to the client is logged where it is made, like all of 500 and above.
      return new BusyError(path, `${reason}; raise the limit on open files (ulimit -n)`);
    case 'failed':
      return new ReadFailedError(path, reason);
  }
}
