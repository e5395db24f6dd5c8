// A directory that is missing or cannot be read is found at the start, not by a visitor.
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
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

t.test('uploads that would be sent as static files are refused, by whatever name', async (t) => {
  const place = t.testdir({ uploads: { deep: { er: {} } }, apart: {}, 'uploads-too': {} });
  const [uploads, apart, link] = [join(place, 'uploads'), join(place, 'apart'), join(place, 'link')];
  symlinkSync('uploads', link);
  symlinkSync('uploads/deep/er', join(place, 'deep-link'));
  symlinkSync('../uploads/deep', join(apart, 'inner'));
  const deeper = join(uploads, 'deep/er');
  const told = (how: string, root: string, media: string): string =>
    `--static-root: ${root} ${how} the directory of uploads ${media} (--root): under /static/ they would be sent as the app's own files, and a stranger's page would run as part of the site; give the static files a directory of their own, with no uploads in it`;
  const cases: readonly (readonly [how: 'is' | 'contains' | undefined, staticRoot: string, media: string])[] =
    [
      ['is', uploads, uploads],
      ['is', uploads, link],
      ['is', link, uploads],
      ['is', deeper, join(link, 'deep/er')],
      ['is', deeper, join(place, 'deep-link')],
      ['is', join(apart, 'inner'), join(link, 'deep')],
      ['contains', uploads, deeper],
      ['contains', link, join(apart, 'inner')],
      ['contains', join(apart, 'inner'), join(place, 'deep-link')],
      ['contains', place, deeper],
      ['contains', '/', apart],
      // Static files within a directory of uploads, or beside it.
      [undefined, deeper, uploads],
      [undefined, join(place, 'deep-link'), link],
      [undefined, apart, uploads],
      [undefined, apart, join(apart, 'inner')],
      [undefined, uploads, join(place, 'uploads-too')],
    ];
  for (const [how, staticRoot, media] of cases) {
    const expected = how === undefined ? 'nothing was refused' : told(how, staticRoot, media);
    t.equal(await refusal({ root: media, staticRoot }), expected);
  }
  // As it is written: config/ makes it absolute.
  for (const spelling of [`${uploads}/`, `${uploads}/../uploads/.`, relative(process.cwd(), uploads)])
    t.match(await refusal({ root: uploads, staticRoot: spelling }), /^--static-root: .* is the directory/);
  t.match(
    await refusal({ root: apart, mount: [`/more/=${deeper}`], staticRoot: uploads }),
    / contains the directory of uploads \S+ \(--mount\): /,
  );
  t.match(
    await refusal({}, { MEDIA_ROOT: deeper, STATIC_ROOT: uploads }),
    /^STATIC_ROOT: .*\(MEDIA_ROOT\): /,
  );
  t.equal(
    await refusal({ root: uploads, mount: [`/more/=${deeper}`], internal: [`/internal/=${uploads}`] }),
    'nothing was refused',
    'uploads may be mounted twice',
  );
});

t.test('a config file is not taken either when it has uploads sent as static files', async (t) => {
  const place = t.testdir({ 'config.json': '', site: { uploads: {} } });
  const config = join(place, 'config.json');
  const refusalOf = (uploads: object, files: object = {}): Promise<string> => {
    const locations = [
      { kind: 'media', prefix: '/media/', root: 'site/uploads', ...uploads },
      { kind: 'static', prefix: '/assets/', root: 'site', ...files },
      { kind: 'upstream', prefix: '/', upstream: ':9' },
    ];
    writeFileSync(config, JSON.stringify({ locations }));
    return refusal({ config });
  };
  const asked = { authRequest: '/may-i/' };
  t.match(
    await refusalOf({}),
    /config\.json: locations\[1\]: .* contains .* \(\S+ locations\[0\]\): under \/assets\//,
  );
  t.match(await refusalOf({}, asked), / contains /, 'whoever may see them');
  t.match(await refusalOf({ ...asked, root: 'site' }), / is the directory /);
  t.equal(await refusalOf(asked), 'nothing was refused', 'those are kept from other locations');
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
