// When a failed request may be given to the app once more (RFC 9110 §9.2.2; nginx: proxy_next_upstream error timeout).

/** RFC 9110 §9.2.2: carried out twice, these do what once does. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** How often a request may be sent: a retry that fails is not retried (RFC 9110 §9.2.2). */
const MOST_SENT = 2;

/** A kept connection that has rested for less is not closed for that, in milliseconds; app servers wait for a second or more. */
const SHORT_REST = 500;

/** What is known of a failed attempt. */
export interface FailedAttempt {
  readonly error: Error;
  /** True when its connection had carried a request before. */
  readonly kept: boolean;
  /** How long that had rested before, in milliseconds. */
  readonly rested: number;
  /** False when not a byte of the request was handed to a connection. */
  readonly sent: boolean;
  /** True when anything of an answer has come. */
  readonly heard: boolean;
  /** True when the head of an answer has come. */
  readonly answered: boolean;
}

/** What else may be done with a request: the same server may be asked again, or the next one. */
export type Retry = 'again' | 'next';

/** True when the request does no harm when the app carries it out twice, and its body can be given again. */
export function isRepeatable(method: string, body: { readonly replayable: boolean } | undefined): boolean {
  return IDEMPOTENT.has(method) && (body === undefined || body.replayable);
}

/** The app, or what is between, closed the connection before it answered. */
const CLOSED = new Set(['MEDIA_SERVE_CONNECTION_CLOSED', 'ECONNRESET', 'EPIPE']);

/** An answer that is none, or can be read in more than one way (RFC 9112 §11.2). */
const UNREADABLE = new Set(['MEDIA_SERVE_MALFORMED_MESSAGE', 'MEDIA_SERVE_HEAD_TOO_LARGE']);

/** True when the app has answered, in a way that cannot be passed on. */
export function isUnreadable(error: Error): boolean {
  return UNREADABLE.has(codeOf(error));
}

/** True when the app may have been closing the kept connection just then, without having seen the request. */
export function metClosing({ error, kept, heard }: FailedAttempt): boolean {
  return kept && !heard && CLOSED.has(codeOf(error));
}

/** True when it counts against the server: all does but the end of a connection that had rested. */
export function isFailure(attempt: FailedAttempt): boolean {
  return !metClosing(attempt) || attempt.rested < SHORT_REST;
}

/**
 * What may be done after this attempt.
 * @param times how often the request has been sent by now
 */
export function retryAfter(attempt: FailedAttempt, repeatable: boolean, times: number): Retry | undefined {
  if (!attempt.sent) return 'next';
  if (!repeatable || times >= MOST_SENT) return undefined;
  // A fresh connection that breaks has most likely taken its worker along, and the same server would lose the next one.
  if (metClosing(attempt)) return 'again';
  return attempt.answered || isUnreadable(attempt.error) ? undefined : 'next';
}

/** The error's code, however it was made. */
export function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.name;
}
