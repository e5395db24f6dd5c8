// A body that is held here, on its way to the app: the next part follows when the app has taken the one before.
import type { BodySending, SendReport } from './body-sender.js';
import type { WritableWire } from './client-wire.js';

/** The way through a body, from its first byte on. */
export interface BodyParts {
  /**
   * The next bytes, at least one. Where they lie is used again when the next ones are asked for. Only to be called
   * while there are some left.
   */
  next(): Promise<readonly Buffer[]>;
}

/** Sends one body. */
export class PartSender implements BodySending {
  readonly #socket: WritableWire;
  readonly #parts: BodyParts;
  /** Bytes that are still to be sent. */
  #left: number;
  readonly #report: SendReport;
  #isOver = false;

  /** @param size of the body, in bytes; more than 0 */
  constructor(socket: WritableWire, parts: BodyParts, size: number, report: SendReport) {
    this.#socket = socket;
    this.#parts = parts;
    this.#left = size;
    this.#report = report;
  }

  start(): void {
    this.#parts.next().then(this.#send, this.#onError);
  }

  stop(): void {
    this.#isOver = true;
  }

  /** The parts wait for their own bytes to be taken. */
  drained(): void {}

  readonly #send = (part: readonly Buffer[]): void => {
    if (this.#isOver) return;
    for (const bytes of part) this.#left -= bytes.length;
    this.#socket.cork();
    for (const bytes of part) {
      if (bytes === part.at(-1)) this.#socket.write(bytes, this.#taken);
      else this.#socket.write(bytes);
    }
    this.#socket.uncork();
    this.#report.bodyMoved();
    if (this.#left > 0 || this.#isOver) return;
    // All of it is the socket's now; where the last part lies is not used again.
    this.#isOver = true;
    this.#report.bodySent();
  };

  readonly #taken = (error?: Error | null): void => {
    // A write that failed is the socket's to tell.
    if (!error && !this.#isOver) this.start();
  };

  readonly #onError = (error: Error): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#report.bodyFailed(error);
  };
}
