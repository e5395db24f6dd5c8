// What can go wrong on a connection, in the words of whoever reads the log.

/**
 * A message is malformed, or could be read in more than one way (RFC 9112 §11.2). The fault is said of the message:
 * `has a malformed field`.
 */
export class MalformedMessage extends Error {
  readonly code: string = 'MEDIA_SERVE_MALFORMED_MESSAGE';
}

/** A head, a trailer section or their number of fields is over its limit. */
export class HeadTooLarge extends Error {
  readonly code = 'MEDIA_SERVE_HEAD_TOO_LARGE';
}

/** A response's head has more bytes than whoever reads it takes. */
export class ResponseHeadTooLarge extends HeadTooLarge {
  /** @param limit in bytes */
  constructor(limit: number) {
    super(`has a head larger than ${limit} bytes`);
  }
}

/** The request line alone is over the limit of a head. */
export class TargetTooLong extends Error {
  readonly code = 'MEDIA_SERVE_TARGET_TOO_LONG';
}

/** A request's Transfer-Encoding is not understood (RFC 9112 §6.1). */
export class UnknownCoding extends Error {
  readonly code = 'MEDIA_SERVE_UNKNOWN_CODING';
}

/** The other side ended the connection. */
export class ConnectionClosed extends Error {
  readonly code = 'MEDIA_SERVE_CONNECTION_CLOSED';

  constructor() {
    super('it closed the connection');
  }
}

/** There was no connection in time. */
export class ConnectTimeout extends Error {
  readonly code = 'MEDIA_SERVE_CONNECT_TIMEOUT';
}

/** The other side was silent for too long. */
export class ReadTimeout extends Error {
  readonly code = 'MEDIA_SERVE_READ_TIMEOUT';

  constructor() {
    super('it sent nothing within --read-timeout');
  }
}
