// A wire with TLS, to a server (RFC 8446; ALPN, RFC 7301; the server's name, RFC 9110 §4.3.4). Node makes and checks the
// connection, so that it is a socket of Node's that this stands around; what it is to its owner is a Wire.
import { isIP, type TcpSocketConnectOpts } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { Address } from '../config/address.js';
import type { ClientWire, ConnectOptions, TlsOptions } from './client-wire.js';
import { confirmSilence } from './silence.js';
import { memoryFor, OwnerCalls, type WireOwner } from './wire-owner.js';

/** A record of TLS at most, in bytes (RFC 8446 §5.1): no read brings more. */
export const TLS_READ = 16 * 1024;
/** Read into by all of these. */
const SHARED = Buffer.allocUnsafeSlow(TLS_READ);

/** A connection with TLS, from the moment it is wanted until it is closed. */
export class TlsWire implements ClientWire {
  readonly shared: Buffer = memoryFor(SHARED);
  /** A write that fails closes it at once. */
  readonly hasFailed = false;
  /** Node does not tell whether the other side has ended it or was cut off: what only its end would end is not believed. */
  readonly wasReset = true;
  readonly tellsLate = true;
  readonly #calls: OwnerCalls;
  readonly #socket: TLSSocket;
  #isMade = false;
  #error: Error | undefined;
  /** How often its time limit was set. */
  #limits = 0;

  /** @param onSecure called when the server has shown who it is, and requests can be sent */
  constructor(
    owner: WireOwner,
    address: Address,
    { context }: TlsOptions,
    { lookup, session = { last: undefined } }: ConnectOptions,
    onSecure: () => void,
  ) {
    this.#calls = new OwnerCalls(owner, this.shared, () => this.#socket.destroy());
    const host = (address.kind === 'tcp' ? address.host : undefined) ?? '127.0.0.1';
    // Node's types know `onread` only where there is no TLS.
    const options: ConnectionOptions & Pick<TcpSocketConnectOpts, 'onread'> = {
      ...(address.kind === 'unix' ? { path: address.path } : { host, port: address.port }),
      ...(lookup && { lookup }),
      // An address is no name to ask for (RFC 6066 §3); it is checked all the same.
      ...(isIP(host) === 0 && { servername: host }),
      secureContext: context,
      ...(session.last !== undefined && { session: session.last }),
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
      onread: {
        buffer: () => this.#readInto(),
        callback: (length, bytes) => this.#calls.tellRead(bytes, length),
      },
    };
    let isSecure = false;
    this.#socket = connect(options);
    this.#socket
      .on('error', (error: Error) => {
        this.#error = error;
      })
      // Node tells of none before the server has shown who it is.
      .on('session', (last: Buffer) => {
        session.last = last;
      })
      .on('secureConnect', () => {
        isSecure = true;
        this.#attempt(onSecure);
      })
      .on('drain', () => this.#attempt(() => owner.onDrain()))
      .on('end', () => this.#attempt(() => owner.onEnd()))
      .on('close', () => {
        // It may be the session that the server, or something on the way, cannot take.
        if (!isSecure) session.last = undefined;
        this.#attempt(() => owner.onClose(this.#error));
      })
      .on('timeout', () => {
        confirmSilence(
          this.#socket,
          () => this.#limits,
          () => this.#attempt(() => owner.onTimeout()),
        );
      })
      .setNoDelay(true);
    this.#isMade = true;
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  setTimeout(milliseconds: number): void {
    this.#limits += 1;
    this.#socket.setTimeout(milliseconds);
  }

  write(text: string, encoding: 'latin1'): boolean;
  write(bytes: Buffer, written?: (error?: Error | null) => void): boolean;
  write(what: string | Buffer, how?: 'latin1' | ((error?: Error | null) => void)): boolean {
    if (typeof what === 'string') return this.#socket.write(what, 'latin1');
    return this.#socket.write(what, typeof how === 'function' ? how : undefined);
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #readInto(): Buffer {
    // A socket asks for memory while it is made, and its owner does not know it yet.
    return this.#isMade ? this.#calls.readInto() : this.shared;
  }

  #attempt(call: () => void): void {
    this.#calls.attempt(call);
  }
}
