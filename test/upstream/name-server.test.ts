// The command with a real name server, which is slow, refuses and falls silent while the app is there.
import t from 'tap';
import { OWN_HOSTS, startApp } from '../support/app.js';
import { startNameServer, withoutNameServer } from '../support/name-server.js';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';

t.test('the app of a name, whatever its name server does', { skip: withoutNameServer() }, async (t) => {
  let port = 0;
  for (const [index, host] of OWN_HOSTS.entries()) {
    const app = await startApp(t, (_request, response) => response.end('abc'[index]), { port, host });
    port = app.port;
  }
  const [a, b, c] = OWN_HOSTS;
  const names = await startNameServer(t);
  names.answer = [a];
  const options = ['--root', t.testdir({}), '--upstream', `app.test:${port}`];
  const server = await startServer(t, options, { wrap: names.wrap });
  const ask = async (method = 'POST'): Promise<string> => {
    const fields = method === 'POST' ? ['Content-Length: 0'] : [];
    return (await rawRequest(server.port, get('/', fields, method))).body.toString().at(-1) ?? '';
  };
  const askMany = async (times: number): Promise<string> =>
    (await Promise.all(Array.from({ length: times }, () => ask()))).sort().join('');

  t.equal(await ask(), 'a');
  names.answer = [c, a, b];
  await ask();
  t.equal(await askMany(30), 'a'.repeat(10) + 'b'.repeat(10) + 'c'.repeat(10), 'it has several');
  names.answer = [b];
  t.equal(await ask(), 'b', 'it has moved');
  for (const refusal of ['SERVFAIL', 'NXDOMAIN', 'REFUSED', 'silence'] as const) {
    names.answer = refusal;
    t.equal((await ask()) + (await ask()) + (await ask('GET')), 'bbb', refusal);
    t.equal(await askMany(8), 'bbbbbbbb', `${refusal}, at once`);
  }
});

t.test('a slow name server keeps requests waiting once', { skip: withoutNameServer() }, async (t) => {
  const [host] = OWN_HOSTS;
  const app = await startApp(t, (_request, response) => response.end('a'), { port: 0, host });
  const names = await startNameServer(t);
  names.answer = [host];
  names.delay = 1000;
  const options = ['--root', t.testdir({}), '--upstream', `app.test:${app.port}`, '--connect-timeout', '3s'];
  const server = await startServer(t, options, { wrap: names.wrap });
  const ask = async (): Promise<number> =>
    (await rawRequest(server.port, get('/', ['Content-Length: 0'], 'POST'))).status;
  const askMany = async (): Promise<number[]> => Promise.all(Array.from({ length: 8 }, ask));
  t.same(await askMany(), Array(8).fill(200));
  const before = performance.now();
  for (let round = 0; round < 3; round++) t.same(await askMany(), Array(8).fill(200));
  // The question of the start, that of the log's look at the app, and one a second since.
  const seconds = (performance.now() - before) / 1000;
  t.ok(names.asked <= 4 + seconds, `${names.asked} questions`);
});
