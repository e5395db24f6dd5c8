// Which directories lie on a file system that may let calls wait, by the table of mounts alone: nothing that may hang is
// touched to find that out.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { MountTable } from '../../../src/stores/disk/mounts.js';
import { isRemote, remoteMountFor, remoteMountOf } from '../../../src/stores/disk/remote-mounts.js';

/** The table of a machine on which these are mounted, each with its type. */
function tableOf(mounts: Readonly<Record<string, string>>): MountTable {
  const lines = Object.entries({ '/': 'ext4', ...mounts }).map(
    ([point, type], index) =>
      `${index + 1} 1 0:${index} / ${point.replaceAll(' ', '\\040')} rw shared:1 master:2 - ${type} none rw`,
  );
  return new MountTable(lines.join('\n'));
}

t.test('what is behind a network or another program is told by its type', async (t) => {
  const remote =
    'nfs nfs4 cifs smb3 fuse fuse.sshfs fuse.s3fs fuse.glusterfs fuseblk 9p virtiofs ceph lustre autofs';
  for (const type of remote.split(' ')) t.ok(isRemote({ type }), type);
  const local = 'ext4 xfs btrfs zfs overlay tmpfs squashfs erofs vfat fuse.fuse-overlayfs fusectl nfsd proc';
  for (const type of local.split(' ')) t.notOk(isRemote({ type }), type);
});

t.test('a root may lie on such a mount, have one in it, or lead to one', async (t) => {
  const base = t.testdir({});
  for (const name of ['local', 'with-mount/in it', 'nfs/media', 'local/deep', 'beside', 'beside-too'])
    mkdirSync(join(base, name), { recursive: true });
  symlinkSync('nfs', join(base, 'to-nfs'));
  symlinkSync(join(base, 'to-nfs/media'), join(base, 'local/link'));
  symlinkSync('../../nfs/../local', join(base, 'local/deep/up'));
  symlinkSync('loop', join(base, 'loop'));
  const table = tableOf({
    [join(base, 'with-mount/in it')]: 'fuse.s3fs',
    [join(base, 'nfs')]: 'nfs4',
    [join(base, 'beside')]: 'ext4',
  });
  const cases: readonly (readonly [name: string, mount: string | undefined])[] = [
    ['local', undefined],
    ['beside', undefined],
    ['beside-too', undefined],
    ['nfs', 'nfs'],
    ['nfs/media', 'nfs'],
    ['nfs/missing/deeper', 'nfs'],
    ['to-nfs', 'nfs'],
    ['to-nfs/media', 'nfs'],
    ['local/link', 'nfs'],
    ['local/link/deeper', 'nfs'],
    ['local/missing', undefined],
    ['with-mount', 'with-mount/in it'],
    ['with-mount/in it/x', 'with-mount/in it'],
    ['.', 'with-mount/in it'],
    ['loop', undefined],
    ['loop/x', undefined],
    // The way leads over the mount, which is touched by whoever goes it.
    ['local/deep/up', 'nfs'],
  ];
  for (const [name, mount] of cases) {
    const found = remoteMountOf(join(base, name), table)?.point;
    t.equal(found, mount === undefined ? undefined : join(base, mount), name);
  }
});

t.test('of two on the same point the later one counts', async (t) => {
  const base = t.testdir({});
  const under = `1 0 0:1 / / rw - ext4 none rw\n2 1 0:2 / ${base} rw - autofs none rw`;
  t.equal(remoteMountOf(base, new MountTable(under))?.type, 'autofs');
  const over = `${under}\n3 2 0:3 / ${base} rw - ext4 none rw`;
  t.equal(remoteMountOf(base, new MountTable(over))?.type, undefined);
});

t.test('a directory that a root is kept out of matters to it where they share a file system', async (t) => {
  const base = t.testdir({});
  for (const name of ['local/shared', 'nfs/media', 'other']) mkdirSync(join(base, name), { recursive: true });
  symlinkSync('nfs/media', join(base, 'link'));
  const line = (id: number, device: string, point: string, type: string): string =>
    `${id} 1 ${device} / ${point} rw - ${type} none rw`;
  const NFS = line(2, '0:2', join(base, 'nfs'), 'nfs4');
  const cases: readonly (readonly [what: string, excluded: string, mounts: string, matters: boolean])[] = [
    ['it is on another one', 'nfs/media', NFS, false],
    ['its link leads to another one', 'link', NFS, false],
    ['it is local', 'local', NFS, false],
    [
      'what is on it is seen in the root',
      'nfs/media',
      `${NFS}\n${line(3, '0:2', join(base, 'local/shared'), 'ext4')}`,
      true,
    ],
    [
      'what is in the root is mounted in it',
      'nfs/media',
      `${line(1, '0:1', '/', 'ext4')}\n${NFS}\n${line(3, '0:1', join(base, 'nfs/media'), 'ext4')}`,
      true,
    ],
  ];
  for (const [what, excluded, mounts, matters] of cases) {
    const table = new MountTable(`${line(1, '0:1', '/', 'ext4')}\n${mounts}`);
    const mount = remoteMountFor(join(base, 'local'), [join(base, 'other'), join(base, excluded)], table);
    t.equal(mount?.type, matters ? 'nfs4' : undefined, what);
  }
});
