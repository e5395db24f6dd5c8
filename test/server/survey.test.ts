// The thread that looks at roots which may hang: it can be ended, and tells whether it is gone.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import type { Root } from '../../src/server/roots.js';
import { surveyElsewhere, surveyHere } from '../../src/server/survey.js';
import { until } from '../support/until.js';

const log = pino({ level: 'silent' });
/** In milliseconds. */
const LONG = 60_000;

function rootAt(root: string): Root {
  return { kind: 'media', prefix: '/media/', from: '--root', root, symlinks: 'inside', isProtected: false };
}

t.test('it is the same that this thread finds, and then files of a project', async (t) => {
  const base = t.testdir({ media: { 'manage.py': '' } });
  const roots = [rootAt(join(base, 'media')), rootAt(join(base, 'missing'))];
  const told: unknown[] = [];
  const surveyed = await surveyElsewhere(roots, LONG, log, (root, found) => told.push([root, found]));
  t.equal(surveyed.isElsewhere, true);
  t.same(surveyed.survey, surveyHere(roots).survey);
  await until(() => told.length > 0, 'it has looked for them');
  t.same(told, [[join(base, 'media'), ['manage.py']]]);
  await until(() => !surveyed.isHeldUp(), 'it is gone when it has nothing more to do');
});

t.test('while it still looks for files of a project, it can be ended', async (t) => {
  const root = t.testdir({});
  for (let number = 0; number < 2000; number++) writeFileSync(join(root, `${number}.jpg`), '');
  const surveyed = await surveyElsewhere(Array(200).fill(rootAt(root)), LONG, log, () => {});
  t.equal(surveyed.isHeldUp(), true, 'it is there');
  await surveyed.end();
  t.equal(surveyed.isHeldUp(), false, 'it is gone');
});

t.test('what is wrong with a root is told', async (t) => {
  const root = join(t.testdir({ file: '' }), 'file');
  await t.rejects(
    surveyElsewhere([rootAt(root)], LONG, log, () => {}),
    {
      message: /^--root: .*is not a directory/,
    },
  );
});
