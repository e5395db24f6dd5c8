// Why the app did not answer, told apart: 504 when it took too long, 502 when it is not there or broke off,
// 503 while it has never been there.

import {
  BadGatewayError,
  BusyError,
  GatewayTimeoutError,
  isHttpError,
  StartingUpError,
} from '../http/errors.js';
import { ResponseHeadTooLarge } from '../http1/errors.js';
import { cureForSocket, describeRefusal, refusalOnTheWayToSocket } from '../stores/disk/permissions.js';
import { codeOf, isUnreadable } from './retry.js';

const CLOSED = 'it closed the connection before it answered; a worker may have died or timed out';

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused; is it running, and listening there?',
  ENOENT: 'no such socket; is it running, and is the socket directory shared with this process?',
  EACCES: `permission denied for user id ${process.getuid?.() ?? 'of this process'}; may it write to the socket?`,
  EAGAIN: 'its socket takes no more connections; are all its workers busy?',
  ENOTFOUND: 'its host name is unknown',
  EAI_AGAIN: 'its host name cannot be resolved now',
  EHOSTUNREACH: 'its host cannot be reached',
  ENETUNREACH: 'its network cannot be reached',
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
  MEDIA_SERVE_CONNECTION_CLOSED: CLOSED,
};

/** What an app that is still starting looks like from here. */
const NOT_THERE = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'EAI_AGAIN']);

/** The app took no byte of the request body for too long. */
export class SendTimeout extends Error {
  readonly code = 'MEDIA_SERVE_SEND_TIMEOUT';
}

/** The request took too long altogether. */
export class TotalTimeout extends Error {
  readonly code = 'MEDIA_SERVE_TOTAL_TIMEOUT';
}

/** There is no address of the app's host yet. */
export class LookupTimeout extends Error {
  readonly code = 'MEDIA_SERVE_LOOKUP_TIMEOUT';
}

const TOO_LONG: Readonly<Record<string, string>> = {
  MEDIA_SERVE_LOOKUP_TIMEOUT:
    'its host name was not found within --connect-timeout; do the name servers answer?',
  MEDIA_SERVE_CONNECT_TIMEOUT: 'no connection within --connect-timeout',
  ETIMEDOUT: 'no connection within --connect-timeout',
  MEDIA_SERVE_READ_TIMEOUT: 'no response head within --read-timeout',
  MEDIA_SERVE_SEND_TIMEOUT: 'it took nothing of the request body within --upstream-send-timeout',
  MEDIA_SERVE_TOTAL_TIMEOUT: 'the request was not complete within --total-timeout',
};

/** The error in words that can be said of the app. */
export function explain(error: Error): string {
  if (!isUnreadable(error)) return error.message;
  const option = error instanceof ResponseHeadTooLarge ? ' (--max-response-head)' : '';
  return `its answer ${error.message}${option}`;
}

/** True when the failure is not the app's, nor the disk's: this process, or the system, can open nothing more. */
export function isOutOfDescriptors(error: Error): boolean {
  const code = codeOf(error);
  return code === 'EMFILE' || code === 'ENFILE';
}

/** The answer to that. @param what cannot be opened */
export function busy(what: string, code: string): Error {
  return new BusyError(what, `${code}; raise the limit on open files (ulimit -n)`);
}

/** The error that a failed request is answered with. */
export function upstreamFailure(error: Error, address: string, hasEverAnswered: boolean): Error {
  if (isHttpError(error)) return error;
  const code = codeOf(error);
  if (isOutOfDescriptors(error)) return busy(`a connection to the app at ${address}`, code);
  const limit = TOO_LONG[code];
  if (limit !== undefined) return new GatewayTimeoutError(address, limit);
  const reason = reasonOf(error, address);
  return !hasEverAnswered && NOT_THERE.has(code)
    ? new StartingUpError(address, reason)
    : new BadGatewayError(address, reason);
}

/** Why it did not answer, and what may be done about it. @param address as it is written in messages */
export function reasonOf(error: Error, address: string): string {
  const code = codeOf(error);
  // One that is said to refuse, and has been opened since, is no longer worth a look.
  const refusal =
    code === 'EACCES' && address.startsWith(UNIX)
      ? refusalOnTheWayToSocket(address.slice(UNIX.length))
      : undefined;
  return refusal === undefined
    ? (TOO_LONG[code] ?? HINTS[code] ?? explain(error))
    : `${describeRefusal(refusal)}; ${cureForSocket(refusal)}`;
}

const UNIX = 'unix:';
