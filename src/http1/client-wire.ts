// What a connection to a server needs of its wire, plain or with TLS.
import type { LookupFunction } from 'node:net';
import type { SecureContext } from 'node:tls';

/** What is written to. */
export interface WritableWire {
  write(text: string, encoding: 'latin1'): boolean;
  write(bytes: Buffer, written?: (error?: Error | null) => void): boolean;
  cork(): void;
  uncork(): void;
}

/** A connection's wire. Its owner (`WireOwner`) hears what comes. */
export interface ClientWire extends WritableWire {
  /** Memory that is overwritten by the next read. */
  readonly shared: Buffer;
  /** True once a write has failed and the wire is read on. */
  readonly hasFailed: boolean;
  /** To be asked when the other side has said its last byte: whether it may have been cut off instead. */
  readonly wasReset: boolean;
  /** Bytes that were written and not taken yet. */
  readonly writableLength: number;
  /** True where that is told a turn of the event loop later, so that the answer to a request may come before. */
  readonly tellsLate: boolean;
  /** @param milliseconds without anything read or written, until the owner is told; 0 is none */
  setTimeout(milliseconds: number): unknown;
  pause(): unknown;
  resume(): unknown;
  destroy(): unknown;
}

/** How a connection is made, where that is not said by its address. */
export interface ConnectOptions {
  /** Finds the address of a host name; without it Node does, for each connection anew. */
  readonly lookup?: LookupFunction | undefined;
  /** With TLS; without it plain. */
  readonly tls?: TlsOptions | undefined;
  /** What connections with TLS have in common; without it each begins anew. */
  readonly session?: TlsSession | undefined;
}

/**
 * The last session with a server, which the next connection takes up again (RFC 8446 §2.2): no certificate is sent and checked
 * then, which saves a third to a half of the time that a connection to a store nearby costs. Since it is not checked whose it
 * is either, it is of one server, by one name, and never of two.
 */
export interface TlsSession {
  /** As Node gives it; undefined while there is none. */
  last: Buffer | undefined;
}

/** What holds for TLS with a server (RFC 8446). Who cannot show that it is the host it was asked for is refused. */
export interface TlsOptions {
  /** Whom to believe: as Node does, with NODE_EXTRA_CA_CERTS, where it is given no authorities. */
  readonly context: SecureContext;
}
