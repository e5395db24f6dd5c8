/** What a running server holds: descriptors by kind, timers and memory. For tests that all of it is given back. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
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

/** What Node tells from within, after the garbage is collected. */
export interface NodeResources {
  readonly timers: number;
  /** Bytes of objects and buffers. */
  readonly memory: number;
}

/** A server that can be asked what it holds. */
export interface CountedServer extends RunningServer {
  descriptors(): Descriptors;
  /** Whether it holds no more of any kind than that; costs little while the number alone says that it does. */
  holdsAtMost(limit: Descriptors): boolean;
  /** How many of its sockets are in which state of TCP, those with bytes that are not sent apart. */
  socketStates(): Readonly<Record<string, number>>;
  /** How many of its sockets have bytes that the other side does not take. */
  blockedSockets(): number;
  nodeResources(): Promise<NodeResources>;
  /** False once the process is gone. */
  isAlive(): boolean;
}

const REPORT = fileURLToPath(new URL('./resource-report.js', import.meta.url));

/** Starts the command with these arguments, with the module that reports loaded into it. */
export async function startCounted(
  t: Test,
  args: readonly string[],
  directory: string,
): Promise<CountedServer> {
  const path = join(directory, `resources-${Math.random()}.json`);
  const server = await startServer(t, args, {
    node: ['--expose-gc', '--import', REPORT],
    env: { RESOURCE_REPORT: path },
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
    blockedSockets: () => socketStatesOf(pid)[BLOCKED] ?? 0,
    async nodeResources(): Promise<NodeResources> {
      server.process.kill('SIGUSR2');
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
const UNSENT = ' with unsent bytes';
const BLOCKED = `ESTABLISHED${UNSENT}`;

function socketStatesOf(pid: number | undefined): Record<string, number> {
  const own = new Set(openDescriptors(pid).map((name) => /^socket:\[(\d+)\]$/.exec(name)?.[1]));
  const names = TCP_STATES.split(' ');
  const counts: Record<string, number> = {};
  for (const line of readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1)) {
    const [, , , state = '', queues = '', , , , , inode] = line.trim().split(/\s+/);
    if (inode === undefined || !own.has(inode)) continue;
    const known = names[Number.parseInt(state, 16) - 1] ?? state;
    const name = /^0+:/.test(queues) ? known : `${known}${UNSENT}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
