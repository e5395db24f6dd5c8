// Asks a store for an object until there is an answer: again where that may help and does no harm, within a bound, with credentials
// that are good and by the store's clock.
import { createSecureContext } from 'node:tls';
import type { BucketAddress } from '../config/bucket.js';
import { ClientConnections } from '../http1/client-connections.js';
import { type AnswerHead, checkRange, type GrantedHead, millisecondsOf } from './answer.js';
import { type Answered, Attempt, FirstByteTimeout } from './attempt.js';
import type { CredentialSource, Credentials } from './credentials.js';
import { readErrorDocument } from './error-document.js';
import { S3Error } from './errors.js';
import {
  type Asked,
  CLOSED,
  codeOf,
  explainFailure,
  explainRefusal,
  isPassing,
  objectName,
  storeName,
} from './explain.js';
import type { S3Limits } from './limits.js';
import type { Patience } from './patience.js';
import { asHead, askingForCause, hidesCause, PlainDenials } from './refused-head.js';
import { fieldLine, rangeField, requestHead, type S3Request } from './request.js';
import { sharedLookup } from './shared-lookup.js';
import { Signatures } from './signatures.js';
import { type Reading, StoreClock } from './store-clock.js';

/** What it is made of. */
export interface AskerOptions {
  readonly location: BucketAddress;
  readonly credentials: CredentialSource | undefined;
  readonly limits: S3Limits;
  readonly ca: string | undefined;
  /** One sentence for the log, once for each cause. */
  readonly onNotice: (notice: string) => void;
}

/** A request under way. */
export interface Running {
  readonly request: S3Request;
  readonly asked: Asked;
  readonly path: string;
  readonly patience: Patience;
}

/** An answer that is no error, whose body still comes. */
export interface Granted extends Answered {
  readonly head: GrantedHead;
  readonly attempt: Attempt;
}

/** How a request is sent, one time. */
interface Sending {
  readonly credentials: Credentials | undefined;
  /** False for a connection of its own. */
  readonly mayUseKept: boolean;
  /** The time that it is signed by. */
  readonly reading: Reading;
}

/** Longest pause before another attempt, in milliseconds. */
const LONGEST_BACKOFF = 2000;
/** Largest head of an answer, in bytes: objects may have 2 KiB of fields of their own, and many stores more. */
const MAX_HEAD = 32 * 1024;
/** Credentials that were good, and may be again when they are asked for anew. */
const RENEWABLE = new Set(['ExpiredToken', 'InvalidToken', 'TokenRefreshRequired', 'InvalidAccessKeyId']);

/** Asks one store. Owns the connections to it; `close` cuts them. */
export class Asker {
  /** The store's. */
  readonly clock: StoreClock;
  readonly #location: BucketAddress;
  readonly #credentials: CredentialSource | undefined;
  readonly #limits: S3Limits;
  readonly #connections: ClientConnections;
  readonly #signatures: Signatures;
  readonly #plainDenials = new PlainDenials();
  #isClosed = false;

  constructor({ location, credentials, limits, ca, onNotice }: AskerOptions) {
    this.#location = location;
    this.#credentials = credentials;
    this.#limits = limits;
    this.clock = new StoreClock((ahead) => onNotice(wrongClock(location, ahead)));
    this.#signatures = new Signatures(location);
    this.#connections = new ClientConnections(
      { kind: 'tcp', host: location.host, port: location.port },
      {
        connectTimeout: limits.connectTimeout,
        readTimeout: limits.silenceTimeout,
        maxResponseHead: MAX_HEAD,
        idleTimeout: limits.idleTimeout,
      },
      {
        lookup: sharedLookup(),
        tls: location.secure ? { context: createSecureContext(ca === undefined ? {} : { ca }) } : undefined,
      },
    );
  }

  /** Cuts all connections: bodies that come on them are 'closed'. */
  close(): void {
    this.#isClosed = true;
    this.#connections.close();
  }

  /** Asks until there is an answer, or no sense in asking again. Rejects with an S3Error, or with what the patience was lost with. */
  async ask(running: Running): Promise<Granted> {
    const { patience } = running;
    let mayUseKept = true;
    let mayRenew = true;
    let maySetClock = true;
    let asking = running;
    for (let times = 1; ; ) {
      const found = this.#credentials?.get();
      const credentials = found instanceof Promise ? await patience.wait(found) : found;
      const reading = this.clock.reading();
      const { attempt, result } = await this.#send(asking, { credentials, mayUseKept, reading });
      const isForCause = asking !== running;
      if (!(result instanceof Error)) {
        if (!isForCause) return result;
        this.#plainDenials.learn(undefined);
        result.body?.close();
        return { ...result, head: asHead(result.head), body: undefined };
      }
      if (this.#isClosed) throw stopping();
      // What ended one kept connection, or a failover that left it leading nowhere, may have done so to all of them.
      if (attempt.isOnKept && !(result instanceof S3Error)) mayUseKept = false;
      if (attempt.metClosing && CLOSED.has(codeOf(result))) continue;
      const error = explainFailure(this.#location, result);
      if (isForCause) this.#plainDenials.learn(error);
      else if (hidesCause(running.request, error) && this.#plainDenials.needsCause(error)) {
        asking = { ...running, request: askingForCause(running.request) };
        continue;
      }
      // With what is mended, it is asked for again as it was.
      asking = running;
      if (mayRenew && credentials !== undefined && RENEWABLE.has(error.code ?? '')) {
        mayRenew = false;
        if (await this.#renews(credentials, patience)) continue;
      }
      // The clock is told in any case: the next request is signed by it.
      if (
        error.kind === 'clock' &&
        isOfStore(error, running) &&
        this.clock.refused(error.storeTime, reading) &&
        maySetClock
      ) {
        maySetClock = false;
        continue;
      }
      const pause = Math.random() * Math.min(LONGEST_BACKOFF, this.#limits.backoff * 2 ** times);
      if (!isPassing(error) || times >= this.#limits.attempts || pause >= patience.left) throw error;
      times += 1;
      await patience.sleep(pause);
    }
  }

  /** Asks for others in place of credentials that were refused. Resolves with false when there are none. */
  async #renews(refused: Credentials, patience: Patience): Promise<boolean> {
    this.#credentials?.refused(refused);
    const renewed = await patience.wait(Promise.resolve(this.#credentials?.get()));
    return renewed !== undefined && !isSameKey(renewed, refused);
  }

  async #send(
    running: Running,
    sending: Sending,
  ): Promise<{ attempt: Attempt; result: Granted | S3Error | Error }> {
    const { request, asked, path, patience } = running;
    const lines = this.#linesFor(running, sending);
    const head = requestHead(
      request,
      path,
      this.#location.authority,
      typeof lines === 'string' ? lines : await patience.wait(lines),
    );
    patience.check();
    const attempt = this.#attempt(asked, sending.mayUseKept);
    patience.begin(attempt, attempt.timeout, () => new FirstByteTimeout());
    try {
      const answered = await attempt.send(request.method, head);
      if (!patience.isOver) return { attempt, result: this.#judge(running, answered, attempt, sending) };
      answered.body?.close();
      patience.check();
      throw new Error('lost, and not over');
    } catch (error) {
      if (!(error instanceof Error) || patience.isOver) throw error;
      return { attempt, result: error };
    } finally {
      patience.done();
    }
  }

  #linesFor({ request, path }: Running, { credentials, reading }: Sending): string | Promise<string> {
    const range = rangeField(request.range);
    if (credentials === undefined) return fieldLine('Range', range);
    const at = reading.at + reading.offset;
    return this.#signatures.linesFor(credentials, request.method, path, range, at);
  }

  #attempt(asked: Asked, mayUseKept: boolean): Attempt {
    const connection = mayUseKept ? this.#connections.takeIdle() : this.#connections.connect();
    const { connectTimeout, firstByteTimeout, maxBuffered } = this.#limits;
    const limits = {
      timeout: connection.wasUsed ? firstByteTimeout : connectTimeout + firstByteTimeout,
      maxBuffered,
      readsLittle: this.#location.secure,
    };
    return new Attempt(connection, limits, (error) =>
      this.#isClosed ? stopping() : brokenOff(asked, error),
    );
  }

  /** Whether an answer is one, and to what was asked. */
  #judge(running: Running, answered: Answered, attempt: Attempt, { reading }: Sending): Granted | S3Error {
    const { request, asked } = running;
    const { head, body, document } = answered;
    if (!isGranting(head)) return this.#refusal(running, head, document, reading);
    if (asked.isSigned && this.clock.listens) this.#hear(millisecondsOf(head.date), reading);
    try {
      if (body !== undefined && !head.isFramed) throw endless(head);
      checkRange(head, request.range, request.method === 'HEAD');
    } catch (error) {
      body?.close();
      if (error instanceof S3Error) return error;
      throw error;
    }
    return { head, body, document, attempt };
  }

  #refusal(running: Running, head: AnswerHead, document: string, reading: Reading): S3Error {
    const { asked } = running;
    const storeTime = millisecondsOf(head.date);
    const error = explainRefusal(asked, {
      status: head.status,
      document: readErrorDocument(document),
      requestId: head.requestId,
      region: head.bucketRegion,
      ahead: storeTime === undefined ? undefined : storeTime - Date.now(),
      signedAhead: reading.offset,
    });
    if (asked.isSigned && error.kind !== 'clock' && isOfStore(error, running)) this.#hear(storeTime, reading);
    return error;
  }

  #hear(storeTime: number | undefined, reading: Reading): void {
    if (storeTime !== undefined) this.clock.heard(storeTime, reading);
  }
}

/** What is asked for when the client is closed. */
export function stopping(): S3Error {
  return new S3Error('closed', 'this server is stopping');
}

function isGranting(head: AnswerHead): head is GrantedHead {
  const { status } = head;
  return status === 200 || status === 206 || status === 304 || status === 412 || status === 416;
}

/** Whether it is the store that refuses, and no page of something before it. To a HEAD neither says more than its status. */
function isOfStore({ code }: S3Error, { request }: Running): boolean {
  return code !== undefined || request.method === 'HEAD';
}

function wrongClock(location: BucketAddress, ahead: number): string {
  const minutes = Math.round(Math.abs(ahead) / 60_000);
  return `this machine's clock is ${minutes} minutes ${ahead > 0 ? 'behind' : 'ahead of'} that of ${storeName(location)}, by which requests are signed from here on; set the clock, for example by NTP`;
}

function isSameKey(a: Credentials, b: Credentials): boolean {
  return (
    a.accessKeyId === b.accessKeyId &&
    a.secretAccessKey === b.secretAccessKey &&
    a.sessionToken === b.sessionToken
  );
}

/** A body of which nobody could tell whether it is whole. */
function endless({ status, requestId }: AnswerHead): S3Error {
  return new S3Error('failed', 'the store does not say how long the object is', { status, requestId });
}

function brokenOff(asked: Asked, error: Error): S3Error {
  const { kind, code } = explainFailure(asked.location, error);
  const how = kind === 'timeout' ? 'no more of it comes' : 'the connection broke';
  return new S3Error(
    kind === 'timeout' ? kind : 'failed',
    `${objectName(asked)} was cut off while it was read: ${how}`,
    { code },
  );
}
