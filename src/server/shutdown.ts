// Stopping (nginx: quit): no new connections, requests under way may finish, then everything is closed.
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Server } from '../http1/server.js';

/** Ends the server once. */
export interface Shutdown {
  /**
   * Resolves when the last connection is closed, by itself or after the time limit. Called again later, it cuts off what is
   * still under way; at once, it is the same word a second time: npm passes on what a terminal has sent to all by itself.
   */
  stop(reason: string): Promise<void>;
}

/** In milliseconds. */
const SAME_WORD = 2000;

/**
 * @param limit how long requests under way may take, in milliseconds
 * @param now in milliseconds
 */
export function prepareShutdown(
  app: FastifyInstance,
  server: Server,
  limit: number,
  log: Logger,
  now = (): number => performance.now(),
): Shutdown {
  let stopping: Promise<void> | undefined;
  let since = 0;

  const cutOff = (fields: object, message: string): void => {
    log.warn({ ...fields, connections: server.openConnections }, message);
    server.closeAllConnections();
  };

  const stop = async (reason: string): Promise<void> => {
    log.info(
      { reason, connections: server.openConnections },
      'stopping: no new connections, requests under way may finish',
    );
    const timer = setTimeout(() => {
      cutOff({}, 'requests took longer than --shutdown-timeout and were cut off');
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
      if (stopping === undefined) {
        since = now();
        stopping = stop(reason);
      } else if (now() - since >= SAME_WORD && server.openConnections > 0) {
        cutOff({ reason }, 'told to stop again: requests that were under way are cut off');
      }
      return stopping;
    },
  };
}
