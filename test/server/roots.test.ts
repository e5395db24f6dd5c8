// A directory that is missing or cannot be read is found at the start, not by a visitor.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runCommand } from '../support/command.js';
import { PLAIN_USER, PLAIN_USER_ID, withoutPlainUser } from '../support/user.js';

const base = t.testdir({ media: {}, file: '', 'config.json': '' });
const missing = join(base, 'missing');

t.test('a root that is missing is refused with its source, the user id and the cure', async (t) => {
  const uid = process.getuid?.();
  const cases: readonly (readonly [source: string, args: readonly string[], env?: Record<string, string>])[] =
    [
      ['--root', ['--root', missing]],
      ['MEDIA_ROOT', [], { MEDIA_ROOT: missing }],
      ['--static-root', ['--root', base, '--static-root', missing]],
      ['--mount', ['--mount', `/more/=${missing}`]],
    ];
  for (const [source, args, env = {}] of cases) {
    const { code, stderr } = await runCommand(args, { env });
    t.equal(code, 2, source);
    t.match(stderr, new RegExp(`^media-serve: ${source}: ${missing} does not exist [^\\n]*\\n$`));
    t.match(stderr, `user id ${uid}`);
    t.match(stderr, /mount the volume or directory there, or name another one/);
  }
});

t.test('the default root is named as what it is', async (t) => {
  const { code, stderr } = await runCommand([], { cwd: join(base, 'media') });
  t.equal(code, 2);
  t.match(stderr, `media-serve: the default of --root: ${join(base, 'media', 'media')} does not exist`);
});

t.test('a root that is a file is refused', async (t) => {
  const { code, stderr } = await runCommand(['--root', join(base, 'file')]);
  t.equal(code, 2);
  t.match(stderr, /^media-serve: --root: [^\n]*file is not a directory; [^\n]*\n$/);
});

t.test('a root that cannot be read is refused with the user id', { skip: withoutPlainUser() }, async (t) => {
  const closed = join(base, 'media');
  chmodSync(closed, PLAIN_USER === undefined ? 0 : 0o700);
  const { code, stderr } = await runCommand(['--root', closed], { uid: PLAIN_USER });
  chmodSync(closed, 0o755);
  t.equal(code, 2);
  t.match(
    stderr,
    new RegExp(
      `^media-serve: --root: ${closed} cannot be read by user id ${PLAIN_USER_ID}; [^\\n]*chmod[^\\n]*\\n$`,
    ),
  );
});
