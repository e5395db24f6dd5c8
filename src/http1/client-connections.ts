// Connections to one server of the app (nginx: upstream, keepalive). Which of them a request travels on is decided
// here, since a kept connection may be closed by the app at any moment.
import type { Address } from '../config/address.js';
import { ClientConnection, type ConnectionLimits, type ConnectionOwner } from './client-connection.js';
import type { ConnectOptions } from './client-wire.js';

/** What holds for the connections to one server. */
export interface PoolLimits extends ConnectionLimits {
  /** How long an idle connection is kept, in milliseconds. */
  readonly idleTimeout: number;
}

/** How often idle connections are looked at, in milliseconds: one timer for all instead of one for each request. */
const LOOK = 250;

/** As many connections as there are requests under way, and some idle ones for a moment. */
export class ClientConnections implements ConnectionOwner {
  readonly #address: Address;
  readonly #limits: PoolLimits;
  readonly #options: ConnectOptions | undefined;
  /** The one used last at the end: the others may time out. */
  readonly #idle: ClientConnection[] = [];
  readonly #all = new Set<ClientConnection>();
  #timer: NodeJS.Timeout | undefined;

  constructor(address: Address, limits: PoolLimits, options?: ConnectOptions) {
    this.#address = address;
    this.#limits = limits;
    this.#options = options?.tls === undefined ? options : { ...options, session: { last: undefined } };
  }

  /** Whether there is a connection that may be used again. */
  get hasIdle(): boolean {
    const last = this.#idle.at(-1);
    return last !== undefined && performance.now() - last.idleSince < this.#limits.idleTimeout;
  }

  /** True when there is no connection. */
  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  /** A connection that may have been used before. */
  takeIdle(): ClientConnection {
    const connection = this.#idle.pop();
    if (connection === undefined) return this.connect();
    connection.rested = performance.now() - connection.idleSince;
    if (connection.rested < this.#limits.idleTimeout) return connection;
    // The others have been idle for longer still.
    connection.abort(tooOld());
    return this.connect();
  }

  /** A connection that connects anew. */
  connect(): ClientConnection {
    const connection = new ClientConnection(this.#address, this.#limits, this, this.#options);
    this.#all.add(connection);
    return connection;
  }

  idle(connection: ClientConnection): void {
    connection.idleSince = performance.now();
    this.#idle.push(connection);
    this.#timer ??= setInterval(this.#look, LOOK).unref();
  }

  gone(connection: ClientConnection): void {
    this.#all.delete(connection);
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** Cuts all connections; requests under way fail. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const connection of [...this.#all]) connection.abort(new Error('this server is stopping'));
  }

  /** Closes what has been idle for long enough. */
  readonly #look = (): void => {
    const before = performance.now() - this.#limits.idleTimeout;
    for (const connection of [...this.#idle]) {
      if (connection.idleSince > before) break;
      connection.abort(tooOld());
    }
    if (this.#idle.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  };
}

/** Told to nobody: the connection is idle. */
function tooOld(): Error {
  return new Error('idle for too long');
}
