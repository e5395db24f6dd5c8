// A client that leaves while the app is to work for it (nginx: proxy_ignore_client_abort). One that has said its last byte
// has most likely left: a browser that closes a page does no more than that, and a connection that is only half-closed
// looks the same. It counts as left whether that is heard before the app is asked or while it works, so that what a
// client gets is no matter of luck.
import type { UpstreamLocation } from '../config/location.js';
import type { ClientResponse } from '../http/exchange.js';

type Leaving = Pick<UpstreamLocation, 'abortOnClientClose'>;

/** To be asked before the app is: whether nobody waits for the answer. The connection is broken then. */
export function endIfClientLeft(response: ClientResponse, { abortOnClientClose }: Leaving): boolean {
  if (response.hasLeft && abortOnClientClose) response.destroy();
  return response.destroyed;
}

/** Calls the listener once the client leaves, and breaks its connection. @returns what stops listening */
export function onClientLeft(
  response: ClientResponse,
  { abortOnClientClose }: Leaving,
  listener: () => void,
): () => void {
  const left = (): void => {
    listener();
    response.destroy();
  };
  response.once('close', listener);
  if (abortOnClientClose) response.once('left', left);
  return () => {
    response.off('close', listener);
    response.off('left', left);
  };
}
