/** What the comparisons with a real nginx and a real Apache share: an app that tells what it was asked, and who asks. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as requestPlain, type ServerResponse } from 'node:http';
import { request as requestByTls } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';

/** A request. */
export interface Request {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly fields: Readonly<Record<string, string>>;
  /** A character for each byte. */
  readonly body: string;
}

/**
 * Starts an app that tells what it was asked, on a port and at a socket.
 * @param before answers some requests in another way, and says whether it has
 */
export async function startEcho(
  t: Test,
  socket: string,
  before: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
): Promise<{ port: number }> {
  const listener = createServer(async (request, response) => {
    const body = (await buffer(request)).toString();
    if (before(request, response)) return;
    const { url = '', method, headers } = request;
    response.setHeader('Content-Type', 'application/json');
    response.setHeader('Set-Cookie', 'csrftoken=1; Path=/');
    response.end(JSON.stringify({ url, method, body, headers }));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const bySocket = createTcpServer((connection) => void listener.emit('connection', connection));
  bySocket.listen(socket);
  await once(bySocket, 'listening');
  t.teardown(() => {
    bySocket.close();
    listener.closeAllConnections();
    listener.close();
  });
  return { port: (listener.address() as AddressInfo).port };
}

/**
 * Sends the request, path and all as they are written, and resolves with the answer.
 * @param leftOut fields that are not compared, in lower case
 */
export async function ask(
  port: number,
  { path, method = 'GET', headers = {}, body }: Request,
  byTls: boolean,
  leftOut: ReadonlySet<string>,
): Promise<Answer> {
  const request = (byTls ? requestByTls : requestPlain)({
    host: '127.0.0.1',
    port,
    path,
    method,
    headers: { Host: 'example.com', ...headers },
    agent: false,
    ...(byTls ? { rejectUnauthorized: false } : {}),
  });
  // What is refused before it is read may break off.
  request.on('error', () => {});
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const fields = Object.fromEntries(
    Object.entries(response.headers)
      .filter(([name]) => !leftOut.has(name))
      .map(([name, value]) => [name, String(value)]),
  );
  return { status: response.statusCode ?? 0, fields, body: (await buffer(response)).toString('latin1') };
}
