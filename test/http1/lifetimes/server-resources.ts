/** What a running server holds: descriptors by kind, timers and memory. For tests that all of it is given back. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import type { TimeLimits } from '../../../src/server/time-limits.js';
import { openDescriptors } from '../../support/proc.js';
import { type RunningServer, startServer } from '../../support/server.js';
import { until } from '../../support/until.js';

/** Open descriptors, as /proc has them. */
export interface Descriptors {
  readonly sockets: number;
  /** Temporary files are deleted as soon as they are open. */
  readonly temporaryFiles: number;
  readonly all: number;
}

/** What Node tells from within. */
export interface NodeResources {
  readonly timers: number;
  /** Sockets with bytes that the other side does not take. */
  readonly blockedSockets: number;
  /** Bytes of objects and buffers: those in use alone, where the server was started so that memory can be measured. */
  readonly memory: number;
}

/** A server that can be asked what it holds. */
export interface CountedServer extends RunningServer {
  descriptors(): Descriptors;
  /** Whether it holds no more of any kind than that; costs little while the number alone says that it does. */
  holdsAtMost(limit: Descriptors): boolean;
  /** How many of its sockets are in which state, those of TCP with bytes that are not sent apart. */
  socketStates(): Readonly<Record<string, number>>;
  nodeResources(): Promise<NodeResources>;
  /** False once the process is gone. */
  isAlive(): boolean;
}

/** Time limits of the server that take the place of its own. */
export interface ChangedTimes {
  readonly client?: Partial<TimeLimits['client']>;
  readonly app?: Partial<TimeLimits['app']>;
  readonly introduction?: number;
}

export interface CountedOptions {
  readonly times?: ChangedTimes;
  /** True where memory is to be measured, which costs much. */
  readonly measuresMemory?: boolean;
  /** As for `startServer`. */
  readonly listen?: string;
}

const SCRIPT = fileURLToPath(new URL('./server.js', import.meta.url));

/**
 * Starts the server as the command does with these arguments.
 * @param directory where it may write what it reports
 */
export async function startCounted(
  t: Test,
  args: readonly string[],
  directory: string,
  { times = {}, measuresMemory = false, listen }: CountedOptions = {},
): Promise<CountedServer> {
  const path = join(directory, `resources-${Math.random()}.json`);
  const server = await startServer(t, args, {
    script: SCRIPT,
    node: measuresMemory ? ['--expose-gc'] : [],
    env: { RESOURCE_REPORT: path, TIME_LIMITS: JSON.stringify(times) },
    ...(listen === undefined ? {} : { listen }),
  });
  const { pid } = server.process;
  const isAlive = (): boolean => server.process.exitCode === null && server.process.signalCode === null;
  return Object.assign(server, {
    isAlive,
    descriptors: () => descriptorsOf(pid),
    holdsAtMost(limit: Descriptors): boolean {
      if (readdirSync(`/proc/${pid}/fd`).length > limit.all) return false;
      const { sockets, temporaryFiles } = descriptorsOf(pid);
      return sockets <= limit.sockets && temporaryFiles <= limit.temporaryFiles;
    },
    socketStates: () => socketStatesOf(pid),
    async nodeResources(): Promise<NodeResources> {
      server.process.kill('SIGWINCH');
      let text: string | undefined;
      await until(() => {
        if (!isAlive()) throw new Error('the server is gone');
        text = readIfThere(path);
        return text !== undefined;
      }, 'the server reports what it holds');
      rmSync(path);
      return JSON.parse(text ?? '') as NodeResources;
    },
  });
}

function descriptorsOf(pid: number | undefined): Descriptors {
  const names = openDescriptors(pid);
  const count = (test: (name: string) => boolean): number => names.filter(test).length;
  return {
    sockets: count((name) => name.startsWith('socket:')),
    temporaryFiles: count((name) => name.endsWith(' (deleted)')),
    all: names.length,
  };
}

/** In the order of the kernel's numbers for them (net/tcp_states.h), which begin at one. */
const TCP_STATES =
  'ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING';
/** In the same way (linux/net.h: socket_state). */
const UNIX_STATES = 'UNCONNECTED CONNECTING CONNECTED DISCONNECTING';

function socketStatesOf(pid: number | undefined): Record<string, number> {
  const own = new Set(openDescriptors(pid).map((name) => /^socket:\[(\d+)\]$/.exec(name)?.[1]));
  const counts: Record<string, number> = {};
  const count = (inode: string | undefined, state: string): void => {
    if (inode !== undefined && own.has(inode)) counts[state] = (counts[state] ?? 0) + 1;
  };
  for (const [, , , state, queues = '', , , , , inode] of linesOf(`/proc/${pid}/net/tcp`)) {
    const hasUnsent = !/^0+:/.test(queues);
    count(inode, `${nameOf(state, TCP_STATES)}${hasUnsent ? ' with unsent bytes' : ''}`);
  }
  for (const [, , , , , state, inode] of linesOf(`/proc/${pid}/net/unix`)) {
    count(inode, `unix ${nameOf(state, UNIX_STATES)}`);
  }
  return counts;
}

/** The columns of each line of a table of the kernel's, without its heading. */
function linesOf(path: string): string[][] {
  const [, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => line.trim().split(/\s+/));
}

function nameOf(hexadecimal = '', names: string): string {
  return names.split(' ')[Number.parseInt(hexadecimal, 16) - 1] ?? hexadecimal;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
