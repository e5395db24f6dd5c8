// A response in one piece and one write. Measured with `npm run bench -- --cases hot-4k,proxy-130`: Node's own
// writeHead and end cost more than all the rest of a small answer, and end() adds an empty second piece, which makes
// of one write a writev.
import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http';

/**
 * The state that Node's OutgoingMessage keeps of its head. It is no public interface, so its presence is checked
 * below; where it is missing, responses go the ordinary way.
 */
interface HeadState {
  _header: string | null;
  _headerSent: boolean;
}

const IS_STATE_KNOWN = ((): boolean => {
  const probe = new ServerResponse({ method: 'GET' } as IncomingMessage) as ServerResponse &
    Partial<HeadState>;
  return probe._header === null && probe._headerSent === false;
})();

/** Whether this response can be written at once: to HTTP/1.1, on a connection that stays open. */
export function canWriteAtOnce(request: IncomingMessage, response: ServerResponse): boolean {
  return IS_STATE_KNOWN && response.shouldKeepAlive && request.httpVersionMinor === 1;
}

/**
 * A head with the empty line behind it. Unlike Node this adds no field of its own.
 * @param fields names and values in turn. Nothing that would end a field comes here: the parser refuses it in an app's
 *   answer, and the option table in headers of the operator's
 */
export function renderHead(status: number, fields: readonly string[], reason = STATUS_CODES[status]): string {
  let head = `HTTP/1.1 ${status} ${reason}\r\n`;
  for (let index = 0; index < fields.length; index += 2) head += `${fields[index]}: ${fields[index + 1]}\r\n`;
  return `${head}\r\n`;
}

/**
 * Writes head and content, and tells the response that they are sent: it ends when the socket has taken them all.
 * @param bytes text is latin1
 * @param silence longest time that the client may take nothing, in milliseconds; then it is cut off
 * @returns false when the socket keeps a part of the bytes for later: a buffer must then stay as it is
 */
export function writeAtOnce(
  response: ServerResponse,
  status: number,
  bytes: Buffer | string,
  silence: number,
): boolean {
  const state = response as ServerResponse & HeadState;
  const { socket } = response;
  response.statusCode = status;
  state._header = ' ';
  state._headerSent = true;
  // Past the response: given to end(), the bytes would go out as two pieces.
  if (typeof bytes === 'string') socket?.write(bytes, 'latin1');
  else socket?.write(bytes);
  if (socket === null || socket.writableLength === 0) {
    response.end();
    return true;
  }
  // Ended now, its connection would look idle, and be closed with what still waits in it.
  socket.setTimeout(silence);
  socket.write('', (error) => {
    // The client is gone, or has been cut off: the answer is not whole, and must not be logged as if it were.
    if (error) return;
    socket.setTimeout(0);
    response.end();
  });
  return false;
}
