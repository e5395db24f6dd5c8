// A socket that speaks HTTP/1.1, of a client or of the app. It has one owner at a time, who hears everything; it has an
// error listener from its first moment to its last, and whoever owns it sees to its time limit.
//
// It reads into memory that all of them share: libuv reads and tells in one go, and nobody keeps what lies there, so that
// reading allocates nothing (a small request costs a tenth less). Who reads much for itself brings memory of its own.
//
// Whatever an owner throws when it is called is a defect: it ends this connection, and no other.
import { Socket, type SocketConstructorOpts, type TcpSocketConnectOpts } from 'node:net';
import { reportDefect } from '../http/defect.js';
import { confirmSilence } from './silence.js';

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

/** Read into by all wires. On Windows a read is begun long before its bytes come, so that each has its own there. */
const SHARED = Buffer.allocUnsafeSlow(64 * 1024);
const MAY_SHARE = process.platform !== 'win32';

/** What a write to a connection that the other side has closed fails with. */
const CLOSED = new Set(['EPIPE', 'ECONNRESET']);

/** Known only once the socket has been made, which asks for memory while it is made. */
interface Self {
  wire: Wire | undefined;
}

/** A socket, from accept or connect to close. */
export class Wire extends Socket {
  /** Memory that is overwritten by the next read, of any wire. */
  readonly shared: Buffer;
  #owner: WireOwner;
  #error: Error | undefined;
  #writeFailure: string | undefined;
  /** How often its time limit was set. */
  #limits = 0;

  /** @param accepted a connection that has just been accepted, and is not read yet; without it, one to be connected */
  constructor(owner: WireOwner, accepted?: Socket) {
    const shared = MAY_SHARE ? SHARED : Buffer.allocUnsafeSlow(SHARED.length);
    const self: Self = { wire: undefined };
    const onread = {
      buffer: (): Buffer => self.wire?.readInto() ?? shared,
      callback: (length: number, bytes: Uint8Array): boolean =>
        self.wire?.tellRead(bytes as Buffer, length) ?? true,
    };
    // Node's types know it only where a socket is made and connected in one call.
    const options: SocketConstructorOpts & Pick<TcpSocketConnectOpts, 'onread'> = {
      allowHalfOpen: true,
      onread,
      ...handleOf(accepted),
    };
    super(options);
    self.wire = this;
    this.shared = shared;
    this.#owner = owner;
    this.on('error', (error: Error) => {
      this.#error = error;
    });
    this.on('drain', () => this.attempt(() => this.#owner.onDrain()));
    this.on('timeout', () => {
      confirmSilence(
        this,
        () => this.#limits,
        () => this.attempt(() => this.#owner.onTimeout()),
      );
    });
    this.on('close', () => this.attempt(() => this.#owner.onClose(this.#error)));
  }

  override setTimeout(milliseconds: number, callback?: () => void): this {
    this.#limits += 1;
    return super.setTimeout(milliseconds, callback);
  }

  /** The owner from here on. */
  handTo(owner: WireOwner): void {
    this.#owner = owner;
  }

  /** Calls what belongs to this connection, such as a timer's function. What it throws ends the connection. */
  attempt(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#fall(error);
    }
  }

  #fall(error: unknown): void {
    reportDefect(error);
    super.destroy();
  }

  /** What was taken is told at once. */
  get tellsLate(): boolean {
    return false;
  }

  /** True once a write has failed. */
  get hasFailed(): boolean {
    return this.#writeFailure !== undefined;
  }

  /**
   * True when the other side has broken the connection instead of ending it; to be asked when it has ended. Node does
   * not tell: libuv takes a hang-up behind the last bytes for an end. A TCP connection that was reset has no address
   * any more. One that was ended first, and then reset since we wrote on, was ended: a write fails with EPIPE then.
   */
  get wasReset(): boolean {
    if (this.#writeFailure !== undefined) return this.#writeFailure === 'ECONNRESET';
    return this.#isTcp && this.remoteAddress === undefined;
  }

  get #isTcp(): boolean {
    return this.localAddress !== undefined;
  }

  /** Breaks the connection. A unix socket has no reset, and Node throws when it is asked for one: it is closed. */
  override resetAndDestroy(): this {
    return this.#isTcp ? super.resetAndDestroy() : this.destroy();
  }

  /** For Node's call. */
  readInto(): Buffer {
    try {
      return this.#owner.readInto();
    } catch (error) {
      this.#fall(error);
      return this.shared;
    }
  }

  /** For Node's call; false stops reading. */
  tellRead(bytes: Buffer, length: number): boolean {
    try {
      this.#owner.onRead(bytes, length);
    } catch (error) {
      this.#fall(error);
    }
    return true;
  }

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    const goesOn = super.push(chunk, encoding);
    // This is how net tells the end of what can be read; a stream does not emit 'end' once a write has failed.
    if (chunk === null) this.attempt(() => this.#owner.onEnd());
    return goesOn;
  }

  override destroy(error?: Error): this {
    const failure = error as NodeJS.ErrnoException | undefined;
    const isWriteFailure = failure?.syscall === 'write' && CLOSED.has(failure.code ?? '');
    if (!isWriteFailure || this.#owner.onWriteFailed === undefined) return super.destroy(error);
    if (this.#writeFailure === undefined) {
      this.#writeFailure = failure.code ?? '';
      this.attempt(() => this.#owner.onWriteFailed?.());
    }
    return this;
  }
}

/** Takes the connection itself out of the socket that Node has made of it, which reads in another way. */
function handleOf(accepted: Socket | undefined): object {
  if (accepted === undefined) return {};
  // No public property; the tests run on every Node that is supported, and would tell if one had it no more.
  const holder = accepted as unknown as { _handle: object | null };
  const { _handle: handle } = holder;
  holder._handle = null;
  accepted.destroy();
  return { handle };
}
