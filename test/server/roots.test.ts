// A directory that is missing or cannot be read is found at the start, not by a visitor.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Environment, Flags } from '../../src/config/sources.js';
import { createLog, createMediaServer, loadConfig } from '../../src/index.js';
import { runCommand } from '../support/command.js';
import { PLAIN_USER, PLAIN_USER_ID, withoutPlainUser } from '../support/user.js';

const base = t.testdir({ media: {}, file: '', 'config.json': '' });
const missing = join(base, 'missing');

/** The message with which the server refuses to be made. */
async function refusal(flags: Flags, environment: Environment = {}): Promise<string> {
  const config = loadConfig({ logLevel: 'silent', ...flags }, environment);
  return createMediaServer(config, await createLog(config)).then(
    () => 'nothing was refused',
    (error: Error) => error.message,
  );
}

t.test('a root that is missing is refused with its source, the user id and the cure', async (t) => {
  const rest = `${missing} does not exist (looked for as user id ${process.getuid?.()}); mount the volume or directory there, or name another one`;
  t.equal(await refusal({ root: missing }), `--root: ${rest}`);
  t.equal(await refusal({}, { MEDIA_ROOT: missing }), `MEDIA_ROOT: ${rest}`);
  t.equal(await refusal({ root: base, staticRoot: missing }), `--static-root: ${rest}`);
  t.equal(await refusal({ mount: [`/more/=${missing}`] }), `--mount: ${rest}`);
});

t.test('a root that is a file is refused', async (t) => {
  t.match(await refusal({ root: join(base, 'file') }), /^--root: \S*file is not a directory; [^\n]*$/);
});

t.test('the default root is named as what it is', async (t) => {
  const { code, stderr } = await runCommand([], { cwd: join(base, 'media') });
  t.equal(code, 2);
  t.match(stderr, `media-serve: the default of --root: ${join(base, 'media', 'media')} does not exist`);
  t.match(stderr, /^[^\n]+\n$/);
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
