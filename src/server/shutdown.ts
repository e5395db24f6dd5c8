// Stopping (nginx: quit): no new connections, requests under way may finish, then everything is closed.
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';

/** Ends the server once. */
export interface Shutdown {
  /** Resolves when the last connection is closed, by itself or after the time limit. */
  stop(reason: string): Promise<void>;
}

/** @param limit how long requests under way may take, in milliseconds */
export function prepareShutdown(app: FastifyInstance, limit: number, log: Logger): Shutdown {
  const { server } = app;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  let stopping: Promise<void> | undefined;

  const stop = async (reason: string): Promise<void> => {
    log.info(
      { reason, connections: sockets.size },
      'stopping: no new connections, requests under way may finish',
    );
    const timer = setTimeout(() => {
      log.warn(
        { connections: sockets.size },
        'requests took longer than --shutdown-timeout and were cut off',
      );
      for (const socket of sockets) socket.destroy();
    }, limit);
    const closeIdle = (): void => {
      server.closeIdleConnections();
      // Opened in advance, as browsers and health checks do: to Node it is not idle, since it never had a request.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    };
    closeIdle();
    // A connection that was busy becomes idle without a word.
    const sweep = setInterval(closeIdle, 100);
    try {
      await app.close();
    } finally {
      clearTimeout(timer);
      clearInterval(sweep);
    }
    log.info('stopped');
  };
  return {
    stop(reason) {
      stopping ??= stop(reason);
      return stopping;
    },
  };
}
