/** The requests that clients send and the answers that the app gives. */

export const head = (line: string, ...fields: string[]): string =>
  [line, 'Host: a', ...fields, '', ''].join('\r\n');
export const get = (target: string, ...fields: string[]): (() => string) => {
  const request = head(`GET ${target} HTTP/1.1`, ...fields);
  return () => request;
};
/** Requests for the app end in a number by which it finds out what to do. */
export const getApp =
  (...fields: string[]) =>
  (id: number): string =>
    head(`GET /app/${id} HTTP/1.1`, ...fields);
/** HTTP/1.0 has no chunks: an answer of which the length is not known ends with the connection. */
export const getAppOld = (id: number): string => `GET /app/${id} HTTP/1.0\r\n\r\n`;
export const postApp =
  (body: string, ...fields: string[]) =>
  (id: number): string =>
    head(`POST /app/${id} HTTP/1.1`, ...fields) + body;
export const CHUNKED = 'Transfer-Encoding: chunked';
export const HANDSHAKE = [
  ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
export const followedBy =
  (request: (id: number) => string, bytes: string) =>
  (id: number): string =>
    request(id) + bytes;

/** Leaves the app's connection open. */
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
export const LAST_OK = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok';
export const REFUSED = 'HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno';
export const EARLY_HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n';
export const SWITCHING =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
export const headOfLength = (length: number): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;
/** What has come of an answer that is not whole, by its framing. */
export const BEGUN_ANSWERS = {
  'of known length': `${headOfLength(1000)}begun`,
  'in chunks': `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n\r\n5\r\nbegun\r\n`,
  'up to the end of the connection': 'HTTP/1.1 200 OK\r\n\r\nbegun',
};

/** A body of more than the kernel takes, most times, of what one side writes and the other does not read. */
export const LARGE_BODY = Buffer.alloc(6 * 1024 * 1024, 'x');
/** The length of a body of which the end never comes: far more than the kernel ever takes. */
export const ENDLESS = 1024 * 1024 * 1024;
