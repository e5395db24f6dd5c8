// Where log lines go: gathered and written together, off this thread, so that neither a line nor a slow reader of
// the log costs a request (nginx: access_log … buffer=64k flush=…). A reader that does not read costs memory up to a bound;
// then lines are dropped, counted, and the count is told when the reader is back.
import { writeSync } from 'node:fs';
import { type LogSink, logSink } from './log-sink.js';

/** Written at the latest after this many milliseconds. */
const DELAY = 100;
/** Written at once from this many bytes on. With four times as many, each write would be felt by a request. */
const BATCH = 16 * 1024;
/** Lines are copied into pieces of so many bytes: kept as text, they would keep the heads that they tell of. */
const PIECE = 64 * 1024;
/** How long to wait, in milliseconds, when a pipe is full. */
const RETRY = 20;
/** What waits for a reader that does not read may take so many bytes. */
const LIMIT = 16 * 1024 * 1024;

/** What a line tells of: a request, an event, or something that is wrong. When room is short, requests go first. */
export type Subject = 'request' | 'event' | 'problem';

/** Parts of the limit up to which lines of each kind are taken. */
const SHARES: Readonly<Record<Subject, number>> = { request: 0.75, event: 0.875, problem: 1 };

/** How lines are written. */
export interface LogOutputOptions {
  /** Makes what is written of a line of JSON, with its line break. */
  readonly render?: (line: string) => string;
  /** Milliseconds that a line may wait for others. */
  readonly delay?: number;
  /** Bytes that may wait. */
  readonly limit?: number;
}

const NOTHING = Buffer.alloc(0);
const LINE_END = 10;

/** Lines on their way to a descriptor. */
export class LogOutput {
  readonly #render: (line: string) => string;
  readonly #delay: number;
  readonly #limit: number;
  readonly #sink: LogSink;
  /** Full pieces that wait, what they hold in bytes, and the one that is being filled. */
  readonly #full: Buffer[] = [];
  #held = 0;
  #filling = Buffer.allocUnsafeSlow(PIECE);
  #filled = 0;
  readonly #dropped: Record<Subject, number> = { request: 0, event: 0, problem: 0 };
  /** Lines that were handed over and did not arrive: the reader was gone, the disk was full. */
  #lost = 0;
  #isFailing = false;
  /** Set where something is written up to the middle of a line. */
  #isWithinLine = false;
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;
  #current: Buffer = NOTHING;

  constructor(descriptor: number, { render = String, delay = DELAY, limit = LIMIT }: LogOutputOptions = {}) {
    this.#sink = logSink(descriptor);
    this.#render = render;
    this.#delay = delay;
    this.#limit = limit;
  }

  /** Takes a line of JSON with its line break; never throws, never waits. */
  write(line: string, subject: Subject): void {
    if (this.#held + this.#filled > this.#limit * SHARES[subject]) {
      this.#dropped[subject] += 1;
      return;
    }
    this.#append(this.#render(line));
    if (this.#filled >= BATCH || this.#full.length > 0) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), this.#delay).unref();
  }

  /**
   * Resolves when everything so far is written, or the time is over.
   * @param limit in milliseconds
   * @returns whether it is written
   */
  async drain(limit: number): Promise<boolean> {
    const end = performance.now() + limit;
    this.#flush();
    while (this.#isWriting) {
      const rest = end - performance.now();
      if (rest <= 0) return false;
      await new Promise((resolve) => setTimeout(resolve, Math.min(RETRY, rest)));
    }
    return true;
  }

  /** Whether another thread is in a write that may never return: the process could not end as it should. */
  get isHeldUp(): boolean {
    return this.#isWriting && this.#sink.mayBlock;
  }

  /** Writes what is left, for a sudden end of the process. */
  flushSync(): void {
    // What another thread is writing now cannot be taken back, and a line after it would land inside.
    if (this.#isWriting) return;
    this.#stopTimer();
    do {
      this.#current = this.#next();
      // A full pipe at the end of the process is tried a few times, and then left.
      for (let attempt = 0; this.#current.length > 0 && attempt < 1000; attempt++) {
        try {
          this.#advance(writeSync(this.#sink.descriptor, this.#current));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
            this.#lose();
            return;
          }
        }
      }
    } while (this.#current.length === 0 && (this.#filled > 0 || this.#full.length > 0));
  }

  /** Gives back what was opened for it; the descriptor that it was given stays open. */
  close(): void {
    this.#stopTimer();
    this.#sink.close();
  }

  #append(text: string): void {
    const room = this.#filling.length - this.#filled;
    // Three bytes are the most that a character of JavaScript's takes.
    if (room < text.length * 3) {
      const length = Buffer.byteLength(text);
      if (room < length) this.#begin(length);
    }
    this.#filled += this.#filling.write(text, this.#filled);
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
    // A file takes lines at once; handing them to another thread costs a tenth of all that a small file does.
    if (this.#sink.isFile) {
      this.flushSync();
      return;
    }
    if (this.#isWriting) return;
    this.#current = this.#next();
    if (this.#current.length === 0) return;
    this.#isWriting = true;
    this.#writeCurrent();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** What is written next; empty when there is nothing more. */
  #next(): Buffer {
    const next = this.#full.shift();
    if (next !== undefined) {
      this.#held -= next.buffer.byteLength;
      return this.#whole(next);
    }
    if (!this.#isFailing) this.#tellOfDropped();
    if (this.#filled === 0) return NOTHING;
    const filled = this.#filling.subarray(0, this.#filled);
    // A file has it before anything else is written there.
    if (!this.#sink.isFile) this.#filling = Buffer.allocUnsafeSlow(PIECE);
    this.#filled = 0;
    return this.#whole(filled);
  }

  /** What was cut when a write failed must not run into the next line. */
  #whole(bytes: Buffer): Buffer {
    return this.#isFailing && this.#isWithinLine ? Buffer.concat([Buffer.from('\n'), bytes]) : bytes;
  }

  /** The reader is back, and has what came before it stopped. */
  #tellOfDropped(): void {
    const { request, event, problem } = this.#dropped;
    const count = request + event + problem + this.#lost;
    if (count === 0) return;
    const time = new Date().toISOString();
    const kinds = { dropped: count, requests: request, events: event, problems: problem, lost: this.#lost };
    const msg = 'log lines were dropped: what reads the log did not take them';
    this.#append(this.#render(`${JSON.stringify({ level: 40, time, ...kinds, msg })}\n`));
    Object.assign(this.#dropped, { request: 0, event: 0, problem: 0 });
    this.#lost = 0;
  }

  #writeCurrent(): void {
    this.#sink.write(this.#current, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#writeCurrent(), RETRY);
        return;
      }
      if (error === null) this.#advance(written);
      else this.#lose();
      if (this.#current.length > 0) {
        this.#writeCurrent();
        return;
      }
      this.#isWriting = false;
      this.#flush();
    });
  }

  #advance(written: number): void {
    this.#isFailing = false;
    if (written > 0) this.#isWithinLine = this.#current[written - 1] !== LINE_END;
    this.#current = this.#current.subarray(written);
  }

  /** Nobody can be told now that the log cannot be written; the site goes on. */
  #lose(): void {
    this.#isFailing = true;
    this.#lost += linesIn(this.#current);
    this.#current = NOTHING;
  }
}

function linesIn(bytes: Buffer): number {
  let count = 0;
  for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, end + 1)) count += 1;
  return count;
}
