// When a socket's time limit is reached: whether the other side was silent, or this process held up.
import type { Socket } from 'node:net';

/**
 * Node tells that time has passed before it looks what has come meanwhile. Where it is this process that was held up, that
 * is no silence of the other side: what is here is read first.
 * @param limitsSet how often a time limit was set; one that was set meanwhile has begun a new time
 * @param tell called when nothing has moved, now or a little later
 */
export function confirmSilence(socket: Socket, limitsSet: () => number, tell: () => void): void {
  // What is not read cannot have come.
  if (socket.isPaused()) {
    tell();
    return;
  }
  const { bytesRead, bytesWritten, writableLength } = socket;
  const limits = limitsSet();
  setImmediate(() => {
    // Whatever has moved, or was set, has begun a new time.
    const isSame = socket.bytesRead === bytesRead && limitsSet() === limits;
    const hasWritten = socket.bytesWritten !== bytesWritten || socket.writableLength !== writableLength;
    if (isSame && !hasWritten && !socket.destroyed) tell();
  });
}
