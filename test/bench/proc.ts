/** Child processes: started on a core of their own, their CPU time and memory read from /proc, always killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Linux reports times in /proc in hundredths of a second, whatever the kernel's own tick is (USER_HZ). */
const TICKS_PER_SECOND = 100;

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Running {
  readonly pid: number;
  readonly exited: boolean;
  /** User and system time of the process and its children since they started. */
  cpuSeconds(): number;
  /** Resident memory of the process and its children; pages they share count for each of them. */
  rssBytes(): number;
  /** Bytes written to stdout and to `access.log` since the last call. */
  takeLog(): number;
  /** The end of what it wrote to stdout and stderr, for error messages. */
  lastWords(): string;
  stop(): Promise<void>;
}

/** Debian puts nginx where an ordinary user does not look. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin`;

const GRACE_MILLISECONDS = 500;

const children = new Set<ChildProcess>();

/** Whether a command of this name can be run. */
export function isInstalled(command: string): boolean {
  return PATH.split(':').some((folder) => existsSync(join(folder, command)));
}

/** Kills every child still running, with its whole process group (nginx's worker outlives a killed master). */
export function killAll(): void {
  for (const child of children) killGroup(child);
}

/** Starts a command on one core. Its output goes to files in `folder`, as it would in a container's log. */
export function start(
  { command, args, env }: Command,
  { core, folder }: { readonly core: number; readonly folder: string },
): Running {
  const stdout = join(folder, 'stdout.log');
  const stderr = join(folder, 'stderr.log');
  const logs = [openSync(stdout, 'a'), openSync(stderr, 'a')];
  const child = spawn('taskset', ['-c', String(core), command, ...args], {
    cwd: folder,
    env: { PATH, HOME: folder, TMPDIR: folder, ...env },
    stdio: ['ignore', ...logs],
    detached: true,
  });
  for (const log of logs) closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error('taskset (Debian: util-linux) is needed to pin servers to a core');
  children.add(child);
  const gone = once(child, 'exit');
  const hasExited = (): boolean => child.exitCode !== null || child.signalCode !== null;

  return {
    pid,
    get exited() {
      return hasExited();
    },
    cpuSeconds: () => cpuSeconds(pid),
    rssBytes: () => rssBytes(pid),
    takeLog: () =>
      [stdout, join(folder, 'access.log')]
        .filter((path) => existsSync(path))
        .reduce((sum, path) => sum + cut(path), 0),
    lastWords: () =>
      (readFileSync(stdout, 'utf8') + readFileSync(stderr, 'utf8')).replace(/\s+/g, ' ').slice(-300),
    async stop() {
      if (!hasExited()) {
        // A server that is asked collects its own children; one that takes its time is not waited for.
        child.kill('SIGTERM');
        await Promise.race([gone, sleep(GRACE_MILLISECONDS)]);
        killGroup(child);
        await gone;
      }
      children.delete(child);
    },
  };
}

/** Runs a command to its end where this process runs, and resolves with its stdout. */
export async function capture({ command, args, env }: Command): Promise<string> {
  const child = spawn(command, args, {
    env: { ...process.env, PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  children.add(child);
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  try {
    await once(child, 'close');
  } finally {
    children.delete(child);
  }
  if (child.exitCode !== 0) throw new Error(`${command} failed: ${errors || output}`.trim());
  // nginx tells its version on stderr.
  return output || errors;
}

/** Keeps this process, and with it every child that is not given a core (wrk), on one core. */
export async function pinSelf(core: number): Promise<void> {
  await capture({ command: 'taskset', args: ['-a', '-c', '-p', String(core), String(process.pid)] });
}

/** Seconds since boot that a core has spent on anything but idling. */
export function coreBusySeconds(core: number): number {
  const line = readFileSync('/proc/stat', 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith(`cpu${core} `));
  if (line === undefined) throw new Error(`/proc/stat knows no core ${core}`);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .split(' ')
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

function cpuSeconds(root: number): number {
  const ticks = processTree(root).reduce((sum, process) => sum + process.ticks, 0);
  return ticks / TICKS_PER_SECOND;
}

/** From smaps_rollup: the counters in stat and status are off by up to a few hundred pages for each core. */
function rssBytes(root: number): number {
  return processTree(root).reduce((sum, { pid }) => {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return sum + Number(/^Rss:\s+(\d+) kB$/m.exec(rollup)?.[1]) * 1024;
  }, 0);
}

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

function processTree(root: number): readonly ProcessStat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(name) ?? []);
  const tree = new Set([root]);
  // A child may be listed before its parent (pids wrap around), so go over the list until nothing is added.
  for (let size = 0; size !== tree.size; ) {
    size = tree.size;
    for (const { pid, parent } of all) if (tree.has(parent)) tree.add(pid);
  }
  return all.filter(({ pid }) => tree.has(pid));
}

function readStat(pid: string): ProcessStat | undefined {
  let line: string;
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // It ended between the listing and here.
  }
  // The name in parentheses may hold spaces; the fields after it start with the third, the state.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return { pid: Number(pid), parent: field(4), ticks: field(14) + field(15) + field(16) + field(17) };
}

function cut(path: string): number {
  const { size } = statSync(path);
  truncateSync(path);
  return size;
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
