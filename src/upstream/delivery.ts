// The way of the app's answer to its client: as fast as the client takes it, and meanwhile at the app's pace as far as the
// buffer reaches (nginx: proxy_buffering), else at the client's.
import type { ClientResponse } from '../http/exchange.js';
import type { OwnMemory } from '../http1/client-connection.js';
import { ResponseBuffer, type ResponseBufferLimits } from './response-buffer.js';

/** How the app's bytes come. */
export interface Supply {
  /** The app must wait. */
  pause(): void;
  resume(): void;
  /** Whether memory that is the connection's own is of use now. */
  preferShared(isPreferred: boolean): void;
}

/** The body of one answer on its way. Its head has been written. */
export class Delivery {
  readonly #response: ClientResponse;
  readonly #supply: Supply;
  readonly #limits: ResponseBufferLimits | undefined;
  readonly #sendTimeout: number;
  readonly #done: () => void;
  #buffer: ResponseBuffer | undefined;
  /** True while bytes go through the buffer. */
  #isBehind = false;
  #isPaused = false;
  /** What is to be done when the client has taken everything. */
  #last: 'end' | 'break-off' | undefined;
  #isOver = false;

  /**
   * @param limits of the buffer; undefined where nothing is held back
   * @param sendTimeout longest time a client may take nothing, in milliseconds
   * @param done called once: the answer is with the client, or has been cut off
   */
  constructor(
    response: ClientResponse,
    supply: Supply,
    limits: ResponseBufferLimits | undefined,
    sendTimeout: number,
    done: () => void,
  ) {
    this.#response = response;
    this.#supply = supply;
    this.#limits = limits;
    this.#sendTimeout = sendTimeout;
    this.#done = done;
  }

  /** @param memory where the bytes lie, when that can be kept; else they are overwritten when this returns */
  write(bytes: Buffer, memory: OwnMemory | undefined): void {
    if (this.#isBehind) {
      if (this.#buffer?.add(Buffer.from(bytes)) === false) this.#pause();
      return;
    }
    const takesMore =
      memory === undefined
        ? this.#response.write(Buffer.from(bytes))
        : this.#response.writeTransient(bytes, () => memory.keep());
    if (takesMore) return;
    this.#response.setTimeout(this.#sendTimeout);
    if (this.#limits !== undefined) this.#fallBehind(this.#limits);
    else this.#waitForClient();
  }

  /** The answer is complete. @param bytes the last of it */
  end(bytes?: Buffer): void {
    this.#last = 'end';
    if (!this.#isBehind) this.#finish(bytes);
    else if (bytes !== undefined) this.#buffer?.add(Buffer.from(bytes));
  }

  /** The answer will never be complete: what has come of it is delivered, and then the client is cut off. */
  breakOff(): void {
    this.#last = 'break-off';
    if (!this.#isBehind) this.#finish(undefined);
  }

  /** Nothing is delivered any more. */
  abandon(): void {
    this.#release();
    // An app that may finish (abortOnClientClose off) must be read to the end.
    this.#resume();
  }

  #finish(bytes: Buffer | undefined): void {
    if (this.#isOver) return;
    this.#release();
    if (this.#last === 'end') this.#response.end(bytes === undefined ? undefined : Buffer.from(bytes));
    else this.#response.breakOff(this.#sendTimeout);
    this.#done();
  }

  /** Frees what it holds. */
  #release(): void {
    this.#isOver = true;
    this.#isBehind = false;
    this.#buffer?.close();
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#supply.pause();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#supply.resume();
  }

  /** Lets the app wait until the client has taken what was written. */
  #waitForClient(): void {
    if (this.#isPaused) return;
    this.#pause();
    this.#response.once('drain', () => this.#resume());
  }

  /** From here on bytes go through the buffer, until the client has taken all of it. */
  #fallBehind(limits: ResponseBufferLimits): void {
    this.#isBehind = true;
    this.#supply.preferShared(true);
    this.#buffer ??= new ResponseBuffer(limits, () => this.#resume());
    this.#catchUp(this.#buffer).catch(() => {
      // The temporary file cannot be read: what is still in it is lost.
      this.#last = 'break-off';
      this.#finish(undefined);
    });
  }

  async #catchUp(buffer: ResponseBuffer): Promise<void> {
    const response = this.#response;
    await this.#drained();
    while (!this.#isOver) {
      const chunk = await buffer.take();
      if (this.#isOver) return;
      if (chunk === undefined) break;
      if (!response.write(chunk)) await this.#drained();
    }
    if (this.#isOver) return;
    this.#isBehind = false;
    this.#supply.preferShared(false);
    if (this.#last !== undefined) this.#finish(undefined);
  }

  /** Resolves when the client has taken what was written; never when it leaves: the delivery is over then. */
  #drained(): Promise<void> {
    const response = this.#response;
    if (!response.writableNeedDrain) return Promise.resolve();
    response.setTimeout(this.#sendTimeout);
    return new Promise((resolve) => response.once('drain', resolve));
  }
}
