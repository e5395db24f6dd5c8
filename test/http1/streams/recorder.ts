/** The app behind the server: keeps what each connection brings, reads it with llhttp, and answers each request. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { type LlhttpRequest, type PartialRequest, RequestReader } from './llhttp.js';
import { membersOf, NOTHING, valuesOf } from './message.js';

/** A request that reached the app. */
export interface Received {
  /** What the answer says in X-App. */
  readonly serial: number;
  readonly request: LlhttpRequest;
  readonly connection: AppConnection;
}

/** Everything that came by one connection. */
export interface AppConnection {
  readonly requests: readonly LlhttpRequest[];
  readonly bytes: Buffer;
  /** As the other parsers are to get it, without what came behind an upgrade. */
  readonly given: Buffer;
  /** What came behind an upgrade that the app agreed to. */
  readonly tunnel: Buffer | undefined;
  /** Why there was nothing more. */
  readonly rest: string;
  readonly partial: PartialRequest | undefined;
}

export interface Recorder {
  /** For `--upstream`. */
  readonly address: string;
  /** What came from this client, in the order in which it came; it is then forgotten. */
  take(client: string): {
    readonly received: readonly Received[];
    readonly partial: readonly PartialRequest[];
  };
  /** How many connections are open. */
  readonly open: number;
}

/** The app ends a connection behind this many requests. */
const MAX_REQUESTS = 40;

/** @param ended is told of each connection when it is over */
export async function startRecorder(t: Test, ended: (connection: AppConnection) => void): Promise<Recorder> {
  const received = new Map<string, Received[]>();
  const partial = new Map<string, PartialRequest[]>();
  const sockets = new Set<Socket>();
  let serial = 0;

  const accept = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true);
    const chunks: Buffer[] = [];
    const tunnel: Buffer[] = [];
    let isTunnel = false;
    let isLast = false;
    let length = 0;
    const connection = (): AppConnection => ({
      requests: reader.requests,
      bytes: Buffer.concat(chunks),
      given: Buffer.concat(reader.given),
      tunnel: isTunnel ? Buffer.concat(tunnel) : undefined,
      rest: reader.rest,
      partial: reader.partial,
    });
    const reader = new RequestReader((request) => {
      if (isLast) return;
      serial += 1;
      const lazy = {
        serial,
        request,
        get connection() {
          return connection();
        },
      };
      add(received, clientOf(request), lazy);
      if (wantsWebSocket(request)) {
        isTunnel = true;
        reader.stop();
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-App: ${serial}\r\n\r\n`,
        );
        return;
      }
      isLast = request.closes || reader.requests.length >= MAX_REQUESTS;
      const body = request.method === 'HEAD' ? '' : 'answered';
      const closing = isLast ? 'Connection: close\r\n' : '';
      socket.write(`HTTP/1.1 200 OK\r\nX-App: ${serial}\r\n${closing}Content-Length: 8\r\n\r\n${body}`);
      if (isLast) socket.end();
    });
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const readBefore = length;
      length += chunk.length;
      if (!isTunnel) reader.push(chunk);
      if (!isTunnel) return;
      const end = reader.requests.at(-1)?.end ?? 0;
      if (end < length) tunnel.push(chunk.subarray(Math.max(0, end - readBefore)));
    });
    socket.on('end', () => {
      if (isTunnel) socket.end();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      const whole = connection();
      if (whole.partial !== undefined && whole.rest !== NOTHING)
        add(partial, clientOf(whole.partial), whole.partial);
      ended(whole);
    });
  };
  const server = createServer(accept).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    take(client) {
      const taken = { received: received.get(client) ?? [], partial: partial.get(client) ?? [] };
      received.delete(client);
      partial.delete(client);
      return taken;
    },
    get open() {
      return sockets.size;
    },
  };
}

/** The address that the server says the client has: each stream comes from another. */
function clientOf(request: Pick<LlhttpRequest, 'fields'>): string {
  return valuesOf(request, 'x-real-ip').at(-1) ?? 'nobody';
}

function wantsWebSocket(request: LlhttpRequest): boolean {
  return (
    membersOf(request, 'connection').includes('upgrade') &&
    membersOf(request, 'upgrade').includes('websocket')
  );
}

function add<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
