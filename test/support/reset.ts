/** Breaking a connection instead of ending it. */
import type { Socket } from 'node:net';

/**
 * Resets a TCP connection. A unix socket has no reset: it is closed at once, and only where something was not read there
 * its other side is told that it was reset.
 */
export function reset(socket: Socket): void {
  if (socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
