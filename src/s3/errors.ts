// What can go wrong with a bucket, told apart by whom it concerns, each in one sentence with what to set.

/** What an error comes to. */
export type S3Failure =
  | 'not-found'
  /** The store knows who asks, and does not let them. */
  | 'denied'
  /** Too much is asked of the store, or of this client. */
  | 'busy'
  | 'wrong-region'
  | 'wrong-bucket'
  /** The store does not know who asks, or there are no credentials. */
  | 'bad-credentials'
  /** This machine's clock, and the store's, differ by too much. */
  | 'clock'
  /** There is no connection. */
  | 'unreachable'
  | 'timeout'
  /** This client was closed: nothing is wrong. */
  | 'closed'
  /** There is another version of the object by now. */
  | 'changed'
  | 'failed';

/** What the store said about it. */
export interface S3ErrorDetails {
  /** Of its answer; undefined when there was none. */
  readonly status?: number | undefined;
  /** The store's, such as `NoSuchKey`, or the system's, such as `ECONNREFUSED`. */
  readonly code?: string | undefined;
  /** What the store calls the request; to be given to whoever runs the store. */
  readonly requestId?: string | undefined;
  /** The region that the bucket is in, where the store says so. */
  readonly region?: string | undefined;
  /** What time it is for the store, where it says so, in milliseconds since the epoch. */
  readonly storeTime?: number | undefined;
}

/** An object that cannot be had. The message is one sentence, for the log; nothing in it is a secret or the store's page. */
export class S3Error extends Error {
  readonly kind: S3Failure;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  readonly region: string | undefined;
  readonly storeTime: number | undefined;

  constructor(kind: S3Failure, message: string, details: S3ErrorDetails = {}) {
    super(message);
    this.name = 'S3Error';
    this.kind = kind;
    this.status = details.status;
    this.code = details.code;
    this.requestId = details.requestId;
    this.region = details.region;
    this.storeTime = details.storeTime;
  }

  /** For the log: the message, and what the store calls the request. */
  get sentence(): string {
    return this.requestId === undefined ? this.message : `${this.message} (request ${this.requestId})`;
  }
}
