/** An app that speaks no HTTP of its own: each request is answered by what the test expects under its number. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';

/** The app's side of one request. */
export interface AppSide {
  readonly socket: Socket;
  /** Bytes of the request's body, or of what follows a switch of protocols, so far. */
  readonly received: number;
  /** Resolves when the other side has said its last byte, or the connection is closed. */
  readonly ended: Promise<void>;
  readonly closed: Promise<void>;
  /** Does not close its side when the other has closed its own. */
  staysOpen: boolean;
}

export interface RawApp {
  /** For `--upstream`. */
  readonly address: string;
  /** Resolves when the request with this number, the last part of its path, has come; `answer` is called at once then. */
  expect(id: number, answer: (side: AppSide) => void): Promise<AppSide>;
  /** Forgets what did not come. */
  forget(): void;
}

interface Expected {
  readonly answer: (side: AppSide) => void;
  readonly resolve: (side: AppSide) => void;
}

const REQUEST = /^[A-Z]+ (?:\/[a-z]+)*\/(\d+) HTTP\/1\.[01]\r\n/;

/** Starts the app, on a port of loopback or the unix socket at `path`; it is stopped when the test ends. */
export async function startRawApp(t: Test, path?: string): Promise<RawApp> {
  const expected = new Map<number, Expected>();
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
    speak(socket, (id) => {
      const found = expected.get(id);
      expected.delete(id);
      return found;
    });
  });
  server.listen({ ...(path === undefined ? { port: 0, host: '127.0.0.1' } : { path }), backlog: 2048 });
  await once(server, 'listening');
  const address = server.address() as AddressInfo | string;
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    address: typeof address === 'string' ? `unix:${address}` : `127.0.0.1:${address.port}`,
    expect: (id, answer) => new Promise((resolve) => expected.set(id, { answer, resolve })),
    forget: () => expected.clear(),
  };
}

function speak(socket: Socket, take: (id: number) => Expected | undefined): void {
  const ended = new Promise<void>((resolve) => socket.once('end', resolve).once('close', () => resolve()));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  let head = '';
  let present: { staysOpen: boolean; received: number } | undefined;
  socket.on('end', () => {
    if (present?.staysOpen !== true) socket.end();
  });
  socket.on('data', (chunk: Buffer) => {
    // Bodies in these tests look like no request: what does is the next one on a kept connection.
    if (present !== undefined && !REQUEST.test(chunk.toString('latin1', 0, 100))) {
      present.received += chunk.length;
      return;
    }
    head += chunk.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const found = take(Number(REQUEST.exec(head)?.[1]));
    const side = { socket, received: head.length - end - 4, ended, closed, staysOpen: false };
    head = '';
    present = side;
    if (found === undefined) {
      socket.destroy();
      return;
    }
    found.answer(side);
    found.resolve(side);
  });
}
