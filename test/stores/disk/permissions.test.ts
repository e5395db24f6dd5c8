// Which part of a path refuses, and what would help: by the modes of files, whoever runs the tests.
import t from 'tap';
import {
  cureFor,
  cureForSocket,
  describeRefusal,
  refusalOnTheWayTo,
} from '../../../src/stores/disk/permissions.js';

t.test('the cure is one that fits', async (t) => {
  const cases: readonly (readonly [what: string, isDirectory: boolean, mode: number, cure: RegExp])[] = [
    ['a file of its owner alone', false, 0o100600, /^chmod a\+r \/a; .*FILE_UPLOAD_PERMISSIONS = 0o644$/],
    ['a file that nobody may read', false, 0o100000, /^chmod a\+r \/a; /],
    ['a file of a group', false, 0o100640, /^its group may: run media-serve with group 33 \(.*fsGroup\)$/],
    ['a file that all may read', false, 0o100644, /^its mode would allow it, .*SELinux/],
    ['a directory of its owner alone', true, 0o40700, /^chmod a\+x \/a; .*DIRECTORY_PERMISSIONS = 0o755$/],
    ['a directory of a group', true, 0o40750, /^its group may: /],
    ['a directory whose names may be read', true, 0o40744, /^chmod a\+x \/a; /],
    ['a directory that all may enter', true, 0o40711, /^its mode would allow it/],
  ];
  for (const [what, isDirectory, mode, cure] of cases) {
    t.match(
      cureFor({ path: '/a', wanted: isDirectory ? 'enter' : 'read', stats: { mode, uid: 7, gid: 33 } }),
      cure,
      what,
    );
  }
  const file = { path: '/a', wanted: 'read' as const, stats: { mode: 0o104640, uid: 7, gid: 33 } };
  t.equal(
    describeRefusal(file),
    `/a (mode 4640, owner 7:33) may not be read by user id ${process.getuid?.()}`,
  );
  const unknown = { path: '/a', wanted: 'enter' as const, stats: undefined };
  t.equal(describeRefusal(unknown), `/a may not be entered by user id ${process.getuid?.()}`);
  t.match(cureFor(unknown), /^chmod a\+x \/a/);
});

t.test('what may be read, or is not there, refuses nothing', async (t) => {
  const root = t.testdir({ 'a.txt': '' });
  t.equal(refusalOnTheWayTo(`${root}/a.txt`), undefined);
  t.equal(refusalOnTheWayTo(`${root}/missing/a.txt`), undefined);
});

t.test('the cure of a socket is one that fits', async (t) => {
  const cases: readonly (readonly [wanted: 'enter' | 'connect', mode: number, cure: RegExp])[] = [
    ['connect', 0o140600, /^chmod a\+w \/a; .*gunicorn --umask 0/],
    ['connect', 0o140755, /^chmod a\+w \/a; /],
    ['connect', 0o140660, /^its group may: run media-serve with group 33 /],
    ['connect', 0o140666, /^its mode would allow it/],
    ['enter', 0o40700, /^chmod a\+x \/a; .*RuntimeDirectoryMode/],
    ['enter', 0o40750, /^its group may: /],
  ];
  for (const [wanted, mode, cure] of cases) {
    const refusal = { path: '/a', wanted, stats: { mode, uid: 7, gid: 33 } };
    t.match(cureForSocket(refusal), cure, `${wanted} ${mode.toString(8)}`);
  }
});
