// Accepts connections of clients, and knows those that are open. To Fastify it is the server that its shell starts and
// closes.
import { Server as NetServer, type Socket } from 'node:net';
import { type ConnectionHome, ServerConnection } from './server-connection.js';
import type { ServerOptions } from './server-options.js';

/** A listener that speaks HTTP/1.1 with its clients. */
export class Server extends NetServer implements ConnectionHome {
  readonly options: ServerOptions;
  isStopping = false;
  readonly #connections = new Set<ServerConnection>();
  readonly #whenEmpty: (() => void)[] = [];

  constructor(options: ServerOptions) {
    super({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    this.options = options;
    this.on('connection', this.#accept);
  }

  /** How many connections are open. */
  get openConnections(): number {
    return this.#connections.size;
  }

  gone(connection: ServerConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    for (const empty of this.#whenEmpty.splice(0)) empty();
  }

  /** Takes no new connections, and no further requests; calls back when the last connection is closed. */
  override close(closed?: (error?: Error) => void): this {
    this.isStopping = true;
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

  readonly #accept = (socket: Socket): void => {
    const connection = new ServerConnection(socket, this);
    this.#connections.add(connection);
    // One that was reset already would look as if it came by a unix socket, whose peers may be trusted.
    const isUnix = typeof this.address() === 'string';
    if (connection.remoteAddress === undefined && !isUnix) connection.destroy();
  };
}
