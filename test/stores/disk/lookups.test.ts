// Lookups are shared within a batch of answers, and nowhere else.
import { lstatSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { toBytePath } from '../../../src/http/target.js';
import { answerAtEndOfTurn } from '../../../src/http1/turn.js';
import { Lookups } from '../../../src/stores/disk/lookups.js';

/** Runs the tasks as requests of one batch. */
async function inOneBatch(...tasks: (() => void)[]): Promise<void> {
  for (const endTurn of tasks) answerAtEndOfTurn({ endTurn }, 1);
  await nextTurn();
}

/** A directory with `name`, and what changes it. */
function makeName(t: Test): { name: string; change: (content: string) => void } {
  const name = join(t.testdir({}), 'name');
  const change = (content: string): void => {
    writeFileSync(`${name}.new`, content);
    renameSync(`${name}.new`, name);
  };
  change('one');
  return { name, change };
}

t.test('in a batch a name is looked up once, and anew in the next', async (t) => {
  const { name, change } = makeName(t);
  const lookups = new Lookups(lstatSync);
  const sizes: (number | undefined)[] = [];
  const look = (): void => {
    sizes.push(lookups.of(name)?.size);
  };
  await inOneBatch(look, () => change('three'), look);
  t.strictSame(sizes, [3, 3]);
  await inOneBatch(look);
  t.strictSame(sizes, [3, 3, 5]);
});

t.test('that there is nothing is found out once in a batch, too', async (t) => {
  const { name, change } = makeName(t);
  rmSync(name);
  const lookups = new Lookups(lstatSync);
  const found: boolean[] = [];
  const look = (): void => {
    found.push(lookups.of(name) !== undefined);
  };
  await inOneBatch(look, () => change('back'), look);
  t.strictSame(found, [false, false]);
  await inOneBatch(look);
  t.strictSame(found, [false, false, true]);
});

t.test('outside of a batch each look is a new one, whatever a batch has seen', async (t) => {
  const { name, change } = makeName(t);
  const lookups = new Lookups(lstatSync);
  await inOneBatch(() => lookups.of(name));
  change('three');
  t.equal(lookups.of(name)?.size, 5);
  rmSync(name);
  t.equal(lookups.of(name), undefined);
});

t.test('a name beyond ASCII is its bytes, and is shared like any other', async (t) => {
  const directory = t.testdir({ 'grün.txt': 'one', 'grün-link': t.fixture('symlink', 'grün.txt') });
  const [file, link] = ['grün.txt', 'grün-link'].map((name) => toBytePath(join(directory, name)));
  const [names, leads] = [new Lookups(lstatSync), new Lookups(statSync)];
  const sizes: (number | undefined)[] = [];
  const look = (): void => {
    sizes.push(names.of(file ?? '')?.size);
  };
  await inOneBatch(
    look,
    () => writeFileSync(join(directory, 'grün.txt'), 'three'),
    look,
    () => {
      t.ok(names.of(link ?? '')?.isSymbolicLink());
      t.ok(leads.of(link ?? '')?.isFile(), 'what it leads to is another question');
    },
  );
  t.strictSame(sizes, [3, 3]);
});

t.test('what cannot be told is the error of the system', async (t) => {
  const { name } = makeName(t);
  const lookups = new Lookups(lstatSync);
  const look = (): void => {
    t.throws(() => lookups.of(`${name}/below`), { code: 'ENOTDIR' });
  };
  await inOneBatch(look, look);
});
