/**
 * Hand-made apps that stand in for Django where a test needs one that does something exact, or something wrong.
 * The real Django is in test/e2e.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type ListenOptions, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';

/** A request as it reached the app. */
export interface Received {
  readonly method: string;
  /** The request target, byte for byte. */
  readonly target: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface RunningApp {
  /** For `--upstream`. */
  readonly address: string;
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  readonly server: Server;
  /** Stops listening and breaks every connection. */
  stop(): Promise<void>;
}

/** Starts an app on a free port, or where `at` says; it is stopped when the test ends. */
export async function startApp(t: Test, listener: RequestListener, at?: ListenOptions): Promise<RunningApp> {
  const server = createServer(listener);
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  const sockets = trackSockets(server);
  server.listen(at ?? { port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const address = server.address() as AddressInfo | string;
  const port = typeof address === 'string' ? 0 : address.port;
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  };
  t.teardown(stop);
  return {
    address: typeof address === 'string' ? `unix:${address}` : `127.0.0.1:${port}`,
    port,
    get connections() {
      return connections;
    },
    server,
    stop,
  };
}

/** Starts an app that answers every request with `ok` and keeps what it received. */
export async function startRecorder(
  t: Test,
  at?: ListenOptions,
): Promise<RunningApp & { readonly received: Received[] }> {
  const received: Received[] = [];
  const app = await startApp(
    t,
    async (request, response) => {
      received.push(await receive(request));
      response.end('ok');
    },
    at,
  );
  return Object.assign(app, { received });
}

/** Reads a request to its end. */
export async function receive(request: IncomingMessage): Promise<Received> {
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    rawHeaders: request.rawHeaders,
    headers: request.headers,
    body: await buffer(request),
  };
}

/** Starts an app that speaks no HTTP of its own: it is handed each connection. Returns its address. */
export async function startTcpApp(t: Test, accept: (socket: Socket) => void): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    accept(socket);
  });
  const sockets = trackSockets(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Loopback addresses of this process alone: no other test takes a port of them. (A process id has 22 bits at most.) */
export const OWN_HOSTS = [64, 128, 192].map(
  (from) => `127.${from + (process.pid >> 16)}.${(process.pid >> 8) & 255}.${process.pid & 255}`,
) as [string, string, string];
const [OWN_HOST] = OWN_HOSTS;

/** An address on which nobody listens, and will not until the test does: it is this process's own. */
export async function deserted(): Promise<{ host: string; port: number; address: string }> {
  const server = createTcpServer().listen(0, OWN_HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return { host: OWN_HOST, port, address: `${OWN_HOST}:${port}` };
}

function trackSockets(server: { on(event: 'connection', listener: (socket: Socket) => void): unknown }) {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}
