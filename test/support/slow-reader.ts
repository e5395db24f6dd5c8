/** A client that takes the beginning of a response and then nothing, until it is told to. */
import { once } from 'node:events';
import { connect, type NetConnectOpts } from 'node:net';
import type { Test } from 'tap';
import { get, parseResponse, type RawResponse } from './raw.js';

/** More than the kernel's buffers on both sides of a connection take in, so that its sender must wait. */
export const MORE_THAN_BUFFERS = 16 * 1024 * 1024;

/** A response under way. */
export interface SlowReader {
  /** Takes everything that still comes and resolves with the response as it arrived, whole or not. */
  finish(): Promise<RawResponse>;
  /** Leaves without reading. */
  leave(): void;
}

/** Asks for a target, at a port of this machine or elsewhere, and resolves when the response has begun. */
export async function readSlowly(
  t: Test,
  at: number | NetConnectOpts,
  target: string,
  fields: readonly string[] = [],
): Promise<SlowReader> {
  const socket = connect(typeof at === 'number' ? { port: at, host: '127.0.0.1' } : at);
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.write(get(target, fields));
  // Nothing is read: the stream stops taking bytes from the socket once its own small buffer is full.
  await once(socket, 'readable');
  return {
    finish: () =>
      new Promise((resolve, reject) => {
        const chunks: Buffer[] = [];
        socket.on('data', (chunk: Buffer) => chunks.push(chunk));
        // Being cut off is what some tests are about; 'close' follows.
        socket.on('error', () => {});
        socket.on('close', () => {
          try {
            resolve(parseResponse(Buffer.concat(chunks)));
          } catch (error) {
            reject(error);
          }
        });
        socket.resume();
      }),
    leave: () => socket.destroy(),
  };
}
