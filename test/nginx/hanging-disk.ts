// What a file system that hangs does to everything else, here and with nginx (two workers, `aio threads`): a table, with a
// row for each call that hangs, for how long, and for how many requests. What the row of this server must show is tested.
// It takes minutes, so it is part of `npm run test:suites`. By itself, or some rows of it:
//   HANGS='open, 2 s' node --import=tsx test/nginx/hanging-disk.ts
// DISK_OPTIONS are given to this server in place of those below.
import { once } from 'node:events';
import { closeSync, ftruncateSync, mkdirSync, openSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import {
  type Hang,
  type HangingDisk,
  startHangingDisk,
  withoutHangingDisk,
} from '../support/hanging-disk.js';
import { startNginxIn, withoutNginx } from '../support/nginx.js';
import { childrenOf, openFilesAndSockets, residentMemory, threadsOf } from '../support/proc.js';
import { get, parseResponse, rawExchange } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { startStandIn } from '../support/stand-in.js';
import { steady, until } from '../support/until.js';

/** What hangs, and for whom: files by their numbers. */
interface Call {
  readonly name: string;
  readonly hang: Hang;
  readonly target: (file: number) => string;
  /** The answer may be complete before the call that hangs. */
  readonly isBehindAnswer?: true;
}

const LARGE = 512 * 1024;
const SMALL = 16 * 1024;
const small = (file: number): string => `/media/small/${file}.bin`;

const CALLS: readonly Call[] = [
  { name: 'open', hang: { call: 'open', below: 'small' }, target: small },
  { name: 'fstat', hang: { call: 'getattr', below: 'small/' }, target: small },
  {
    name: 'read in the middle',
    hang: { call: 'read', below: 'large', from: LARGE / 2 },
    target: (file) => `/media/large/${file}.bin`,
  },
  {
    name: 'readlink',
    hang: { call: 'readlink', below: 'links' },
    target: (file) => `/media/links/${file}.bin`,
  },
  { name: 'directory on the way', hang: { call: 'lookup', below: 'small' }, target: small },
  { name: 'close', hang: { call: 'flush', below: 'small' }, target: small, isBehindAnswer: true },
  { name: 'all', hang: { call: 'any' }, target: small },
];

/** How long a call hangs, in milliseconds, and how long it may take here; undefined is for ever. */
const TIMES = [
  { name: '2 s', forMs: 2000, diskTimeout: '5s' },
  { name: 'for ever', forMs: undefined, diskTimeout: '1s' },
] as const;

/** Requests that hang at once. */
const COUNTS = [4, 40] as const;
const MOST = Math.max(...COUNTS);

/** Between two requests that hang, in milliseconds. */
const APART = 5;
/** How long others are watched while calls hang, and the time between two of their requests, in milliseconds. */
const WATCHED = 3000;
const EVERY = 50;
/**
 * What others may take, and what the end may take beyond `--shutdown-timeout`, in milliseconds: less than the limit that they would
 * have to wait for if they waited for the disk, and more than a busy machine takes.
 */
const UNHARMED = 750;
const SHUTDOWN = 2000;
const MARGIN = 1000;
/** What a process may keep of the memory that it needed meanwhile, in bytes: buffers, and what no garbage collection was worth. */
const KEPT = 64e6;
/** What a thread takes that was begun meanwhile and is kept for a while, in bytes: ten MB, and a little more. */
const THREAD = 12e6;
/** After this time a server has not ended by itself, and a request is not answered any more, in milliseconds. */
const PATIENCE = 8000;

interface Case {
  readonly call: Call;
  readonly time: (typeof TIMES)[number];
  readonly count: number;
}

const nameOf = ({ call, time, count }: Case): string => `${call.name}, ${time.name}, ${count} at once`;
const CASES: readonly Case[] = CALLS.flatMap((call) =>
  TIMES.flatMap((time) => COUNTS.map((count) => ({ call, time, count }))),
).filter((each) => nameOf(each).includes(process.env['HANGS'] ?? ''));

/** What a server is to serve. */
interface Site {
  readonly disk: HangingDisk;
  /** A root on a disk that does not hang. */
  readonly local: string;
  /** `host:port` */
  readonly app: string;
}

interface Server {
  readonly port: number;
  /** All of its processes, the one that is told to end first. */
  readonly pids: readonly [number, ...number[]];
  readonly exited: Promise<unknown>;
}

type Start = (t: Test, site: Site, given: Case) => Promise<Server>;

const startOurs: Start = async (t, { disk, local, app }, { time }) => {
  const { DISK_OPTIONS = `--disk-io threads --disk-timeout ${time.diskTimeout}` } = process.env;
  const roots = ['--root', disk.path, '--static-root', local, '--upstream', app];
  const options = ['--shutdown-timeout', `${SHUTDOWN}ms`, ...DISK_OPTIONS.split(' ').filter(Boolean)];
  const server = await startServer(t, [...roots, ...options], { wrap: disk.within });
  return { port: server.port, pids: [pidOf(server.process)], exited: once(server.process, 'exit') };
};

const startTheirs: Start = async (t, { disk, local, app }) => {
  const prefix = await mkdtemp(join(tmpdir(), 'media-serve-nginx-'));
  t.teardown(() => rm(prefix, { recursive: true, force: true }));
  mkdirSync(join(prefix, 'temp'));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const configuration = (port = 0): string => `user root;
daemon off;
worker_processes 2;
pid nginx.pid;
error_log stderr notice;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path temp/${name};`).join(' ')}
  sendfile on;
  aio threads;
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://${app}; }
    location /media/ { alias ${disk.path}/; }
    location /static/ { alias ${local}/; }
  }
}
`;
  const nginx = await startNginxIn(t, prefix, ([port]) => configuration(port), 1, [], disk.within);
  const pid = pidOf(nginx.process);
  await until(() => childrenOf(pid).length === 2, 'both workers are there');
  const workers = childrenOf(pid);
  // A worker goes on when the process that started it is killed.
  const killWorkers = (): void => workers.forEach(kill);
  process.once('exit', killWorkers);
  const exited = once(nginx.process, 'exit');
  exited.then(
    () => process.off('exit', killWorkers),
    () => {},
  );
  return { port: nginx.ports[0] ?? 0, pids: [pid, ...workers], exited };
};

const SERVERS: readonly (readonly [name: string, start: Start])[] = [
  ['media-serve', startOurs],
  ['nginx', startTheirs],
];

/** What its processes have, altogether; after everything is released it must be what it was before. */
interface Held {
  /** Files and sockets. */
  readonly descriptors: number;
  readonly threads: number;
  /** In bytes. */
  readonly memory: number;
}

/** What is told of a server. */
interface Row {
  /** The longest that one of their requests took, in milliseconds. */
  readonly app: number;
  readonly other: number;
  /** Of the requests that hung, and the longest that one took in milliseconds. */
  readonly answers: readonly string[];
  readonly longest: number;
  readonly held: readonly [before: Held, after: Held];
  /** Files that are open on the disk that hung, after everything is released. */
  readonly openFiles: number;
  /** How long SIGTERM took to end it while calls hung, in milliseconds; undefined when it did not. */
  readonly end: number | undefined;
}

/** An answer in a word: its status, whether it is whole, or that there is none. */
interface Asked {
  readonly answer: string;
  readonly took: number;
}

async function ask(port: number, target: string): Promise<Asked> {
  const start = performance.now();
  // One that breaks the connection has not answered.
  const bytes = await rawExchange(port, get(target), { timeout: PATIENCE }).catch(() => Buffer.alloc(0));
  const took = performance.now() - start;
  if (!bytes.includes('\r\n\r\n')) return { answer: 'none', took };
  const { status, headers, body } = parseResponse(bytes);
  const isWhole = body.length === Number(headers['content-length'] ?? body.length);
  return { answer: isWhole ? `${status}` : `${status} cut`, took };
}

/** Asks again and again, whether or not there has been an answer, for as long as others are watched. */
async function askAgain(port: number, target: string): Promise<Promise<Asked>[]> {
  const asked: Promise<Asked>[] = [];
  const end = performance.now() + WATCHED;
  while (performance.now() < end) {
    asked.push(ask(port, target));
    await pause(EVERY);
  }
  return asked;
}

/** The longest that one of these took; one that was not answered took for ever. */
async function longestOf(asked: readonly Promise<Asked>[]): Promise<number> {
  const all = await Promise.all(asked);
  return Math.max(...all.map(({ answer, took }) => (answer === '200' ? took : Infinity)));
}

async function measure(t: Test, site: Site, given: Case, start: Start): Promise<Row> {
  const { call, time, count } = given;
  const { disk } = site;
  const server = await start(t, site, given);
  const [first] = server.pids;
  const askFiles = async (from: number): Promise<Promise<Asked>[]> => {
    const asked: Promise<Asked>[] = [];
    for (let file = from; file < from + count; file++) {
      asked.push(ask(server.port, call.target(file)));
      // All that come at once would go to one of nginx's workers.
      await pause(APART);
    }
    await until(async () => (await disk.waiting()) > 0, 'calls hang');
    return asked;
  };
  const sum = (of: (pid: number) => number): number => server.pids.reduce((all, pid) => all + of(pid), 0);
  const descriptors = (): number => sum((pid) => openFilesAndSockets(pid).length);
  const held = (): Held => ({
    descriptors: descriptors(),
    threads: sum(threadsOf),
    memory: sum(residentMemory),
  });

  // A file of its own: what was read once does not hang. Several times, since either worker may answer.
  for (const target of ['/', '/static/a.txt', call.target(2 * MOST)]) {
    for (let times = 0; times < 10; times++) t.equal((await ask(server.port, target)).answer, '200', target);
  }
  await steady(descriptors);
  const before = held();

  await disk.hang({ ...call.hang, ...(time.forMs === undefined ? {} : { forMs: time.forMs }) });
  const hung = await askFiles(0);
  const others = await Promise.all([askAgain(server.port, '/'), askAgain(server.port, '/static/a.txt')]);
  await disk.release();
  const [app, other] = await Promise.all([longestOf(others[0]), longestOf(others[1])]);
  const answers = await Promise.all(hung);
  const isBack = async (): Promise<boolean> =>
    (await ask(server.port, call.target(2 * MOST))).answer === '200';
  await until(isBack, 'it is tried again');
  // What was given up is still to come back, and to be closed.
  await steady(descriptors);
  const after = held();
  const openFiles = (await disk.state()).open;

  await disk.hang(call.hang);
  const cutOff = await askFiles(MOST);
  const told = performance.now();
  process.kill(first, 'SIGTERM');
  const end = await Promise.race([
    server.exited.then(() => performance.now() - told),
    pause(PATIENCE, undefined, { ref: false }),
  ]);
  await disk.release();
  if (end === undefined) server.pids.forEach(kill);
  await Promise.all(cutOff);
  return {
    app,
    other,
    answers: answers.map(({ answer }) => answer),
    longest: Math.max(...answers.map(({ took }) => took)),
    held: [before, after],
    openFiles,
    end,
  };
}

/** Which answers a request may get here when its file hangs. */
function allowedAnswers({ call, time }: Case): readonly string[] {
  const refused = ['503', '504'];
  if (call.isBehindAnswer || time.forMs !== undefined) return ['200', ...refused];
  return call.hang.call === 'read' ? ['200 cut', ...refused] : refused;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function pidOf({ pid }: { readonly pid?: number | undefined }): number {
  if (pid === undefined) throw new Error('it was not started');
  return pid;
}

const inSeconds = (milliseconds: number | undefined): string =>
  milliseconds === undefined || milliseconds === Infinity ? 'never' : `${(milliseconds / 1000).toFixed(2)} s`;
const inMegabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

/** `36 × 503, 4 × 504` */
function counted(answers: readonly string[]): string {
  return [...new Set(answers)]
    .sort()
    .map((answer) => `${answers.filter((each) => each === answer).length} × ${answer}`)
    .join(', ');
}

const HEADINGS = [
  'hangs',
  'server',
  'app',
  'other root',
  'requests that hung',
  'in',
  'descriptors',
  'threads',
  'MB',
  'SIGTERM',
] as const;

function cellsOf(given: Case, name: string, row: Row): string[] {
  return [
    nameOf(given),
    name,
    inSeconds(row.app),
    inSeconds(row.other),
    counted(row.answers),
    inSeconds(row.longest),
    row.held.map(({ descriptors }) => descriptors).join(' → '),
    row.held.map(({ threads }) => threads).join(' → '),
    row.held.map(({ memory }) => inMegabytes(memory)).join(' → '),
    inSeconds(row.end),
  ];
}

/** Lines of a table, each column as wide as its widest cell. */
function tableOf(rows: readonly (readonly string[])[]): string[] {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
}

const skip = withoutHangingDisk() || (await withoutNginx());
t.test('a file system that hangs', { skip }, async (t) => {
  const directory = t.testdir({ small: {}, large: {}, links: {} });
  for (let file = 0; file <= 2 * MOST; file++) {
    for (const [folder, size] of [
      ['small', SMALL],
      ['large', LARGE],
    ] as const) {
      const descriptor = openSync(join(directory, folder, `${file}.bin`), 'w');
      ftruncateSync(descriptor, size);
      closeSync(descriptor);
    }
    symlinkSync(`../small/${file}.bin`, join(directory, 'links', `${file}.bin`));
  }
  const rows: string[][] = [[...HEADINGS]];
  for (const given of CASES) {
    for (const [name, start] of SERVERS) {
      await t.test(`${nameOf(given)}: ${name}`, async (t) => {
        const local = t.testdir({ 'a.txt': 'hello' });
        const disk = await startHangingDisk(t, { of: directory });
        const app = await startStandIn(t, (_request, response) => {
          // What is kept open to the app is no part of the count.
          response.writeHead(200, { Connection: 'close', 'Content-Length': 3 }).end('app');
        });
        const row = await measure(t, { disk, local, app: app.address }, given, start);
        rows.push(cellsOf(given, name, row));
        t.comment(rows.at(-1)?.join(' | '));
        if (start !== startOurs) return;
        t.ok(row.app < UNHARMED, `the app: ${inSeconds(row.app)}`);
        t.ok(row.other < UNHARMED, `another root: ${inSeconds(row.other)}`);
        const allowed = allowedAnswers(given);
        t.same(
          row.answers.filter((answer) => !allowed.includes(answer)),
          [],
          `only ${allowed.join(', ')}`,
        );
        if (given.time.forMs !== undefined) t.ok(row.answers.includes('200'), 'what comes back is served');
        const [before, after] = row.held;
        t.ok(
          after.descriptors <= before.descriptors,
          `descriptors: ${after.descriptors}, ${before.descriptors} before`,
        );
        t.ok(
          after.memory - before.memory < KEPT + THREAD * (after.threads - before.threads),
          `${inMegabytes(after.memory - before.memory)} MB more than before`,
        );
        t.equal(row.openFiles, 0, 'no file of the disk is left open');
        t.ok((row.end ?? Infinity) < SHUTDOWN + MARGIN, `it ends in ${inSeconds(row.end)}`);
      });
    }
  }
  for (const line of tableOf(rows)) t.comment(line);
});
