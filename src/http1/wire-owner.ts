// Who owns a wire, and how it is called: whatever an owner throws is a defect, which ends this connection, and no other.
import { reportDefect } from '../http/defect.js';

/** Whoever owns a wire. */
export interface WireOwner {
  /** The first `length` bytes were read. In shared memory they are overwritten when this returns. */
  onRead(bytes: Buffer, length: number): void;
  /** Where the next bytes go: `SHARED`, or memory that nobody else uses. */
  readInto(): Buffer;
  /** The other side has said its last byte. */
  onEnd(): void;
  /** What was written has been taken. */
  onDrain(): void;
  /** Nothing was read or written for as long as the time limit says. */
  onTimeout(): void;
  /** It is closed: the last call. */
  onClose(error: Error | undefined): void;
  /**
   * A write failed as the other side takes no more; nothing written from here on goes out. Told once. An owner that has
   * this reads on: an app may answer early (413, before it has read the body) and close, and the answer lies in the
   * receive queue, which survives a reset on Linux. Without it the wire is closed, as any socket is.
   */
  onWriteFailed?(): void;
}

const MAY_SHARE = process.platform !== 'win32';

/**
 * Memory that many wires read into, for one of them. On Windows a read is begun long before its bytes come, so that each has its
 * own there.
 */
export function memoryFor(shared: Buffer): Buffer {
  return MAY_SHARE ? shared : Buffer.allocUnsafeSlow(shared.length);
}

/** The owner of one wire, as the wire calls it. */
export class OwnerCalls {
  /** The owner of now. */
  owner: WireOwner;
  readonly #shared: Buffer;
  readonly #destroy: () => void;

  /**
   * @param shared what is read into when the owner cannot say
   * @param destroy closes the connection
   */
  constructor(owner: WireOwner, shared: Buffer, destroy: () => void) {
    this.owner = owner;
    this.#shared = shared;
    this.#destroy = destroy;
  }

  /** Calls what belongs to the connection, such as a timer's function. What it throws ends the connection. */
  attempt(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#fall(error);
    }
  }

  /** For a socket's `onread`: where the next bytes go. */
  readInto(): Buffer {
    try {
      return this.owner.readInto();
    } catch (error) {
      this.#fall(error);
      return this.#shared;
    }
  }

  /** For a socket's `onread`; false would stop reading. */
  tellRead(bytes: Uint8Array, length: number): true {
    try {
      // Node's types know less of it than it is: what `readInto` gave.
      this.owner.onRead(bytes as Buffer, length);
    } catch (error) {
      this.#fall(error);
    }
    return true;
  }

  #fall(error: unknown): void {
    reportDefect(error);
    this.#destroy();
  }
}
