// How much of a store a client takes, and how long it waits.

/** Bounds. Times are in milliseconds. */
export interface S3Limits {
  /** For a connection, with the lookup of the host's name and TLS. */
  readonly connectTimeout: number;
  /** From the request to the head of its answer. */
  readonly firstByteTimeout: number;
  /** Longest silence within an answer. */
  readonly silenceTimeout: number;
  /** Until the head is here, all attempts and the wait for a place included. */
  readonly totalTimeout: number;
  /** How often a request is sent. */
  readonly attempts: number;
  /** Requests that are with the store at once. */
  readonly maxConnections: number;
  /** Requests that wait to be. */
  readonly maxWaiting: number;
  /** How long an idle connection is kept. */
  readonly idleTimeout: number;
  /** Bytes of one body that are held; no more of it is read than fits in. One that is not larger is held as a whole. */
  readonly maxBuffered: number;
  /** How long the reader of a body may take nothing of it, before its connection is given to others who wait for one. */
  readonly idleFor: number;
  /** How long a body has its connection, however much is taken of it, before it is given to others where no reader is idle. */
  readonly lentFor: number;
  /** How long after somebody has waited for a connection the rest of a body is asked for in parts. */
  readonly partsFor: number;
  /** Bytes of such a part, which is held as a whole. */
  readonly part: number;
  /**
   * How long the reader of a body of which nothing can be taken back may take nothing while others wait, when half of the
   * connections are with such readers; then it is cut off.
   */
  readonly keptFor: number;
  /** First pause before another attempt; each is up to twice as long as the one before. */
  readonly backoff: number;
}

/** The bounds where no others are given. */
export const S3_LIMITS: S3Limits = {
  connectTimeout: 5000,
  firstByteTimeout: 15_000,
  silenceTimeout: 30_000,
  totalTimeout: 30_000,
  attempts: 3,
  maxConnections: 64,
  maxWaiting: 1024,
  idleTimeout: 15_000,
  // A read, and a little. The kernel holds more on the way; 200 slow readers with twice as much cost 40 MiB and gain nothing.
  maxBuffered: 160 * 1024,
  // As many clients as there are connections, who read nothing, may come in each of these and keep nobody waiting.
  idleFor: 125,
  lentFor: 1000,
  // Whoever is interrupted loses what is on its way to it, which may be more than it has got.
  partsFor: 10_000,
  // A read, and one piece of memory.
  part: 128 * 1024,
  // What is cut cannot be mended: this is for who takes less than 26 kB a second, and not for a slow network.
  keptFor: 5000,
  backoff: 100,
};
