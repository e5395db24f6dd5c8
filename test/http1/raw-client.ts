/** A client's connection that does exactly what the test says, and keeps no more than the beginning of what it gets. */
import { connect, type Socket } from 'node:net';

/** How much is kept of what arrives, in bytes. */
const KEPT = 4096;

export interface RawClientOptions {
  /** Reads nothing until `socket.resume()` is called. */
  readonly isPaused?: boolean;
  /** Does not close its side when the server has closed its own. */
  readonly staysOpen?: boolean;
}

/** Where the server listens: a port of loopback, or a unix socket. */
export type Target = number | { readonly path: string };

/** A connection to the server, without a network between. */
export class RawClient {
  readonly socket: Socket;
  /** Resolves when the connection is closed, however. */
  readonly closed: Promise<void>;
  /** Bytes so far. */
  received = 0;
  /** The first of them, one character a byte. */
  text = '';
  /** True once the server has said its last byte. */
  hasEnded = false;
  readonly #waiting = new Set<() => void>();

  constructor(target: Target, { isPaused = false, staysOpen = false }: RawClientOptions = {}) {
    const address = typeof target === 'number' ? { port: target, host: '127.0.0.1' } : target;
    this.socket = connect({ ...address, allowHalfOpen: true, noDelay: true });
    // Being cut off is what these tests are about; 'close' follows.
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
    this.socket.on('data', (chunk: Buffer) => {
      this.received += chunk.length;
      if (this.text.length < KEPT) this.text += chunk.toString('latin1', 0, KEPT);
      this.#look();
    });
    this.socket.on('end', () => {
      this.hasEnded = true;
      if (!staysOpen) this.socket.end();
      this.#look();
    });
    this.socket.on('close', () => this.#look());
    if (isPaused) this.socket.pause();
  }

  /** Resolves when the condition holds, or the connection is over. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.hasEnded && !this.socket.closed) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Resolves when these bytes are with the kernel, or the connection is over. */
  async send(bytes: string | Buffer): Promise<void> {
    await new Promise<void>((resolve) => {
      this.socket.once('close', () => resolve());
      this.socket.write(bytes, 'latin1', () => resolve());
    });
  }

  #look(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
