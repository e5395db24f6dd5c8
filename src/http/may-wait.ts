// What may be there at once or be promised, and the one way to go on with either.

/** A value, or the promise of it where it has to be waited for. */
export type MayWait<Value> = Value | Promise<Value>;

/**
 * Goes on with what is found: in this turn of the event loop if it is there at once, and later if it is promised.
 * @param start finds it
 * @param next is told it
 * @param fail is told instead what `start` throws or its promise rejects with, but nothing of what `next` does
 */
export function goOn<Value, Next>(
  start: () => MayWait<Value>,
  next: (value: Value) => Next,
  fail: (error: unknown) => Next,
): Next | Promise<Awaited<Next>> {
  let value: MayWait<Value>;
  try {
    value = start();
  } catch (error) {
    return fail(error);
  }
  return value instanceof Promise ? (value.then(next, fail) as Promise<Awaited<Next>>) : next(value);
}
