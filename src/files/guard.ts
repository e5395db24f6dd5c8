// Who may have a file: what is asked before it is opened, in nginx's order (secure_link, then auth_request).
import type { Logger } from 'pino';
import type { FileLocation } from '../config/location.js';
import type { Subrequest } from '../http/order.js';
import type { AccessHandler } from './access-handler.js';
import { createAuthRequest } from './auth-request.js';
import { createSecureLink } from './secure-link.js';
import type { FileHandler } from './serve.js';

/**
 * The handler behind the access handlers that its location asks for; itself when there are none.
 * @param subrequest asks the app; must be there when the location has an authRequest
 */
export function guardFiles(
  location: FileLocation,
  handler: FileHandler,
  subrequest: Subrequest | undefined,
  log: Logger,
): FileHandler {
  const { secureLink, authRequest } = location.access;
  const handlers: AccessHandler[] = [];
  if (secureLink !== undefined) handlers.push(createSecureLink(secureLink));
  if (authRequest !== undefined && subrequest !== undefined)
    handlers.push(createAuthRequest(authRequest, subrequest, log));
  if (handlers.length === 0) return handler;
  return async (exchange, order) => {
    const target = order?.target ?? exchange.target;
    for (const mayHave of handlers) {
      if (!(await mayHave(exchange, target))) return;
    }
    await handler(exchange, order);
  };
}
