// The end of the event loop's turn: when all that has come in by then is read, and before more is waited for. What is
// written then, for all sockets in one go, wakes the processes at their other ends once, and not for every answer
// again while they are about to sleep. Measured with a bare socket server and `npm run bench -- --cases hot-4k`: a
// third to a half of a small answer's time is the wake-up.

/** Something that is put off to the end of the turn. */
export interface TurnEnd {
  endTurn(): void;
}

let waiting: TurnEnd[] = [];
let bytesWaiting = 0;

/** How much may wait, in bytes; with more, the end of the turn comes early, or memory would grow with the clients. */
const MOST_WAITING = 1024 * 1024;

/**
 * Calls `task.endTurn()` at the end of this turn; never before this returns.
 * @param bytes that are held until then
 */
export function atEndOfTurn(task: TurnEnd, bytes: number): void {
  if (waiting.push(task) === 1) setImmediate(end);
  bytesWaiting += bytes;
  if (bytesWaiting > MOST_WAITING) {
    bytesWaiting = 0;
    process.nextTick(end);
  }
}

function end(): void {
  const tasks = waiting;
  waiting = [];
  bytesWaiting = 0;
  for (const task of tasks) task.endTurn();
}
