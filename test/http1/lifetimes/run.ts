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
import { type RawApp, startRawApp } from '../raw-app.js';
import { RawClient } from '../raw-client.js';
import {
  type CountedServer,
  type Descriptors,
  type NodeResources,
  startCounted,
} from './server-resources.js';
import { type Ending, type Group, type Peers, type State, TIMES } from './table.js';

/** Connections at the same time, where a state does not say; one batch, where a row is not done more often. */
const AT_ONCE = 100;
/** Memory is measured from so many connections on, where there are more and not all at the same time. */
const WARM_UP = 100;
/** Bytes that each connection may leave: any object that belongs to one, with what it refers to, is larger. */
const MEMORY_LEFT = 1000;
/** A leak grows each time that the row is done; caches, pools and compiled code are complete before. */
const ROUNDS = 6;
/** How many servers are at work at the same time; most rows of some wait for a time limit. */
const SERVERS_AT_ONCE = 3;
/** Milliseconds within which all must be given back: the longest time limit (5 s, lingering) on a busy machine. */
const LIMIT = 60_000;

/** A way to end in a state. */
interface Row {
  readonly name: string;
  readonly state: State;
  readonly ending: Ending;
}

/** Rows that are done on one server, one after the other. */
interface Job {
  readonly group: Group;
  readonly rows: readonly Row[];
}

interface Site {
  readonly server: CountedServer;
  readonly app: RawApp;
  /** Resolves when the server has read all that was sent to it before. */
  probe(): Promise<void>;
  /** Before the first row. */
  readonly before: Descriptors;
  /** After the last row. */
  last: NodeResources;
}

/** Tests all states of all groups with each of their endings. */
export function testLifetimes(t: Test, groups: readonly Group[]): void {
  const root = t.testdir({ media: { 'a.txt': 'hello' } });
  makeFile(join(root, 'media/medium.bin'), 300_000);
  makeFile(join(root, 'media/large.bin'), 64 * 1024 * 1024);
  t.test('a connection gives back all that it held', { skip: withoutProc(), timeout: 600_000 }, async (t) => {
    const jobs = groups.flatMap(planJobs);
    const work = async (): Promise<void> => {
      for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await runJob(t, job, root);
    };
    await Promise.all(Array.from({ length: SERVERS_AT_ONCE }, work));
  });
}

function makeFile(path: string, size: number): void {
  closeSync(openSync(path, 'w'));
  truncateSync(path, size);
}

/** Those that wait for lingering connections are done beside the others. */
function planJobs(group: Group): Job[] {
  const rows = group.states.flatMap((state) =>
    state.endings.map((ending): Row => {
      return { name: `${group.name}: ${state.name}: ${ending.name}`, state, ending };
    }),
  );
  return [rows.filter(lingers), rows.filter((row) => !lingers(row))]
    .filter(({ length }) => length > 0)
    .map((rows) => ({ group, rows }));
}

function lingers({ ending }: Row): boolean {
  return ending.client?.staysOpen === true;
}

async function runJob(t: Test, { group, rows }: Job, root: string): Promise<void> {
  let site: Site | undefined;
  for (const row of rows) {
    site ??= await startSite(t, group, root);
    const faults = await runRow(site, row);
    t.strictSame(faults, [], row.name);
    if (faults.length === 0) continue;
    // What it still holds would be counted against the next row.
    await site.server.stop('SIGKILL');
    site = undefined;
  }
  await site?.server.stop('SIGKILL');
}

async function startSite(t: Test, { args, preface = '' }: Group, root: string): Promise<Site> {
  const app = await startRawApp(t);
  const options = ['--root', join(root, 'media'), '--spool-dir', root, '--upstream', app.address];
  const server = await startCounted(t, [...options, ...args], root);
  const probe = async (): Promise<void> => {
    const client = new RawClient(server.port);
    client.socket.write(`${preface}HEAD /media/a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    await client.closed;
  };
  await probe();
  const last = await server.nodeResources();
  return { server, app, probe, before: server.descriptors(), last };
}

/** What is wrong after the row; nothing, in the end. */
async function runRow(site: Site, row: Row): Promise<string[]> {
  const { server } = site;
  const logged = server.log.length;
  const faults: string[] = [];
  const grown: number[] = [];
  do {
    const round = await runRound(site, row, grown.length === 0 ? WARM_UP : 0);
    faults.push(...round.faults);
    grown.push(Math.round(round.memory));
  } while (faults.length === 0 && grown.every((bytes) => bytes > MEMORY_LEFT) && grown.length < ROUNDS);
  if (grown.every((bytes) => bytes > MEMORY_LEFT)) {
    faults.push(`memory grows with each connection, by ${grown.join(', then ')} bytes`);
  }
  for (const line of server.log.slice(logged)) {
    if (String(line['msg']).includes('defect')) faults.push(JSON.stringify(line));
  }
  return faults;
}

interface Round {
  readonly faults: readonly string[];
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
    const faults = await runBatch(site, state, ending, atOnce);
    if (faults.length > 0) return { faults, memory: 0 };
  }
  let after = await server.nodeResources();
  for (const end = Date.now() + LIMIT; after.timers > last.timers && Date.now() < end; ) {
    await pause(100);
    after = await server.nodeResources();
  }
  site.last = after;
  const faults = after.timers > last.timers ? [`timers: ${last.timers} before, ${after.timers} now`] : [];
  return { faults, memory: (after.memory - before.memory) / counted };
}

/** Brings connections to the state, ends them, and waits until all that they held is given back. */
async function runBatch(site: Site, state: State, ending: Ending, connections: number): Promise<string[]> {
  const { server, app, before } = site;
  const opened = Array.from({ length: connections }, () => open(site, state, ending));
  try {
    await inTime(Promise.all(opened.map(({ reached }) => reached)), 'the state is reached');
    await site.probe();
    await allReached(server, state, connections);
    const ended = opened.map(({ peers }) => end(peers, ending));
    const wrong = (await inTime(Promise.all(ended), 'it is ended')).filter((answer) => answer !== undefined);
    await until(() => server.holdsAtMost(before), 'all is given back', LIMIT);
    return wrong.length === 0
      ? []
      : [`${wrong.length} clients got no ${ending.status}: ${[...new Set(wrong)].join(' | ')}`];
  } catch (error) {
    if (!server.isAlive()) {
      const { exitCode, signalCode } = server.process;
      return [`the server is gone: ${exitCode ?? signalCode}: ${server.errors}`];
    }
    const reason = error instanceof Error ? error.message : String(error);
    const held = { before, now: server.descriptors(), sockets: server.socketStates() };
    return [`${connections} connections: ${reason}: ${JSON.stringify(held)}`];
  } finally {
    app.forget();
    for (const { peers } of opened) {
      peers.client.socket.destroy();
      peers.app?.socket.destroy();
    }
  }
}

let lastId = 0;

/** Opens one connection; `reached` resolves when it has come to the state, as far as its own two ends can tell. */
function open({ server, app }: Site, state: State, ending: Ending): { peers: Peers; reached: Promise<void> } {
  lastId += 1;
  const id = lastId;
  const asked = state.app && app.expect(id, state.app);
  const client = new RawClient(server.port, { ...state.client, ...ending.client });
  const peers: { client: RawClient; app: Peers['app'] } = { client, app: undefined };
  const reach = async (): Promise<void> => {
    const sent = client.send(state.request(id)).then(() => undefined);
    // What nobody reads is never sent.
    peers.app = await (asked ?? sent);
    await state.reach?.(peers);
  };
  return { peers, reached: reach() };
}

/** Looks seldom: reading all sockets of the system keeps a processor from those that are waited for. */
async function allReached(server: CountedServer, state: State, connections: number): Promise<void> {
  const look = async (): Promise<boolean> => {
    if (state.isReached?.(server, connections) ?? true) return true;
    await pause(100);
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
