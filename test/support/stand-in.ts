/** A stand-in for the app: a small HTTP server that answers as the test says and keeps what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

/** A request as the app got it. */
export interface Seen {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface StandIn {
  /** As `--upstream` takes it. */
  readonly address: string;
  /** Every request so far, in the order in which they were complete. */
  readonly seen: readonly Seen[];
  /** Connections that were opened so far. */
  connections(): number;
}

/** Starts the app; it is stopped when the test ends. `answer` is called when a request is complete. */
export async function startStandIn(
  t: Test,
  answer: (request: Seen, response: ServerResponse) => void,
): Promise<StandIn> {
  const seen: Seen[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const complete = { method, target: url, headers, body: Buffer.concat(chunks).toString() };
      seen.push(complete);
      answer(complete, response);
    });
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, seen, connections: () => connections };
}

/** An answer with these fields, given one by one, and no body. */
export function order(response: ServerResponse, ...fields: readonly (readonly [string, string])[]): void {
  response.writeHead(200, fields.flat());
  response.end();
}
