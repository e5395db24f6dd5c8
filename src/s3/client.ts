// Objects of one bucket (AWS: GetObject, HeadObject), over this project's own connections: a bounded number of requests at once, and
// bodies whose readers may be slow.
import type { BucketAddress } from '../config/bucket.js';
import { reportDefect } from '../http/defect.js';
import type { BytePath } from '../http/target.js';
import type { AnswerHead, S3Answer } from './answer.js';
import { Asker, type Granted, stopping } from './asker.js';
import type { Attempt } from './attempt.js';
import { NO_BODY, type ObjectBody, type S3Body } from './body.js';
import type { CredentialSource } from './credentials.js';
import { readErrorDocument } from './error-document.js';
import { S3Error } from './errors.js';
import { type Asked, explainFirst, objectName, storeName } from './explain.js';
import { isKey, keyPath, LONGEST_KEY } from './key-path.js';
import { LentBody, type Loan, type Span } from './lent-body.js';
import { S3_LIMITS, type S3Limits } from './limits.js';
import { type LeaveSignal, Patience } from './patience.js';
import { Places } from './places.js';
import { type Presigned, type PresignOptions, presign } from './presign.js';
import type { S3Request } from './request.js';
import { SlowReaders } from './slow-readers.js';

/** What a client is made of. */
export interface S3ClientOptions {
  readonly location: BucketAddress;
  /** Without them nothing is signed: the bucket must be everybody's. */
  readonly credentials: CredentialSource | undefined;
  readonly limits?: Partial<S3Limits> | undefined;
  /** Certificates of authorities to believe, in PEM, in place of those that Node believes (its own, and NODE_EXTRA_CA_CERTS). */
  readonly ca?: string | undefined;
  /** One sentence for the log, once for each cause. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/** How often it is looked for connections that can be taken back, while requests wait for one, in milliseconds. */
const TAKE_BACK_INTERVAL = 250;
/** A name that is in no bucket, but for a very strange one. */
const NOWHERE = '.media-serve-asks-whether-it-may-read';

/** One bucket. `close` frees what it holds. */
export class S3Client {
  readonly #location: BucketAddress;
  readonly #credentials: CredentialSource | undefined;
  readonly #limits: S3Limits;
  readonly #asker: Asker;
  readonly #places: Places;
  readonly #waiting = new Set<Patience>();
  readonly #slowReaders: SlowReaders;
  #timer: NodeJS.Timeout | undefined;
  /** When somebody waited for a connection last, on the monotonic clock, in milliseconds. */
  #crowdedAt = Number.NEGATIVE_INFINITY;
  /** False for a store that was asked for a part of an object, and gave the whole. */
  #givesParts = true;
  #isClosed = false;

  constructor({ location, credentials, limits, ca, onNotice = () => {} }: S3ClientOptions) {
    this.#location = location;
    this.#credentials = credentials;
    this.#limits = { ...S3_LIMITS, ...limits };
    this.#slowReaders = new SlowReaders(this.#limits);
    this.#places = new Places(this.#limits.maxConnections, this.#limits.maxWaiting);
    this.#asker = new Asker({ location, credentials, limits: this.#limits, ca, onNotice });
  }

  /** Requests that are with the store now, and those that wait for it: for measuring. */
  get load(): { readonly underWay: number; readonly waiting: number } {
    return { underWay: this.#places.taken, waiting: this.#places.waiting };
  }

  /** What time it is for the store, as far as is known, in milliseconds since the epoch. */
  get now(): number {
    return this.#asker.clock.now;
  }

  /**
   * Asks for an object. Rejects with an S3Error, or with the signal's reason.
   *
   * An object that is not the one of `ifMatch` is a 412, whether the store understands the condition or not.
   */
  async get(request: S3Request): Promise<S3Answer> {
    const asked = this.#asked(request.key);
    return this.#answer(asked, request, await this.#ask(asked, request));
  }

  /**
   * Asks when there is a place, which is taken as long as bytes come.
   * @param isGoingOn for what has been begun
   */
  async #ask(asked: Asked, request: S3Request, isGoingOn = false): Promise<Granted> {
    const place = this.#places.take(isGoingOn);
    let isWaiting = place.taken !== undefined;
    const patience = this.#begin(request.signal, () => isWaiting);
    let attempt: Attempt | undefined;
    try {
      if (place.taken !== undefined) {
        this.#makeRoom();
        await patience.wait(place.taken);
        isWaiting = false;
      }
      const path = keyPath(this.#location, request.key);
      const granted = await this.#asker.ask({ request, asked, path, patience });
      attempt = granted.attempt;
      return granted;
    } finally {
      patience.end();
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
   * @param prefix where it would be: permissions may hold below some prefixes only
   * @returns what is wrong; undefined when nothing is
   */
  async probe(prefix: BytePath): Promise<S3Error | undefined> {
    const { clock } = this.#asker;
    clock.asking();
    const mistake = await this.#askNowhere(prefix);
    // That this machine's clock is wrong one answer alone does not tell: another has to say so, and one to what is signed by it.
    for (let times = 0; clock.isInDoubt && times < 2; times++) await this.#askNowhere(prefix);
    return mistake;
  }

  /**
   * Keeps `now` right where nothing else is asked of the store: asks it now and then what time it is. Nobody waits for it, and
   * when it fails there is no harm.
   * @param prefix as for `probe`
   */
  keepTime(prefix: BytePath): void {
    if (this.#credentials === undefined || !this.#asker.clock.isToBeAsked) return;
    this.probe(prefix).catch(reportDefect);
  }

  /** Cuts all connections: what is under way, and what is asked for from here on, is 'closed'. */
  close(): void {
    this.#isClosed = true;
    this.#rest();
    for (const patience of this.#waiting) patience.lose(stopping());
    this.#asker.close();
  }

  async #askNowhere(prefix: BytePath): Promise<S3Error | undefined> {
    // Of a name that is too long behind this prefix its end will do: its beginning might be a dot, and no name.
    const key = `${prefix}${NOWHERE.slice(-(LONGEST_KEY - prefix.length))}`;
    try {
      const { body } = await this.get({ key, method: 'GET' });
      body.close();
      return undefined;
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      if (error.kind !== 'not-found') return explainFirst(this.#location, error);
      return error.code === 'NoSuchKey' ? undefined : notS3(this.#location, error);
    }
  }

  /** Gives connections that are lent to those who wait: now, and as long as somebody does. */
  #makeRoom(): void {
    this.#crowdedAt = performance.now();
    this.#slowReaders.makeRoom(this.#places.waiting);
    this.#timer ??= setInterval(() => {
      if (this.#places.waiting > 0) this.#makeRoom();
      else this.#rest();
    }, TAKE_BACK_INTERVAL).unref();
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** @throws {S3Error} when no object can have the key */
  #asked(key: BytePath): Asked {
    const asked = { location: this.#location, key, isSigned: this.#credentials !== undefined };
    if (!isKey(key)) throw new S3Error('not-found', `${objectName(asked)} can be no object`);
    return asked;
  }

  /** @param isWaiting whether it is others that it waits for, and not the store */
  #begin(signal: LeaveSignal | undefined, isWaiting: () => boolean): Patience {
    const { totalTimeout, maxConnections } = this.#limits;
    const late = (): S3Error =>
      isWaiting()
        ? new S3Error(
            'busy',
            `${maxConnections} requests were with the store for ${totalTimeout} ms: it was never this one's turn`,
          )
        : new S3Error('timeout', `${storeName(this.#location)} has not answered within ${totalTimeout} ms`);
    const patience = new Patience(totalTimeout, signal, late, this.#waiting);
    if (this.#isClosed) patience.lose(stopping());
    return patience;
  }

  /** What an answer comes to. */
  #answer(asked: Asked, request: S3Request, granted: Granted): S3Answer {
    const { head, body, document } = granted;
    const { status, etag, lastModified, range, fields, requestId } = head;
    const isOther = status < 300 && isOtherVersion(request.ifMatch, etag);
    if (isOther) body?.close();
    return {
      status: isOther ? 412 : status,
      etag,
      lastModified,
      size: status === 416 ? (head.size ?? readErrorDocument(document).actualSize) : head.size,
      range,
      fields,
      requestId,
      body: body === undefined || isOther ? NO_BODY : this.#lend(asked, head, body, granted.attempt),
    };
  }

  /** A body that gives up its connection when others need one, and goes on when it breaks, if its rest can be asked for. */
  #lend(asked: Asked, { etag, range, size }: AnswerHead, body: ObjectBody, attempt: Attempt): S3Body {
    const span = range ?? (size === undefined ? undefined : { first: 0, last: size - 1 });
    const isHeld = span !== undefined && this.#isHeldAsAWhole(span);
    // Without a strong tag nothing would tell that it is still the same object.
    const isSure = this.#givesParts && etag !== undefined && !etag.startsWith('W/');
    if (span === undefined || !isSure) {
      if (!isHeld) this.#keep(asked, body, attempt);
      return body;
    }
    if (body.isComplete) return body;
    const lent = new LentBody(loanOf(body, attempt), span, {
      ask: (rest, signal, reader) => this.#lendMore(asked, etag, rest, signal, reader),
    });
    if (!isHeld) attempt.whenFree(this.#slowReaders.addLent(lent));
    return lent;
  }

  /** A body that cannot give up its connection, but by being cut off. */
  #keep(asked: Asked, body: ObjectBody, attempt: Attempt): void {
    const cut = (): void => {
      body.fail(new S3Error('busy', tooSlow(asked, this.#limits.keptFor)));
      attempt.cut();
    };
    attempt.whenFree(this.#slowReaders.addKept(body, cut));
  }

  /** Asks for the rest of a body, or for a part of it, when others waited for a connection not long ago. */
  async #lendMore(
    asked: Asked,
    ifMatch: string,
    { first, last: end }: Span,
    signal: AbortSignal,
    reader: LentBody,
  ): Promise<Loan> {
    const isCrowded = performance.now() - this.#crowdedAt < this.#limits.partsFor;
    const last = isCrowded ? Math.min(end, first + this.#limits.part - 1) : end;
    const range = { first, last };
    const request = { key: asked.key, method: 'GET', range, ifMatch, signal } as const;
    const { head, body, attempt } = await this.#ask(asked, request, true);
    const { status, etag, requestId } = head;
    const isOther = isOtherVersion(ifMatch, etag);
    if (status !== 206 || body === undefined || isOther) {
      body?.close();
      const details = { status, requestId };
      if (status !== 200 || isOther)
        throw new S3Error('changed', `${objectName(asked)} was changed while it was read`, details);
      this.#givesParts = false;
      throw new S3Error('failed', `${objectName(asked)} was cut off: ${NO_PARTS}`, details);
    }
    if (!this.#isHeldAsAWhole(range)) attempt.whenFree(this.#slowReaders.addLent(reader));
    return loanOf(body, attempt);
  }

  /** Whether so many bytes are held here, however slow their reader is. */
  #isHeldAsAWhole({ first, last }: Span): boolean {
    return last - first < this.#limits.maxBuffered;
  }
}

function loanOf(body: ObjectBody, attempt: Attempt): Loan {
  return { body, cut: () => attempt.cut() };
}

/** Whether a store has answered with another version than the one that was wanted: some know no conditions with a range. */
function isOtherVersion(ifMatch: string | undefined, etag: string | undefined): boolean {
  return ifMatch !== undefined && ifMatch !== etag;
}

const NO_PARTS = 'its rest was asked for on another connection, and the store gives no parts of objects';

function tooSlow(asked: Asked, time: number): string {
  return `${objectName(asked)} was cut off: for ${time} ms nothing of it was taken, others waited for a connection, and its rest could not have been asked for later: the object has no strong ETag, or its store gives no parts of objects`;
}

/** Something that knows nothing of the key, nor of keys. */
function notS3(location: BucketAddress, { status, code, requestId }: S3Error): S3Error {
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
