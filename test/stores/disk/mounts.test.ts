// Where files lie in their file systems, by the system's table of mounts (proc_pid_mountinfo(5)).
import { closeSync, openSync, realpathSync } from 'node:fs';
import t from 'tap';
import { isPlaceWithin, MountTable, mountIdOf } from '../../../src/stores/disk/mounts.js';
import { withoutProc } from '../../support/proc.js';

const TABLE = new MountTable(
  [
    '20 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw',
    '21 20 8:2 / /srv rw - ext4 /dev/sdb1 rw',
    '22 21 8:2 /protected/deep /srv/media/in\\040it rw shared:3 - ext4 /dev/sdb1 rw',
    '23 20 8:2 /protected /bound rw master:1 - ext4 /dev/sdb1 rw',
    '24 20 0:30 / /tmp rw - tmpfs tmpfs rw',
    '25 24 8:1 /var/tmp /tmp rw - ext4 /dev/sda1 rw',
    '26 21 8:2 /protected/one.txt /srv/media/one.txt rw - ext4 /dev/sdb1 rw',
    '',
    'what is this',
  ].join('\n'),
);

t.test('a path is put where its mount comes from', async (t) => {
  const cases: readonly (readonly [real: string, id: string | undefined, device: string, path: string])[] = [
    ['/', '20', '8:1', '/'],
    ['/a/b', '20', '8:1', '/a/b'],
    ['/srv', '21', '8:2', '/'],
    ['/srv/media/x', '21', '8:2', '/media/x'],
    ['/srv/media/in it', '22', '8:2', '/protected/deep'],
    ['/srv/media/in it/x', '22', '8:2', '/protected/deep/x'],
    ['/bound/y', '23', '8:2', '/protected/y'],
    ['/srv/media/one.txt', '26', '8:2', '/protected/one.txt'],
    ['/tmp/x', '25', '8:1', '/var/tmp/x'],
    ['/tmp/x', '24', '0:30', '/x'],
  ];
  for (const [real, id, device, path] of cases) {
    t.same(TABLE.placeOf(real, id), { device, path }, `${real} in mount ${id}`);
    // The one that is seen, where the system does not say which it is.
    if (id !== '24') t.same(TABLE.placeOf(real, undefined), { device, path }, real);
  }
  t.equal(TABLE.placeOf('/a', '99'), undefined, 'a mount that is not seen');
  t.equal(TABLE.placeOf('/srvx', '21'), undefined, 'a path that is not in it');
  t.equal(new MountTable('').placeOf('/a', undefined), undefined);
});

t.test('a place lies within another one', async (t) => {
  const place = (real: string) => TABLE.placeOf(real, undefined) ?? { device: '', path: '' };
  const bound = place('/bound');
  t.equal(isPlaceWithin(place('/srv/media/in it/x'), bound), true);
  t.equal(isPlaceWithin(place('/srv/media/one.txt'), bound), true);
  t.equal(isPlaceWithin(bound, bound), true);
  t.equal(isPlaceWithin(place('/srv/protected-not/x'), bound), false);
  t.equal(isPlaceWithin(place('/protected/x'), bound), false, 'another file system');
  t.equal(isPlaceWithin(bound, place('/srv')), true);
});

t.test('what belongs to a directory lies in several places', async (t) => {
  t.same(TABLE.placesOf('/srv/media'), [
    { device: '8:1', path: '/srv/media' },
    { device: '8:2', path: '/media' },
    { device: '8:2', path: '/protected/deep' },
    { device: '8:2', path: '/protected/one.txt' },
  ]);
  t.same(TABLE.placesOf('/bound'), [
    { device: '8:1', path: '/bound' },
    { device: '8:2', path: '/protected' },
  ]);
});

t.test('a place is seen by several paths', async (t) => {
  t.same(TABLE.pathsTo({ device: '8:2', path: '/protected/deep/d' }), [
    '/srv/protected/deep/d',
    '/srv/media/in it/d',
    '/bound/deep/d',
  ]);
  t.same(TABLE.pathsTo({ device: '8:2', path: '/' }), ['/srv']);
  t.same(TABLE.pathsTo({ device: '9:9', path: '/' }), []);
});

t.test('this system tells both', { skip: withoutProc() }, async (t) => {
  const descriptor = openSync('.', 'r');
  const id = mountIdOf(descriptor);
  closeSync(descriptor);
  t.match(id, /^\d+$/);
  const table = MountTable.read();
  const real = realpathSync('.');
  t.ok(table.placeOf(real, id));
  t.same(table.placeOf(real, undefined), table.placeOf(real, id));
  t.equal(mountIdOf(-1), undefined);
});
