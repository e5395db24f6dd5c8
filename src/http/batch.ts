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
