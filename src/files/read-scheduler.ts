// Who reads when, of all that send files in pieces. They read on this thread as long as the bytes come out of the
// system's memory, which costs less than a trip to another thread, and on libuv's threads while a disk lets them wait.

/**
 * Pieces in one turn of the event loop, whoever asks for them: with more, small requests would wait until all of them
 * are on their way (nginx: sendfile_max_chunk). On other threads it is the number of reads under way.
 */
const MAX_READS_PER_TURN = 8;
/** What took longer has waited, most likely for a disk, in milliseconds: out of memory it is a tenth of that. */
const SLOW = 2;
/** So many slow reads, and the disk is slow; one may be the scheduler's doing. */
const MAX_SLOW = 3;
/** How many fast reads make up for a slow one. */
const FAST_FOR_SLOW = 32;
/** How long slow reads keep all others off this thread, in milliseconds. Then it is tried again. */
const COOLDOWN = 1000;

/** Takes readers in turn, first come, first served, so that many of large files share evenly. */
export class ReadScheduler {
  readonly #now: () => number;
  readonly #waiting: (() => void)[] = [];
  /** Places in this turn of the event loop or the next, and reads on other threads. */
  #places = 0;
  /** Slow reads that fast ones have not made up for. */
  #slow = 0;
  #cooldownUntil = 0;

  /** @param now a clock, in milliseconds, that never goes back */
  constructor(now = (): number => performance.now()) {
    this.#now = now;
  }

  /** True while reads are better left to other threads. */
  get isDiskSlow(): boolean {
    return this.#now() < this.#cooldownUntil;
  }

  /**
   * Resolves when it is this reader's turn, which it must `release`. Never in this turn of the event loop: requests that
   * have come in by now are read first, one after the other, and so are the pieces then.
   */
  acquire(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#places === MAX_READS_PER_TURN) return;
      this.#places += 1;
      setImmediate(this.#next);
    });
  }

  /** The reader has read: its place is another's from the next turn of the event loop on. */
  release(): void {
    setImmediate(this.#next);
  }

  /** Reads on this thread, and keeps in mind how long it took. */
  time(read: () => number): number {
    const start = this.#now();
    const bytes = read();
    const end = this.#now();
    if (end - start <= SLOW) this.#slow = Math.max(0, this.#slow - 1 / FAST_FOR_SLOW);
    else this.#slow += 1;
    if (this.#slow >= MAX_SLOW) {
      this.#slow = 0;
      this.#cooldownUntil = end + COOLDOWN;
    }
    return bytes;
  }

  readonly #next = (): void => {
    const next = this.#waiting.shift();
    if (next === undefined) this.#places -= 1;
    else next();
  };
}
