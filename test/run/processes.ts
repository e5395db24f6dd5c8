/** The programs that a run starts, which end with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { withParent } from '../support/child.js';

const children = new Set<ChildProcess>();

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
  /** Seconds after which it is ended. */
  readonly seconds: number;
}

/** How a program has ended. */
export interface Ended {
  /** Its exit code; null when a signal ended it. */
  readonly code: number | null;
  /** What it wrote to its standard output, and to its standard error. */
  readonly output: string;
  readonly errors: string;
  /** True when it took longer than it may. */
  readonly isLate: boolean;
}

/** How long a program that is told to end may go on, in milliseconds: tests end what they have started. */
const GRACE = 5000;

/** Runs a command to its end. */
export async function run(
  command: string,
  args: readonly string[],
  { env, seconds }: RunOptions,
): Promise<Ended> {
  const child = spawn(...withParent('KILL', command, args), { env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), GRACE).unref();
  }, seconds * 1000);
  const [output, errors]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => errors.push(bytes));
  const closed = once(child, 'close');
  try {
    // What it has left behind may keep its output open: that is not waited for without end.
    await once(child, 'exit');
    await Promise.race([closed, later(LAST_OUTPUT)]);
  } finally {
    clearTimeout(limit);
    children.delete(child);
  }
  const text = (bytes: readonly Buffer[]): string => Buffer.concat(bytes).toString();
  return { code: child.exitCode, output: text(output), errors: text(errors), isLate };
}

/** How long the output of a program that has ended is waited for, in milliseconds. */
const LAST_OUTPUT = 2000;

function later(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}
