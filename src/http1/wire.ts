// A socket that speaks HTTP/1.1, of a client or of the app. It has one owner at a time, who hears everything; it has an
// error listener from its first moment to its last, and whoever owns it sees to its time limit.
//
// It reads into memory that all of them share: libuv reads and tells in one go, and nobody keeps what lies there, so that
// reading allocates nothing (a small request costs a tenth less). Who reads much for itself brings memory of its own.
import { Socket, type SocketConstructorOpts, type TcpSocketConnectOpts } from 'node:net';
import { confirmSilence } from './silence.js';
import { memoryFor, OwnerCalls, type WireOwner } from './wire-owner.js';

/** Read into by all wires. */
const SHARED = Buffer.allocUnsafeSlow(64 * 1024);

/** What a write to a connection that the other side has closed fails with. */
const CLOSED = new Set(['EPIPE', 'ECONNRESET']);

/** Known only once the socket has been made, which asks for memory while it is made. */
interface Self {
  calls: OwnerCalls | undefined;
}

/** A socket, from accept or connect to close. */
export class Wire extends Socket {
  /** Memory that is overwritten by the next read, of any wire. */
  readonly shared: Buffer;
  readonly #calls: OwnerCalls;
  #error: Error | undefined;
  #writeFailure: string | undefined;
  /** How often its time limit was set. */
  #limits = 0;

  /** @param accepted a connection that has just been accepted, and is not read yet; without it, one to be connected */
  constructor(owner: WireOwner, accepted?: Socket) {
    const shared = memoryFor(SHARED);
    const self: Self = { calls: undefined };
    const onread = {
      buffer: (): Buffer => self.calls?.readInto() ?? shared,
      callback: (length: number, bytes: Uint8Array): boolean => self.calls?.tellRead(bytes, length) ?? true,
    };
    // Node's types know it only where a socket is made and connected in one call.
    const options: SocketConstructorOpts & Pick<TcpSocketConnectOpts, 'onread'> = {
      allowHalfOpen: true,
      onread,
      ...handleOf(accepted),
    };
    super(options);
    this.shared = shared;
    // Its own `destroy` reads on where a write has failed.
    this.#calls = new OwnerCalls(owner, shared, () => super.destroy());
    self.calls = this.#calls;
    this.on('error', (error: Error) => {
      this.#error = error;
    });
    this.on('drain', () => this.attempt(() => this.#calls.owner.onDrain()));
    this.on('timeout', () => {
      confirmSilence(
        this,
        () => this.#limits,
        () => this.attempt(() => this.#calls.owner.onTimeout()),
      );
    });
    this.on('close', () => this.attempt(() => this.#calls.owner.onClose(this.#error)));
  }

  override setTimeout(milliseconds: number, callback?: () => void): this {
    this.#limits += 1;
    return super.setTimeout(milliseconds, callback);
  }

  /** The owner from here on. */
  handTo(owner: WireOwner): void {
    this.#calls.owner = owner;
  }

  /** Calls what belongs to this connection, such as a timer's function. What it throws ends the connection. */
  attempt(call: () => void): void {
    this.#calls.attempt(call);
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

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    const goesOn = super.push(chunk, encoding);
    // This is how net tells the end of what can be read; a stream does not emit 'end' once a write has failed.
    if (chunk === null) this.attempt(() => this.#calls.owner.onEnd());
    return goesOn;
  }

  override destroy(error?: Error): this {
    const failure = error as NodeJS.ErrnoException | undefined;
    const isWriteFailure = failure?.syscall === 'write' && CLOSED.has(failure.code ?? '');
    if (!isWriteFailure || this.#calls.owner.onWriteFailed === undefined) return super.destroy(error);
    if (this.#writeFailure === undefined) {
      this.#writeFailure = failure.code ?? '';
      this.attempt(() => this.#calls.owner.onWriteFailed?.());
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
