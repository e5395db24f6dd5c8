/** Child processes and one temporary folder, which go away with this process, by whatever way it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of this project. */
export const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

const children = new Set<ChildProcess>();

/** A new temporary folder. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'media-serve-suites-'));
  // Tests that run as root start the server as another user, who must be able to run what is installed here.
  chmodSync(path, 0o755);
  process.on('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Ends this process and its children when it is told to end. */
export function endWithSignals(): void {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => {
      for (const child of children) child.kill('SIGTERM');
      process.exit(code);
    });
  }
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** A file descriptor that takes its stdout. */
  readonly stdout: number;
  /** Minutes after which it is ended. */
  readonly minutes: number;
}

/** Runs a command to its end; resolves with its exit code. @throws Error when it took longer than it may. */
export async function run(
  command: string,
  args: readonly string[],
  { env, stdout, minutes }: RunOptions,
): Promise<number | null> {
  const child = spawn(command, args, { env, stdio: ['ignore', stdout, 'inherit'] });
  children.add(child);
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    child.kill('SIGTERM');
  }, minutes * 60_000);
  try {
    await once(child, 'exit');
  } finally {
    clearTimeout(limit);
    children.delete(child);
  }
  if (late) throw new Error(`${command} did not end within ${minutes} minutes`);
  return child.exitCode;
}

/** Opens the file at `path` for what a command prints. */
export async function withOutput<T>(path: string, use: (descriptor: number) => Promise<T>): Promise<T> {
  const descriptor = openSync(path, 'w');
  try {
    return await use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
