// Requests that are answered together, one after the other and without a pause in between. All of them had been received
// when the first was answered, so that what is found out for one of them, the others may use: none can have been sent
// after a change that came later.

let batches = 0;
let current: number | undefined;

/** Runs the task, which answers requests, as one batch. */
export function inBatch(task: () => void): void {
  batches += 1;
  current = batches;
  try {
    task();
  } finally {
    current = undefined;
  }
}

/** The number of the batch that is going on, if one is. */
export function currentBatch(): number | undefined {
  return current;
}

/** True while a batch is going on. */
export function isInBatch(): boolean {
  return current !== undefined;
}

/** What is found out once for each batch, and outside of batches each time that it is asked for. */
export class OncePerBatch<Value> {
  readonly #find: () => Value;
  #found: { readonly batch: number; readonly value: Value } | undefined;

  constructor(find: () => Value) {
    this.#find = find;
  }

  /** As it is now, or was at a moment since the request was received. */
  get(): Value {
    if (current === undefined) return this.#find();
    if (this.#found?.batch !== current) this.#found = { batch: current, value: this.#find() };
    return this.#found.value;
  }
}
