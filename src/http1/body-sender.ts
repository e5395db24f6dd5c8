// A request's body that is passed on as it comes, as fast as the app takes it (RFC 9112 §6, §7.1).
import type { Readable } from 'node:stream';
import { chunkStart, lastChunk } from './chunks.js';
import type { WritableWire } from './client-wire.js';

/** What becomes of a body. `bodySent` or `bodyFailed` is the last call. */
export interface SendReport {
  /** A part was handed to the socket. */
  bodyMoved(): void;
  /** All of it was. */
  bodySent(): void;
  /** The source failed, or gave another number of bytes than was announced. */
  bodyFailed(error: Error): void;
}

/** A body being sent. */
export interface BodySending {
  start(): void;
  /** The socket takes more. */
  drained(): void;
  /** Sends nothing any more, and reports nothing. */
  stop(): void;
}

/** Sends one body. */
export class BodySender implements BodySending {
  readonly #socket: WritableWire;
  readonly #source: Readable;
  /** In bytes; undefined when it goes out in chunks. */
  readonly #size: number | undefined;
  readonly #report: SendReport;
  #sent = 0;
  #isOver = false;

  /** @param size as it was announced, in bytes; undefined sends chunks */
  constructor(socket: WritableWire, source: Readable, size: number | undefined, report: SendReport) {
    this.#socket = socket;
    this.#source = source;
    this.#size = size;
    this.#report = report;
  }

  start(): void {
    // The error listener stays for good: a source that fails later must not bring the process down.
    this.#source.on('error', this.#onError).on('data', this.#onData).on('end', this.#onEnd);
    this.#source.on('close', this.#onClose);
    this.#source.resume();
    // One that broke off before says so no more.
    if (this.#source.destroyed) process.nextTick(this.#onClose);
  }

  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#source.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    // It is read to its end, since its connection may carry another request.
    this.#source.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#sent += chunk.length;
    let takesMore: boolean;
    if (this.#size === undefined) {
      this.#socket.cork();
      this.#socket.write(chunkStart(chunk.length), 'latin1');
      this.#socket.write(chunk);
      takesMore = this.#socket.write('\r\n', 'latin1');
      this.#socket.uncork();
    } else {
      // Bytes too many would be another request (RFC 9112 §11.2).
      if (this.#sent > this.#size) {
        this.#fail(new Error('the request body is longer than announced'));
        return;
      }
      takesMore = this.#socket.write(chunk);
    }
    if (!takesMore) this.#source.pause();
    this.#report.bodyMoved();
  };

  drained(): void {
    this.#source.resume();
  }

  readonly #onEnd = (): void => {
    if (this.#size !== undefined && this.#sent < this.#size) {
      this.#fail(new Error('the request body is shorter than announced'));
      return;
    }
    if (this.#size === undefined) this.#socket.write(lastChunk(), 'latin1');
    this.stop();
    this.#report.bodySent();
  };

  readonly #onError = (error: Error): void => this.#fail(error);

  readonly #onClose = (): void => {
    this.#fail(this.#source.errored ?? new Error('the request body broke off'));
  };

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.stop();
    this.#report.bodyFailed(error);
  }
}
