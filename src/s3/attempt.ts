// One request on one connection: its head when it comes, then the bytes of the object, or what the store says of an error.
import type { TunnelEnd } from '../http/exchange.js';
import {
  type ClientConnection,
  LARGE_READ,
  type OwnMemory,
  type ResponseReceiver,
} from '../http1/client-connection.js';
import { ConnectionClosed } from '../http1/errors.js';
import type { ResponseStart } from '../http1/response-parser.js';
import { TLS_READ } from '../http1/tls-wire.js';
import { type AnswerHead, readAnswerHead } from './answer.js';
import { type BodySource, ObjectBody } from './body.js';
import { LARGEST_DOCUMENT } from './error-document.js';

/** What came. */
export interface Answered {
  readonly head: AnswerHead;
  /** The object's bytes, which go on coming; undefined when there are none. */
  readonly body: ObjectBody | undefined;
  /** What stood in an answer that is an error. */
  readonly document: string;
}

/** What an attempt may take. */
export interface AttemptLimits {
  /** Until the head is here, in milliseconds, that of connecting included. */
  readonly timeout: number;
  /** Bytes of a body that are held. */
  readonly maxBuffered: number;
  /** True with TLS, where no read can give much: memory of the connection's own would be empty for the most part. */
  readonly readsLittle: boolean;
}

/** The store took too long to begin its answer. */
export class FirstByteTimeout extends Error {
  readonly code = 'MEDIA_SERVE_READ_TIMEOUT';
}

/** Who waits for the head. */
interface Settle {
  resolve(answered: Answered): void;
  reject(error: Error): void;
}

/** An attempt, from its start until its connection is free again, or gone. */
export class Attempt implements ResponseReceiver, BodySource {
  readonly #connection: ClientConnection;
  readonly #limits: AttemptLimits;
  readonly #explain: (error: Error) => Error;
  /** Whether its connection was one that was kept. */
  readonly isOnKept: boolean;
  #settle: Settle | undefined;
  #head: AnswerHead | undefined;
  #body: ObjectBody | undefined;
  readonly #document: Buffer[] = [];
  #documentBytes = 0;
  #isOver = false;
  readonly #whenFree: (() => void)[] = [];

  /** @param explain the error of a body that breaks off */
  constructor(connection: ClientConnection, limits: AttemptLimits, explain: (error: Error) => Error) {
    this.#connection = connection;
    this.#limits = limits;
    this.#explain = explain;
    this.isOnKept = connection.wasUsed;
  }

  /** True when it met a kept connection that the store was just closing: another one is no second try. */
  get metClosing(): boolean {
    return this.isOnKept && !this.#connection.hasHeard;
  }

  /** How long its head may take, in milliseconds: who waits for it sees to that. */
  get timeout(): number {
    return this.#limits.timeout;
  }

  /**
   * Resolves when the head is here, and of an error the document, too. Rejects with the connection's error, or with that
   * which it was aborted with.
   * @param head with the empty line behind it
   */
  send(method: string, head: string): Promise<Answered> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#connection.send({ method, head, body: undefined, upgrades: false, isLast: false }, this);
    });
  }

  /** Calls back when the connection is free again, or gone; at once when it is. */
  whenFree(call: () => void): void {
    if (this.#isOver) call();
    else this.#whenFree.push(call);
  }

  /** Closes the connection, unless it is another's by now. */
  abort(error: Error): void {
    if (!this.#isOver) this.#connection.abort(error);
  }

  // What is told of the answer.

  onSending(): void {}

  onSentSome(): void {}

  onSent(): void {}

  onInformational(): void {}

  onHead(start: ResponseStart): void {
    this.#head = readAnswerHead(start);
    const hasContent = (start.status === 200 || start.status === 206) && start.length !== 0;
    if (!hasContent) return;
    this.#connection.prefersShared = this.#limits.readsLittle;
    const { maxBuffered, readsLittle } = this.#limits;
    const atOnce = readsLittle ? TLS_READ : LARGE_READ;
    this.#body = new ObjectBody(this, maxBuffered, atOnce, start.length);
    this.#answer(this.#head, this.#body);
  }

  onData(bytes: Buffer, memory: OwnMemory | undefined): void {
    if (this.#body !== undefined) {
      this.#body.push(bytes, memory);
      return;
    }
    this.#documentBytes += bytes.length;
    if (this.#documentBytes <= LARGEST_DOCUMENT) {
      this.#document.push(Buffer.from(bytes));
      return;
    }
    // An error is told by what is here of it.
    if (this.#head !== undefined) this.#answer(this.#head, undefined);
    this.abort(new Error('the document is too long'));
  }

  onEnd(): void {
    this.#over();
    this.#body?.end();
    if (this.#head !== undefined) this.#answer(this.#head, undefined);
  }

  /** No other protocol was asked for. */
  onUpgrade(_start: ResponseStart, end: TunnelEnd): void {
    end.destroy();
    this.onFailure(new ConnectionClosed());
  }

  onFailure(error: Error): void {
    this.#over();
    this.#body?.fail(this.#explain(error));
    const settle = this.#take();
    // Of an error that breaks off its status says enough.
    if (settle !== undefined && this.#head !== undefined && this.#head.status >= 300) {
      settle.resolve({ head: this.#head, body: undefined, document: this.#text() });
    } else {
      settle?.reject(error);
    }
  }

  // What is told by whoever takes the body.

  pause(): void {
    if (this.#isOver) return;
    // Memory for the next read would lie there unused.
    this.#connection.prefersShared = true;
    this.#connection.pause();
  }

  resume(): void {
    if (this.#isOver) return;
    this.#connection.prefersShared = this.#limits.readsLittle;
    this.#connection.resume();
  }

  cut(): void {
    this.abort(new Error('nobody takes the rest'));
  }

  #answer(head: AnswerHead, body: ObjectBody | undefined): void {
    this.#take()?.resolve({ head, body, document: this.#text() });
  }

  #text(): string {
    return Buffer.concat(this.#document).toString();
  }

  #take(): Settle | undefined {
    const settle = this.#settle;
    this.#settle = undefined;
    return settle;
  }

  #over(): void {
    this.#isOver = true;
    for (const call of this.#whenFree.splice(0)) call();
  }
}
