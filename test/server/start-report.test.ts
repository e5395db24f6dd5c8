// What is said at the start.
import { join } from 'node:path';
import t from 'tap';
import { startRecorder } from '../support/app.js';
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
