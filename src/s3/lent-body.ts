// The body of an object whose reader may be slow, for as long as it likes: the connection it comes on is only lent. When others
// wait for one it is given up, and the rest is asked for later, pinned to the version that was begun with: in parts, each no more
// than is held, so that none of them keeps a connection; or as a whole, where there are connections enough. The same is done when
// one breaks: whoever has half of a film is not to begin again.
import type { Piece } from '../http/piece.js';
import type { ObjectBody, S3Body } from './body.js';
import { S3Error } from './errors.js';

/** Bytes of an object, both counted from 0. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** Bytes that come on a connection. */
export interface Loan {
  readonly body: ObjectBody;
  /** Closes the connection. */
  cut(): void;
}

/** Where the rest is to be had. */
export interface Lender {
  /**
   * Asks for bytes of the same version, from the first one on, and for as many as it sees fit. Rejects with an S3Error when there
   * are none any more.
   * @param reader what they are for, whose connection can be taken back
   */
  ask(span: Span, signal: AbortSignal, reader: LentBody): Promise<Loan>;
}

/** A body whose connection can be taken back. */
export class LentBody implements S3Body {
  readonly #lender: Lender;
  readonly #last: number;
  #loan: Loan;
  /** Since when it has had the loan, on the monotonic clock, in milliseconds. */
  #since = performance.now();
  /** Of the next byte that is read. */
  #position: number;
  /** Where the connection broke last. */
  #brokenAt: number | undefined;
  /** While something is asked for. */
  #asking: AbortController | undefined;
  #isClosed = false;

  /** @param span what the first loan gives */
  constructor(loan: Loan, { first, last }: Span, lender: Lender) {
    this.#loan = loan;
    this.#position = first;
    this.#last = last;
    this.#lender = lender;
  }

  /** Since when the store has had to wait for the reader, on the monotonic clock; undefined when it has not. */
  get pausedSince(): number | undefined {
    return this.#loan.body.pausedSince;
  }

  /** Since when it has had its connection, on the monotonic clock. */
  get lentSince(): number {
    return this.#since;
  }

  /** Takes the connection back. What is held is still to be had. */
  takeBack(): void {
    this.#loan.body.end();
    this.#loan.cut();
  }

  read(): Promise<Piece | undefined> {
    return this.#loan.body.read().then(
      (piece) => (piece === undefined ? this.#readOn() : this.#take(piece)),
      (error: unknown) => {
        // Twice at the same byte, and it would break there for ever.
        if (!(error instanceof S3Error) || error.kind !== 'failed' || this.#brokenAt === this.#position)
          throw error;
        this.#brokenAt = this.#position;
        return this.#readOn();
      },
    );
  }

  #take(piece: Piece): Piece {
    this.#position += piece.bytes.length;
    return piece;
  }

  /** Behind the end of this loan, or where it broke, nothing of which is lost by that. */
  async #readOn(): Promise<Piece | undefined> {
    if (this.#position > this.#last || this.#isClosed) return undefined;
    await this.#goOn();
    return this.read();
  }

  async #goOn(): Promise<void> {
    this.#asking = new AbortController();
    try {
      const rest = { first: this.#position, last: this.#last };
      this.#loan = await this.#lender.ask(rest, this.#asking.signal, this);
      this.#since = performance.now();
      // It may have been closed just then.
      if (this.#isClosed) this.#loan.body.close();
    } catch (error) {
      if (!this.#isClosed) throw error;
    } finally {
      this.#asking = undefined;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#asking?.abort();
    this.#loan.body.close();
  }
}
