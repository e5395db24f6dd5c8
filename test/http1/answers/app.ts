/** The app that answers the request for `/NUMBER` with the bytes of that number. */
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Test } from 'tap';
import { startTcpApp } from '../../support/app.js';
import { piecesOf } from '../streams/client.js';
import { RequestReader } from '../streams/llhttp.js';
import type { AppAnswer } from './generate.js';

/** Returns the app's address. */
export function startHostileApp(
  t: Test,
  answerOf: (request: number) => AppAnswer | undefined,
): Promise<string> {
  return startTcpApp(t, (socket) => {
    socket.setNoDelay(true);
    let isOver = false;
    const last = (): void => {
      isOver = true;
    };
    const reader = new RequestReader(({ target }) => {
      if (isOver) return;
      const bytes = answerOf(Number(target.slice(1)));
      // Its client does not wait for it any more.
      if (bytes === undefined) socket.destroy();
      else answer(socket, bytes, last).catch(() => socket.destroy());
    });
    socket.on('data', (chunk) => reader.push(chunk));
    socket.on('end', () => socket.end());
  });
}

/** @param last is told when nothing more is answered on the connection */
async function answer(socket: Socket, { bytes, cuts, end }: AppAnswer, last: () => void): Promise<void> {
  const pieces = piecesOf(bytes, cuts);
  for (const [place, piece] of pieces.entries()) {
    // From here on the next request may come.
    if (place === pieces.length - 1) break;
    socket.write(piece);
    await nextTurn();
  }
  const piece = pieces.at(-1) ?? '';
  if (end !== 'kept') last();
  if (end === 'closed') socket.end(piece);
  else if (end === 'reset') socket.write(piece, () => socket.resetAndDestroy());
  else socket.write(piece);
}
