// One request on one connection, when it is over: the connection is another's by then.
import t from 'tap';
import { parseUpstreamAddress } from '../../src/config/address.js';
import { ClientConnections } from '../../src/http1/client-connections.js';
import { Attempt } from '../../src/s3/attempt.js';
import { startTcpApp } from '../support/app.js';

const HEAD = 'GET / HTTP/1.1\r\n\r\n';
const LIMITS = { timeout: 60_000, maxBuffered: 1000, readsLittle: false };

t.test('whoever has had a connection can do nothing to the one who has it next', async (t) => {
  let answer = (): void => {};
  const address = await startTcpApp(t, (socket) => {
    socket.on('data', () => {
      answer = () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello');
      answer();
    });
  });
  const pool = new ClientConnections(parseUpstreamAddress(address), {
    connectTimeout: 60_000,
    readTimeout: 60_000,
    maxResponseHead: 1000,
    idleTimeout: 60_000,
  });
  t.teardown(() => pool.close());
  const connection = pool.takeIdle();
  const first = new Attempt(connection, LIMITS, (error) => error);
  const { body } = await first.send('GET', HEAD);
  t.equal((await body?.read())?.bytes.toString(), 'hello');
  t.equal(await body?.read(), undefined);
  let told = 0;
  first.whenFree(() => {
    told += 1;
  });
  t.equal(told, 1);
  t.equal(pool.takeIdle(), connection);
  const second = new Attempt(connection, LIMITS, (error) => error);
  const answered = second.send('GET', HEAD);
  first.pause();
  first.resume();
  first.cut();
  first.abort(new Error('of another'));
  body?.close();
  t.equal((await (await answered).body?.read())?.bytes.toString(), 'hello');
});
