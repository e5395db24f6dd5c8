// Offers to go on in another protocol (RFC 9110 §7.8). WebSocket (RFC 6455) is passed on, any other is ignored.
import { hasElement } from './fields.js';

/**
 * The protocol that a request of HTTP/1.1 offers, when it is one that is passed on. Without `upgrade` among its
 * connection options the offer is not for this connection, and is ignored.
 * @param connection in lower case
 */
export function offeredProtocol(
  method: string,
  upgrade: string | undefined,
  connection: string | undefined,
): 'websocket' | undefined {
  if (upgrade === undefined || method !== 'GET' || upgrade.toLowerCase() !== 'websocket') return undefined;
  return hasElement(connection, 'upgrade') ? 'websocket' : undefined;
}
