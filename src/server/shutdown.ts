// Stopping (nginx: quit): no new connections, requests under way may finish, then everything is closed.
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Server } from '../http1/server.js';

/** Ends the server once. */
export interface Shutdown {
  /** Resolves when the last connection is closed, by itself or after the time limit. */
  stop(reason: string): Promise<void>;
}

/** @param limit how long requests under way may take, in milliseconds */
export function prepareShutdown(app: FastifyInstance, server: Server, limit: number, log: Logger): Shutdown {
  let stopping: Promise<void> | undefined;

  const stop = async (reason: string): Promise<void> => {
    log.info(
      { reason, connections: server.openConnections },
      'stopping: no new connections, requests under way may finish',
    );
    const timer = setTimeout(() => {
      log.warn(
        { connections: server.openConnections },
        'requests took longer than --shutdown-timeout and were cut off',
      );
      server.closeAllConnections();
    }, limit);
    try {
      await app.close();
    } finally {
      clearTimeout(timer);
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
