// A socket that a failed write does not close. An app may answer early (413, before it has read the body) and close:
// the answer lies in the receive queue, which survives a reset on Linux, while writes fail already. A plain net.Socket
// destroys itself at the first failed write, and the answer is lost.
import { Socket, type SocketConstructorOpts } from 'node:net';

/** What a write to a connection that the other side has closed fails with. */
const CLOSED = new Set(['EPIPE', 'ECONNRESET']);

/** Reads on after a failed write, until reading ends or fails. */
export class PatientSocket extends Socket {
  #onEnded: (() => void) | undefined;
  #onWriteFailed: (() => void) | undefined;
  #hasFailed = false;

  /**
   * @param onEnded the other side sends nothing any more. It stands in for 'end', which a stream does not emit once a
   *   write has failed
   * @param onWriteFailed told once; nothing written from here on goes out
   */
  constructor(options: SocketConstructorOpts, onEnded: () => void, onWriteFailed: () => void) {
    super(options);
    this.#onEnded = onEnded;
    this.#onWriteFailed = onWriteFailed;
  }

  /** True once a write has failed. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** From here on it is a socket like any other. */
  becomePlain(): void {
    this.#onEnded = undefined;
    this.#onWriteFailed = undefined;
  }

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    const goesOn = super.push(chunk, encoding);
    // This is how net tells the end of what can be read.
    if (chunk === null) this.#onEnded?.();
    return goesOn;
  }

  override destroy(error?: Error): this {
    const failure = error as NodeJS.ErrnoException | undefined;
    const isWriteFailure = failure?.syscall === 'write' && CLOSED.has(failure.code ?? '');
    if (!isWriteFailure || this.#onWriteFailed === undefined) return super.destroy(error);
    if (!this.#hasFailed) {
      this.#hasFailed = true;
      this.#onWriteFailed();
    }
    return this;
  }
}
