// The body of an answer that is replaced: read to its end when that is near, so that the connection can be used
// again, and cut off when it is not, so that the app's worker is free.

/** Most that is read and dropped, in bytes; beyond it a new connection costs less. */
const MAX_BYTES = 64 * 1024;

/** Drops a response's body; `data` and `end` are told what happens. */
export class Discard {
  readonly #abort: (reason: Error) => void;
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;

  /**
   * @param longest time that the app may take for it, in milliseconds
   * @param abort ends the request at the app
   */
  constructor(longest: number, abort: (reason: Error) => void) {
    this.#abort = abort;
    this.#timer = setTimeout(() => this.#cut(), longest);
    this.#timer.unref();
  }

  data(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#bytes > MAX_BYTES) this.#cut();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #cut(): void {
    this.end();
    this.#abort(new Error('the answer is replaced by what the app ordered'));
  }
}
