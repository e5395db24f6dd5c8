// Protocol upgrades: WebSocket (RFC 6455), as Django Channels speaks it. After 101 the two sockets are joined.
import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { UnexpectedError } from '../http/errors.js';
import type { ClientRequest, Exchange } from '../http/exchange.js';
import { readResponseHead } from './response-headers.js';
import type { ResponseStart } from './response-parser.js';

/** How often the kernel asks an idle peer whether it is still there, in milliseconds. */
const KEEPALIVE_PROBE = 60_000;

/** The protocol a request asks for, when it is one that is passed on; another offer is ignored (RFC 9110 §7.8). */
export function wantedProtocol({
  method,
  headers,
}: Pick<ClientRequest, 'method' | 'headers'>): 'websocket' | undefined {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' ? 'websocket' : undefined;
}

/** Answers 101 and joins both connections until either ends. Resolves when both are closed. */
export function joinSockets(exchange: Exchange, start: ResponseStart, app: Socket): Promise<void> {
  const { response } = exchange;
  // Requests with an Upgrade field are not plain.
  if (!(response instanceof ServerResponse)) throw new UnexpectedError();
  const client = response.socket as Socket;
  response.detachSocket(client);
  response.statusCode = 101;
  exchange.upgraded = true;
  const fields = ['Connection', 'Upgrade', 'Upgrade', 'websocket', ...readResponseHead(start).fields];
  let head = 'HTTP/1.1 101 Switching Protocols\r\n';
  for (let index = 0; index < fields.length; index += 2) head += `${fields[index]}: ${fields[index + 1]}\r\n`;
  client.write(`${head}\r\n`, 'latin1');

  client.setTimeout(0);
  for (const socket of [client, app]) {
    // A peer that vanished without a word is found by the kernel's probes.
    socket.setKeepAlive(true, KEEPALIVE_PROBE);
    socket.setNoDelay(true);
  }
  app.on('data', (chunk: Buffer) => {
    exchange.bytes += chunk.length;
  });
  app.pipe(client);
  client.pipe(app);
  return new Promise((resolve) => {
    let open = 2;
    const closed = (): void => {
      app.destroy();
      client.destroy();
      open -= 1;
      if (open > 0) return;
      response.emit('close');
      resolve();
    };
    // An error is always followed by 'close'.
    app.on('error', () => {}).once('close', closed);
    client.on('error', () => {}).once('close', closed);
  });
}
