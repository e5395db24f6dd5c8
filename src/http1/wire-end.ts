// A wire on which another protocol than HTTP is spoken. It is read on when a write fails, since what the other side said
// before it left is still to come.
import type { TunnelEnd, TunnelListener } from '../http/exchange.js';
import type { Wire } from './wire.js';
import type { WireOwner } from './wire-owner.js';

/** How often the kernel asks an idle peer whether it is still there, in milliseconds: one may vanish without a word. */
const KEEPALIVE_PROBE = 60_000;

/** See TunnelEnd. */
export class WireEnd implements TunnelEnd, WireOwner {
  readonly #wire: Wire;
  #rest: Buffer | undefined;
  #listener: TunnelListener | undefined;
  /** True once the other side has said its last byte. */
  #hasEnded = false;

  /** @param rest bytes that were read and are not HTTP any more */
  constructor(wire: Wire, rest: Buffer | undefined) {
    this.#wire = wire;
    this.#rest = rest;
    wire.handTo(this);
    wire.pause();
    // Whoever joins it with another one sees to its limits.
    wire.setTimeout(0);
    wire.setKeepAlive(true, KEEPALIVE_PROBE);
  }

  get writable(): boolean {
    return this.#wire.writable && !this.#wire.hasFailed;
  }

  listen(listener: TunnelListener): void {
    this.#listener = listener;
    this.#wire.resume();
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined && rest.length > 0) listener.onData(rest);
  }

  write(bytes: Buffer): boolean {
    return this.#wire.write(bytes);
  }

  end(): void {
    this.#wire.end((error?: Error | null) => {
      if (!error) this.#listener?.onFinish();
    });
  }

  pause(): void {
    this.#wire.pause();
  }

  resume(): void {
    this.#wire.resume();
  }

  destroy(): void {
    this.#wire.destroy();
  }

  onRead(bytes: Buffer, length: number): void {
    this.#listener?.onData(Buffer.from(bytes.subarray(0, length)));
  }

  readInto(): Buffer {
    return this.#wire.shared;
  }

  onEnd(): void {
    this.#hasEnded = true;
    this.#listener?.onEnd();
    this.#closeIfOver();
  }

  onDrain(): void {
    this.#listener?.onDrain();
  }

  onWriteFailed(): void {
    this.#listener?.onDrain();
    this.#closeIfOver();
  }

  onTimeout(): void {}

  onClose(): void {
    this.#listener?.onClose();
  }

  /** Node closes a socket by itself that has ended both ways, but not when one way has failed. */
  #closeIfOver(): void {
    if (this.#hasEnded && this.#wire.hasFailed) this.#wire.destroy();
  }
}
