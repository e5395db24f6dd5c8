/** Clients that keep a server's connections open: slow readers, idle ones, WebSockets. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { get, toBytes } from './http.js';

/** Many connections of one kind. */
export interface Crowd {
  /** @throws Error when the server has closed one of them. */
  assertAllOpen(): void;
  close(): void;
}

const SLOW_READER_PAUSE = 500;
const BATCH = 100;

/** Readers of one file that take a piece (64 KiB at most) every half second; resolves when each has its first. */
export async function openSlowReaders(origin: string, path: string, count: number): Promise<Crowd> {
  return crowd(await openMany(count, (index) => openSlowReader(origin, path, index / count)));
}

/** Connections that have had one answer and then wait. */
export async function openIdle(origin: string, path: string, count: number): Promise<Crowd> {
  return crowd(await openMany(count, () => openIdleOne(origin, path)));
}

/** WebSockets, each of which has had one message echoed. */
export async function openWebSockets(origin: string, path: string, count: number): Promise<Crowd> {
  const sockets = await openMany(count, () => openWebSocket(origin.replace('http', 'ws') + path));
  return {
    assertAllOpen: () => assertOpen(sockets.map(({ readyState }) => readyState === WebSocket.OPEN)),
    close() {
      for (const socket of sockets) socket.terminate();
    },
  };
}

/** @param phase where in the half second it reads, 0 to 1: readers that all read at once would be a load of another kind */
async function openSlowReader(origin: string, path: string, phase: number): Promise<Socket> {
  const socket = await openSocket(origin);
  socket.write(toBytes(get(path), origin));
  const [first] = (await once(socket, 'data')) as [Buffer];
  assertStatus200(first, path);
  const pause = (milliseconds: number): void => {
    socket.pause();
    setTimeout(() => socket.resume(), milliseconds).unref();
  };
  pause(SLOW_READER_PAUSE * (1 + phase));
  socket.on('data', () => pause(SLOW_READER_PAUSE));
  return socket;
}

async function openIdleOne(origin: string, path: string): Promise<Socket> {
  const socket = await openSocket(origin);
  socket.write(toBytes(get(path), origin));
  let received = 0;
  let expected = Number.POSITIVE_INFINITY;
  while (received < expected) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    if (received === 0) {
      assertStatus200(chunk, path);
      const head = chunk.subarray(0, chunk.indexOf('\r\n\r\n') + 4);
      expected = head.length + Number(/^content-length: (\d+)/im.exec(head.toString('latin1'))?.[1]);
      if (Number.isNaN(expected)) throw new Error(`${path} was answered without a Content-Length`);
    }
    received += chunk.length;
  }
  return socket;
}

async function openSocket(origin: string): Promise<Socket> {
  const { hostname, port } = new URL(origin);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  // Without a listener a reset would end the benchmark; assertAllOpen notices it.
  socket.on('error', () => {});
  return socket;
}

async function openWebSocket(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  socket.on('error', () => {});
  socket.send('hello');
  const [message] = (await once(socket, 'message')) as [Buffer];
  if (message.toString() !== 'hello')
    throw new Error('the WebSocket answered something else than it was sent');
  return socket;
}

function assertStatus200(firstBytes: Buffer, path: string): void {
  const status = firstBytes.toString('latin1', 0, 12);
  if (status !== 'HTTP/1.1 200') throw new Error(`${path} answered "${status}"`);
}

function crowd(sockets: readonly Socket[]): Crowd {
  return {
    // A socket that is ended by the server is destroyed by Node as soon as what it has received is read.
    assertAllOpen: () => assertOpen(sockets.map((socket) => !socket.destroyed && !socket.readableEnded)),
    close() {
      // A reset leaves no TIME_WAIT behind to use up ports.
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
}

function assertOpen(states: readonly boolean[]): void {
  const closed = states.filter((open) => !open).length;
  if (closed > 0) throw new Error(`the server closed ${closed} of ${states.length} connections`);
}

/** Some at a time, so that no listen backlog overflows; with a time limit, since `once` has none. */
async function openMany<T>(count: number, open: (index: number) => Promise<T>): Promise<T[]> {
  const opened: T[] = [];
  while (opened.length < count) {
    const first = opened.length;
    const length = Math.min(BATCH, count - first);
    const batch = Array.from({ length }, (_, index) => open(first + index));
    opened.push(...(await withTimeLimit(Promise.all(batch))));
  }
  return opened;
}

async function withTimeLimit<T>(promise: Promise<T>): Promise<T> {
  const limit = new AbortController();
  const late = sleep(15_000, undefined, { signal: limit.signal }).then(() => {
    throw new Error('connections were not answered within 15 s');
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    limit.abort();
    late.catch(() => {});
  }
}
