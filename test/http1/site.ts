/** A server of HTTP/1.1 alone, in this process, whose requests all go to one function. */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';
import { isHttpError } from '../../src/http/errors.js';
import type { ClientRequest, ClientResponse } from '../../src/http/exchange.js';
import { Server } from '../../src/http1/server.js';
import type { ServerOptions } from '../../src/http1/server-options.js';

export type Answer = (request: ClientRequest, response: ClientResponse) => void;

export interface Site {
  readonly port: number;
  readonly server: Server;
  /** Targets in the order in which they were given to be answered. */
  readonly answered: string[];
  /** Bytes that were read of the clients' connections, of each for itself, in the order in which they came. */
  bytesRead(): number[];
}

/** How connections are treated, where a test does not say. */
export const USUAL: Omit<ServerOptions, 'answer'> = {
  keepAliveTimeout: 60_000,
  headTimeout: 60_000,
  lingeringTimeout: 5000,
  lingeringTime: 30_000,
  resetDelay: 1000,
  maxHead: 16 * 1024,
  introduction: undefined,
};

/** Starts one. When the test ends every connection is broken, and all of them must have been given back. */
export async function startSite(
  t: Test,
  answer: Answer,
  options: Partial<Omit<ServerOptions, 'answer'>> = {},
): Promise<Site> {
  const answered: string[] = [];
  const handles: { readonly bytesRead: number }[] = [];
  const server = new Server({
    ...USUAL,
    ...options,
    answer(request, response) {
      answered.push(request.target);
      answer(request, response);
    },
  });
  server.prependListener('connection', (socket: Socket) => {
    const { _handle: handle } = socket as unknown as { _handle: { readonly bytesRead: number } | null };
    if (handle !== null) handles.push(handle);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return { port, server, answered, bytesRead: () => handles.map(({ bytesRead }) => bytesRead) };
}

/** Answers with a text. */
export function say(response: ClientResponse, text: string, status = 200): void {
  response.sendText(status, ['Content-Length', String(text.length)], text, 60_000);
}

/** Answers with the method, the target and the body; what cannot be read with its fault, as the last on its connection. */
export const echo: Answer = (request, response) => {
  const refuse = (error: unknown): void => {
    response.shouldKeepAlive = false;
    if (isHttpError(error)) say(response, `<${error.message}>`, error.statusCode);
    else response.destroy();
  };
  if (request.fault !== undefined) {
    refuse(request.fault);
    return;
  }
  response.writeContinue();
  buffer(request.body).then(
    (body) => say(response, `<${request.method} ${request.target} ${body.toString('latin1')}>`),
    refuse,
  );
};

/** What `echo` has answered. */
export function answersIn(received: string): string[] {
  return received.match(/<[^>]*>/g) ?? [];
}

/** Status codes of the answers, for texts without bodies that look like one. */
export function statusesIn(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
