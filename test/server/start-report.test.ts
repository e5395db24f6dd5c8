// What is said at the start.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import t from 'tap';
import { loadConfig } from '../../src/config/load.js';
import type { Config } from '../../src/config/location.js';
import { connectionPlaces } from '../../src/server/connection-places.js';
import { describeStart, warnOfStaticAmongUploads } from '../../src/server/start-report.js';
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

t.test('of a bucket the first line tells the store, and nothing that gives access', async (t) => {
  const flags = { root: 's3://site/media', internal: ['/protected/=s3://site/protected'] };
  const s3 = { s3Endpoint: 'http://minio:9000', s3Region: 'eu-west-1', s3Anonymous: true };
  const secret = { AWS_ACCESS_KEY_ID: 'AKIAHUSH', AWS_SECRET_ACCESS_KEY: 'hush' };
  const places = connectionPlaces(10);
  const told = (config: Config): unknown => describeStart(config, 'http://localhost:8080', places);
  t.match(told(loadConfig(flags, { ...secret, AWS_REGION: 'eu-west-1' })), {
    locations: [
      '/protected/ → s3://site/protected at https://site.s3.eu-west-1.amazonaws.com, in eu-west-1 (internal)',
      '/media/ → s3://site/media at https://site.s3.eu-west-1.amazonaws.com, in eu-west-1 (media, public: the app is not asked)',
    ],
  });
  const other = told(loadConfig({ ...flags, ...s3 }, secret));
  t.match(other, {
    locations: [
      '/protected/ → s3://site/protected at http://minio:9000, without credentials (internal)',
      '/media/ → s3://site/media at http://minio:9000, without credentials (media, public: the app is not asked)',
    ],
  });
  t.notMatch(JSON.stringify(other), /hush/i);
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

t.test('static files within uploads of a bucket are a warning, too', async (t) => {
  const config = loadConfig(
    { root: 's3://site', staticRoot: 's3://site/static' },
    { AWS_REGION: 'eu-west-1' },
  );
  const lines: unknown[][] = [];
  const log = { warn: (...line: unknown[]) => void lines.push(line) } as unknown as Logger;
  warnOfStaticAmongUploads({ excluded: [], missing: [], amongUploads: [] }, config, log);
  t.match(lines, [[{ root: 's3://site/static', uploads: 's3://site' }, /place of their own/]]);
  t.equal(lines.length, 1);
});

t.test('a bucket of which it cannot be told whether it is another one, too, is a warning', async (t) => {
  const [name, number] = [{ s3Endpoint: 'http://localhost:1' }, { s3Endpoint: 'http://127.0.0.1:1' }];
  const locations = [
    { kind: 'media', prefix: '/media/', root: 's3://site/a', ...name },
    { kind: 'internal', prefix: '/protected/', root: 's3://site/a/b', ...number },
    { kind: 'internal', prefix: '/all/', root: 's3://site', ...number },
  ];
  const config = join(t.testdir({ 'c.json': JSON.stringify({ locations }) }), 'c.json');
  const server = await startServer(t, ['--config', config, '--s3-anonymous']);
  const cases = [
    [
      's3://site/a/b',
      `/protected/ (${config}: locations[1])`,
      'write the same s3Endpoint for both, so that it is kept from /media/, or give one of them another prefix in its bucket',
    ],
    [
      's3://site',
      `/all/ (${config}: locations[2])`,
      'give one of them another prefix in its bucket, or, where that is meant, write the same s3Endpoint for both',
    ],
  ] as const;
  for (const [root, kept, cure] of cases) {
    const { level, msg } = await server.logged((line) => line['protected'] === root);
    t.equal(level, 40);
    t.equal(
      msg,
      `/media/ (${config}: locations[0]) and ${kept} are in buckets of one name, "site", at http://localhost:1/site and at http://127.0.0.1:1/site: whether that is the same bucket cannot be told, and if it is, /media/ serves what ${kept.split(' ')[0]} protects; ${cure}`,
    );
  }
  await server.stop();
  t.equal(server.log.filter((line) => 'protected' in line).length, cases.length, 'each once');
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
