// The end of the event loop's turn: when all that has come in by then is read, and before more is waited for. First the
// requests of the turn are answered, in a round, then what is to be written is written, for all sockets in one go.
// That wakes the processes at their other ends once, and not for every answer again while they are about to sleep;
// and the same code runs for many requests in a row. Measured with a bare socket server and `npm run bench -- --cases
// hot-4k`: a third to a half of a small answer's time is the wake-up. Rounds took 20 KB files at random from 0.58 to
// 0.69 of nginx, and a 64 KiB file in memory from 0.67 to 0.76, before anything was shared in them (stores/lookups).

/** Something that is put off to the end of the turn. */
export interface TurnEnd {
  endTurn(): void;
}

/** How much may wait, in bytes; with more, the end of the turn comes early, or memory would grow with the clients. */
const MOST_WAITING = 1024 * 1024;

let requests: TurnEnd[] = [];
let writes: TurnEnd[] = [];
let bytesWaiting = 0;
let isScheduled = false;
let rounds = 0;
let round: number | undefined;

/**
 * Calls `request.endTurn()` in the round of answers at the end of this turn; never before this returns.
 * @param bytes that are held until then
 */
export function answerAtEndOfTurn(request: TurnEnd, bytes: number): void {
  requests.push(request);
  schedule(bytes);
}

/**
 * Calls `write.endTurn()` at the end of this turn, after the round of answers; never before this returns.
 * @param bytes that are held until then
 */
export function writeAtEndOfTurn(write: TurnEnd, bytes: number): void {
  writes.push(write);
  schedule(bytes);
}

/**
 * The number of the round that is going on, if one is. All its requests had been received when it began, so that
 * what is found out for one of them, the others may use: none can have been sent after a change that came later.
 */
export function currentRound(): number | undefined {
  return round;
}

function schedule(bytes: number): void {
  const before = bytesWaiting;
  bytesWaiting += bytes;
  if (!isScheduled) {
    isScheduled = true;
    setImmediate(end);
  }
  if (before <= MOST_WAITING && bytesWaiting > MOST_WAITING && round === undefined) process.nextTick(end);
}

function end(): void {
  const received = requests;
  requests = [];
  rounds += 1;
  round = rounds;
  // What is written in the round, it writes itself.
  isScheduled = true;
  for (const request of received) {
    request.endTurn();
    if (bytesWaiting > MOST_WAITING) write();
  }
  round = undefined;
  isScheduled = false;
  write();
  if (requests.length > 0) schedule(0);
}

function write(): void {
  const ready = writes;
  writes = [];
  bytesWaiting = 0;
  for (const each of ready) each.endTurn();
}
