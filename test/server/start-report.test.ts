// What is said at the start.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startRecorder } from '../support/app.js';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';

t.test('the first line tells what is served where', async (t) => {
  const base = t.testdir({ media: {}, static: {} });
  const app = await startRecorder(t);
  const [media, assets] = [join(base, 'media'), join(base, 'static')];
  const server = await startServer(t, ['--root', media, '--static-root', assets, '--upstream', app.address]);
  t.match(server.log[0], {
    msg: 'listening',
    address: server.origin,
    locations: [
      `/static/ → ${assets} (static)`,
      `/media/ → ${media} (media, public: the app is not asked)`,
      `/ → ${app.address} (upstream)`,
    ],
  });
});

t.test('that nothing answers at other paths is said, where it is so', async (t) => {
  const root = t.testdir({});
  const app = await startRecorder(t);
  const server = await startServer(t, ['--root', root]);
  const line = await server.logged(({ msg }) => /every other path is 404/.test(String(msg)));
  t.match(line, { level: 30, served: ['/media/'], msg: /--upstream :8000/ });
  for (const args of [
    ['--url', '/'],
    ['--upstream', app.address],
  ]) {
    const other = await startServer(t, ['--root', root, ...args]);
    await other.stop();
    t.notOk(
      other.log.some(({ msg }) => /404/.test(String(msg))),
      args.join(' '),
    );
  }
});

t.test('a directory that takes no temporary file is a warning, once', async (t) => {
  const root = t.testdir({});
  const app = await startRecorder(t);
  // A directory when the options are read, and none that takes a file: nobody may, not even root.
  const args = ['--root', root, '--upstream', app.address, '--spool-dir', '/proc'];
  const server = await startServer(t, args);
  const line = await server.logged(({ level }) => Number(level) >= 40);
  t.match(line, { level: 40, path: '/proc', reason: /^E[A-Z]+$/, msg: /--spool-dir/ });
  const off = await startServer(t, [...args, '--no-request-buffering', '--no-response-buffering']);
  await rawRequest(off.port, get('/'));
  await off.logged(({ msg }) => msg === 'request');
  t.notOk(
    off.log.some(({ path }) => path === '/proc'),
    'none where nothing is buffered',
  );
});

t.test('static files within a directory of uploads are a warning', async (t) => {
  const root = t.testdir({ assets: {} });
  const assets = join(root, 'assets');
  const server = await startServer(t, ['--root', root, '--static-root', assets]);
  const line = await server.logged(({ level }) => Number(level) >= 40);
  t.match(line, { level: 40, root: assets, uploads: root, msg: /directory of their own/ });
});

t.test('a root that looks like a project is a warning that names what was found', async (t) => {
  const base = t.testdir({
    ...{ project: { 'manage.py': '', 'a.txt': '', '.git': {}, '.env.local': '', '.envelope': '' } },
    ...{
      package: { 'settings.py': '', 'settings.pyc': '', 'old-manage.py': '' },
      data: { 'db.sqlite3': '', 'dev.db': '', 'local_settings.py': '' },
    },
    ...{
      media: { '.well-known': {}, sub: { 'settings.py': '' }, 'sqlite3.png': '', 'Thumbs.db': '', env: {} },
      many: {},
    },
  });
  for (let number = 0; number < 30; number++) writeFileSync(join(base, 'many', `${number}.sqlite3`), '');
  const at = (name: string): string => join(base, name);
  const server = await startServer(t, [
    ...['--root', at('media'), '--static-root', at('package')],
    ...['project', 'data', 'many'].flatMap((name) => ['--mount', `/${name}/=${at(name)}`]),
    ...['--mount', `/again/=${at('project')}`, '--mount', `/last/=${at('media')}`],
  ]);
  const expected: Readonly<Record<string, readonly string[]>> = {
    project: ['.env.local', '.git', 'manage.py'],
    package: ['settings.py'],
    data: ['db.sqlite3', 'dev.db', 'local_settings.py'],
  };
  for (const [name, found] of Object.entries(expected)) {
    const line = await server.logged(({ root }) => root === at(name));
    t.match(line, { level: 40, msg: /project/ });
    t.same(line['found'], found);
  }
  const { found } = await server.logged(({ root }) => root === at('many'));
  t.equal((found as string[]).length, 10, 'some of many');
  await server.stop();
  const warned = server.log.flatMap(({ level, root }) => (level === 40 ? [root] : [])).sort();
  t.same(warned, ['data', 'many', 'package', 'project'].map(at), 'each once, and no other');
});

t.test('a variable that is none is a warning', async (t) => {
  const env = { MEDIA_SERVE_MAXAGE: '5s', MEDIA_SERVE_PORT: 'tcp://10.0.0.7:8080' };
  const server = await startServer(t, ['--root', t.testdir({})], { env });
  t.match(await server.logged(({ level }) => level === 40), {
    msg: /"MEDIA_SERVE_MAXAGE" .*MEDIA_SERVE_MAX_AGE$/,
  });
  await server.stop();
  t.equal(server.log.filter(({ level }) => level === 40).length, 1);
});
