// Mistakes of the operator: values that cannot be used. The command prints the message as one line and exits 2.
import createError from '@fastify/error';

/** A value given by flag, environment or file cannot be used. Arguments: where it came from, what is wrong. */
export const BadValueError = createError('MEDIA_SERVE_BAD_VALUE', '%s: %s');

/** The command line itself cannot be read (unknown flag, missing argument). Argument: what is wrong. */
export const UsageError = createError('MEDIA_SERVE_USAGE', '%s');

/** True for errors that are the operator's to mend, so that only their message is shown. */
export function isOperatorError(error: unknown): error is Error & { code: string } {
  return error instanceof BadValueError || error instanceof UsageError;
}

/** Quotes a value for an error message, cut so that the message stays one readable line. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
