// A protected directory that is reached by another mount: bind mounts, Docker's volumes, Kubernetes' subPath. Real ones.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { amongMountsOf, withMounts, withoutMounts } from '../support/mounts.js';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';

const skip = withoutMounts();

/** What is mounted where, below a directory of its own, and what is then protected. */
interface Site {
  readonly what: string;
  readonly internal: string;
  /** `from to`, each a bind mount. */
  readonly binds: readonly string[];
  /** What is served by name, and what is not. */
  readonly statuses: Readonly<Record<string, number>>;
}

const OPEN = { 'a.txt': 200, 'public/p.txt': 200 };

const SITES: readonly Site[] = [
  {
    what: 'the protected directory, mounted among the uploads',
    internal: 'protected',
    binds: ['protected media/mounted'],
    statuses: { ...OPEN, 'mounted/s.txt': 404, 'mounted/deep/d.txt': 404 },
  },
  {
    what: 'a directory in it',
    internal: 'protected',
    binds: ['protected/deep media/mounted'],
    statuses: { ...OPEN, 'mounted/d.txt': 404 },
  },
  {
    what: 'a file in it',
    internal: 'protected',
    binds: ['protected/deep/d.txt media/mounted.txt'],
    statuses: { ...OPEN, 'mounted.txt': 404 },
  },
  {
    what: 'a directory among the uploads, mounted as the protected one',
    internal: 'bound',
    binds: ['media/public bound'],
    statuses: { 'a.txt': 200, 'public/p.txt': 404, 'public/deep/d.txt': 404 },
  },
  {
    what: 'a directory in one among the uploads, mounted as the protected one',
    internal: 'bound',
    binds: ['media/public/deep bound'],
    statuses: { ...OPEN, 'public/deep/d.txt': 404 },
  },
  {
    what: 'a mount of a mount',
    internal: 'bound',
    binds: ['protected bound', 'bound/deep media/mounted'],
    statuses: { ...OPEN, 'mounted/d.txt': 404 },
  },
  {
    what: 'all of it once more',
    internal: 'protected',
    binds: ['. again', 'again/protected/deep media/mounted'],
    statuses: { ...OPEN, 'mounted/d.txt': 404 },
  },
  {
    what: 'a volume that is mounted in it, too',
    internal: 'protected',
    binds: ['elsewhere protected/deep', 'elsewhere media/mounted'],
    statuses: { ...OPEN, 'mounted/e.txt': 404 },
  },
  {
    what: 'a directory among the uploads that is mounted in it, too',
    internal: 'protected',
    binds: ['media/public/deep protected/deep'],
    statuses: { ...OPEN, 'public/deep/d.txt': 404 },
  },
  {
    what: 'the root itself is mounted from it, as whoever mounts it there wants it',
    internal: 'protected',
    binds: ['protected/deep media'],
    statuses: { 'd.txt': 200 },
  },
  {
    what: 'what is mounted from elsewhere is served',
    internal: 'protected',
    binds: ['elsewhere media/mounted'],
    statuses: { ...OPEN, 'mounted/e.txt': 200 },
  },
];

function makeSite(t: Test): string {
  return t.testdir({
    media: {
      'a.txt': 'open',
      public: { 'p.txt': 'open', deep: { 'd.txt': 'open' } },
      mounted: {},
      'mounted.txt': '',
    },
    protected: { 's.txt': 'secret', deep: { 'd.txt': 'secret' } },
    elsewhere: { 'e.txt': 'open' },
    bound: {},
    again: {},
  });
}

async function statusesOf(port: number, names: readonly string[]): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {};
  for (const name of names) statuses[name] = (await rawRequest(port, get(`/media/${name}`))).status;
  return statuses;
}

t.test('what is mounted twice is protected by each way', { skip }, async (t) => {
  for (const { what, internal, binds, statuses } of SITES) {
    const base = makeSite(t);
    const command = binds.map((bind) => {
      const [from = '', to = ''] = bind.split(' ');
      return `mount --bind '${join(base, from)}' '${join(base, to)}'`;
    });
    const args = ['--root', join(base, 'media'), '--internal', `/i/=${join(base, internal)}`];
    const server = await startServer(t, args, { wrap: withMounts(command.join(' && ')) });
    t.same(await statusesOf(server.port, Object.keys(statuses)), statuses, what);
  }
});

t.test('mounts that come and go while the server runs', { skip }, async (t) => {
  const base = makeSite(t);
  const path = (name: string): string => `'${join(base, name)}'`;
  const args = ['--root', join(base, 'media'), '--internal', `/i/=${join(base, 'protected')}`];
  const server = await startServer(t, args, { wrap: withMounts('true') });
  const expect = async (what: string, statuses: Record<string, number>): Promise<void> => {
    t.same(await statusesOf(server.port, Object.keys(statuses)), statuses, what);
  };
  const run = (command: string): void => amongMountsOf(server.process.pid, command);
  await expect('at the start', { ...OPEN, 'mounted/s.txt': 404 });
  run(`mount --bind ${path('protected')} ${path('media/mounted')}`);
  await expect('mounted', { ...OPEN, 'mounted/s.txt': 404 });
  run(`mount -t tmpfs tmpfs ${path('protected')}`);
  await expect('mounted over', { ...OPEN, 'mounted/s.txt': 404 });
  run(`umount ${path('protected')} && umount ${path('media/mounted')}`);
  run(`mount -t tmpfs tmpfs ${path('media/mounted')} && echo open >${path('media/mounted/t.txt')}`);
  await expect('another file system', { ...OPEN, 'mounted/t.txt': 200 });
  run(`mount --bind ${path('media/public')} ${path('protected')}`);
  await expect('a public one is mounted over it', { 'a.txt': 200, 'public/p.txt': 404 });
  run(`umount ${path('protected')} && umount ${path('media/mounted')}`);
  run(`mount --bind ${path('protected/deep')} ${path('media/mounted')}`);
  run(`mount -t tmpfs tmpfs ${path('protected')}`);
  await expect('mounted over what is in it', { 'a.txt': 200, 'mounted/d.txt': 404 });
  run(`umount ${path('protected')} && mv ${path('protected')} ${path('moved')}`);
  await expect('moved', { 'a.txt': 200, 'mounted/d.txt': 404 });
  run(`mkdir ${path('protected')}`);
  await expect('moved, and another one made', { 'a.txt': 200, 'mounted/d.txt': 404 });
  run(`umount ${path('media/mounted')} && mv ${path('moved')}/* ${path('protected')}`);
  run(`mount --bind ${path('protected/deep')} ${path('media')}`);
  await expect('mounted over the root', { 'd.txt': 404 });
  run(`umount ${path('media')}`);
  mkdirSync(join(base, 'media/later'));
  writeFileSync(join(base, 'media/later/l.txt'), 'open');
  await expect('later', { 'later/l.txt': 200 });
});

t.test('the number of a mount that is gone is another one’s', { skip }, async (t) => {
  const base = makeSite(t);
  const path = (name: string): string => `'${join(base, name)}'`;
  const args = ['--root', join(base, 'media'), '--internal', `/i/=${join(base, 'protected')}`];
  const bind = `mount --bind ${path('elsewhere')} ${path('media')}`;
  const server = await startServer(t, args, { wrap: withMounts(bind) });
  t.same(await statusesOf(server.port, ['e.txt']), { 'e.txt': 200 });
  const command = `umount ${path('media')} && mount --bind ${path('protected/deep')} ${path('media/mounted')}`;
  amongMountsOf(server.process.pid, command);
  t.same(await statusesOf(server.port, ['a.txt', 'mounted/d.txt']), { 'a.txt': 200, 'mounted/d.txt': 404 });
});
