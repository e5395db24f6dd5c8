// Connections to the app: kept for a moment, opened when needed, and not shared by requests under way. The app is a
// stand-in that counts them.
import t from 'tap';
import { startApp } from '../support/app.js';
import { startHere } from '../support/here.js';
import { get, openConnection, rawRequest } from '../support/raw.js';
import { until } from '../support/until.js';

const waiting: (() => void)[] = [];
const app = await startApp(t, (request, response) => {
  if (request.url === '/wait') waiting.push(() => response.end('ok'));
  else response.end('ok');
});
const { port } = await startHere(t, ['--root', t.testdir({}), '--upstream', app.address]);

t.test('requests one after the other share a connection', async (t) => {
  await rawRequest(port, get('/'));
  // The first look at whether the app is there is a connection too.
  const before = app.connections;
  for (let index = 0; index < 20; index++) await rawRequest(port, get(`/${index}`));
  t.ok(app.connections - before <= 1, `${app.connections - before} more connections for 20 requests`);
});

t.test('requests at the same time each have a connection, so that none waits for another', async (t) => {
  const clients = await Promise.all(Array.from({ length: 30 }, () => openConnection(t, port)));
  for (const { socket } of clients) socket.write(get('/wait'));
  await until(
    () => waiting.length === clients.length,
    'the app has all requests, before it has answered one',
  );
  for (const answer of waiting) answer();
  for (const client of clients) t.match(await client.closed(), /^HTTP\/1\.1 200 OK\r\n/);
});
