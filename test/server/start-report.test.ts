// What is said at the start.
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
      `/media/ → ${media} (media)`,
      `/ → ${app.address} (upstream)`,
    ],
  });
});

t.test('an app that is not there yet is a warning', async (t) => {
  const upstream = 'unix:/nowhere/at/all.sock';
  const server = await startServer(t, ['--root', t.testdir({}), '--upstream', upstream]);
  const line = await server.logged(({ level }) => Number(level) >= 40);
  t.match(line, { level: 40, upstream, reason: 'ENOENT', msg: /does not answer yet/ });
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
