/** What the app does when it is asked. */
import type { Socket } from 'node:net';
import type { AppSide } from '../raw-app.js';

const PIECE = Buffer.alloc(512 * 1024, 'x');

export const silent = (): void => {};
export const writes =
  (...bytes: (string | Buffer)[]) =>
  ({ socket }: AppSide): void => {
    for (const each of bytes) socket.write(each);
  };
export const writesAndEnds =
  (...bytes: (string | Buffer)[]) =>
  ({ socket }: AppSide): void => {
    for (const each of bytes) socket.write(each);
    socket.end();
  };
/** Writes for as long as it is taken, in whichever of the two directions. */
export const writeEndlessly = (socket: Socket): void => {
  const more = (): void => {
    if (socket.writable) socket.write(PIECE, more);
  };
  more();
};
export const answersEndlessly =
  (bytes: string) =>
  ({ socket }: AppSide): void => {
    socket.write(bytes);
    writeEndlessly(socket);
  };
