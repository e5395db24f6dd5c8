// Who may have a file: what is asked before it is opened, in nginx's order (secure_link, then auth_request).
import type { Logger } from 'pino';
import type { FileLocation } from '../config/location.js';
import type { Exchange } from '../http/exchange.js';
import type { Ask } from '../http/order.js';
import type { Target } from '../http/target.js';
import { createAuthRequest } from './auth-request.js';
import { createSecureLink } from './secure-link.js';
import type { FileHandler } from './serve.js';

/**
 * Decides whether a request may have the file it asks for. Resolves with false when it has answered the request
 * itself; rejects with an HttpError for a refusal.
 * @param target what is asked for: the request's own target, or the one that the app ordered
 */
export type Guard = (exchange: Exchange, target: Target) => boolean | Promise<boolean>;

/**
 * The handler behind the guards that its location asks for; itself when there are none.
 * @param ask asks the app; must be there when the location has an authRequest
 */
export function guardFiles(
  location: FileLocation,
  handler: FileHandler,
  ask: Ask | undefined,
  log: Logger,
): FileHandler {
  const { secureLink, authRequest } = location.access;
  const guards: Guard[] = [];
  if (secureLink !== undefined) guards.push(createSecureLink(secureLink));
  if (authRequest !== undefined && ask !== undefined) guards.push(createAuthRequest(authRequest, ask, log));
  if (guards.length === 0) return handler;
  return async (exchange, order) => {
    const target = order?.target ?? exchange.target;
    for (const guard of guards) {
      if (!(await guard(exchange, target))) return;
    }
    await handler(exchange, order);
  };
}
