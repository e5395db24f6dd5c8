/** A client that sends exactly the bytes it is given, for requests that no well-behaved client can make. */
import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { Test } from 'tap';

/** Milliseconds until a wait is given up; far more than is ever needed. */
const LIMIT = 60_000;

export interface RawResponse {
  readonly status: number;
  readonly reason: string;
  /** Header fields in the order they came, names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** The first value of each field, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Everything after the head, as it came (still chunked if it was chunked). */
  readonly body: Buffer;
}

/** Sends `request` and resolves with all bytes received until the server closes, or `timeout` ms of silence. */
export function rawExchange(
  target: number | NetConnectOpts,
  request: string | Buffer,
  { timeout = LIMIT }: { timeout?: number } = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(typeof target === 'number' ? { port: target, host: '127.0.0.1' } : target);
    const chunks: Buffer[] = [];
    socket.setTimeout(timeout, () => socket.destroy());
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => resolve(Buffer.concat(chunks)));
    socket.write(request);
  });
}

/** Splits the first response's head from what follows it. */
export function parseResponse(bytes: Buffer): RawResponse {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`no response head in ${JSON.stringify(bytes.toString('latin1'))}`);
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const [, status = '', reason = ''] = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(statusLine) ?? [];
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const headers: Record<string, string> = {};
  for (const [name, value] of fields) headers[name] ??= value;
  return { status: Number(status), reason, fields, headers, body: bytes.subarray(end + 4) };
}

/** One request on a connection of its own; the request must ask for `Connection: close`. */
export async function rawRequest(
  target: number | NetConnectOpts,
  request: string | Buffer,
  options?: { timeout?: number },
): Promise<RawResponse> {
  return parseResponse(await rawExchange(target, request, options));
}

/** The head of a GET for this target, on a connection that is closed behind it. */
export function get(target: string, fields: readonly string[] = [], method = 'GET'): string {
  return [`${method} ${target} HTTP/1.1`, 'Host: example.org', 'Connection: close', ...fields, '', ''].join(
    '\r\n',
  );
}

/** A connection that is talked over step by step. */
export interface RawConnection {
  readonly socket: Socket;
  /** Everything received so far, one character a byte. */
  received(): string;
  /** Resolves when what was received so far satisfies the predicate; rejects when the connection ends before, or it takes too long. */
  until(predicate: (received: string) => boolean): Promise<string>;
  /** Resolves with everything received, when the connection is closed; rejects when that takes too long. */
  closed(): Promise<string>;
}

/** Opens a connection; it is broken when the test ends. */
export async function openConnection(t: Test, target: number | NetConnectOpts): Promise<RawConnection> {
  const socket = connect(typeof target === 'number' ? { port: target, host: '127.0.0.1' } : target);
  t.teardown(() => socket.destroy());
  // Being cut off is what many of these tests are about; 'close' follows.
  socket.on('error', () => {});
  await once(socket, 'connect');
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const inTime = <T>(wait: Promise<T>, what: string): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = (): Error =>
        new Error(`${what} did not come to pass after ${JSON.stringify(received.slice(-2000))}`);
      timer = setTimeout(() => reject(error()), LIMIT);
    });
    return Promise.race([wait, late]).finally(() => clearTimeout(timer));
  };
  return {
    socket,
    received: () => received,
    until: (predicate) => {
      const satisfied = new Promise<string>((resolve, reject) => {
        const check = (): void => {
          if (!predicate(received)) return;
          socket.off('data', check);
          resolve(received);
        };
        socket.on('data', check);
        check();
        gone.then(
          () => reject(new Error(`the connection ended after ${JSON.stringify(received.slice(-2000))}`)),
          reject,
        );
      });
      return inTime(satisfied, 'what was waited for');
    },
    closed: () =>
      inTime(
        gone.then(() => received),
        'the end of the connection',
      ),
  };
}
