/**
 * A directory whose file system hangs when the test says so: a real one (FUSE), whose calls are put off (hanging_disk.py).
 * For the programs that are started `within` it alone: to the test and all others it is a directory like any other, so
 * that the test can change what is there, and nothing of the test can hang. Nothing is left of it when its process ends.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { spawnChild } from './child.js';
import { skipUnless } from './skip.js';

const PROGRAM = fileURLToPath(new URL('./hanging_disk.py', import.meta.url));

/** What a file system is asked. `lookup`: a name in a directory, each on the way; `flush`: a file is closed. */
export type DiskCall =
  | 'lookup'
  | 'getattr'
  | 'readlink'
  | 'open'
  | 'read'
  | 'write'
  | 'flush'
  | 'opendir'
  | 'readdir'
  | 'statfs';

/** Which calls hang, and for how long. */
export interface Hang {
  readonly call: DiskCall | 'any';
  /**
   * A path within the directory: of this file or directory, and all below it; with a slash at its end, only what is
   * below. Everything when it is not given.
   */
  readonly below?: string;
  /**
   * Reads that reach beyond this many bytes of a file hang. What the kernel has read of a file once, it does not ask for
   * again until it has changed: a file that is to hang must not have been read before.
   */
  readonly from?: number;
  /** Milliseconds; until they are released when it is not given. */
  readonly forMs?: number;
  /**
   * Whether a caller that is killed gets out, as it does of a hard mount of NFS (the default). Of most file systems in
   * user space it does not: what is left of its process stays until the call ends.
   */
  readonly isKillable?: boolean;
}

export interface DiskState {
  /** Calls that hang. */
  readonly waiting: number;
  /** Files and directories that programs have open. */
  readonly open: number;
  /** How often each call was made so far. */
  readonly calls: Readonly<Partial<Record<DiskCall, number>>>;
}

export interface HangingDisk {
  /** The directory. */
  readonly path: string;
  /** A command that runs the command behind it where the directory can hang. For `wrap` of a server. */
  readonly within: readonly string[];
  /** From now on these calls hang too. */
  hang(which: Hang): Promise<void>;
  /** Nothing hangs any more, and what hung goes on. */
  release(): Promise<void>;
  /** How many calls hang now. */
  waiting(): Promise<number>;
  state(): Promise<DiskState>;
}

/** For tap's `skip`. */
export function withoutHangingDisk(): string | false {
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
  const programs = [
    ['python3', '--version'],
    ['unshare', '-m', 'true'],
  ] as const;
  const canMount = isRoot && existsSync('/dev/fuse');
  return skipUnless(
    canMount && programs.every(([program, ...args]) => spawnSync(program, args).status === 0),
    'there is no FUSE here, or it is not ours to use (root may, with CAP_SYS_ADMIN), or no python3',
  );
}

/** Puts a directory on a file system that can hang. It ends, and what hangs with it, when the test does. */
export async function startHangingDisk(t: Test, { of }: { readonly of: string }): Promise<HangingDisk> {
  const path = realpathSync(of);
  const child = spawnChild('python3', [PROGRAM, path], { stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const waiting: { resolve(line: string): void; reject(error: Error): void }[] = [];
  createInterface(child.stdout).on('line', (line) => waiting.shift()?.resolve(line));
  // It tells what was wrong on its standard error.
  child.stdin.on('error', () => {});
  let hasEnded = false;
  child.once('close', () => {
    hasEnded = true;
    for (const { reject } of waiting.splice(0)) reject(new Error(`the hanging disk has ended: ${errors}`));
  });
  const nextState = async (): Promise<DiskState> => {
    if (hasEnded) throw new Error(`the hanging disk has ended: ${errors}`);
    const line = await new Promise<string>((resolve, reject) => waiting.push({ resolve, reject }));
    return JSON.parse(line) as DiskState;
  };
  const tell = (command: object): Promise<DiskState> => {
    const state = nextState();
    child.stdin.write(`${JSON.stringify(command)}\n`);
    return state;
  };
  const state = (): Promise<DiskState> => tell({ do: 'state' });

  await nextState();
  return {
    path,
    within: ['nsenter', `--mount=/proc/${child.pid}/ns/mnt`, '--'],
    async hang({ call, below = '', from = 0, forMs = null, isKillable = true }) {
      await tell({ do: 'hang', call, below, from, ms: forMs, killable: isKillable });
    },
    async release() {
      await tell({ do: 'release' });
    },
    waiting: async () => (await state()).waiting,
    state,
  };
}
