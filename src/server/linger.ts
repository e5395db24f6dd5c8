// An answer that comes before the request's body is complete. Closing at once would make the client's system throw
// the answer away unread, so the rest of the body is read and dropped for a while (nginx: lingering_close).
import type { ClientRequest, ClientResponse } from '../http/exchange.js';

/** Longest silence, and longest time altogether, in milliseconds (nginx: lingering_timeout, lingering_time). */
const SILENCE = 5000;
const ALTOGETHER = 30_000;

/** Ends a response whose bytes are written, and with it the connection, when the client has stopped sending. */
export function endWhenClientStops({ body }: ClientRequest, response: ClientResponse): void {
  const altogether = setTimeout(end, ALTOGETHER);
  const silence = setTimeout(end, SILENCE);
  const heard = (): void => {
    silence.refresh();
  };
  function end(): void {
    clearTimeout(altogether);
    clearTimeout(silence);
    body.off('data', heard);
    response.end();
  }
  body.on('data', heard).once('end', end).once('close', end).on('error', end);
  response.once('close', end);
  body.resume();
}
