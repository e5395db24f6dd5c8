/** Ports, and waiting for a server to answer. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fetchOnce, get } from './http.js';
import type { Running } from './proc.js';

const TIME_LIMIT = 15_000;

/** A TCP port on 127.0.0.1 that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Asks every two milliseconds until the answer is 200.
 * @throws Error with the server's own words when it ends or takes longer than 15 seconds.
 */
export async function untilAnswered(running: Running, port: number, path: string): Promise<void> {
  const deadline = performance.now() + TIME_LIMIT;
  let last = 'no answer';
  while (performance.now() < deadline) {
    if (running.exited) throw new Error(`did not start: ${running.lastWords()}`);
    try {
      const { status } = await fetchOnce(`http://127.0.0.1:${port}`, get(path));
      if (status === 200) return;
      last = `status ${status}`;
    } catch (error) {
      last = String(error);
    }
    await sleep(2);
  }
  throw new Error(`no answer from ${path} after ${TIME_LIMIT / 1000} s (${last}): ${running.lastWords()}`);
}
