// The file of a unix socket: who may connect, and what is left of a server that was killed.
import { chmodSync, chownSync, lstatSync, readFileSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';

/** Who may connect: whoever may write to the file (unix(7)). */
export interface SocketPermissions {
  /** As of chmod(2). */
  readonly mode: number;
  /** Name or number; undefined leaves it this process's. */
  readonly group: string | undefined;
}

/**
 * A socket file left by a process that was killed is in the way; one that somebody listens on is not ours to remove.
 * @throws {TypeError} when nobody does, and this user may not remove it
 */
export async function removeDeadSocket(path: string): Promise<void> {
  // bigint for the reason that log-output.ts has.
  if (!lstatSync(path, { bigint: true, throwIfNoEntry: false })?.isSocket()) return;
  const code = await new Promise<string | undefined>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  // Nobody listens on it.
  if (code !== 'ECONNREFUSED') return;
  try {
    unlinkSync(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code;
    throw new TypeError(
      `was left by a process that is gone, and user id ${process.getuid?.()} may not remove it (${reason}); remove it, or write another path`,
    );
  }
}

/**
 * Lets others connect. Until then only this user may, whom the system gave the file.
 * @throws {TypeError} when there is no such group
 * @throws the system's error
 */
export function setPermissions(path: string, { mode, group }: SocketPermissions): void {
  // First: the mode may be meant for that group.
  if (group !== undefined) chownSync(path, -1, groupId(group));
  chmodSync(path, mode);
}

/** Node has no getgrnam(3); groups that come from a directory service have to be given as numbers. */
function groupId(group: string): number {
  if (/^\d{1,9}$/.test(group)) return Number(group);
  for (const line of readFileSync('/etc/group', 'utf8').split('\n')) {
    const [name, , id] = line.split(':');
    if (name === group && id !== undefined) return Number(id);
  }
  throw new TypeError(
    `there is no group ${JSON.stringify(group)} in /etc/group; write another one, or its number`,
  );
}
