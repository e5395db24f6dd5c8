// Reads the pieces of files that are sent in pieces: on this thread as long as they come out of the system's memory,
// which costs less than a trip to another one, and on libuv's threads while a disk lets them wait.
import type { OpenedFile } from '../stores/store.js';

/**
 * Pieces in one turn of the event loop, whoever asks for them: with more, small requests would wait until all of them
 * are read and written (nginx: sendfile_max_chunk, 2 MiB, which is as much). On other threads it is the number of
 * reads under way, as many as libuv has threads for.
 */
const MOST_IN_A_TURN = 8;
/** A read that took longer has waited for a disk, in milliseconds: out of memory it is a tenth of that. */
const SLOW = 2;
/** How long a slow read keeps all others off this thread, in milliseconds. Then one is tried again. */
const CAUTION = 1000;

/** Takes readers in turn, first come, first served, so that many of large files share evenly. */
export class PieceReader {
  readonly #now: () => number;
  readonly #waiting: (() => void)[] = [];
  /** Places in this turn of the event loop or the next, and reads on other threads. */
  #places = 0;
  #cautiousUntil = 0;

  /** @param now a clock, in milliseconds, that never goes back */
  constructor(now = (): number => performance.now()) {
    this.#now = now;
  }

  /**
   * Resolves when it is this reader's turn; it must read then. Never in this turn of the event loop: requests that
   * have come in by now are read first, one after the other, and so are the pieces then.
   */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#places === MOST_IN_A_TURN) return;
      this.#places += 1;
      setImmediate(this.#next);
    });
  }

  /**
   * Reads up to `buffer.length` bytes at this position: their number, 0 at the file's end.
   * @throws {StoreError} when the disk fails
   */
  read(file: OpenedFile, buffer: Buffer, position: number): number | Promise<number> {
    const start = this.#now();
    if (start < this.#cautiousUntil) return file.read(buffer, position).finally(this.#next);
    setImmediate(this.#next);
    const bytes = file.readSync(buffer, position);
    const end = this.#now();
    if (end - start > SLOW) this.#cautiousUntil = end + CAUTION;
    return bytes;
  }

  /** The place of one who has read is free. */
  readonly #next = (): void => {
    const next = this.#waiting.shift();
    if (next === undefined) this.#places -= 1;
    else next();
  };
}
