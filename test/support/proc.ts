/** What Linux tells of a running process: its descriptors and its memory. Other systems have no /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { skipUnless } from './skip.js';

/** For tap's `skip`. */
export const withoutProc = (): string | false =>
  skipUnless(process.platform === 'linux', 'there is no /proc here');

/** The files and sockets a process has open, as the kernel names them: paths, `socket:[1234]`. */
export function openDescriptors(pid: number | undefined): string[] {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).flatMap((name) => {
    try {
      return [readlinkSync(`${directory}/${name}`)];
    } catch {
      // Closed between the two calls.
      return [];
    }
  });
}

/** Of these, the files and sockets: not what each of its threads has for itself. */
export function openFilesAndSockets(pid: number | undefined): string[] {
  return openDescriptors(pid).filter((name) => /^(?:\/|socket:)/.test(name));
}

/** How many threads a process has. */
export function threadsOf(pid: number | undefined): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

/** The most memory a process ever had resident, in bytes. */
export function peakMemory(pid: number | undefined): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

/** The memory that a process has resident now, in bytes. */
export function residentMemory(pid: number | undefined): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

/** The processes that a process has started, and that have not ended. */
export function childrenOf(pid: number | undefined): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** How often the process has called the system to read something. */
export function readCalls(pid: number | undefined): number {
  return Number(/^syscr: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
}

/** A TCP connection over IPv4 as Linux names it: the ports of both ends. To be asked for while it is open. */
export function connectionOf({ localPort, remotePort }: Socket): string {
  const name = (port = 0): string => port.toString(16).toUpperCase().padStart(4, '0');
  return `${name(localPort)} ${name(remotePort)}`;
}

/** What the system holds of all that was written to these connections and has not arrived yet, in bytes. */
export function unsentBytes(connections: readonly string[]): number {
  let bytes = 0;
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const [, local, remote, unsent = ''] =
      /^ *\d+: [0-9A-F]{8}:([0-9A-F]{4}) [0-9A-F]{8}:([0-9A-F]{4}) .. ([0-9A-F]{8})/.exec(line) ?? [];
    if (connections.includes(`${local} ${remote}`)) bytes += Number.parseInt(unsent, 16);
  }
  return bytes;
}
