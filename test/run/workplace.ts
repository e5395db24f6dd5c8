/**
 * Where a run of tests leaves what it makes, and whose end takes all of it away: by whatever way the run ends, `kill -9`
 * among them, a shell that waits for that end kills what is still running and removes the folders.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RUN_MARK } from '../support/child.js';
import { PROJECT } from './bundle.js';

export interface Workplace {
  /** For what is compiled, below the project, where its packages are found. */
  readonly folder: string;
  /** What the tests' environment must have. */
  readonly env: Readonly<Record<string, string>>;
  /** What still runs of this run, or of the one with this folder: a line for each, its number first. */
  leftRunning(folder?: string): string[];
}

/**
 * Reads its standard input to the end, which comes when the run does. Processes can start others meanwhile: it looks
 * until there are none. $0 is the mark, and the folders are its arguments.
 */
const CLEANER = `cat >/dev/null
running() { grep -lsxzF -- "$0" /proc/[0-9]*/environ | cut -d/ -f3; }
for look in 1 2 3 4 5 6 7 8 9 10; do
  found=$(running)
  [ -n "$found" ] || break
  kill -9 $found 2>/dev/null
  sleep 0.1
done
rm -rf -- "$@" 2>/dev/null || { sleep 0.2; rm -rf -- "$@"; }`;

/** Makes the folders of a run; they are removed after this process has ended. */
export function openWorkplace(): Workplace {
  mkdirSync(join(PROJECT, '.tap'), { recursive: true });
  const folder = mkdtempSync(join(PROJECT, '.tap', 'run-'));
  // Short, since paths of unix sockets must be.
  const temporary = mkdtempSync(join(tmpdir(), 'ms-'));
  // Tests that run as root start the server as another user, who must be able to read what is there.
  for (const path of [folder, temporary]) chmodSync(path, 0o755);
  const cleaner = spawn('sh', ['-c', CLEANER, markOf(folder), folder, temporary], {
    // Of a session of its own: what ends a terminal's processes does not end it.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Nothing is ever written: the end of its input is the end of this process, which it does not keep running.
  cleaner.unref();
  (cleaner.stdin as Socket).unref();
  cleaner.stdin.on('error', () => {});
  // What is to be run by `npx tap` and by Node alike.
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n');
  return {
    folder,
    env: { [RUN_MARK]: folder, TMPDIR: temporary, TAP_CWD: folder },
    leftRunning: (of = folder) => running(markOf(of)),
  };
}

const markOf = (folder: string): string => `${RUN_MARK}=${folder}`;

/** Command lines of the processes with this mark (Linux; elsewhere none is found). */
function running(mark: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const environment = read(`/proc/${pid}/environ`);
      if (!environment.split('\0').includes(mark)) return [];
      const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
      // One that has ended, and whose parent has not asked yet, has no command line any more.
      return command === '' ? [] : [`${pid} ${command}`];
    });
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
