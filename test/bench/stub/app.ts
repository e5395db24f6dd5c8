/**
 * The stub app in Node: counts the bytes of uploads, echoes WebSocket messages, and stands in for the nginx
 * stub where there is no nginx. It is run as a process of its own: tsx app.ts PORT DOWNLOAD
 */
import { createReadStream, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { WebSocketServer } from 'ws';
import { REDIRECT_TO, SMALL_ANSWER } from './answers.js';

const [, , port = '0', download = ''] = process.argv;

const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
  switch (request.url) {
    case '/upload':
      return countBytes(request, response);
    case '/small':
      return response.writeHead(200, { 'Content-Length': SMALL_ANSWER.length }).end(SMALL_ANSWER);
    case '/download':
      response.writeHead(200, { 'Content-Length': statSync(download).size });
      return createReadStream(download, { highWaterMark: 1 << 20 }).pipe(response);
    case '/protected-file':
      return response.writeHead(200, { 'Content-Length': 0, 'X-Accel-Redirect': REDIRECT_TO }).end();
    default:
      return response.writeHead(404, { 'Content-Length': 0 }).end();
  }
});

const sockets = new WebSocketServer({ server, path: '/websocket' });
sockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('error', () => socket.terminate());
});
server.listen(Number(port), '127.0.0.1');

function countBytes(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  request.on('end', () => {
    const answer = String(bytes);
    response.writeHead(200, { 'Content-Length': answer.length }).end(answer);
  });
}
