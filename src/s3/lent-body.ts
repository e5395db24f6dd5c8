// The body of an object whose reader may be slow, for as long as it likes: the connection it comes on is only lent. When others
// wait for one and nothing has been taken here for a while, it is given up; the rest is then asked for in parts, each no more than
// is held, so that none of them keeps a connection, and each pinned to the version that was begun with. The same is done when a
// connection breaks: whoever has half of a film is not to begin again.
import type { Piece } from '../http/piece.js';
import type { ObjectBody, S3Body } from './body.js';
import { S3Error } from './errors.js';

/** Bytes of an object, both counted from 0. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** Where the rest is to be had. */
export interface Lender {
  /** Largest part that is asked for, in bytes. */
  readonly part: number;
  /** Asks for a part of the same version. Rejects with an S3Error when there is none any more. */
  ask(span: Span, signal: AbortSignal): Promise<S3Body>;
  /** Closes the connection of the first request. */
  cut(): void;
}

/** A body whose connection can be taken back. */
export class LentBody implements S3Body {
  readonly #first: ObjectBody;
  readonly #lender: Lender;
  readonly #last: number;
  readonly #wanted = new AbortController();
  #part: S3Body;
  /** Of the next byte that is read. */
  #position: number;
  #isInParts = false;
  /** Where the connection broke last. */
  #brokenAt: number | undefined;

  /** @param span what the first request gives */
  constructor(body: ObjectBody, span: Span, lender: Lender) {
    this.#first = body;
    this.#part = body;
    this.#position = span.first;
    this.#last = span.last;
    this.#lender = lender;
  }

  /** Since when the store has had to wait for the reader, on the monotonic clock; undefined when it has not. */
  get pausedSince(): number | undefined {
    return this.#first.pausedSince;
  }

  /** Takes the connection back. What is held is still to be had. */
  takeBack(): void {
    this.#isInParts = true;
    this.#first.end();
    this.#lender.cut();
  }

  async read(): Promise<Piece | undefined> {
    const { signal } = this.#wanted;
    for (;;) {
      const piece = await this.#readPart();
      if (piece !== undefined) {
        this.#position += piece.bytes.length;
        return piece;
      }
      if (!this.#isInParts || this.#position > this.#last || signal.aborted) return undefined;
      const last = Math.min(this.#last, this.#position + this.#lender.part - 1);
      try {
        this.#part = await this.#lender.ask({ first: this.#position, last }, signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        throw error;
      }
      // It may have been closed just then.
      if (signal.aborted) this.#part.close();
    }
  }

  /** The next bytes of this part; undefined at its end, and where it breaks, if nothing is lost by that. */
  async #readPart(): Promise<Piece | undefined> {
    try {
      return await this.#part.read();
    } catch (error) {
      // Twice at the same byte, and it would break there for ever.
      if (!(error instanceof S3Error) || error.kind !== 'failed' || this.#brokenAt === this.#position)
        throw error;
      this.#brokenAt = this.#position;
      this.#isInParts = true;
      return undefined;
    }
  }

  close(): void {
    this.#wanted.abort();
    this.#part.close();
  }
}
