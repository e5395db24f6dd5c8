// All errors that become an HTTP response, in one list: an error's code is API. The answer's page is made in server/.
import createError from '@fastify/error';

/** 400: the request target cannot be normalized (RFC 9110 §15.5.1). Argument: what is wrong with it. */
export const BadTargetError = createError('MEDIA_SERVE_BAD_TARGET', 'The request target %s', 400);
/** 403: the file is there and this process may not read it. Argument: path on disk, for the log. */
export const ForbiddenError = createError('MEDIA_SERVE_FORBIDDEN', '%s cannot be read', 403);
/** 403: the operator lets nobody have anything here (nginx: deny all). */
export const DeniedError = createError('MEDIA_SERVE_DENIED', 'Nobody gets anything here', 403);
/** 403: the link's signature is missing or wrong. */
export const LinkWrongError = createError('MEDIA_SERVE_LINK_WRONG', 'The link has no valid signature', 403);
/** 404: nothing is served under this target. */
export const NotFoundError = createError('MEDIA_SERVE_NOT_FOUND', 'Nothing is served here', 404);
/** 400: the request's framing or its Host is open to more than one reading (RFC 9112 §11.2). Argument: what is wrong. */
export const BadRequestError = createError('MEDIA_SERVE_BAD_REQUEST', 'The request %s', 400);
/** 408: the client did not complete a request's head in time (nginx: client_header_timeout). */
export const HeadTimeoutError = createError(
  'MEDIA_SERVE_HEAD_TIMEOUT',
  'The client did not send its request within %s s',
  408,
);
/** 408: a head of which only a part had come, given up when those of all clients took too much memory. */
export const HeadGivenUpError = createError(
  'MEDIA_SERVE_HEAD_GIVEN_UP',
  'The client was too slow to send its request while many others did the same',
  408,
);
/** 414: the request line alone is larger than a head may be (RFC 9110 §15.5.15). */
export const TargetTooLongError = createError('MEDIA_SERVE_TARGET_TOO_LONG', 'The request %s', 414);
/** 431: the head is larger than allowed, or has too many fields (nginx: large_client_header_buffers). Argument: which. */
export const RequestHeadTooLargeError = createError('MEDIA_SERVE_REQUEST_HEAD', 'The request %s', 431);
/** 501: the request has a transfer coding that is not understood (RFC 9112 §6.1). Argument: which. */
export const NotImplementedError = createError('MEDIA_SERVE_NOT_IMPLEMENTED', 'The request %s', 501);
/** 405: a file location answers GET and HEAD only (RFC 9110 §15.5.6). */
export class MethodNotAllowedError extends createError(
  'MEDIA_SERVE_METHOD_NOT_ALLOWED',
  'Method not allowed',
  405,
) {
  readonly headers = { Allow: 'GET, HEAD' };
}
/** What the server as a whole, with the app behind it, may be asked for (RFC 9110 §10.2.1). */
export const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
/** 405: nothing here is a tunnel (RFC 9110 §9.3.6). */
export class TunnelRefusedError extends createError(
  'MEDIA_SERVE_TUNNEL_REFUSED',
  'CONNECT is not answered: this server is no forward proxy',
  405,
) {
  readonly headers = { Allow: METHODS };
}
/** 406: the file is there only in codings that the client refuses (RFC 9110 §15.5.7). */
export const NotAcceptableError = createError('MEDIA_SERVE_NOT_ACCEPTABLE', 'No acceptable coding', 406);
/** 408: the client stopped sending its body (nginx: client_body_timeout). */
export const RequestTimeoutError = createError(
  'MEDIA_SERVE_REQUEST_TIMEOUT',
  'The client sent nothing of its request body within --send-timeout',
  408,
);
/** 410: the link was good and its time is over. */
export const LinkExpiredError = createError('MEDIA_SERVE_LINK_EXPIRED', 'The link has expired', 410);
/** 412: a precondition did not hold (RFC 9110 §15.5.13). */
export const PreconditionFailedError = createError(
  'MEDIA_SERVE_PRECONDITION_FAILED',
  'Precondition failed',
  412,
);
/** 413: the body is larger than allowed (nginx: client_max_body_size). Argument: the limit, in bytes. */
export class BodyTooLargeError extends createError(
  'MEDIA_SERVE_BODY_TOO_LARGE',
  'The request body is larger than --max-body (%s bytes)',
  413,
) {
  /** In bytes. */
  readonly limit: number;

  constructor(limit: number) {
    super(limit);
    this.limit = limit;
  }
}
/** 416: no byte of the range exists (RFC 9110 §15.5.17). */
export class RangeNotSatisfiableError extends createError(
  'MEDIA_SERVE_RANGE',
  'No byte of this range exists',
  416,
) {
  readonly headers: Readonly<Record<string, string>>;

  /** @param size of the representation, in bytes */
  constructor(size: number) {
    super();
    this.headers = { 'Content-Range': `bytes */${size}` };
  }
}
/** Never sent: the client is gone, or this server is stopping (nginx: 499). */
export const ClientGoneError = createError(
  'MEDIA_SERVE_CLIENT_GONE',
  'Nobody waits for the answer any more',
  499,
);
/** 500: the file has become shorter since it was opened. Once bytes were sent, the connection is cut instead. */
export const TruncatedError = createError(
  'MEDIA_SERVE_TRUNCATED',
  'The file became shorter while it was sent',
  500,
);
/** 500: the disk failed. Argument: path and system error, for the log. */
export const ReadFailedError = createError('MEDIA_SERVE_READ_FAILED', '%s cannot be read (%s)', 500);
/** 500: what the app ordered instead of answering cannot be done. Argument: the reason, for the log. */
export const OrderError = createError('MEDIA_SERVE_ORDER', 'The app ordered what cannot be done: %s', 500);
/** 500: the app, asked whether a client may have a file, did not say yes or no. Arguments: path asked, reason. */
export const AuthRequestError = createError(
  'MEDIA_SERVE_AUTH_REQUEST',
  'The app was asked at %s (authRequest) whether to send a file: %s',
  500,
);
/** 500: a defect of this server. */
export const UnexpectedError = createError('MEDIA_SERVE_UNEXPECTED', 'An unexpected error', 500);
/** 502: the app refused the connection, or broke it before it answered. Arguments: address, reason. */
export const BadGatewayError = createError(
  'MEDIA_SERVE_BAD_GATEWAY',
  'The app at %s did not answer: %s',
  502,
);
/** 503: no file descriptors are left. Arguments: what would need one, and system error, for the log. */
export class BusyError extends createError('MEDIA_SERVE_BUSY', '%s cannot be opened now (%s)', 503) {
  readonly headers = { 'Retry-After': '1' };
}
/** 503: so many calls wait for a disk that no more are made. Arguments: path, and how many, for the log. */
export class DiskHangsError extends createError('MEDIA_SERVE_DISK_HANGS', '%s is not asked for (%s)', 503) {
  readonly headers = { 'Retry-After': '5' };
}
/** 503: the app has never answered since this server started. Arguments: address, reason. */
export class StartingUpError extends createError(
  'MEDIA_SERVE_STARTING_UP',
  'The app at %s has not answered yet: %s',
  503,
) {
  readonly headers = { 'Retry-After': '2' };
}
/** 504: a disk has not answered within `--disk-timeout`. Arguments: path, and what was waited for, for the log. */
export const DiskTimeoutError = createError(
  'MEDIA_SERVE_DISK_TIMEOUT',
  '%s: the disk has not answered (%s)',
  504,
);
/** 502: an object store cannot be asked, or answers what is of no use. Argument: a sentence, for the log. */
export const StoreFailedError = createError('MEDIA_SERVE_STORE_FAILED', '%s', 502);
/** 503: an object store asks to slow down, or so much waits for it that no more is asked. Argument: a sentence, for the log. */
export class StoreBusyError extends createError('MEDIA_SERVE_STORE_BUSY', '%s', 503) {
  readonly headers = { 'Retry-After': '1' };
}
/** 504: an object store has not answered in time. Argument: a sentence, for the log. */
export const StoreTimeoutError = createError('MEDIA_SERVE_STORE_TIMEOUT', '%s', 504);
/** 504: the app took too long. Arguments: address, which limit. */
export const GatewayTimeoutError = createError(
  'MEDIA_SERVE_GATEWAY_TIMEOUT',
  'The app at %s took too long: %s',
  504,
);

/** 507: a request body cannot be held until it is complete. Arguments: directory, system error. */
export const SpoolFailedError = createError(
  'MEDIA_SERVE_SPOOL_FAILED',
  'The request body cannot be written to %s (%s); make room there, or name another directory with --spool-dir',
  507,
);
/** 508: the request goes in a circle (RFC 5842 §7.2). Argument: how that shows. */
export const LoopDetectedError = createError(
  'MEDIA_SERVE_LOOP',
  'The request goes in a circle: %s; an address of --upstream, or what answers there, leads back here',
  508,
);

/** An error with the status it is answered with. */
export interface HttpError extends Error {
  readonly code: string;
  readonly statusCode: number;
  /** Fields the response must carry. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What was allowed, in bytes. */
  readonly limit?: number;
}

const SHORTAGES = [
  BusyError,
  DiskHangsError,
  DiskTimeoutError,
  StoreFailedError,
  StoreBusyError,
  StoreTimeoutError,
];

/** True for what is answered to every request as long as something is short, or hangs. */
export function isOfShortage(error: HttpError): boolean {
  return SHORTAGES.some((kind) => error instanceof kind);
}

/**
 * What an error of shortage is told apart by: descriptors are short everywhere, a disk hangs in its location, and of a store it is
 * what is wrong with it, whatever object was asked for. Of its sentence that is all but what is quoted, an object's URL, times, and
 * the name of the request.
 */
export function causeOf(error: HttpError, location: string | undefined): string {
  if (error instanceof BusyError) return error.code;
  if (!(error instanceof StoreFailedError)) return `${error.code} ${location}`;
  const sentence = error.message.replace(/"(?:[^"\\]|\\.)*"|s3:\/\/\S*|\(request [^)]*\)|\d+ ms/g, '');
  return `${error.code} ${location} ${sentence}`;
}

/** True for the errors of this list. */
export function isHttpError(error: unknown): error is HttpError {
  return (
    error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' && 'code' in error
  );
}
