// The server as a library, without the command.
import t from 'tap';
import { createLog, createMediaServer, loadConfig } from '../../src/index.js';

t.test('a program makes a server from a configuration and starts it when it likes', async (t) => {
  const root = t.testdir({ 'a.txt': 'hello' });
  const config = loadConfig({ root, logLevel: 'silent' }, {});
  const server = await createMediaServer(config, await createLog(config));
  t.teardown(() => server.close());
  const origin = await server.listen({ host: '127.0.0.1', port: 0 });
  const answer = await fetch(`${origin}/media/a.txt`);
  t.equal(answer.status, 200);
  t.equal(await answer.text(), 'hello');
  t.equal((await fetch(`${origin}/`)).status, 404);
});

t.test('a directory that is none is refused when the server is made', async (t) => {
  const config = loadConfig({ root: '/dev/null', logLevel: 'silent' }, {});
  await t.rejects(createMediaServer(config, await createLog(config)), { code: 'MEDIA_SERVE_BAD_VALUE' });
});
