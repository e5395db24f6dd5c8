// Two connections joined, after a switch of protocols (RFC 9110 §7.8): what one side sends, the other one gets, all of it,
// and then hears that it was the last. Whoever takes nothing for too long ends both.
//
// When one side is gone, the other one is closed, but not at once: a connection that is closed while something is unread
// there is reset by the system, which throws away what its other side has not taken yet. So it is read and dropped until
// that side closes, too (nginx: lingering_close).
import type { TunnelEnd, TunnelListener } from '../http/exchange.js';

/** How long one side is waited for when the other one is gone, where there is no limit, in milliseconds. */
const LINGER = 30_000;

/**
 * Passes bytes on in both directions until both sides have ended. Resolves when both are closed.
 * @param sendTimeout longest time that a side may take nothing that waits for it, and longest silence of a side that has
 *   heard the last byte of the other one, in milliseconds; 0 is for ever
 * @param count is told how many bytes go to the client
 */
export function joinEnds(
  client: TunnelEnd,
  app: TunnelEnd,
  sendTimeout: number,
  count: (bytes: number) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const toApp = new Direction(client, app, sendTimeout, () => {});
    const toClient = new Direction(app, client, sendTimeout, count);
    toApp.opposite = toClient;
    toClient.opposite = toApp;
    const over = (): void => {
      if (!toApp.isGone || !toClient.isGone) return;
      toApp.stop();
      toClient.stop();
      resolve();
    };
    client.listen(listenerOf(toApp, toClient, over));
    app.listen(listenerOf(toClient, toApp, over));
  });
}

/** Of the end that one direction comes from, and the other one goes to. */
function listenerOf(from: Direction, to: Direction, closed: () => void): TunnelListener {
  return {
    onData: (bytes) => from.pass(bytes),
    onEnd: () => from.finish(),
    onDrain: () => to.readOn(),
    onFinish: () => to.delivered(),
    onClose() {
      from.lose();
      to.readOn();
      closed();
    },
  };
}

/** One way through the tunnel. */
class Direction {
  opposite: Direction | undefined;
  /** True once the end that it comes from is closed. */
  isGone = false;
  /** True once the other side has taken everything, and has heard that it was all. */
  isDelivered = false;
  readonly #from: TunnelEnd;
  readonly #to: TunnelEnd;
  readonly #limit: number;
  readonly #count: (bytes: number) => void;
  #timer: NodeJS.Timeout | undefined;
  /** True once nothing more comes. */
  #isOver = false;

  constructor(from: TunnelEnd, to: TunnelEnd, limit: number, count: (bytes: number) => void) {
    this.#from = from;
    this.#to = to;
    this.#limit = limit;
    this.#count = count;
  }

  pass(bytes: Buffer): void {
    // What is dropped is read all the same: the end stands behind it.
    if (!this.#to.writable) return;
    this.#count(bytes.length);
    if (this.#to.write(bytes)) {
      if (this.opposite?.isDelivered === true) this.#watch();
      return;
    }
    this.#from.pause();
    this.#watch();
  }

  readOn(): void {
    if (this.#isOver) return;
    this.stop();
    if (this.opposite?.isDelivered === true) this.#watch();
    this.#from.resume();
  }

  /** Nothing more comes: the other side gets what is on its way, and hears of it. */
  finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch();
    this.#to.end();
  }

  delivered(): void {
    this.stop();
    this.isDelivered = true;
    if (this.isGone) this.#awaitClose();
    else this.opposite?.hurry();
  }

  /** The end that it comes from is closed. */
  lose(): void {
    this.finish();
    this.isGone = true;
    if (this.isDelivered) this.#awaitClose();
  }

  /** The side that it comes from has heard the last byte of the other one. */
  hurry(): void {
    if (!this.#isOver) this.#watch();
  }

  /** Frees what it holds. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Nobody is there who could be told what the other side says. */
  #awaitClose(): void {
    this.stop();
    if (this.opposite?.isGone === true) return;
    this.#timer = setTimeout(() => this.#to.destroy(), this.#limit || LINGER);
  }

  /** Ends both when nothing is taken, or said, in time. */
  #watch(): void {
    this.stop();
    if (this.#limit === 0) return;
    this.#timer = setTimeout(() => {
      this.#from.destroy();
      this.#to.destroy();
    }, this.#limit);
  }
}
