// Objects of one bucket (AWS: GetObject, HeadObject), over this project's own connections. It asks again where that may help and
// does no harm, within a bound, and says what is wrong in one sentence where it does not.
import { createSecureContext } from 'node:tls';
import type { BucketLocation } from '../config/bucket.js';
import type { BytePath } from '../http/target.js';
import { ClientConnections } from '../http1/client-connections.js';
import { type AnswerHead, checkRange, type S3Answer, type S3Status } from './answer.js';
import { type Answered, Attempt } from './attempt.js';
import { NO_BODY, type ObjectBody, type S3Body } from './body.js';
import type { CredentialSource, Credentials } from './credentials.js';
import { readErrorDocument } from './error-document.js';
import { S3Error } from './errors.js';
import {
  type Asked,
  codeOf,
  explainFailure,
  explainRefusal,
  isPassing,
  objectName,
  storeName,
} from './explain.js';
import { isKey, keyPath, LONGEST_KEY } from './key-path.js';
import { LentBody, type Span } from './lent-body.js';
import { S3_LIMITS, type S3Limits } from './limits.js';
import { Patience } from './patience.js';
import { Places } from './places.js';
import { type Presigned, type PresignOptions, presign } from './presign.js';
import { requestHead, type S3Request } from './request.js';
import { sharedLookup } from './shared-lookup.js';
import { SlowReaders } from './slow-readers.js';

/** What a client is made of. */
export interface S3ClientOptions {
  readonly location: BucketLocation;
  /** Without them nothing is signed: the bucket must be everybody's. */
  readonly credentials: CredentialSource | undefined;
  readonly limits?: Partial<S3Limits> | undefined;
  /** Certificates of authorities to believe, in PEM, in place of those that Node believes (its own, and NODE_EXTRA_CA_CERTS). */
  readonly ca?: string | undefined;
  /** One sentence for the log, once for each cause. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/** Longest pause before another attempt, in milliseconds. */
const LONGEST_BACKOFF = 2000;
/** How often it is looked for connections that can be taken back, while requests wait for one, in milliseconds. */
const TAKE_BACK_INTERVAL = 250;
/** A clock that differs by less than this is not what a request failed for, in milliseconds. */
const SAME_TIME = 60_000;
/** Largest head of an answer, in bytes: objects may have 2 KiB of fields of their own, and many stores more. */
const MAX_HEAD = 32 * 1024;
const CLOSED = new Set(['MEDIA_SERVE_CONNECTION_CLOSED', 'ECONNRESET', 'EPIPE']);
/** Credentials that were good, and may be again when they are asked for anew. */
const RENEWABLE = new Set(['ExpiredToken', 'InvalidToken', 'TokenRefreshRequired', 'InvalidAccessKeyId']);
/** A name that is in no bucket, but for a very strange one. */
const NOWHERE = '.media-serve-asks-whether-it-may-read';

/** A request under way. */
interface Running {
  readonly request: S3Request;
  readonly asked: Asked;
  readonly path: string;
  readonly patience: Patience;
}

/** How a request is sent, one time. */
interface Sending {
  readonly credentials: Credentials | undefined;
  /** False for a connection of its own. */
  readonly mayUseKept: boolean;
  /** By how much the time that it is signed by differs from this machine's, in milliseconds. */
  readonly offset: number;
}

/** One bucket. `close` frees what it holds. */
export class S3Client {
  readonly #location: BucketLocation;
  readonly #credentials: CredentialSource | undefined;
  readonly #limits: S3Limits;
  readonly #connections: ClientConnections;
  readonly #places: Places;
  readonly #onNotice: (notice: string) => void;
  readonly #waited = new Set<Patience>();
  readonly #slowReaders: SlowReaders;
  #timer: NodeJS.Timeout | undefined;
  /** How much later it is for the store than for this machine, in milliseconds. */
  #clockOffset = 0;
  #isClosed = false;

  constructor({ location, credentials, limits, ca, onNotice }: S3ClientOptions) {
    this.#location = location;
    this.#credentials = credentials;
    this.#limits = { ...S3_LIMITS, ...limits };
    this.#onNotice = onNotice ?? (() => {});
    this.#slowReaders = new SlowReaders(this.#limits);
    this.#places = new Places(this.#limits.maxConnections, this.#limits.maxWaiting);
    this.#connections = new ClientConnections(
      { kind: 'tcp', host: location.host, port: location.port },
      {
        connectTimeout: this.#limits.connectTimeout,
        readTimeout: this.#limits.silenceTimeout,
        maxResponseHead: MAX_HEAD,
        idleTimeout: this.#limits.idleTimeout,
      },
      {
        lookup: sharedLookup(),
        tls: location.secure ? { context: createSecureContext(ca === undefined ? {} : { ca }) } : undefined,
      },
    );
  }

  /** Requests that are with the store now, and those that wait for it: for measuring. */
  get load(): { readonly underWay: number; readonly waiting: number } {
    return { underWay: this.#places.taken, waiting: this.#places.waiting };
  }

  /** What time it is for the store, as far as is known, in milliseconds since the epoch. */
  get now(): number {
    return Date.now() + this.#clockOffset;
  }

  /**
   * Asks for an object. Rejects with an S3Error, or with the signal's reason.
   *
   * An object that is not the one of `ifMatch` is a 412, whether the store understands the condition or not.
   */
  async get(request: S3Request): Promise<S3Answer> {
    const asked = this.#asked(request.key);
    const place = this.#places.take();
    let isWaiting = place.taken !== undefined;
    const patience = this.#begin(request.signal, () => isWaiting);
    if (isWaiting) this.#timer ??= setInterval(this.#takeBack, TAKE_BACK_INTERVAL).unref();
    let attempt: Attempt | undefined;
    try {
      await patience.wait(async () => place.taken);
      isWaiting = false;
      const path = keyPath(this.#location, request.key);
      const found = await this.#ask({ request, asked, path, patience });
      attempt = found.attempt;
      return found.answer;
    } finally {
      patience.end();
      this.#waited.delete(patience);
      // While its bytes come, its place is taken.
      if (attempt === undefined) place.leave();
      else attempt.whenFree(place.leave);
    }
  }

  /**
   * Makes a URL with which anybody may get the object for a while; nothing is asked of the store.
   * Rejects with an S3Error when there are no credentials to sign it with, or there can be no such object.
   */
  async presign(key: BytePath, options: PresignOptions): Promise<Presigned> {
    this.#asked(key);
    return presign(this.#location, this.#credentials, key, options);
  }

  /**
   * Asks for an object that is not there, which tells whether bucket, region, credentials and clock are right.
   * @returns what is wrong; undefined when nothing is
   */
  async probe(): Promise<S3Error | undefined> {
    const { prefix } = this.#location;
    // Of a name that is too long behind this prefix its end will do: its beginning might be a dot, and no name.
    const key = `${prefix}${NOWHERE.slice(-(LONGEST_KEY - prefix.length))}`;
    try {
      const { body } = await this.get({ key, method: 'GET' });
      body.close();
      return undefined;
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      if (error.kind !== 'not-found') return error;
      return error.code === 'NoSuchKey' ? undefined : notS3(this.#location, error);
    }
  }

  /** Cuts all connections: what is under way, and what is asked for from here on, is 'closed'. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const patience of this.#waited) patience.lose(stopping());
    this.#connections.close();
  }

  /** Gives connections whose readers are slow to those who wait. */
  readonly #takeBack = (): void => {
    this.#slowReaders.makeRoom(this.#places.waiting);
    if (this.#places.waiting > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  };

  /** @throws {S3Error} when no object can have the key */
  #asked(key: BytePath): Asked {
    const asked = { location: this.#location, key, isSigned: this.#credentials !== undefined };
    if (!isKey(key)) throw new S3Error('not-found', `${objectName(asked)} can be no object`);
    return asked;
  }

  /** @param isWaiting whether it is others that it waits for, and not the store */
  #begin(signal: AbortSignal | undefined, isWaiting: () => boolean): Patience {
    const { totalTimeout, maxConnections } = this.#limits;
    const late = (): S3Error =>
      isWaiting()
        ? new S3Error(
            'busy',
            `${maxConnections} requests were with the store for ${totalTimeout} ms: it was never this one's turn`,
          )
        : new S3Error('timeout', `${storeName(this.#location)} has not answered within ${totalTimeout} ms`);
    const patience = new Patience(totalTimeout, signal, late);
    if (this.#isClosed) patience.lose(stopping());
    this.#waited.add(patience);
    return patience;
  }

  /** Asks until there is an answer, or no sense in asking again. */
  async #ask(running: Running): Promise<{ answer: S3Answer; attempt: Attempt }> {
    const { patience } = running;
    let mayUseKept = true;
    let mayRenew = true;
    let maySetClock = true;
    for (let times = 1; ; ) {
      const credentials = await this.#credentialsNow(patience);
      const offset = this.#clockOffset;
      const { attempt, result } = await this.#send(running, { credentials, mayUseKept, offset });
      if (!(result instanceof Error)) return { answer: result, attempt };
      if (attempt.metClosing && CLOSED.has(codeOf(result))) {
        mayUseKept = false;
        continue;
      }
      const error = explainFailure(this.#location, result);
      if (mayRenew && credentials !== undefined && RENEWABLE.has(error.code ?? '')) {
        mayRenew = false;
        this.#credentials?.refused(credentials);
        const renewed = await this.#credentialsNow(patience);
        if (renewed !== undefined && !isSameKey(renewed, credentials)) continue;
      }
      if (maySetClock && error.kind === 'clock' && this.#setClock(error, offset)) {
        maySetClock = false;
        continue;
      }
      const pause = Math.random() * Math.min(LONGEST_BACKOFF, this.#limits.backoff * 2 ** times);
      if (!isPassing(error) || times >= this.#limits.attempts || pause >= patience.left) throw error;
      times += 1;
      await patience.sleep(pause);
    }
  }

  async #credentialsNow(patience: Patience): Promise<Credentials | undefined> {
    const source = this.#credentials;
    return source === undefined ? undefined : patience.wait(() => source.get());
  }

  async #send(
    running: Running,
    { credentials, mayUseKept, offset }: Sending,
  ): Promise<{ attempt: Attempt; result: S3Answer | Error }> {
    const { request, asked, path, patience } = running;
    const head = await requestHead(request, path, this.#location, credentials, Date.now() + offset);
    let attempt: Attempt | undefined;
    try {
      const answered = await patience.wait((stopped) => {
        attempt = this.#attempt(asked, mayUseKept);
        stopped((error) => attempt?.abort(error));
        return attempt.send({
          method: request.method,
          head,
          body: undefined,
          upgrades: false,
          isLast: false,
        });
      });
      if (attempt === undefined) throw new Error('nothing was sent');
      return { attempt, result: this.#read(running, answered, attempt, offset) };
    } catch (error) {
      if (!(error instanceof Error) || attempt === undefined || patience.isOver) throw error;
      return { attempt, result: error };
    }
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

  /** What an answer comes to. */
  #read(
    { request, asked }: Running,
    { head, body, document }: Answered,
    attempt: Attempt,
    offset: number,
  ): S3Answer | S3Error {
    const { status } = head;
    if (!isAnswer(status)) return this.#refusal(asked, head, document, offset);
    const isHead = request.method === 'HEAD';
    try {
      if (body !== undefined && !head.isFramed) throw endless(head);
      checkRange(head, request.range, isHead);
    } catch (error) {
      body?.close();
      if (error instanceof S3Error) return error;
      throw error;
    }
    const isOther = status < 300 && isOtherVersion(request.ifMatch, head.etag);
    if (isOther) body?.close();
    const taken = body === undefined || isOther ? NO_BODY : this.#lend(asked, head, body, attempt);
    return {
      status: isOther ? 412 : status,
      etag: head.etag,
      lastModified: head.lastModified,
      size: status === 416 ? (head.size ?? readErrorDocument(document).actualSize) : head.size,
      range: head.range,
      fields: head.fields,
      requestId: head.requestId,
      body: taken,
    };
  }

  /** A body that gives up its connection when others need one, if its rest can be asked for. */
  #lend(asked: Asked, { etag, range, size }: AnswerHead, body: ObjectBody, attempt: Attempt): S3Body {
    const span = range ?? (size === undefined ? undefined : { first: 0, last: size - 1 });
    const { maxBuffered: part, keptFor } = this.#limits;
    // It is held as a whole.
    if (span !== undefined && span.last - span.first < part) return body;
    // Without a strong tag nothing would tell that it is still the same object.
    if (span === undefined || etag === undefined || etag.startsWith('W/')) {
      const cut = (): void => {
        body.fail(new S3Error('busy', tooSlow(asked, keptFor)));
        attempt.cut();
      };
      attempt.whenFree(this.#slowReaders.addKept(body, cut));
      return body;
    }
    const lent = new LentBody(body, span, {
      part,
      ask: (rest, signal) => this.#part(asked, etag, rest, signal),
      cut: () => attempt.cut(),
    });
    attempt.whenFree(this.#slowReaders.addLent(lent));
    return lent;
  }

  async #part(asked: Asked, ifMatch: string, range: Span, signal: AbortSignal): Promise<S3Body> {
    const { status, body, requestId } = await this.get({
      key: asked.key,
      method: 'GET',
      range,
      ifMatch,
      signal,
    });
    if (status === 206) return body;
    body.close();
    throw new S3Error('failed', `${objectName(asked)} was changed while it was read`, { status, requestId });
  }

  #refusal(asked: Asked, head: AnswerHead, document: string, offset: number): S3Error {
    return explainRefusal(asked, {
      status: head.status,
      document: readErrorDocument(document),
      requestId: head.requestId,
      region: head.bucketRegion,
      ahead: head.date === undefined ? undefined : head.date - Date.now(),
      signedAhead: offset,
    });
  }

  /**
   * Goes by the store's clock from here on.
   * @param used what a request was signed by, that was refused for it
   * @returns false when another try would be signed by the same time
   */
  #setClock({ storeTime }: S3Error, used: number): boolean {
    if (storeTime === undefined) return false;
    const offset = storeTime - Date.now();
    if (Math.abs(offset - used) < SAME_TIME) return false;
    // Another request may have found out already.
    if (Math.abs(offset - this.#clockOffset) < SAME_TIME) return true;
    this.#clockOffset = offset;
    const minutes = Math.round(Math.abs(offset) / 60_000);
    this.#onNotice(
      `this machine's clock is ${minutes} minutes ${offset > 0 ? 'behind' : 'ahead of'} that of ${storeName(this.#location)}, by which requests are signed from here on; set the clock, for example by NTP`,
    );
    return true;
  }
}

function isAnswer(status: number): status is S3Status {
  return status === 200 || status === 206 || status === 304 || status === 412 || status === 416;
}

/** Whether a store has answered with another version than the one that was wanted: some know no conditions with a range. */
function isOtherVersion(ifMatch: string | undefined, etag: string | undefined): boolean {
  return ifMatch !== undefined && ifMatch !== etag;
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

function tooSlow(asked: Asked, time: number): string {
  return `${objectName(asked)} was cut off: for ${time} ms nothing of it was taken, others waited for a connection, and without a strong ETag its rest could not have been asked for later`;
}

/** Something that knows nothing of the key, nor of keys. */
function notS3(location: BucketLocation, { status, code, requestId }: S3Error): S3Error {
  const answer = [status, code].filter((part) => part !== undefined).join(' ') || 'not found';
  return new S3Error(
    'failed',
    `${storeName(location)} does not answer as S3 does (${answer}); check --s3-endpoint`,
    {
      status,
      code,
      requestId,
    },
  );
}

function stopping(): S3Error {
  return new S3Error('closed', 'this server is stopping');
}
