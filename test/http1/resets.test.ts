/**
 * The process lives, and holds nothing, after thousands of connections that its clients and its app have reset at random
 * moments: of every kind, in the middle of a head, of a body, of an answer, of another protocol, half closed or whole.
 */
import { closeSync, openSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { withoutProc } from '../support/proc.js';
import { rawRequest } from '../support/raw.js';
import { socketDirectory } from '../support/unix.js';
import { until } from '../support/until.js';
import { startCounted } from './lifetimes/server-resources.js';
import { RawClient, type Target } from './raw-client.js';
import { resetNow, startResettingApp } from './resets/app.js';
import { KINDS, type Kind } from './resets/requests.js';
import { Random } from './streams/random.js';

/** At least, half of them by TCP and half by unix sockets; more by `npm run test:suites`. */
const CONNECTIONS = Number(process.env['RESETS'] ?? 800);
/** Where the hunt has not been everywhere, it goes on up to here. */
const MOST = Math.max(10 * CONNECTIONS, 10_000);
const WAYS = ['TCP', 'unix sockets'] as const;
const AT_ONCE = 40;
/** What it must have come to. */
const STATUSES = [101, 200, 204, 206, 400, 404, 405, 499, 502];
/** Milliseconds in which all must be given back, on a busy machine. */
const LIMIT = 60_000;
/** Long enough for what the moments do, in milliseconds, and waited for at the end. */
const TIMES = { client: { lingeringTimeout: 300, lingeringTime: 1500, resetDelay: 100 } };
/** Given by hand, to do a run again. */
const SEED = Number(process.env['RESETS_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));

/** A moment in the life of a connection; the client resets it then. */
type Moment = (client: RawClient, request: Buffer, random: Random, kind: Kind) => Promise<void>;

/** What makes the moment random: no more than a few milliseconds, in which all that is under way goes on. */
async function aWhile(random: Random): Promise<void> {
  const milliseconds = random.below(8);
  if (milliseconds === 0) await turn();
  else await pause(milliseconds);
}

async function sendAll(client: RawClient, request: Buffer, random: Random): Promise<void> {
  if (random.percent(30)) {
    const cut = random.below(request.length);
    // A server that waits for its client to read takes no more.
    await Promise.race([client.send(request.subarray(0, cut)), pause(30)]);
    await aWhile(random);
    client.socket.write(request.subarray(cut));
  } else client.socket.write(request);
}

const MOMENTS: Readonly<Record<string, Moment>> = {
  'before it says anything': (_client, _request, random) => aWhile(random),
  async 'in the middle of what it says'(client, request, random) {
    client.socket.write(request.subarray(0, random.below(request.length)));
    await aWhile(random);
  },
  async 'in its head'(client, request, random) {
    client.socket.write(request.subarray(0, random.below(request.indexOf('\r\n\r\n') + 4)));
    await aWhile(random);
  },
  async 'when all is said'(client, request, random) {
    await sendAll(client, request, random);
    await aWhile(random);
  },
  async 'half closed'(client, request, random) {
    if (random.percent(50)) await sendAll(client, request, random);
    else client.socket.write(request.subarray(0, random.below(request.length)));
    client.socket.end();
    await aWhile(random);
  },
  async 'in the answer'(client, request, random, kind) {
    await sendAll(client, request, random);
    const wanted = random.pick([1, 100, 10_000, 1_000_000]);
    // Not every answer is as long, and some come never.
    await Promise.race([client.until(() => client.received >= wanted), pause(30)]);
    if (kind.speaksOn === true && !client.socket.destroyed) {
      for (let round = random.below(4); round > 0; round--) {
        client.socket.write('y'.repeat(random.pick([10, 100_000])));
        await aWhile(random);
      }
    }
  },
};
/** Most of what can go wrong is in the later ones. */
const NAMES = [
  ...Object.keys(MOMENTS),
  'when all is said',
  'in the answer',
  'in the answer',
  'in the answer',
];

async function resetOne(target: Target, id: number): Promise<void> {
  const random = new Random(SEED, id);
  const kind = KINDS[id % KINDS.length];
  const moment = MOMENTS[random.pick(NAMES)];
  if (kind === undefined || moment === undefined) throw new Error('there is nothing to do');
  const request = Buffer.from(kind.request(id, random), 'latin1');
  const client = new RawClient(target, { staysOpen: true, isPaused: random.percent(30) });
  await new Promise<void>((resolve) => {
    client.socket.once('connect', () => resolve()).once('close', () => resolve());
  });
  await moment(client, request, random, kind);
  resetNow(client.socket);
  await client.closed;
}

t.comment(`RESETS_SEED=${SEED}`);
for (const way of WAYS) {
  const connections = Math.ceil(CONNECTIONS / WAYS.length);
  const name = `the process lives and holds nothing after ${connections} connections or more by ${way} that were reset at random moments`;
  t.test(name, { skip: withoutProc(), timeout: 120_000 }, async (t) => {
    const sockets = way === 'TCP' ? undefined : socketDirectory(t);
    const root = t.testdir({ media: { 'a.txt': 'hello' } });
    closeSync(openSync(join(root, 'media/large.bin'), 'w'));
    truncateSync(join(root, 'media/large.bin'), 8_000_000);
    const app = await startResettingApp(t, SEED, sockets && join(sockets, 'app'));
    const args = ['--root', join(root, 'media'), '--internal', `/internal/=${join(root, 'media')}`];
    const server = await startCounted(
      t,
      // Bodies that are larger than the memory of one request go to files.
      [...args, '--spool-dir', root, '--upload-memory', '0', '--upstream', app.address],
      root,
      { times: TIMES, ...(sockets === undefined ? {} : { listen: `unix:${join(sockets, 'server')}` }) },
    );
    const target = sockets === undefined ? server.port : { path: join(sockets, 'server') };
    const ask = (path: string) =>
      rawRequest(target, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    await ask('/media/a.txt');
    const before = { descriptors: server.descriptors(), resources: await server.nodeResources() };

    let id = 0;
    let temporaryFiles = 0;
    const missing = (): string[] => {
      const statuses = new Set(server.log.map(({ status }) => status));
      const stages = Object.entries(app.resets).filter(([, count]) => count === 0);
      return [
        ...STATUSES.filter((status) => !statuses.has(status)).map(String),
        ...stages.map(([stage]) => `reset by the app ${stage}`),
        ...(temporaryFiles > 0 ? [] : ['a temporary file']),
      ];
    };
    const goesOn = (): boolean => id < connections || (id < MOST && missing().length > 0);
    const work = async (): Promise<void> => {
      while (server.isAlive() && goesOn()) {
        id += 1;
        await resetOne(target, id);
        if (id % 5 === 0) temporaryFiles = Math.max(temporaryFiles, server.descriptors().temporaryFiles);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (!server.isAlive()) {
      t.fail(`RESETS_SEED=${SEED}: the process is gone at connection ${id}: ${server.errors}`);
      return;
    }

    app.calmDown();
    await until(() => server.holdsAtMost(before.descriptors), 'descriptors are given back', LIMIT).catch(
      () => {
        const held = {
          before: before.descriptors,
          now: server.descriptors(),
          sockets: server.socketStates(),
        };
        t.fail(`RESETS_SEED=${SEED}: it holds ${JSON.stringify(held)}`);
      },
    );
    const timers = async (): Promise<boolean> =>
      (await server.nodeResources()).timers <= before.resources.timers;
    await until(timers, 'timers', LIMIT).catch(() => t.fail(`RESETS_SEED=${SEED}: timers are left`));
    t.equal((await ask('/media/a.txt')).body.toString(), 'hello', 'a file is served');
    t.equal((await ask('/app/1')).body.toString(), 'ok', 'the app is asked');
    t.ok(server.isAlive(), 'by the same process');
    t.equal(server.errors, '', `RESETS_SEED=${SEED}`);
    const defects = server.log.filter(
      ({ level, msg }) => Number(level) >= 60 || level === 'fatal' || String(msg).includes('defect'),
    );
    t.strictSame(defects, [], `RESETS_SEED=${SEED}: no defect in the log`);

    t.strictSame(missing(), [], `the hunt has been everywhere, in ${id} connections`);
  });
}
