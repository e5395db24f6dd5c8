/**
 * Everything that a connection holds is given back, however it ends: each row of the table is done many times, and then
 * the server's descriptors, sockets, temporary files, timers and memory are what they were before.
 */
import { closeSync, openSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'tap';
import { withoutProc } from '../../support/proc.js';
import { until } from '../../support/until.js';
import { RawClient } from '../raw-client.js';
import type { CountedServer } from './server-resources.js';
import { type Site, startSite } from './site.js';
import { AT_ONCE, type Ending, type Group, MEASURES_MEMORY, type Peers, type State, TIMES } from './table.js';

/** Memory is measured from so many connections on, where there are more and not all at the same time. */
const WARM_UP = 100;
/** Bytes that each connection may leave: any object that belongs to one, with what it refers to, is larger. */
const MEMORY_LEFT = 1000;
/** A leak grows each time that the row is done; caches, pools and compiled code are complete before. */
const ROUNDS = 6;
/** How many servers are at work at the same time; most rows of some wait for a time limit. */
const SERVERS_AT_ONCE = 3;
/** Milliseconds within which all must be given back, on a busy machine. */
const LIMIT = 30_000;
/** How long the server's time limits are, in milliseconds: long enough for all connections to come to their state. */
const TIME_LIMIT = 200 + 4 * TIMES;
/** They are made so much longer where the machine was too slow for them, and no longer than this. */
const TIME_LIMIT_FACTOR = 2;
const LONGEST_TIME_LIMIT = 32 * TIME_LIMIT;

/** A way to end in a state. */
interface Row {
  readonly name: string;
  readonly state: State;
  readonly ending: Ending;
}

/** What came of a row, or of a part of it. */
interface Outcome {
  /** What is wrong; nothing, in the end. */
  readonly faults: readonly string[];
  /** True where that may be so because a time limit has ended a connection before it was in its state. */
  readonly isTooSlow?: boolean;
}

/** Tests all states of all groups with each of their endings. */
export function testLifetimes(t: Test, groups: readonly Group[]): void {
  const root = t.testdir({ media: { 'a.txt': 'hello' } });
  makeFile(join(root, 'media/medium.bin'), 300_000);
  makeFile(join(root, 'media/large.bin'), 64 * 1024 * 1024);
  t.test('a connection gives back all that it held', { skip: withoutProc(), timeout: 600_000 }, async (t) => {
    const waiting = [...groups];
    const work = async (): Promise<void> => {
      for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
        await runGroup(t, group, root);
      }
    };
    await Promise.all(Array.from({ length: SERVERS_AT_ONCE }, work));
  });
}

function makeFile(path: string, size: number): void {
  closeSync(openSync(path, 'w'));
  truncateSync(path, size);
}

function rowsOf({ name, states }: Group): Row[] {
  return states.flatMap((state) =>
    state.endings.map((ending) => ({ name: `${name}: ${state.name}: ${ending.name}`, state, ending })),
  );
}

/** Does its rows on one server, one after the other. */
async function runGroup(t: Test, group: Group, root: string): Promise<void> {
  let limit = TIME_LIMIT;
  let site: Site | undefined;
  for (const row of rowsOf(group)) {
    for (let isDone = false; !isDone; ) {
      site ??= await startSite(t, group, root, limit);
      const { faults, isTooSlow = false } = await runRow(site, row);
      isDone = !isTooSlow || limit * TIME_LIMIT_FACTOR > LONGEST_TIME_LIMIT;
      if (isDone) t.strictSame(faults, [], row.name);
      else {
        t.comment(`${row.name}: again, with limits longer than ${limit} ms: ${faults.join()}`);
        limit *= TIME_LIMIT_FACTOR;
      }
      if (faults.length === 0) continue;
      // What it still holds would be counted against the next row.
      await site.server.stop('SIGKILL');
      site = undefined;
    }
  }
  await site?.server.stop('SIGKILL');
}

async function runRow(site: Site, row: Row): Promise<Outcome> {
  const { server } = site;
  const logged = server.log.length;
  const grown: number[] = [];
  let outcome: Outcome;
  do {
    const round = await runRound(site, row, grown.length === 0 ? WARM_UP : 0).catch((error: Error) => ({
      faults: [faultOf(site, error)],
      memory: 0,
    }));
    outcome = round;
    grown.push(Math.round(round.memory));
  } while (outcome.faults.length === 0 && growsWithEach(grown) && grown.length < ROUNDS);
  const faults = [...outcome.faults];
  if (growsWithEach(grown)) {
    faults.push(`memory grows with each connection, by ${grown.join(', then ')} bytes`);
  }
  for (const line of server.log.slice(logged)) {
    if (String(line['msg']).includes('defect')) faults.push(JSON.stringify(line));
  }
  return { ...outcome, faults };
}

function growsWithEach(grown: readonly number[]): boolean {
  return MEASURES_MEMORY && grown.every((bytes) => bytes > MEMORY_LEFT);
}

interface Round extends Outcome {
  /** Bytes that each connection has left. */
  readonly memory: number;
}

/** @param warmUp connections after which memory is measured; none, where the row has been done on this server before */
async function runRound(site: Site, { state, ending }: Row, warmUp: number): Promise<Round> {
  const { server, last } = site;
  const atOnce = ending.client?.staysOpen === true ? TIMES : (state.atOnce ?? AT_ONCE);
  let before = last;
  let counted = TIMES;
  for (let done = 0; done < TIMES; done += atOnce) {
    if (done > 0 && done === warmUp) {
      before = await server.nodeResources();
      counted = TIMES - done;
    }
    const outcome = await runBatch(site, state, ending, atOnce);
    if (outcome.faults.length > 0) return { ...outcome, memory: 0 };
  }
  let after = await server.nodeResources();
  for (const end = Date.now() + LIMIT; after.timers > last.timers && Date.now() < end; ) {
    await pause(50);
    after = await server.nodeResources();
  }
  site.last = after;
  const faults = after.timers > last.timers ? [`timers: ${last.timers} before, ${after.timers} now`] : [];
  return { faults, memory: (after.memory - before.memory) / counted };
}

/** Brings connections to the state, ends them, and waits until all that they held is given back. */
async function runBatch(site: Site, state: State, ending: Ending, connections: number): Promise<Outcome> {
  const { server, app, before, limit } = site;
  const start = performance.now();
  // What has taken less time than any limit cannot have been ended by one.
  const isTooSlow = (): boolean => performance.now() - start > limit / 2;
  const opened = Array.from({ length: connections }, () => open(site, state, ending));
  try {
    await inTime(Promise.all(opened.map(({ reached }) => reached)), 'the state is reached');
    await site.probe();
    await allReached(server, state, connections);
    const ended = opened.map(({ peers }) => end(peers, ending));
    const wrong = (await inTime(Promise.all(ended), 'it is ended')).filter((answer) => answer !== undefined);
    if (wrong.length > 0) {
      const instead = [...new Set(wrong)].join(' | ');
      return {
        faults: [`${wrong.length} clients got no ${ending.status}: ${instead}`],
        isTooSlow: isTooSlow(),
      };
    }
    await until(() => server.holdsAtMost(before), 'all is given back', LIMIT);
    return { faults: [] };
  } catch (error) {
    const isUntimely = server.isAlive() && error instanceof NotReached && isTooSlow();
    const fault = `${connections} connections: ${faultOf(site, error)}`;
    return { faults: [fault], isTooSlow: isUntimely };
  } finally {
    app.forget();
    for (const { peers } of opened) {
      peers.client.socket.destroy();
      peers.app?.socket.destroy();
    }
  }
}

/** Why a row could not be done to its end. */
function faultOf({ server, before }: Site, error: unknown): string {
  if (!server.isAlive()) {
    const { exitCode, signalCode } = server.process;
    return `the server is gone: ${exitCode ?? signalCode}: ${server.errors}`;
  }
  const reason = error instanceof Error ? error.message : String(error);
  const held = { before, now: server.descriptors(), sockets: server.socketStates() };
  return `${reason}: ${JSON.stringify(held)}`;
}

/** A connection was over before it had come to its state. */
class NotReached extends Error {}

let lastId = 0;

/** Opens one connection; `reached` resolves when it has come to the state, as far as its own two ends can tell. */
function open({ target, app }: Site, state: State, ending: Ending): { peers: Peers; reached: Promise<void> } {
  lastId += 1;
  const id = lastId;
  const asked = state.app && app.expect(id, state.app);
  const client = new RawClient(target, { ...state.client, ...ending.client });
  const peers: { client: RawClient; app: Peers['app'] } = { client, app: undefined };
  const reach = async (): Promise<void> => {
    const sent = client.send(state.request(id)).then(() => undefined);
    // What nobody reads is never sent.
    peers.app = await (asked === undefined ? sent : Promise.race([asked, endOf(client)]));
    await state.reach?.(peers);
  };
  const reached = reach().catch((error: Error) => {
    throw new NotReached(error.message);
  });
  return { peers, reached };
}

async function endOf(client: RawClient): Promise<never> {
  await client.closed;
  throw new Error(`the app was not asked before the client's connection was closed, with "${client.text}"`);
}

/** Looks seldom: each look keeps the server from what is waited for. */
async function allReached(server: CountedServer, state: State, connections: number): Promise<void> {
  const look = async (): Promise<boolean> => {
    if ((await state.isReached?.(server, connections)) ?? true) return true;
    await pause(50);
    return false;
  };
  await until(look, 'the state is reached at the server', LIMIT);
}

/** Resolves with the status line that the client got instead of the one that it should get. */
async function end(peers: Peers, { end, status, client: options }: Ending): Promise<string | undefined> {
  await end?.(peers);
  if (status === undefined) return undefined;
  const { client } = peers;
  const expected = new RegExp(`HTTP/1\\.1 (?:${status}) `);
  await client.until(() => expected.test(client.text));
  const wrong = expected.test(client.text) ? undefined : client.text.split('\r\n', 1)[0];
  if (options?.staysOpen !== true) client.socket.end();
  return wrong;
}

async function inTime<Value>(work: Promise<Value>, what: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`this did not come to pass in ${LIMIT} ms: ${what}`)), LIMIT);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
