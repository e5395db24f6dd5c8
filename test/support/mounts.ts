/** Real mounts, in a mount namespace of their own: nothing is seen outside of it, and nothing is left. */
import { spawnSync } from 'node:child_process';
import { skipUnless } from './skip.js';

/** Runs the command that follows after this one, in a mount namespace of its own. For `wrap` of a server. */
export const withMounts = (command: string): string[] => [
  'unshare',
  '-m',
  'sh',
  '-c',
  `${command} && exec "$@"`,
  'sh',
];

/** Runs a command where the process sees its mounts. @throws when it fails */
export function amongMountsOf(pid: number | undefined, command: string): void {
  const { status, stderr } = spawnSync('nsenter', ['-t', String(pid), '-m', 'sh', '-c', command]);
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
}

/** For tap's `skip`. */
export function withoutMounts(): string | false {
  const tried = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs tmpfs /proc']);
  return skipUnless(tried.status === 0, 'nobody may mount anything here (root may, with CAP_SYS_ADMIN)');
}
