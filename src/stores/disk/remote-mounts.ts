// Which directories lie on a file system that is not this machine's own, and may let a call wait for as long as it likes. The
// table of mounts tells that: asking the file system itself (statfs(2)) would be the first call that waits.
import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { posix } from 'node:path';
import { type BytePath, toBytePath, toText } from '../../http/target.js';
import { type Mount, MountTable, mountIdOf } from './mounts.js';
import { toSystemPath } from './names.js';

/**
 * Types of file systems behind which is another machine, or a program of this one. Shared folders of virtual machines are
 * among them. `autofs` mounts one when it is touched.
 */
const REMOTE =
  /^(?:nfs\d?|cifs|smb\d?|smbfs|fuse|fuseblk|fuse\..+|9p|virtiofs|fakeowner|ceph|afs|coda|lustre|gpfs|mmfs|beegfs|beegfs_nodev|ocfs2|gfs2|glusterfs|orangefs|pvfs2|vboxsf|vmhgfs|prl_fs|prl_vzfs|davfs|ncpfs|autofs)$/;

/** What some containers have in place of the kernel's own overlay: their disk is this machine's. */
const LOCAL_FUSE = /^fuse\.(?:fuse-overlayfs|lxcfs)$/;

export function isRemote({ type }: Pick<Mount, 'type'>): boolean {
  return REMOTE.test(type) && !LOCAL_FUSE.test(type);
}

/** As many as Linux follows in one path (path_resolution(7)). */
const MOST_LINKS = 40;

/**
 * The mount for which calls below a directory may have to wait: the one that it lies on, or one that lies in it. Undefined
 * where there is none. Nothing is touched on the way that may let this call wait.
 * @param directory absolute path
 * @throws the system's error when the table of mounts is not told
 */
export function remoteMountOf(directory: string, table = MountTable.read()): Mount | undefined {
  const end = leadsTo(toBytePath(directory), table);
  return typeof end === 'string' ? remoteMountIn(end, table) : end;
}

/**
 * The mount for which files below a root may have to wait: as above; or one of a directory that they must be kept out of,
 * where they can be in it.
 * @param root absolute path, as are those of what is excluded
 * @throws the system's error when the table of mounts is not told
 */
export function remoteMountFor(
  root: string,
  excluded: readonly string[],
  table = MountTable.read(),
): Mount | undefined {
  if (!hasRemote(table)) return undefined;
  const end = leadsTo(toBytePath(root), table);
  if (typeof end !== 'string') return end;
  const mount = remoteMountIn(end, table);
  if (mount !== undefined) return mount;
  for (const directory of excluded) {
    const other = leadsTo(toBytePath(directory), table);
    if (typeof other !== 'string' && !isApartFrom(other, end, table)) return other;
  }
  return undefined;
}

/** Whether a call on this file may have to wait: for what is called once, and not watched. @param file absolute path */
export function mayHang(file: string): boolean {
  try {
    return remoteMountOf(file) !== undefined;
  } catch {
    // Where the system does not tell, it is asked directly, as nginx does.
    return false;
  }
}

/** Whether calls on an open file may have to wait. */
export function mayHangOpen(descriptor: number): boolean {
  try {
    const mount = MountTable.read().mountOf('', mountIdOf(descriptor) ?? 'none');
    return mount !== undefined && isRemote(mount);
  } catch {
    return false;
  }
}

/** False where no call has to wait for another machine. */
export function hasRemote(table: MountTable): boolean {
  return table.mountsIn('/').some(isRemote);
}

/**
 * Whether what is behind a mount has nothing in common with a root: no file system, whatever it is mounted as.
 * @param realRoot as bytes; undefined while it is not there
 */
export function isApartFrom(mount: Mount, realRoot: string | undefined, table: MountTable): boolean {
  if (realRoot === undefined) return true;
  const devices = table.devicesIn(mount.point);
  return !table.devicesIn(realRoot).some((device) => devices.includes(device));
}

/**
 * Where a directory really lies, when its name leads through a remote mount and a link there leads out of it again; else
 * nothing. Touches it, and may wait for it.
 * @param directory absolute path
 */
export function endBeyondMount(directory: string): readonly string[] {
  try {
    const mount = leadsTo(toBytePath(directory), MountTable.read());
    if (typeof mount === 'string') return [];
    const real = realpathSync.native(directory);
    return real.startsWith(posix.join(toText(mount.point), '/')) ? [] : [real];
  } catch {
    // There is nothing now, or the system does not tell.
    return [];
  }
}

/** What another one was mounted over is not seen. */
function remoteMountIn(real: string, table: MountTable): Mount | undefined {
  return table.mountsIn(real).find((mount) => isRemote(mount) && table.mountOf(mount.point) === mount);
}

/**
 * The real path, or the remote mount that it leads to. Nothing is touched on the way that may let this call wait.
 * @param path absolute, as bytes
 */
export function leadsTo(path: BytePath, table: MountTable): string | Mount {
  let wanted = segmentsOf(posix.normalize(path));
  let at = '/';
  let links = 0;
  for (let segment = wanted.shift(); segment !== undefined; segment = wanted.shift()) {
    const next = posix.join(at, segment);
    const mount = table.mountOf(next);
    if (mount !== undefined && isRemote(mount)) return mount;
    const target = linkOf(next);
    if (target === undefined || ++links > MOST_LINKS) {
      at = next;
      continue;
    }
    wanted = [...segmentsOf(target), ...wanted];
    if (target.startsWith('/')) at = '/';
  }
  return at;
}

/** `..` stays: what it leads to is known only where links have been followed. */
const segmentsOf = (path: string): string[] => path.split('/').filter((segment) => !/^\.?$/.test(segment));

/** Undefined for what is no link, or is not there. */
function linkOf(path: string): string | undefined {
  try {
    const name = toSystemPath(path);
    if (lstatSync(name, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
    return readlinkSync(name, 'latin1');
  } catch {
    return undefined;
  }
}
