// A root that threads ask: what one of them finds out, all others know.
import { mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { RootStore } from '../../../src/stores/disk/root-store.js';
import { type Known, StoreError } from '../../../src/stores/store.js';

const log = pino({ level: 'silent' });
/** Enough at once for each thread to have some. */
const MANY = 40;

t.test('a directory that was protected stays so in threads that have not seen it', async (t) => {
  const root = t.testdir({ protected: { s: 'secret' }, a: 'open' });
  if (statSync(root, { bigint: true }).birthtimeNs === 0n) {
    t.comment('this file system does not tell when a directory was made: nothing could be remembered of it');
    return;
  }
  const policy = { symlinks: 'inside', excluded: [join(root, 'protected')] } as const;
  const store = new RootStore(root, policy, { mode: 'threads', threads: 4, timeout: 60_000 }, log);
  t.teardown(() => store.end());
  const answer = async (path: string): Promise<string> => {
    try {
      const found = await store.find<Known>({ path, siblings: [], known: () => undefined });
      found.file?.close();
      return 'open';
    } catch (error) {
      return error instanceof StoreError ? error.failure : String(error);
    }
  };
  t.equal(await answer('a'), 'open');
  renameSync(join(root, 'protected'), join(root, 'moved'));
  mkdirSync(join(root, 'protected'));
  writeFileSync(join(root, 'protected/t'), 'secret too');
  t.equal(await answer('moved/s'), 'not-found', 'in the thread that has seen it by its name');
  const answers = await Promise.all(Array.from({ length: MANY }, () => answer('moved/s')));
  t.same(new Set(answers), new Set(['not-found']), 'in all others');
  t.equal(await answer('protected/t'), 'not-found');
  t.equal(await answer('a'), 'open');
});
