// Where log lines go: gathered and written together, off this thread, so that neither a line nor a slow reader of
// the log costs a request (nginx: access_log … buffer=64k flush=…).
import { fstatSync, write, writeSync } from 'node:fs';

/** Written at the latest after this many milliseconds. */
const DELAY = 100;
/** Written at once from this many bytes on. With four times as many, each write would be felt by a request. */
const BATCH = 16 * 1024;
/** Lines are copied into pieces of so many bytes: kept as text, they would keep the heads that they tell of. */
const PIECE = 64 * 1024;
/** A reader that does not read costs so many bytes; then lines are dropped and counted. */
const LIMIT = 16 * 1024 * 1024;
/** How long to wait, in milliseconds, when a pipe is full. */
const RETRY = 20;

const NOTHING = Buffer.alloc(0);

/** Lines on their way to a descriptor. */
export class LogOutput {
  readonly #descriptor: number;
  /** A file takes lines at once; only a pipe or a terminal can be full, and is written to off this thread. */
  readonly #isFile: boolean;
  /** Full pieces that wait, what they hold in bytes, and the one that is being filled. */
  readonly #full: Buffer[] = [];
  #held = 0;
  #filling = Buffer.allocUnsafeSlow(PIECE);
  #filled = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;
  #current: Buffer = NOTHING;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    // bigint keeps the figures of a pipe out of the buffer in which Node 20 and 22 look, once more, when they load a
    // package by a link (fs.realpathSync): they would take the link for the package's place and not find what it needs.
    this.#isFile = fstatSync(descriptor, { bigint: true }).isFile();
  }

  /** Takes a line with its line break; never throws, never waits. */
  write(line: string): void {
    if (this.#held > LIMIT) {
      this.#dropped += 1;
      return;
    }
    this.#append(line);
    if (this.#filled >= BATCH || this.#full.length > 0) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), DELAY).unref();
  }

  /** Resolves when everything so far is written. */
  async drain(): Promise<void> {
    this.#flush();
    while (this.#isWriting) await new Promise((resolve) => setTimeout(resolve, RETRY));
  }

  /** Writes what is left, for a sudden end of the process. */
  flushSync(): void {
    // What another thread is writing now cannot be taken back, and a line after it would land inside.
    if (this.#isWriting) return;
    this.#stopTimer();
    for (this.#takeNext(); this.#current.length > 0; this.#takeNext()) {
      const rest = this.#current;
      let written = 0;
      // A full pipe at the end of the process is tried a few times, and then left.
      for (let attempt = 0; written < rest.length && attempt < 1000; attempt++) {
        try {
          written += writeSync(this.#descriptor, rest, written);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
        }
      }
      if (written < rest.length) return;
    }
  }

  #append(line: string): void {
    const room = this.#filling.length - this.#filled;
    // Three bytes are the most that a character of JavaScript's takes.
    if (room < line.length * 3) {
      const length = Buffer.byteLength(line);
      if (room < length) this.#begin(length);
    }
    this.#filled += this.#filling.write(line, this.#filled);
  }

  /** Begins with another piece, in which there is room for so many bytes. */
  #begin(room: number): void {
    if (this.#filled > 0) {
      this.#full.push(this.#filling.subarray(0, this.#filled));
      this.#held += this.#filling.length;
    }
    this.#filling = Buffer.allocUnsafeSlow(Math.max(PIECE, room));
    this.#filled = 0;
  }

  #flush(): void {
    this.#stopTimer();
    if (this.#isFile) {
      this.flushSync();
      return;
    }
    if (this.#isWriting) return;
    this.#takeNext();
    if (this.#current.length === 0) return;
    this.#isWriting = true;
    this.#writeCurrent();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** What is written next is the current piece; an empty one when there is nothing more. */
  #takeNext(): void {
    const next = this.#full.shift();
    if (next !== undefined) {
      this.#held -= next.buffer.byteLength;
      this.#current = next;
      return;
    }
    if (this.#dropped > 0) {
      this.#append(`{"level":40,"dropped":${this.#dropped},"msg":"log lines were dropped"}\n`);
      this.#dropped = 0;
    }
    this.#current = this.#filling.subarray(0, this.#filled);
    this.#filled = 0;
    // A file has it before anything else is written there.
    if (!this.#isFile && this.#current.length > 0) this.#filling = Buffer.allocUnsafeSlow(PIECE);
  }

  #writeCurrent(): void {
    write(this.#descriptor, this.#current, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#writeCurrent(), RETRY);
        return;
      }
      // Nobody can be told that the log cannot be written; the site goes on.
      this.#current = error ? NOTHING : this.#current.subarray(written);
      if (this.#current.length > 0) {
        this.#writeCurrent();
        return;
      }
      this.#isWriting = false;
      this.#flush();
    });
  }
}
