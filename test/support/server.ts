/** Starts the built command (`dist/cli.js`) as a process of its own, on a port the kernel chooses. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { spawnChild } from './child.js';
import { NODE, NODE_ARGUMENTS } from './node.js';

/** Path of the built command; `npm test` builds it first. */
export const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** One parsed line of the server's JSON log. */
export type LogLine = Record<string, unknown>;

export interface RunningServer {
  /** `http://127.0.0.1:PORT`, without a trailing slash. Empty when it listens on a unix socket. */
  readonly origin: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** Every log line so far. */
  readonly log: readonly LogLine[];
  /** What it has written to its standard error: nothing, unless it ended with an error. */
  readonly errors: string;
  /** Resolves with the first log line, past or future, that the predicate accepts. */
  logged(predicate: (line: LogLine) => boolean): Promise<LogLine>;
  /** Sends the signal (SIGTERM by default) and resolves with the exit code, when all that it wrote is here. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * Starts media-serve with these arguments and waits until it listens. It is killed when the test ends.
 * `MEDIA_*` and `STATIC_*` variables of the test's own environment are not passed on.
 */
export async function startServer(
  t: Test,
  args: readonly string[],
  options: {
    env?: Record<string, string>;
    cwd?: string;
    listen?: string;
    /** Runs as this user, which only root may ask for (see user.ts). */
    uid?: number | undefined;
    /** A command that is given the server's command line and runs it, such as one that sets limits. */
    wrap?: readonly string[];
    /** Options of Node itself, such as one that loads a module before the server. */
    node?: readonly string[];
    /** Path of a script that is run instead of the command, and takes the same arguments. */
    script?: string;
  } = {},
): Promise<RunningServer> {
  const listen = ['--listen', options.listen ?? '127.0.0.1:0'];
  const server = [options.script ?? CLI, ...listen, '--log-format', 'json', ...args];
  const [program = NODE, ...rest] = [
    ...(options.wrap ?? []),
    NODE,
    ...NODE_ARGUMENTS,
    ...(options.node ?? []),
    ...server,
  ];
  const child = spawnChild(program, rest, {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'] ?? '', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  const exited = once(child, 'exit');
  // Its last lines may come behind its end.
  const closed = once(child, 'close');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });

  const log: LogLine[] = [];
  const waiting = new Set<() => void>();
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  createInterface(child.stdout).on('line', (line) => {
    log.push(JSON.parse(line) as LogLine);
    for (const check of waiting) check();
  });
  const logged = (predicate: (line: LogLine) => boolean): Promise<LogLine> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const found = log.find(predicate);
        if (found === undefined) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
      exited.then(
        () => reject(new Error(`media-serve exited (${child.exitCode}): ${errors}${JSON.stringify(log)}`)),
        reject,
      );
    });

  const line = await logged((entry) => entry['msg'] === 'listening');
  const address = String(line['address']);
  const port = address.startsWith('unix:') ? 0 : Number(new URL(address).port);
  return {
    origin: port === 0 ? '' : `http://127.0.0.1:${port}`,
    port,
    process: child,
    log,
    get errors() {
      return errors;
    },
    logged,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await closed;
      return child.exitCode;
    },
  };
}
