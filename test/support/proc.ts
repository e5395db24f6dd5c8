/** What Linux tells of a running process: its descriptors and its memory. Other systems have no /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
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

/** The most memory a process ever had resident, in bytes. */
export function peakMemory(pid: number | undefined): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

/** How often the process has called the system to read something. */
export function readCalls(pid: number | undefined): number {
  return Number(/^syscr: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
}
