/** Runs the built command to its end, for what it prints and how it exits. */
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { spawnChild } from './child.js';
import { NODE, NODE_ARGUMENTS } from './node.js';
import { CLI } from './server.js';

/** What a finished run of the command left. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs media-serve with these arguments; one that goes on running is killed after a minute (`code` is null). */
export async function runCommand(
  args: readonly string[],
  options: {
    env?: Record<string, string>;
    cwd?: string;
    uid?: number | undefined;
    /** A command that is given the server's command line and runs it. */
    wrap?: readonly string[];
  } = {},
): Promise<Ended> {
  const [program = NODE, ...rest] = [...(options.wrap ?? []), NODE, ...NODE_ARGUMENTS, CLI, ...args];
  const child = spawnChild(program, rest, {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'] ?? '', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // On a machine that is busy otherwise a start alone can take ten seconds.
    timeout: 60_000,
    killSignal: 'SIGKILL',
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  const [stdout, stderr] = await Promise.all([
    buffer(child.stdout),
    buffer(child.stderr),
    once(child, 'close'),
  ]);
  return { code: child.exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}
