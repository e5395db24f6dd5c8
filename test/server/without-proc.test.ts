/**
 * Without /proc it cannot be told where links lead, and no file is served: that is said at the start, and in the log when
 * /proc is taken away later. The systems are real ones, in mount namespaces of their own.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runCommand } from '../support/command.js';
import { amongMountsOf, withMounts, withoutMounts } from '../support/mounts.js';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { PLAIN_USER, withoutPlainUser } from '../support/user.js';

const NO_PROC = 'mount -t tmpfs tmpfs /proc';

const skip = withoutMounts();

function makeSite(t: Test): { root: string; secret: string } {
  const base = t.testdir({ media: { 'a.txt': 'hello' }, 'secret.txt': 'secret', internal: {} });
  const root = join(base, 'media');
  symlinkSync('a.txt', join(root, 'link.txt'));
  symlinkSync('../secret.txt', join(root, 'out.txt'));
  return { root, secret: join(base, 'secret.txt') };
}

t.test('without /proc the start is refused in one line, with the cure', { skip }, async (t) => {
  const { root } = makeSite(t);
  const reason = `where links below ${root} lead cannot be told here (/proc/self/fd: ENOENT; is /proc mounted?); mount /proc`;
  for (const [args, from, mayFollow] of [
    [['--root', root], '--root', true],
    [['--root', root, '--symlinks', 'never'], '--root', true],
    [['--root', root, '--symlinks', 'follow', '--internal', `/i/=${join(root, 'i')}`], '--root', false],
  ] as const) {
    if (!mayFollow) mkdirSync(join(root, 'i'));
    const { code, stdout, stderr } = await runCommand([...args, '--listen', '127.0.0.1:0'], {
      wrap: withMounts(NO_PROC),
    });
    t.equal(code, 2, args.join(' '));
    t.equal(stdout, '');
    t.match(stderr, `media-serve: ${from}: ${reason}`);
    t.match(stderr, /^[^\n]+\n$/);
    t.equal(stderr.includes('--symlinks follow'), mayFollow, 'no cure is named that is none');
  }
});

t.test('who need not know where links lead does without /proc', { skip }, async (t) => {
  const { root } = makeSite(t);
  const server = await startServer(t, ['--root', root, '--symlinks', 'follow'], {
    wrap: withMounts(NO_PROC),
  });
  for (const [name, content] of Object.entries({
    'a.txt': 'hello',
    'link.txt': 'hello',
    'out.txt': 'secret',
  })) {
    t.equal((await rawRequest(server.port, get(`/media/${name}`))).body.toString(), content, name);
  }
  const config = join(root, 'config.json');
  writeFileSync(config, JSON.stringify({ locations: [{ kind: 'upstream', prefix: '/', upstream: ':1' }] }));
  await t.resolves(
    startServer(t, ['--config', config], { wrap: withMounts(NO_PROC) }),
    'nor who has no files',
  );
});

t.test('a /proc that shows little tells enough', { skip: skip || withoutPlainUser() }, async (t) => {
  const { root } = makeSite(t);
  for (const options of ['hidepid=2', 'subset=pid,hidepid=2']) {
    const user = `setpriv --reuid ${PLAIN_USER} --regid ${PLAIN_USER} --clear-groups`;
    const wrap = [...withMounts(`mount -t proc -o ${options} proc /proc`), ...user.split(' ')];
    const server = await startServer(t, ['--root', root], { wrap });
    const statuses = [];
    for (const name of ['a.txt', 'link.txt', 'out.txt']) {
      statuses.push((await rawRequest(server.port, get(`/media/${name}`))).status);
    }
    t.same(statuses, [200, 200, 404], options);
  }
});

t.test('a /proc that is taken away makes files unreadable, not missing', { skip }, async (t) => {
  const { root } = makeSite(t);
  const server = await startServer(t, ['--root', root], { wrap: withMounts('true') });
  const ask = async (name: string): Promise<number> =>
    (await rawRequest(server.port, get(`/media/${name}`))).status;
  t.equal(await ask('link.txt'), 200);
  amongMountsOf(server.process.pid, NO_PROC);
  t.equal(await ask('out.txt'), 500);
  t.equal(await ask('missing.txt'), 404);
  const line = await server.logged(({ level }) => Number(level) >= 50);
  t.match(line, { code: 'MEDIA_SERVE_READ_FAILED', msg: /out\.txt cannot be read .*is \/proc mounted\?/ });
});
