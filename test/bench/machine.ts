/** What the figures were measured on. */

import { readFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
}

export interface Cores {
  /** The server under test runs here, alone. */
  readonly server: number;
  /** wrk, the stub and the benchmark itself run here. */
  readonly load: number;
}

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown processor',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    node: process.version,
  };
}

/**
 * Two cores that this process may use, not two threads of the same core where there is a choice.
 * @throws Error on a machine with one core: the load would be measured with the server.
 */
export function chooseCores(wanted: readonly number[] | undefined): Cores {
  const allowed = allowedCores();
  const server = wanted?.[0] ?? allowed[0];
  const others = allowed.filter((core) => core !== server);
  const load = wanted?.[1] ?? others.find((core) => !siblings(server ?? 0).includes(core)) ?? others[0];
  if (server === undefined || load === undefined) {
    throw new Error('two cores are needed, one for the server and one for the load');
  }
  return { server, load };
}

function allowedCores(): number[] {
  const status = readFileSync('/proc/self/status', 'utf8');
  return parseCoreList(/^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '');
}

function siblings(core: number): number[] {
  try {
    return parseCoreList(
      readFileSync(`/sys/devices/system/cpu/cpu${core}/topology/thread_siblings_list`, 'utf8'),
    );
  } catch {
    return []; // Not told here, as in some virtual machines.
  }
}

/** `0-2,5` → 0, 1, 2, 5 */
function parseCoreList(list: string): number[] {
  return list
    .trim()
    .split(',')
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}
