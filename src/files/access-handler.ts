// What decides who may have a file (nginx: handlers of the access phase); guard.ts puts them before a location's files.
import type { Exchange } from '../http/exchange.js';
import type { Target } from '../http/target.js';

/**
 * Decides whether a request may have the file it asks for. Resolves with false when it has answered the request
 * itself; rejects with an HttpError for a refusal.
 * @param target what is asked for: the request's own target, or the one that the app ordered
 */
export type AccessHandler = (exchange: Exchange, target: Target) => boolean | Promise<boolean>;
