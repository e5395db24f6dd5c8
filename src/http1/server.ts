// Accepts connections of clients, and knows those that are open. To Fastify it is the server that its shell starts and
// closes.
import { once } from 'node:events';
import { Server as NetServer, type Socket } from 'node:net';
import { ConnectionLimit, type Listener } from './connection-limit.js';
import { type ConnectionHome, ServerConnection } from './server-connection.js';
import type { ServerOptions } from './server-options.js';

const UNLIMITED = { max: Number.POSITIVE_INFINITY, maxWaiting: 0, waitTimeout: 0 };

/** Connections are paused until somebody takes them, and a client that has said all may still read. */
const SOCKETS = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };

/** A listener that speaks HTTP/1.1 with its clients. */
export class Server extends NetServer implements ConnectionHome, Listener {
  readonly options: ServerOptions;
  readonly limit: ConnectionLimit;
  isStopping = false;
  readonly #connections = new Set<ServerConnection>();
  readonly #whenEmpty: (() => void)[] = [];
  /** At further addresses. */
  readonly #others = new Set<NetServer>();

  constructor(options: ServerOptions) {
    super(SOCKETS);
    this.options = options;
    this.limit = options.limit ?? new ConnectionLimit(UNLIMITED);
    this.on('connection', (socket: Socket) => this.limit.arrive(socket, this));
  }

  /** How many connections are open. */
  get openConnections(): number {
    return this.#connections.size;
  }

  /**
   * Listens at one more address, until this server is closed.
   * @throws the system's error
   */
  async listenAlso(address: { readonly host: string; readonly port: number }): Promise<void> {
    const other = new NetServer(SOCKETS, (socket) => this.limit.arrive(socket, this));
    // One that cannot listen emits an error, and is closed.
    const listening = once(other, 'listening');
    other.listen(address.port, address.host);
    await listening;
    if (this.isStopping) other.close();
    else this.#others.add(other);
    // As of this server itself, of which Node says that it is about a connection, and goes on.
    other.on('error', (error) => this.emit('error', error));
  }

  gone(connection: ServerConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.limit.leave(connection);
    if (this.#connections.size > 0) return;
    for (const empty of this.#whenEmpty.splice(0)) empty();
  }

  /** Takes no new connections, and no further requests; calls back when the last connection is closed. */
  override close(closed?: (error?: Error) => void): this {
    this.isStopping = true;
    this.limit.dismiss(this);
    for (const other of this.#others) other.close();
    this.#others.clear();
    return super.close((error) => {
      if (this.#connections.size === 0) closed?.(error);
      else this.#whenEmpty.push(() => closed?.(error));
    });
  }

  /** Closes the connections on which no request is under way. */
  closeIdleConnections(): void {
    for (const connection of this.#connections) if (connection.isIdle) connection.destroy();
  }

  /** Breaks all connections. */
  closeAllConnections(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  take(socket: Socket): void {
    const connection = new ServerConnection(socket, this);
    this.#connections.add(connection);
    // One that was reset already would look as if it came by a unix socket, whose peers may be trusted.
    const isUnix = typeof this.address() === 'string';
    if (connection.remoteAddress === undefined && !isUnix) connection.destroy();
  }
}
