// Where log lines go: gathered and written together, off this thread, so that neither a line nor a slow reader of
// the log costs a request (nginx: access_log … buffer=64k flush=…).
import { fstatSync, write, writeSync } from 'node:fs';

/** Written at the latest after this many milliseconds. */
const DELAY = 100;
/** Written at once from this many characters on. With four times as many, each write would be felt by a request. */
const BATCH = 16 * 1024;
/** A reader that does not read costs memory up to this many characters; then lines are dropped and counted. */
const LIMIT = 16 * 1024 * 1024;
/** How long to wait, in milliseconds, when a pipe is full. */
const RETRY = 20;

/** Lines on their way to a descriptor. */
export class LogOutput {
  readonly #descriptor: number;
  /** A file takes lines at once; only a pipe or a terminal can be full, and is written to off this thread. */
  readonly #isFile: boolean;
  #pending = '';
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;
  #current: Buffer = Buffer.alloc(0);

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    // bigint keeps the figures of a pipe out of the buffer in which Node 20 and 22 look, once more, when they load a
    // package by a link (fs.realpathSync): they would take the link for the package's place and not find what it needs.
    this.#isFile = fstatSync(descriptor, { bigint: true }).isFile();
  }

  /** Takes a line with its line break; never throws, never waits. */
  write(line: string): void {
    if (this.#pending.length > LIMIT) {
      this.#dropped += 1;
      return;
    }
    this.#pending += line;
    if (this.#pending.length >= BATCH) this.#flush();
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
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rest = Buffer.concat([this.#current, this.#takePending()]);
    this.#current = Buffer.alloc(0);
    let written = 0;
    // A full pipe at the end of the process is tried a few times, and then left.
    for (let attempt = 0; written < rest.length && attempt < 1000; attempt++) {
      try {
        written += writeSync(this.#descriptor, rest, written);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      }
    }
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isFile) {
      this.flushSync();
      return;
    }
    if (this.#isWriting) return;
    this.#current = this.#takePending();
    if (this.#current.length === 0) return;
    this.#isWriting = true;
    this.#writeCurrent();
  }

  #takePending(): Buffer {
    const notice =
      this.#dropped === 0 ? '' : `{"level":40,"dropped":${this.#dropped},"msg":"log lines were dropped"}\n`;
    const taken = Buffer.from(this.#pending + notice);
    this.#pending = '';
    this.#dropped = 0;
    return taken;
  }

  #writeCurrent(): void {
    write(this.#descriptor, this.#current, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#writeCurrent(), RETRY);
        return;
      }
      // Nobody can be told that the log cannot be written; the site goes on.
      this.#current = error ? Buffer.alloc(0) : this.#current.subarray(written);
      if (this.#current.length > 0) {
        this.#writeCurrent();
        return;
      }
      this.#isWriting = false;
      this.#flush();
    });
  }
}
