// The end of the event loop's turn: when all that has come in by then is read, and before more is waited for. First the
// requests of the turn are answered, as one batch, then what was put off to then is written, for all sockets in one go.
// That wakes the processes at their other ends once, and not for every answer again while they are about to sleep;
// and the same code runs for many requests in a row. Measured with a bare socket server and `npm run bench -- --cases
// hot-4k`: a third to a half of a small answer's time is the wake-up. Batches took 20 KB files at random from 0.58 to
// 0.69 of nginx, and a 64 KiB file in memory from 0.67 to 0.76, before anything was shared in them (stores/disk/lookups).
import { inBatch, isInBatch } from '../http/batch.js';
import { reportDefect } from '../http/defect.js';

/** Something that is put off to the end of the turn. */
export interface TurnEnd {
  endTurn(): void;
}

/** How much may wait, in bytes; with more, the end of the turn comes early, or memory would grow with the clients. */
const MAX_WAITING = 1024 * 1024;

let requests: TurnEnd[] = [];
let writes: TurnEnd[] = [];
let bytesOfRequests = 0;
let bytesOfWrites = 0;
let isScheduled = false;

/**
 * Calls `request.endTurn()` in the batch of answers at the end of this turn; never before this returns.
 * @param bytes that are held until then
 */
export function answerAtEndOfTurn(request: TurnEnd, bytes: number): void {
  requests.push(request);
  bytesOfRequests += bytes;
  schedule();
  if (bytesOfRequests > MAX_WAITING && bytesOfRequests - bytes <= MAX_WAITING) process.nextTick(end);
}

/**
 * Calls `write.endTurn()` at the end of this turn, after the batch of answers, or within it when much is waiting; never
 * before this returns.
 * @param bytes that are held until then
 */
export function writeAtEndOfTurn(write: TurnEnd, bytes: number): void {
  writes.push(write);
  bytesOfWrites += bytes;
  // What is written in a batch, the batch writes itself.
  if (isInBatch()) return;
  schedule();
  if (bytesOfWrites > MAX_WAITING && bytesOfWrites - bytes <= MAX_WAITING) process.nextTick(end);
}

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(end);
}

function end(): void {
  isScheduled = false;
  const received = requests;
  requests = [];
  bytesOfRequests = 0;
  inBatch(() => {
    for (const request of received) {
      finish(request);
      if (bytesOfWrites > MAX_WAITING) write();
    }
  });
  write();
}

function write(): void {
  const ready = writes;
  writes = [];
  bytesOfWrites = 0;
  for (const each of ready) finish(each);
}

/** A defect in one does not keep the others waiting. */
function finish(task: TurnEnd): void {
  try {
    task.endTurn();
  } catch (error) {
    reportDefect(error);
  }
}
