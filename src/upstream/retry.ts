// When a failed request may be given to the app once more (RFC 9110 §9.2.2; nginx: proxy_next_upstream).

/** RFC 9110 §9.2.2: carried out twice, these do what once does. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** What is known of a failed attempt. */
export interface FailedAttempt {
  readonly error: Error;
  /** False when not a byte of the request was handed to a connection. */
  readonly sent: boolean;
}

/** True when the request does no harm when the app carries it out twice, and its body can be given again. */
export function isRepeatable(method: string, body: { readonly replayable: boolean } | undefined): boolean {
  return IDEMPOTENT.has(method) && (body === undefined || body.replayable);
}

/** The app, or what is between, closed the connection before it answered. */
const CLOSED = new Set(['MEDIA_SERVE_CONNECTION_CLOSED', 'ECONNRESET', 'EPIPE']);

/** True when the connection broke, as it does when the app closes an idle one at this moment. */
export function isClosed(error: Error): boolean {
  return CLOSED.has(codeOf(error));
}

/** True when another attempt at the same server makes sense and is safe: its connection broke, which a new one mends. */
export function mayTryAgain({ error, sent }: FailedAttempt, repeatable: boolean): boolean {
  return sent && repeatable && isClosed(error);
}

/** True when another server may get the request. */
export function mayTryNext({ sent }: FailedAttempt, repeatable: boolean): boolean {
  return !sent || repeatable;
}

/** The error's code, however it was made. */
export function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.name;
}
